"""The last screens: what was learned, held against the three guarantees, and for whom, within which limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from libra_core.report.document import Chart, Line, Section, Table
from libra_core.report.measures import Interval, difference, growth, log_squared, lost, policy
from libra_core.report.wording import amount, interval, label
from libra_core.study.metrics import band, group_frame

if TYPE_CHECKING:
    from libra_core.report.story import Case

CURVES = ("linucb", "glrb", "libra", "guideline", "llm-only")
COMPARED = ("guideline", "glrb", "libra")


def regret_chart(case: Case, names: tuple[str, ...]) -> Chart:
    """Cumulative regret with its band over replicates."""
    study = case.main.result
    t = np.asarray(study.t, float)
    lines = tuple(Line(label(p.name), t, *band(p.regret)) for name in names for p in study.policies if p.name == name)
    said = ", ".join(f"{line.name} {line.y[-1]:,.0f}" for line in lines)
    unit = "good outcomes" if study.unit == "probability" else study.unit
    return Chart(
        f"Benefit lost after {study.t[-1]:,} patients: {said} {unit}",
        "Patients treated",
        f"Benefit lost ({unit})",
        lines,
    )


def calls_chart(case: Case) -> Chart:
    """Questions so far, beside c log^2 t fitted to them."""
    study = case.main.result
    t = np.asarray(study.t, float)
    c, shape = log_squared(study, "libra")
    mean, low, high = band(policy(study, "libra").calls)
    lines = (Line(f"{label('libra')}, questions", t, mean, low, high), Line(f"{c:.1f} log² t (fitted)", t, shape))
    return Chart(
        f"Questions after {study.t[-1]:,} patients: {mean[-1]:,.0f}; fitted {c:.1f} log² t",
        "Patients treated",
        "Questions",
        lines,
    )


def learned(case: Case, si: bool) -> Section:
    """Regret, questions, and each guarantee with what was measured for it."""
    study, unit = case.main.result, case.unit
    final = {name: lost(study, name).mean for name in CURVES}
    least = min(final, key=lambda name: final[name])
    mine = policy(study, "libra")
    return Section(
        "learned",
        "What was learned",
        f"After {study.t[-1]:,} patients {label(least)} has lost least: {amount(final[least], unit)}. "
        f"{label('libra')} asked {mine.calls[:, -1].mean():,.0f} times.",
        (),
        charts=(regret_chart(case, CURVES), calls_chart(case)),
        table=Table(("Guarantee", "Measured in this study"), tuple(_guarantees(case))),
        maths=_promises(case),
    )


def _guarantees(case: Case) -> list[tuple[str, str]]:
    study, unit = case.main.result, case.unit
    tenth = max(1, study.t[-1] // 10)
    early = difference(study, "glrb", "libra", tenth)
    rows = [
        (
            "Warm start",
            f"Early on like its advisor: {_saved(early, unit)} than {label('glrb')} in the first {tenth:,} patients; "
            f"advisor only: {amount(lost(study, 'llm-only', tenth).mean, unit)}, "
            f"{label('libra')}: {amount(lost(study, 'libra', tenth).mean, unit)}.",
        ),
        ("Few questions", _effort(case)),
    ]
    if case.sabotage is not None:
        rows.append(("Robustness", _robust(case)))
    return rows


def _saved(found: Interval, unit: str) -> str:
    return f"{interval(found, unit)} less lost" if found.mean >= 0 else f"{interval(_flip(found), unit)} more lost"


def _flip(found: Interval) -> Interval:
    return Interval(-found.mean, -found.high, -found.low)


def _effort(case: Case) -> str:
    study = case.main.result
    mine = policy(study, "libra")
    text = (
        f"O(log² T) are promised: {mine.calls[:, -1].mean():,.0f} questions in {study.t[-1]:,}; in the second half "
        "they grow like t to the "
        "power "
        f"{growth(study, 'libra'):.2f} (1 = every patient)."
    )
    if mine.call_bound is not None and mine.call_bound >= study.t[-1]:
        text += f" The theorem's number is {mine.call_bound:,.0f}: it says nothing yet at this length."
    elif mine.call_bound is not None:
        text += f" The theorem allows at most {mine.call_bound:,.0f}."
    return text


def _robust(case: Case) -> str:
    assert case.sabotage is not None
    study, unit = case.sabotage.result, case.unit
    harm = difference(study, "libra", "glrb")
    guarded = policy(study, "libra-trial")
    harmed = f"{interval(harm, unit)} more" if harm.mean >= 0 else f"{interval(_flip(harm), unit)} less"
    text = (
        f"Bad advice does bounded harm: with an advisor who always names the worst treatment {label('libra')} lost "
        f"{harmed} than {label('glrb')}; "
        f"following that advisor loses {amount(lost(study, 'llm-only').mean, unit)}."
    )
    if guarded.dismissed is not None:
        text += f" The trial dismissed it in {guarded.dismissed:.0%} of runs."
    return text


def _promises(case: Case) -> tuple[str, ...]:
    config = case.main.spec.config
    return (
        "Effort: in every round with a question the executed action is wide, so by the elliptical potential lemma "
        "there are "
        "at most 2 K d log(1 + T X²/(λ d)) · max(1, 4 L² β_T²/Δ²) of them.",
        "Robustness: adopted advice has regret at most w_l + c w_b while the intervals hold.",
        f"Here: radius {config.radius} (α = {config.alpha:g}), λ = {config.ridge:g}, c = {config.plausibility:g}, "
        "adoption "
        f"{config.adoption}. A practical radius makes these shapes to compare with, not guarantees.",
    )


def limits(case: Case, si: bool) -> Section:
    """For whom it works less well, and what none of this shows."""
    study, unit = case.main.result, case.unit
    groups = group_frame(study)
    rows, worst = [], None
    for name, part in groups[groups["policy"].isin(COMPARED)].groupby("group", sort=False):
        numbers = part[["regret_per_patient", "low", "high"]].to_numpy(dtype=float)
        cells = {str(p): Interval(*map(float, n)) for p, n in zip(part["policy"], numbers, strict=True)}
        patients = float(part["patients_per_run"].iloc[0])
        rows.append(
            (str(name), f"{patients:,.0f}", *(interval(cells[p], "", 2).strip() for p in COMPARED if p in cells))
        )
        if "libra" in cells and (worst is None or cells["libra"].mean > worst[1]):
            worst = (str(name), cells["libra"].mean)
    message = (
        f"It loses most in “{worst[0]}”: {amount(worst[1], unit, 2)} per patient. Nothing here is about real outcomes."
        if worst
        else "Nothing here is about real outcomes."
    )
    head = ("Patients", "In a run", *(f"{label(p)}, {unit}" for p in COMPARED))
    return Section(
        "limits",
        "Subgroups and limits",
        message,
        (
            "Outcomes come from a model built from published averages and stated assumptions. A method that does "
            "well has "
            "shown that it can learn this model, nothing about patients.",
            f"{case.cohort.imputed.to_numpy().mean():.0%} of all values in this cohort are assumed, not measured.",
            "One decision, one outcome. Adverse events, titration and hard endpoints are not modelled.",
        ),
        table=Table(head, tuple(rows), "Benefit lost per patient, mean over repetitions with its 95 % interval.")
        if rows
        else None,
        maths=(
            "Intervals are Student's t over replicates of the mean regret in a subgroup; subgroups overlap, and "
            "nothing is "
            "corrected for looking at several.",
        ),
    )
