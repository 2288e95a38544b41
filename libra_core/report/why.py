"""The screens that give reasons: why learn, why change habits too, why ask an advisor and when."""

from __future__ import annotations

import itertools

import numpy as np

from libra_core.arrays import Floats
from libra_core.policies.counsel import LEAD, SHARP, SHIFT
from libra_core.report.case import CaseStudy
from libra_core.report.document import Bar, Chart, Line, Section, Table
from libra_core.report.measures import Interval, asked, at, difference, lost, pace, policy
from libra_core.report.wording import advisor as named
from libra_core.report.wording import (
    factor,
    habits,
    number,
    per_patient,
    rate,
    short_label,
    spread,
    treatment,
    worth,
)
from libra_core.study.case import LIBRA

PIECES = 12  # points of a curve of loss per patient
EARLY, LATE = (0.0, 0.1), (0.9, 1.0)  # the first and the last tenth of a run


def bandit(case: CaseStudy, si: bool) -> Section:
    """Fixed rules keep losing at the same rate; a method that learns from outcomes loses less and less."""
    study, unit = case.main.result, case.unit
    rule, learner = "guideline", "glrb"
    early, late = pace(study, learner, *EARLY), pace(study, learner, *LATE)
    same = pace(study, rule, *LATE)
    return Section(
        "bandit",
        "Why learn",
        f"A method that learns from each outcome loses {rate(early.mean, unit)} at first and "
        f"{number(late.mean, unit)} at the end; fixed rules keep losing {number(same.mean, unit)}.",
        (
            "Lost: the benefit of the best plan for that patient minus that of the chosen plan. It is known "
            "only because outcomes are simulated.",
            f"First and last tenth of {study.t[-1]:,} patients. “{short_label(rule)}” follows simplified rules; "
            f"“{short_label(learner)}” starts without any knowledge.",
        ),
        charts=(_pace_chart(case, (rule, learner)),),
        maths=(
            "Regret R_T = Σ_t max over a ∈ E, δ ∈ F of u(a, δ) − u(a_t, δ_t), with u the true expected reward. A "
            "contextual bandit: only the outcome of the chosen plan is seen.",
            f"“{short_label(learner)}” is GLRB. It plays the plan with the largest upper bound "
            "μ(θ̂_a'x' + β_t √(x'A_a x')). With the theoretical radius, a linear reward, full compliance and a "
            "global maximum R_T = O(d √(K T) log T); the practical radius used here has no such guarantee.",
        ),
    )


def _pieces(case: CaseStudy) -> tuple[Floats, list[tuple[float, float]]]:
    """(last round of each piece, its beginning and end as shares of the run), PIECES of them."""
    study, cuts = case.main.result, np.linspace(0, 1, PIECES + 1)
    return np.array([study.t[at(study, round(b * study.t[-1]))] for b in cuts[1:]], float), [*itertools.pairwise(cuts)]


def _pace_chart(case: CaseStudy, names: tuple[str, ...]) -> Chart:
    study, (t, pieces) = case.main.result, _pieces(case)
    lines = []
    for name in names:
        found = [pace(study, name, a, b) for a, b in pieces]
        mean, low, high = factor(case.unit) * np.array([(i.mean, i.low, i.high) for i in found]).T
        lines.append(Line(short_label(name, case.main.spec.advisor), t, mean, low, high))
    said = "; ".join(f"{line.name} from {line.y[0]:.1f} to {line.y[-1]:.1f}" for line in lines)
    unit = per_patient(case.unit)
    return Chart(f"Benefit lost: {said} {unit}", "Patients treated", f"Benefit lost ({unit})", tuple(lines))


def recourse(case: CaseStudy, si: bool) -> Section:
    """The best treatment depends on habits; choosing the treatment alone cannot use that."""
    cohort, unit, found, k = case.cohort, case.unit, case.truth, case.place
    share, gain = float(found.switched.mean()), float(found.gain.mean())
    alone, best = (treatment(cohort, int(arm[k])) for arm in (found.arm_alone, found.arm))
    plan = habits(cohort, found.delta[k], si)
    switch = f"it is {best}" if alone != best else "it is the same"
    partial = difference(case.main.result, "linucb", "glrb")
    bars = [
        _bar("Treatment and habits, partial compliance", lost(case.main.result, "glrb"), unit),
        _bar("Treatment only, partial compliance", lost(case.main.result, "linucb"), unit),
    ]
    points = [
        f"For this patient the best treatment is {alone} with habits as they are; with {plan} {switch}. "
        f"The change adds {worth(float(found.gain[k]), unit)} (simulated truth).",
        f"In {share:.0%} of the {len(found.rows):,} patients a change of habits makes another treatment the best "
        f"one; on average it adds {worth(gain, unit)}.",
    ]
    if case.full is not None:
        whole = difference(case.full.result, "linucb", "glrb")
        bars.append(_bar("Treatment and habits, full compliance", lost(case.full.result, "glrb"), unit))
        bars.append(_bar("Treatment only, full compliance", lost(case.full.result, "linucb"), unit))
        points.append(f"If patients made all of the advised change: {rate(whole.mean, unit)} saved.")
    if any(p.name == "linucb-posthoc" for p in case.main.result.policies):
        points.append(_afterwards(case))
    rounds, what = case.main.spec.rounds, per_patient(unit)
    return Section(
        "recourse",
        "Why change habits too",
        f"Choosing treatment and habits together saves {rate(partial.mean, unit)}, even when only a share of the "
        "change is made.",
        tuple(points),
        charts=(_bars(f"Benefit lost over {rounds:,} patients ({what}, simulated)", tuple(bars)),),
        maths=(
            "Recourse: the decision is a pair (a, δ). The inner problem max over δ ∈ F of θ'x' + β√(x'Ax') maximises "
            "a convex function: it is solved by biconvex ascent from several starts, each linear step in closed form.",
            f"Saved over {rounds:,} patients, replicate by replicate, with its 95 % interval: {spread(partial, unit)} "
            f"{what}. Treatment only is LinUCB, both together GLRB.",
        ),
    )


def _afterwards(case: CaseStudy) -> str:
    """How much of it choosing both together adds to choosing the change after the treatment."""
    study, unit = case.main.result, case.unit
    saved, both = difference(study, "linucb", "linucb-posthoc"), difference(study, "linucb-posthoc", "glrb")
    return (
        f"Choosing the treatment first and then the best change for it saves {rate(saved.mean, unit)}; choosing both "
        f"together adds {spread(both, unit)}."
    )


def _bar(name: str, found: Interval, unit: str) -> Bar:
    return Bar(name, *(factor(unit) * v for v in (found.mean, found.low, found.high)))


def _bars(x: str, bars: tuple[Bar, ...]) -> Chart:
    said = ", ".join(f"{bar.label} {bar.value:,.1f}" for bar in bars)
    return Chart(f"{x}: {said}", x, "", bars=bars)


def advisor(case: CaseStudy, si: bool) -> Section:
    """Early on the advisor knows more than the method, later less: ask while unsure."""
    study, unit, rounds = case.main.result, case.unit, case.main.spec.rounds
    first, last = asked(study, LIBRA, *EARLY), asked(study, LIBRA, *LATE)
    tenth = max(1, rounds // 10)
    rows = []
    for name in (n for n in ("glrb", LIBRA, "advisor-only", "guideline") if any(p.name == n for p in study.policies)):
        calls = float(policy(study, name).calls[:, -1].mean())
        row = (
            short_label(name, case.main.spec.advisor),
            spread(lost(study, name, tenth), unit),
            spread(lost(study, name), unit),
        )
        rows.append((*row, "–" if name == "guideline" else f"{calls:,.0f}" if calls else "never"))
    return Section(
        "advisor",
        "Why ask an advisor, and when",
        f"Ask while unsure: LIBRA asked about {first:.0%} of the first patients, {last:.0%} of the last.",
        (
            _who(case.main.spec.advisor),
            "An advisor knows something before the first outcome, but does not learn. LIBRA learns from every answer, "
            "and follows advice as often as outcomes have borne it out.",
        ),
        charts=(_asked_chart(case),),
        table=Table(
            ("Method", f"Lost, first {tenth:,}", f"Lost, all {rounds:,}", "Questions"),
            tuple(rows),
            f"Benefit lost, {per_patient(unit)}, with its 95 % interval.",
        ),
        maths=(
            "Ask while w = UCB − LCB of the own plan exceeds Δ and the budget of questions lasts. Follow (a_l, δ_l) "
            f"with probability Φ({SHARP:g} (z + {SHIFT:g} + pulse) / √2) if UCB_l ≥ UCB_b − c w_b: z is what answers "
            "so far were worth by the own estimate, the pulse how outcomes turned out where they were followed, both "
            "in standard deviations.",
            "An answer is an observation: log P(l | x), a softmax of the arms' worths, tilts an advised estimate "
            f"θ_J = θ_O + A c. It leads once outcomes favour it by {LEAD:g} nats. This project's own rule.",
        ),
    )


def _who(asks: str) -> str:
    if asks.partition(":")[0] in ("recorded", "llm"):
        return f"The advisor is {named(asks)}."
    return f"The advisor can be a language model; in this study none was asked. Its place is taken by {named(asks)}."


def _asked_chart(case: CaseStudy) -> Chart:
    x, pieces = _pieces(case)
    y = np.array([100 * asked(case.main.result, LIBRA, a, b) for a, b in pieces])
    alt = f"Share of patients about whom LIBRA asks: from {y[0]:.0f} % to {y[-1]:.0f} %"
    return Chart(alt, "Patients treated", "Asked about (%)", (Line("LIBRA", x, y),))
