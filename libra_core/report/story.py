"""The case study in eight screens: each sentence is filled with numbers of stored studies or of the truth they used."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from libra_core.clinical import Feature
from libra_core.cohort import Cohort
from libra_core.report import learned, why
from libra_core.report.case import LEARNED, CaseStudy
from libra_core.report.document import Document, Section, Table
from libra_core.report.facts import study_facts
from libra_core.report.measures import NotComparedError, plans_to_choose_from
from libra_core.report.wording import habits, number, person, treatment, value, worth
from libra_core.study.case import LIBRA

FACTS = 9  # in the table of the first screen
KEYS = ("patient", "question", "bandit", "recourse", "advisor", "run", "learned", "limits")


def story(case: CaseStudy, si: bool = False) -> tuple[Section, ...]:
    """The eight screens, in order. A screen is left out if the study did not run the policies that it compares."""
    makers = (_patient, _question, why.bandit, why.recourse, why.advisor, _run, learned.learned, learned.limits)
    found = []
    for maker in makers:
        try:
            found.append(maker(case, si))
        except NotComparedError:
            continue
    if left_out := len(makers) - len(found):
        said = f"{left_out} of {len(makers)} screens compare methods that this study did not run, and are left out."
        found[-1] = replace(found[-1], points=(*found[-1].points, said))
    return tuple(found)


def case_document(case: CaseStudy, si: bool = False) -> Document:
    """The case study as a report."""
    protocol = case.cohort.protocol
    return Document(
        title=f"Case study: {protocol.title[:1].lower()}{protocol.title[1:]}",
        subtitle=f"LIBRA on {case.cohort.label}, {case.main.spec.rounds:,} simulated patients, "
        f"{case.main.spec.replicates} repetitions",
        sections=story(case, si),
        facts=study_facts(case.main),
        sources=protocol.references,
        stamp=f"config {case.main.hash}, seed {case.main.spec.seed}",
    )


# ------------------------------------------------------------------------------------------------ the first screens


def _patient(case: CaseStudy, si: bool) -> Section:
    cohort, row = case.cohort, case.row
    protocol, imputed = cohort.protocol, cohort.imputed.loc[row]
    outcome = protocol.feature(protocol.outcome.name)
    now = outcome.display(value(cohort, row, outcome.name), si)
    rows = [
        (f.label, f.display(value(cohort, row, f.name), si), "assumed" if imputed[f.name] else "measured")
        for f in _facts(cohort, row)
    ]
    goal = f"below {outcome.display(protocol.outcome.goal, si)}"
    return Section(
        "patient",
        "The patient",
        f"{person(cohort, row)}: {protocol.outcome.label} {now}, goal {goal}.",
        (
            f"Patient {cohort.ids[row]} of “{cohort.label}”, data from {cohort.data_date}.",
            f"Chosen by a rule, not by hand: {case.chosen}.",
            f"{np.count_nonzero(imputed)} of {len(imputed)} facts were not measured and are assumed by stated rules.",
            f"{len(case.truth.rows):,} of {len(cohort):,} people of this cohort enter the simulation: "
            f"{protocol.arrivals_rule.reason}.",
        ),
        table=Table(("Fact", "Value", "Measured?"), tuple(rows), "Known facts, measured ones first."),
        maths=(
            f"The context x has {len(protocol.context)} fixed entries, an intercept and standardised facts, "
            f"and {len(protocol.mutable)} entries for changes of habits, which are zero on arrival: x' = (x_I, δ).",
        ),
    )


def _facts(cohort: Cohort, row: int) -> list[Feature]:
    """The facts of the first screen: measured ones first, the required ones and the conditions before others."""
    has = lambda f: f.kind == "flag" and value(cohort, row, f.name) >= 0.5  # noqa: E731
    shown = [f for f in cohort.protocol.features if f.share_with_model and (f.kind == "number" or has(f))]
    unseen = cohort.imputed.loc[row]
    return sorted(
        (f for f in shown if f.name != "female"),
        key=lambda f: (bool(unseen[f.name]), not f.required, f.kind == "number"),
    )[:FACTS]


def _possible(cohort: Cohort, row: int, arm: int) -> str:
    """Whether a treatment may be given, and how sure that is."""
    unknown = len(cohort.unmeasured_safety(row, arm))
    facts = "1 fact" if unknown == 1 else f"{unknown} facts"
    return f"not excluded by what is recorded; {facts} to check" if unknown else "possible"


def _question(case: CaseStudy, si: bool) -> Section:
    cohort, row = case.cohort, case.row
    protocol = cohort.protocol
    treatments, habits, plans = plans_to_choose_from(cohort, row)
    blocked = {b.arm: b for b in cohort.blocked(row)}
    rows = [
        (t.label, f"not possible: {blocked[k].reason}" if k in blocked else _possible(cohort, row, k))
        for k, t in enumerate(protocol.treatments)
    ]
    spec = protocol.feasible
    return Section(
        "question",
        "The question",
        f"Which treatment, and which small change of habits? {plans:,} plans are open to this patient.",
        (
            f"{treatments} of {len(protocol.treatments)} treatments are not excluded by what is recorded, "
            f"{habits} of {len(protocol.mutable)} habits may move, at most {spec.max_changes} in one plan: "
            f"{plans:,} combinations of a treatment and habits.",
            "How far each habit may go is a further choice, limited by what is realistic in "
            f"{protocol.outcome.horizon}.",
        ),
        table=Table(("Treatment", "For this patient"), tuple(rows)),
        maths=(
            f"Feasible changes: ‖W δ‖_{spec.p:g} ≤ {spec.gamma:g}, lo(x) ≤ δ ≤ hi(x), at most {spec.max_changes} "
            "entries not zero. W holds the effort of each habit; δ = 0 is always feasible.",
            "Eligible treatments E(x) are a hard mask, applied before anything is learned or asked, and again at x'.",
        ),
    )


def _run(case: CaseStudy, si: bool) -> Section:
    decision, cohort, unit = case.proposed, case.cohort, case.unit
    best = int(case.truth.arm[case.place])
    proposed, ideal = treatment(cohort, decision.arm), treatment(cohort, best)
    truth = f"the simulated best is {ideal}" if best != decision.arm else "the simulated best is the same treatment"
    return Section(
        "run",
        "The run",
        f"After {LEARNED} patients LIBRA proposes {proposed}; {truth}: {worth(case.lost, unit)} lost.",
        (
            f"Habits in this plan: {habits(cohort, decision.delta, si)}. {_expected(case)}",
            f"Best possible under the simulated truth: {ideal}; with "
            f"{habits(cohort, case.truth.delta[case.place], si)}. "
            f"Lost with LIBRA's plan: {worth(case.lost, unit)}.",
            "Every patient on this screen is drawn from the cohort; every outcome is simulated.",
        ),
        charts=(learned.regret_chart(case, (LIBRA,)),),
        maths=(
            f"The run is replicate 1 of the stored study {case.main.hash}: same seed, same patients, same draws, so "
            "that its curve ends where the stored one does.",
        ),
    )


def _expected(case: CaseStudy) -> str:
    """LIBRA's estimate for its plan, with its range: the fall, or the chance of reaching the goal."""
    shown, unit, outcome = case.proposed, case.unit, case.cohort.protocol.outcome
    if shown.chance is not None:
        span = f"{shown.chance.low:.0%} to {shown.chance.high:.0%}"
        return f"LIBRA expects a chance of {shown.chance.mean:.0%} ({span}) that the goal is reached, simulated."
    if shown.fall is None:
        return "Its effect is not known yet: no patient in the run has had this treatment."
    return (
        f"LIBRA expects {outcome.label} to fall by {worth(shown.fall.mean, unit)} (between "
        f"{number(shown.fall.low, unit)} and {number(shown.fall.high, unit)}), simulated."
    )
