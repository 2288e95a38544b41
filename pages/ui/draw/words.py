"""The core's sentences formatted for a page: Markdown, icons, capitals."""

from __future__ import annotations

import math

from libra_core.certainty import Certainty
from libra_core.clinical.rules import DANGER, LATER, severity
from libra_core.cohort import Cohort, Unmeasured
from libra_core.policies import Decision
from libra_core.report import wording, worth
from libra_core.summary import PlanSummary

BADGE = {
    Certainty.LITTLE: ("orange", "hourglass_empty"),
    Certainty.OPEN: ("orange", "help"),
    Certainty.CLEAR: ("green", "check"),
}


def certainty(shown: PlanSummary) -> str:
    """The certainty of a plan as a badge; empty for a method without a model."""
    if shown.certainty is None:
        return ""
    colour, icon = BADGE[shown.certainty]
    return f":{colour}-badge[:material/{icon}: {shown.certainty}]"


def own(cohort: Cohort, plan: PlanSummary) -> str:
    """A badge on a plan that was made under other values than the declared ones."""
    text = worth.own_values(cohort, plan.worth)
    return f":violet-badge[:material/balance: {capital(text)}]" if text else ""


def declared(plan: PlanSummary) -> list[str]:
    """Whether treatment is due, and what the risk model says, for captions."""
    return [text for text in (worth.due(plan), worth.risk(plan)) if text]


def warnings(cohort: Cohort, shown: PlanSummary) -> list[str]:
    """Cautions with a plan and checks before it starts, most serious first, one line each."""
    return [*map(caution, shown.cautions), *check(cohort, shown.checks)]


def check(cohort: Cohort, items: tuple[Unmeasured, ...]) -> list[str]:
    """Checks before the start, in at most one line."""
    found = wording.to_check(cohort, items)
    return [f":material/fact_check: **Check before starting** {' '.join(found)}"] if found else []


def caution(text: str) -> str:
    """A caution. Those that the protocol puts in capitals are red."""
    level = severity(text)
    if level == DANGER:
        return f":red[:material/error: **{sentence(text)}**]"
    return f":material/{'event_upcoming' if level == LATER else 'warning'}: {sentence(text)}"


def value(cohort: Cohort, row: int, name: str, si: bool) -> str:
    """A value with its unit; a star when it was assumed."""
    text = cohort.protocol.feature(name).display(float(cohort.frame.at[row, name]), si)
    return text + ("*" if bool(cohort.imputed.at[row, name]) else "")


def sentence(text: str) -> str:
    """A message of the core as a sentence on a page."""
    return capital(text) + ("" if text.endswith((".", "!", "?")) else ".")


def capital(text: str) -> str:
    """The first letter capitalised, except in words such as 'eGFR'."""
    return text if text[1:2].isupper() else text[:1].upper() + text[1:]


def about(value: float) -> str:
    """A large number without false precision: '280,000'."""
    digits = max(0, math.floor(math.log10(value)) - 1) if value >= 1 else 0
    return f"{round(value, -digits):,.0f}"


def up_to(value: float) -> str:
    """A bound rounded up to a tenth, so that it stays a bound: '0.1'."""
    return f"{max(1, math.ceil(10 * value - 1e-6)) / 10:.1f}"


def fact(cohort: Cohort, row: int, entry: str, si: bool) -> str:
    """One entry of the context in words, with the patient's own value: 'Age 66 years'."""
    protocol = cohort.protocol
    if entry == "intercept":
        return "An average patient"
    name = entry.removesuffix(":now")
    if name not in protocol.names:
        return next((flag.label for flag in protocol.derived if flag.name == name), entry)
    now = " now" if entry.endswith(":now") else ""
    return f"{protocol.feature(name).label}{now}: {value(cohort, row, name, si)}"


def contributions(cohort: Cohort, decision: Decision, si: bool, keep: int = 9) -> tuple[list[str], list[float]]:
    """The largest contributions to the expected benefit, in words, and the sum of the rest."""
    protocol = cohort.protocol
    labels = [fact(cohort, decision.row, entry, si) for entry in protocol.context]
    moved = zip(protocol.mutable_features, protocol.change(decision.delta), strict=True)
    labels += [f"Plan: {feature.display_change(float(change), si)}" for feature, change in moved]
    pairs = [(label, part) for label, part in zip(labels, decision.contributions, strict=True) if abs(part) >= 0.05]
    first, rest = pairs[:1], sorted(pairs[1:], key=lambda pair: -abs(pair[1]))
    shown = first + rest[: keep - 1]
    left = sum(part for _, part in rest[keep - 1 :])
    if abs(left) >= 0.05:
        shown.append(("Everything else", left))
    return [label for label, _ in shown], [part for _, part in shown]


def questions_limit(before: float | None, after: float | None, patients: int) -> str:
    """The most questions that a proof allows: before a run, and from what it has learned (see `policies.questions`)."""
    if before is None:
        return "With these settings no limit on questions is proven."
    told = (
        f"In theory at most {before:,.0f} questions for {patients:,} patients."
        if before < patients
        else f"The theoretical limit before a run, about {about(before)}, exceeds the number of patients: it matters "
        "in the long run, not at this length."
    )
    if after is None or after >= min(before, patients):
        return told
    return f"{told} From what was learned by the end, at most {after:,.0f}."
