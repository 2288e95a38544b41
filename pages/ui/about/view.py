"""The tables of the About page, all read from the protocol and the registries."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pandas as pd
import streamlit as st

from libra_core.clinical import PROTOCOL_DIR, Burden, Condition, Feature, Protocol, Rule
from libra_core.environments import EnvironmentSpec, make_environment
from libra_core.policies import RECOMMENDED, REGISTRY
from pages.ui.draw import words
from pages.ui.session import loaders

MAIN = (RECOMMENDED, "glrb", "linucb", "guideline")
COMPARED = {"<": "below {}", "<=": "{} or less", ">": "above {}", ">=": "{} or more", "==": "{}", "!=": "not {}"}


@st.cache_data(show_spinner=False)
def harmed() -> tuple[int, int]:
    """(patients of the first cohort for whom some eligible drug worsens the outcome, all simulated patients); (0, 0)
    if the simulation does not report it."""
    disease = loaders.protocol()
    world = make_environment(EnvironmentSpec(disease.name, cohort=disease.cohorts[0].name), 0)
    count = getattr(world, "negative_effects", None)
    return (count(), len(loaders.cohort(disease.cohorts[0].name).arrivals)) if count else (0, 0)


@st.cache_data(show_spinner=False)
def text(name: str) -> str:
    """A text of the About page, kept as Markdown beside the code; `text` beside the protocol may add to it."""
    disease, outcome = loaders.protocol(), loaders.protocol().outcome
    added = PROTOCOL_DIR / "text" / f"{disease.name}-{name}.md"
    said = (Path(__file__).parent / "text" / f"{name}.md").read_text(encoding="utf-8")
    words = {
        "{outcome}": outcome.label,
        "{unit}": outcome.unit,
        "{horizon}": outcome.horizon,
        "{more}": added.read_text(encoding="utf-8") if added.exists() else "",
    }
    for place, word in words.items():
        said = said.replace(place, word)
    return said


def methods() -> None:
    """Every method, in one sentence each."""
    st.markdown("#### Methods")
    for name in MAIN:
        st.markdown(f"**{REGISTRY[name].label}.** {REGISTRY[name].summary}")
    with st.expander(f"{len(REGISTRY) - len(MAIN)} other methods, for comparison"):
        for name, policy in REGISTRY.items():
            if name not in MAIN:
                st.markdown(f"**{policy.label}.** {policy.summary}")


def cohorts(protocol: Protocol) -> None:
    st.markdown("#### Data")
    for spec in protocol.cohorts:
        st.markdown(f"**{spec.label}** ({spec.kind}). {spec.provenance}")
    st.markdown(f"#### For whom\n{protocol.population}")


def worsened(protocol: Protocol) -> None:
    """One known weakness of the simulation, with its size."""
    some, patients = harmed()
    if patients:
        st.markdown(
            f"In **{some:,} of {patients:,}** simulated patients of “{protocol.cohorts[0].label}” some drug that may "
            f"be given makes {protocol.outcome.label} worse: effects come from averages, and their spread is assumed."
        )


def numbers(protocol: Protocol, si: bool) -> None:
    """Each number of the protocol with its source, or 'assumption'."""
    st.caption(f"Read from the protocol file: {protocol.title}, version {protocol.version}.")
    rules = [_rule(protocol, r, si) for r in (*protocol.alerts, *protocol.categories)]
    limits = [{"Limit": li.text, "Source": li.source} for li in protocol.linear_limits]
    tables = (
        ("Habits that a plan may change", [_habit(f, si) for f in protocol.mutable_features]),
        ("Treatments and their burden", _treatments(protocol)),
        ("When treatment is due now", _due(protocol, si)),
        ("Contraindications", _contraindications(protocol)),
        ("Alerts and classes", rules),
        ("Cautions with a plan, and checks before it starts", _cautions(protocol)),
        ("All facts about a patient", [_fact(f, si) for f in protocol.features]),
        ("Further limits that a clinician may switch on", limits),
    )
    for title, rows in tables:
        if rows:
            with st.expander(f"{title}: {len(rows)}"):
                _table(rows, title)
    spec, outcome = protocol.feasible, protocol.outcome
    st.markdown("#### Settings")
    st.markdown(
        f"At most **{spec.max_changes} habits** in one plan, each worth at least **{spec.min_gain:g} {outcome.unit}**, "
        f"within a total effort of {spec.gamma:g} ({spec.source})."
    )
    st.markdown(
        f"Outcome: {outcome.label} in {outcome.unit} after {outcome.horizon}; goal below {outcome.goal:g} "
        f"({outcome.source})."
    )
    enters = protocol.arrivals_rule
    st.markdown(f"The simulation includes patients with {enters.reason} ({enters.source}).")


def references(protocol: Protocol) -> None:
    st.markdown("\n".join(f"- {reference}" for reference in protocol.references))


def _table(rows: list[dict[str, str]], alt: str) -> None:
    st.table(pd.DataFrame(rows), border="horizontal", hide_index=True, alt=alt)


def _cautions(protocol: Protocol) -> list[dict[str, str]]:
    named = dict(zip(protocol.arm_codes, protocol.treatments, strict=True))

    def what(codes: Iterable[str]) -> str:
        return "; ".join(named[code].label for code in codes)

    said = [{"With": what(c.treatments), "What": c.reason, "Source": c.source} for c in protocol.plan_cautions]
    asked = [
        {"With": what(c.treatments), "What": f"check first: {protocol.feature(c.feature).label}", "Source": c.source}
        for c in protocol.checks
    ]
    return said + asked


def _habit(feature: Feature, si: bool) -> dict[str, str]:
    steps = []
    if feature.max_step is not None and feature.max_step >= feature.range[1]:
        steps.append("all of it")
    elif feature.max_step is not None:
        steps.append(feature.display(feature.max_step, si))
    if feature.max_step_share is not None:
        steps.append(f"{feature.max_step_share:.0%} of today's value")
    bounds = [feature.display(b, si) for b in (feature.floor, feature.ceiling) if b is not None]
    if feature.floor_ratio:
        bounds.append(f"{feature.floor_ratio.feature.upper()} {feature.floor_ratio.value:g}")
    return {
        "Habit": feature.label,
        "May go": "down" if feature.direction == -1 else "up",
        "Largest step in 3 months": ", at most ".join(steps),
        "Not beyond": ", ".join(bounds),
        "Not if": "; ".join(rule.reason for rule in feature.locks),
        "Effort per SD": f"{feature.effort:g}",
        "Source": (feature.sources or {}).get("step", ""),
    }


def _treatments(protocol: Protocol) -> list[dict[str, str]]:
    unit = protocol.outcome.unit
    return [
        {
            "Treatment": t.label,
            **{f"{part}, {unit}": f"{amount:g}" for part, amount in _burden(t.burden).items()},
            f"Compelling indication, {unit}": ", ".join(f"+{b.value:g} ({_flag(protocol, b.flag)})" for b in t.bonus),
            "Doses taken": f"{t.adherence:.0%}",
            "Source": "; ".join(f"{k}: {v}" for k, v in t.sources.items()),
        }
        for t in protocol.treatments
    ]


def _burden(burden: Burden) -> dict[str, float]:
    return {"Side effects": burden.side_effects, "Monitoring": burden.monitoring, "Pills": burden.pills}


def _due(protocol: Protocol, si: bool) -> list[dict[str, str]]:
    """When treatment is due now; elsewhere a fall is worth less."""
    declared = protocol.values
    rows = [_rule(protocol, r, si) for r in declared.due]
    if (risk := declared.risk) is not None:
        needs = ", ".join(protocol.called(name) for name in risk.needs)
        when = ", ".join(_condition(protocol, c, si) for c in risk.when)
        due = f"{risk.label} {risk.due_at:.1%} or more; needs, measured: {needs}"
        rows.append({"When": words.capital(when), "Text": due, "Source": risk.source})
    left = f"not due: a fall counts {declared.elsewhere:.0%}"
    return [*rows, {"When": "Otherwise", "Text": left, "Source": declared.source}] if rows else []


def _contraindications(protocol: Protocol) -> list[dict[str, str]]:
    return [
        {"Treatment": t.label, "Not if": rule.reason, "Source": rule.source}
        for t in protocol.treatments
        for rule in (*t.blocked_if, *t.not_alone)
    ]


def _flag(protocol: Protocol, name: str) -> str:
    flags = (*protocol.derived, *protocol.features)
    return next((d.label for d in flags if d.name == name), name)


def _rule(protocol: Protocol, rule: Rule, si: bool) -> dict[str, str]:
    when = ", ".join(_condition(protocol, c, si) for c in rule.when) or "otherwise"
    return {"When": words.capital(when), "Text": rule.reason, "Source": rule.source}


def _condition(protocol: Protocol, condition: Condition, si: bool) -> str:
    """'potassium in blood 6.0 mmol/L or more'; a yes/no fact by its name."""
    if condition.feature not in protocol.names or protocol.feature(condition.feature).kind == "flag":
        label = _flag(protocol, condition.feature)
        return label if condition.value else f"not: {label}"
    feature = protocol.feature(condition.feature)
    return f"{feature.label_inside} {COMPARED[condition.op].format(feature.display(condition.value, si))}"


def _fact(feature: Feature, si: bool) -> dict[str, str]:
    number = feature.kind == "number"
    low, high = (feature.display(v, si) for v in feature.range)
    return {
        "Fact": feature.label,
        "Plausible": f"{low} to {high}" if number else "yes or no",
        "Mean": feature.display(feature.mean, si) if number else "",
        "LOINC": ", ".join(feature.loinc),
        "Source": feature.source,
    }
