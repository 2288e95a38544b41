"""The last screens: results beside what to expect, then subgroups and limits."""

from __future__ import annotations

import numpy as np

from libra_core.policies.counsel import FREE, RATE
from libra_core.policies.distil import RHO
from libra_core.report.case import CaseStudy
from libra_core.report.document import Chart, Line, Section, Table
from libra_core.report.measures import Interval, asked, at, difference, growth, lost, policy, tenfold
from libra_core.report.wording import advisor, factor, number, per_patient, rate, short_label, spread
from libra_core.study.batch import StudyResult
from libra_core.study.case import LIBRA, PAPER
from libra_core.study.metrics import band, group_frame
from libra_core.study.store import StoredStudy

CURVES = ("linucb", "glrb", LIBRA, "guideline", "advisor-only")
SETTLED = 0.01  # share of a run before which a running average covers too few patients to draw
COMPARED = ("guideline", "glrb", LIBRA)


def regret_chart(case: CaseStudy, names: tuple[str, ...]) -> Chart:
    """Regret per patient so far with its band over replicates."""
    study, unit = case.main.result, case.unit
    i = at(study, round(SETTLED * study.t[-1]))
    t = np.asarray(study.t, float)[i:]
    lines = tuple(
        Line(short_label(p.name, case.main.spec.advisor), t, *band(factor(unit) * p.regret[:, i:] / t))
        for name in names
        for p in study.policies
        if p.name == name
    )
    said = ", ".join(f"{line.name} {line.y[-1]:,.1f}" for line in lines)
    return Chart(
        f"Benefit lost over {study.t[-1]:,} patients: {said} {per_patient(unit)}",
        "Patients treated",
        f"Lost so far ({per_patient(unit)})",
        lines,
    )


def calls_chart(case: CaseStudy) -> Chart:
    """Questions so far, with their band over replicates."""
    study = case.main.result
    mean, low, high = band(policy(study, LIBRA).calls)
    return Chart(
        f"Questions after {study.t[-1]:,} patients: {mean[-1]:,.0f}",
        "Patients treated",
        "Questions",
        (Line("LIBRA, questions", np.asarray(study.t, float), mean, low, high),),
    )


def learned(case: CaseStudy, si: bool) -> Section:
    """Regret, questions, and what to expect beside what was measured."""
    study = case.main.result
    mine = policy(study, LIBRA)
    expected: tuple[tuple[str, str], ...] = (("A good start", _start(case)), ("Few questions", _effort(case)))
    if case.expert is not None:
        expected += (("Better advice", _expert(case)),)
    if case.sabotage is not None:
        expected += (("Bad advice costs little", _robust(case)),)
    return Section(
        "learned",
        "Results",
        f"After {study.t[-1]:,} patients {_least(case)}. LIBRA asked {mine.calls[:, -1].mean():,.0f} times.",
        (),
        charts=(regret_chart(case, CURVES), calls_chart(case)),
        table=Table(("What to expect", "Measured in this study"), expected),
        maths=_theory(case),
    )


def _least(case: CaseStudy) -> str:
    """Which method has lost least, with those that cannot be told from it."""
    study = case.main.result
    first = min(CURVES, key=lambda name: lost(study, name).mean)
    ties = [name for name in CURVES if name == first or difference(study, name, first).low <= 0]
    names = " and ".join(f"“{short_label(name, case.main.spec.advisor)}”" for name in ties)
    return f"{names} {'have' if len(ties) > 1 else 'has'} lost least: {rate(lost(study, first).mean, case.unit)}"


def _start(case: CaseStudy) -> str:
    """The first tenth, against the same method without an advisor and the advisor without a method."""
    study, unit = case.main.result, case.unit
    tenth = max(1, study.t[-1] // 10)
    mine = lost(study, LIBRA, tenth)
    others = {
        "glrb": "learning without an advisor",
        "advisor-only": "its advisor alone",
        "guideline": "the guideline's rules",
    }
    against = [
        f"{_compared(difference(study, LIBRA, name, tenth))} {who} ({number(lost(study, name, tenth).mean, unit)})"
        for name, who in others.items()
        if any(p.name == name for p in study.policies)
    ]
    return f"In the first {tenth:,} patients LIBRA lost {rate(mine.mean, unit)}: {'; '.join(against)}."


def _compared(found: Interval) -> str:
    """'more than', 'less than', or 'about as much as' where the interval contains 0."""
    return "about as much as" if found.low <= 0 <= found.high else "more than" if found.mean > 0 else "less than"


def _effort(case: CaseStudy) -> str:
    study = case.main.result
    mine, later = policy(study, LIBRA), asked(study, LIBRA, 0.5, 1.0)
    most = "" if mine.call_bound is None else f", at most {mine.call_bound:,.0f} whoever advises"
    return (
        f"{mine.calls[:, -1].mean():,.0f} questions in {study.t[-1]:,} patients{most}; in the second half of the run "
        f"{later:.0%} of patients."
    )


def _expert(case: CaseStudy) -> str:
    assert case.expert is not None
    expert, mine = (difference(study, LIBRA, "glrb") for study in (case.expert.result, case.main.result))
    return (
        f"Against learning alone: {spread(expert, case.unit)} with a simulated expert, {spread(mine, case.unit)} here."
    )


def _other(stored: StoredStudy) -> str:
    """The same over another cohort, where no language model may have been asked."""
    study, asks = stored.result, stored.spec.advisor
    means = [f"{short_label(name, asks)} {number(lost(study, name).mean, study.unit)}" for name in CURVES]
    return (
        f"Other patients ({stored.spec.environment.cohort}), the advisor {advisor(asks)}; {per_patient(study.unit)} "
        f"lost: {', '.join(means)}."
    )


def _robust(case: CaseStudy) -> str:
    assert case.sabotage is not None
    study, unit = case.sabotage.result, case.unit
    harm = difference(study, LIBRA, "glrb")
    paper = ""
    if PAPER in _names(study):
        paper = f"; the paper's rule {number(difference(study, PAPER, 'glrb').mean, unit)}"
    return (
        f"With an advisor who always names the worst treatment LIBRA lost {_compared(harm)} learning without one "
        f"({spread(harm, unit)}{paper}), after {policy(study, LIBRA).calls[:, -1].mean():,.0f} questions; following "
        f"that advisor loses {number(lost(study, 'advisor-only').mean, unit)}."
    )


def _names(study: StudyResult) -> list[str]:
    return [p.name for p in study.policies]


def _theory(case: CaseStudy) -> tuple[str, ...]:
    config, study = case.main.spec.config, case.main.result
    last, (early, late) = study.t[-1], tenfold(study, LIBRA)
    bound = policy(study, LIBRA).call_bound
    most = "" if bound is None else f" = {bound:,.0f} here"
    paper = ""
    if PAPER in _names(study):
        calls = policy(study, PAPER).calls[:, -1].mean()
        paper = (
            " The paper's rule, which follows every plausible answer that it can learn from, lost "
            f"{spread(lost(study, PAPER), case.unit)} {per_patient(case.unit)} and asked {calls:,.0f} times."
        )
    return (
        "Names: LinUCB chooses the treatment only, GLRB treatment and habits, LIBRA is GLRB that may ask its advisor "
        f"and trusts it as far as outcomes bear it out.{paper}",
        f"Questions: at most {FREE} + {RATE:g} d log²(1 + T){most}, by construction, whoever advises. {early:,.0f} "
        f"were added from patient {last // 100:,} to {last // 10:,}, {late:,.0f} from there to the end (the same "
        f"number is a growth like log t); in the second half they grow like t to the power {growth(study, LIBRA):.2f}.",
        "Robustness: its own estimate hears rewards only. While the intervals hold, regret is at most "
        f"{2 + RHO:g} Σ w_t over what was played, whoever advises: so many times GLRB's bound, not GLRB's regret. That "
        "bad advice costs little is measured, not proven.",
        f"Here: radius {config.radius} (α = {config.alpha:g}), λ = {config.ridge:g}, c = {config.plausibility:g}. With "
        "a practical radius the bound on regret is a shape to compare with; the limit on questions always holds.",
    )


def _groups(found: dict[str, Interval], unit: str) -> str:
    """Whether LIBRA loses more in one subgroup: only if the intervals have no value in common."""
    if not found:
        return ""
    means = sorted(i.mean for i in found.values())
    if max(i.low for i in found.values()) <= min(i.high for i in found.values()):
        least, most = number(means[0], unit), rate(means[-1], unit)
        return f"LIBRA loses clearly more in no group: {least} to {most}. "
    worst = max(found, key=lambda name: found[name].mean)
    return f"LIBRA loses most in “{worst}”: {rate(found[worst].mean, unit)}, at best {number(means[0], unit)}. "


def limits(case: CaseStudy, si: bool) -> Section:
    """Subgroups, and the limits of the study."""
    study, unit = case.main.result, case.unit
    groups = group_frame(study)
    compared = [name for name in COMPARED if name in study.spec.policies]
    rows: list[tuple[str, ...]] = []
    mine: dict[str, Interval] = {}
    for name, part in groups[groups["policy"].isin(compared)].groupby("group", sort=False):
        numbers = part[["regret_per_patient", "low", "high"]].to_numpy(dtype=float)
        cells = {str(p): Interval(*map(float, n)) for p, n in zip(part["policy"], numbers, strict=True)}
        patients = float(part["patients_per_run"].iloc[0])
        rows.append((str(name), f"{patients:,.0f}", *(spread(cells[p], unit) for p in compared)))
        if LIBRA in cells:
            mine[str(name)] = cells[LIBRA]
    message = f"{_groups(mine, unit)}Nothing here is about real outcomes."
    head = ("Patients", "In a run", *(short_label(p) for p in compared))
    return Section(
        "limits",
        "Subgroups and limits",
        message,
        (
            "Outcomes come from a model built from published averages and stated assumptions. A method that does "
            "well has shown that it can learn this model; it says nothing about patients.",
            f"{case.cohort.imputed.to_numpy().mean():.0%} of all values in this cohort are assumed, not measured.",
            "One decision, one outcome. Adverse events, titration and hard endpoints are not modelled.",
            *((_other(case.other),) if case.other else ()),
        ),
        table=Table(
            head, tuple(rows), f"Benefit lost, {per_patient(unit)}, mean over repetitions with its 95 % interval."
        )
        if rows
        else None,
        maths=(
            "Intervals are Student's t over replicates of the mean regret in a subgroup; subgroups overlap, and "
            "there is no correction for multiple comparisons.",
        ),
    )
