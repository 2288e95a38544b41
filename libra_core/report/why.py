"""The screens that give reasons: why a bandit, why recourse, why ask an advisor and when."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

from libra_core.report.document import Bar, Chart, Line, Section, Table
from libra_core.report.measures import asked, at, difference, lost, pace, policy
from libra_core.report.wording import advisor as named
from libra_core.report.wording import amount, interval, label, plan_words, treatment

if TYPE_CHECKING:
    from libra_core.report.story import Case

PIECES = 12  # points of a curve of loss per patient
EARLY, LATE = (0.0, 0.1), (0.9, 1.0)  # the first and the last tenth of a run


def bandit(case: Case, si: bool) -> Section:
    """A rule book goes on losing at the same pace; what learns from outcomes loses less and less."""
    study, unit = case.main.result, case.unit
    rule, learner = "guideline", "glrb"
    early, late = pace(study, learner, *EARLY), pace(study, learner, *LATE)
    same = pace(study, rule, *LATE)
    return Section(
        "bandit",
        "Why a bandit",
        f"A method that learns from each outcome loses {amount(early.mean, unit)} per patient at first and "
        f"{amount(late.mean, unit)} at the end; fixed rules go on losing {amount(same.mean, unit)}.",
        (
            "Lost: the benefit of the best plan for that patient less that of the plan that was chosen. It is known "
            "only "
            "because outcomes are simulated.",
            f"First and last tenth of {study.t[-1]:,} patients. {label(rule)} follows simplified rules; "
            f"{label(learner)} starts knowing nothing.",
        ),
        charts=(_pace_chart(case, (rule, learner)),),
        maths=(
            "Regret R_T = Σ_t max over a ∈ E, δ ∈ F of u(a, δ) − u(a_t, δ_t), with u the true expected reward.",
            "GLRB plays the plan with the largest upper bound μ(θ̂_a'x' + β_t √(x'A_a x')). With the theoretical "
            "radius and a "
            "global maximum R_T = O(d √T log T); the practical radius used here carries no such promise.",
        ),
    )


def _pace_chart(case: Case, names: tuple[str, ...]) -> Chart:
    study = case.main.result
    cuts = np.linspace(0, 1, PIECES + 1)
    middle = np.array([study.t[at(study, round(b * study.t[-1]))] for b in cuts[1:]], float)
    lines = []
    for name in names:
        found = [pace(study, name, a, b) for a, b in itertools.pairwise(cuts)]
        mean, low, high = (np.array([getattr(i, part) for i in found]) for part in ("mean", "low", "high"))
        lines.append(Line(label(name), middle, mean, low, high))
    said = "; ".join(f"{line.name} from {line.y[0]:.2f} to {line.y[-1]:.2f}" for line in lines)
    return Chart(
        f"Benefit lost per patient: {said} {case.unit}",
        "Patients treated",
        f"Lost per patient ({_unit(case)})",
        tuple(lines),
    )


def _unit(case: Case) -> str:
    return "good outcomes" if case.unit == "probability" else case.unit


def recourse(case: Case, si: bool) -> Section:
    """Habits change which treatment is best; choosing the treatment alone leaves that on the table."""
    cohort, unit, found, k = case.cohort, case.unit, case.truth, case.place
    share, gain = float(found.switched.mean()), float(found.gain.mean())
    alone, best = (treatment(cohort, int(arm[k])) for arm in (found.arm_alone, found.arm))
    plan = plan_words(cohort, found.delta[k], si)
    switch = f"it is {best}" if alone != best else "it stays so"
    partial = difference(case.main.result, "linucb", "glrb")
    rounds = case.main.spec.rounds
    bars = [Bar("Treatment and habits, a share made", *_three(lost(case.main.result, "glrb")))]
    bars += [Bar("Treatment only, a share made", *_three(lost(case.main.result, "linucb")))]
    points = [
        f"For our patient the best is {alone} with habits as they are; with {plan} {switch}: worth "
        f"{amount(float(found.gain[k]), unit)} more (simulated truth).",
        f"In {share:.0%} of the {len(found.rows):,} patients a change of habits makes another treatment the best "
        "one; on "
        f"average it adds {amount(gain, unit)}.",
    ]
    if case.full is not None:
        whole = difference(case.full.result, "linucb", "glrb")
        bars.append(Bar("Treatment and habits, all made", *_three(lost(case.full.result, "glrb"))))
        bars.append(Bar("Treatment only, all made", *_three(lost(case.full.result, "linucb"))))
        points.append(f"If patients made all of the advised change: {interval(whole, unit)} saved.")
    return Section(
        "recourse",
        "Why recourse",
        f"Choosing treatment and habits together saves {amount(partial.mean / rounds, unit)} per patient, even when "
        "only "
        "a share of the change is made.",
        tuple(points),
        charts=(_bars(f"Benefit lost after {rounds:,} patients ({_unit(case)}, simulated)", tuple(bars)),),
        maths=(
            "Recourse: the decision is a pair (a, δ). The inner problem max over δ ∈ F of θ'x' + β√(x'Ax') maximises "
            "a convex "
            "function: it is solved by biconvex ascent from several starts, each linear step in closed form.",
            f"Saved after {rounds:,} patients, replicate by replicate: {interval(partial, unit)}. Treatment only is "
            "LinUCB, "
            "both together GLRB.",
        ),
    )


def _three(found: object) -> tuple[float, float, float]:
    return found.mean, found.low, found.high  # type: ignore[attr-defined]


def _bars(x: str, bars: tuple[Bar, ...]) -> Chart:
    said = ", ".join(f"{bar.label} {bar.value:,.0f}" for bar in bars)
    return Chart(f"{x}: {said}", x, "", bars=bars)


def advisor(case: Case, si: bool) -> Section:
    """Early on the advisor knows more than the method; later it is in the way. Ask while unsure."""
    study, unit, rounds = case.main.result, case.unit, case.main.spec.rounds
    first, last = asked(study, "libra", *EARLY), asked(study, "libra", *LATE)
    tenth = max(1, rounds // 10)
    rows = []
    for name in ("glrb", "libra", "llm-only"):
        calls = float(policy(study, name).calls[:, -1].mean())
        rows.append(
            (
                label(name),
                interval(lost(study, name, tenth), unit),
                interval(lost(study, name), unit),
                f"{calls:,.0f}" if calls else "never",
            )
        )
    table = Table(("Method", f"Lost in the first {tenth:,}", f"Lost in all {rounds:,}", "Questions"), tuple(rows))
    return Section(
        "advisor",
        "Why ask a language model, and when",
        f"Ask while unsure: {label('libra')} asked about {first:.0%} of the first patients, {last:.0%} of the last.",
        (
            f"In this study no language model was asked. Its place is taken by {named(case.main.spec.advisor)}.",
            "An advisor knows something before the first outcome, but does not learn. Advice is followed only while "
            "what "
            "has been learned does not rule it out, and only while something can still be learned from it.",
        ),
        charts=(_asked_chart(case),),
        table=table,
        maths=(
            "Ask iff w_b = UCB_b − LCB_b > Δ. Adopt (a_l, δ_l) iff UCB_l ≥ UCB_b − c w_b (plausible) and w_l > Δ "
            "(informative). Δ and c are settings; the rule is this project's own derivation.",
        ),
    )


def _asked_chart(case: Case) -> Chart:
    study = case.main.result
    cuts = np.linspace(0, 1, PIECES + 1)
    x = np.array([study.t[at(study, round(b * study.t[-1]))] for b in cuts[1:]], float)
    y = np.array([100 * asked(study, "libra", a, b) for a, b in itertools.pairwise(cuts)])
    alt = f"Share of patients about whom LIBRA asks: from {y[0]:.0f} % to {y[-1]:.0f} %"
    return Chart(alt, "Patients treated", "Asked about (%)", (Line(label("libra"), x, y),))
