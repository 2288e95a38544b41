"""A sheet for one patient, in plain words and large type: where things stand, what the plan asks, what to ask."""

from __future__ import annotations

import math

import numpy as np

from libra_core.clinical import Feature
from libra_core.cohort import Cohort
from libra_core.policies import Decision
from libra_core.report.document import Document, Section
from libra_core.report.facts import cohort_facts
from libra_core.report.reading import grade
from libra_core.report.wording import value as value_of
from libra_core.study.live import LiveRun

LEARNED = 200  # simulated patients that the method has treated before
BELOW_GOAL = "You are below it now. This plan is made for people above it: ask your doctor before you change a thing."


def handout(cohort: Cohort, row: int, seed: int = 0, si: bool = False) -> Document:
    """The sheet for a cohort row. Raises IndexError for one that does not exist, ValueError where no run can start."""
    run = LiveRun.start(cohort, "libra", "guideline", seed)
    run.patient(row)
    for _ in range(LEARNED):
        run.step()
    decision = run.decision_for(row)
    seen = any(past.decision.arm == decision.arm for past in run.rows)  # else its mean is a guess before any patient
    benefit = decision.mean if seen else math.nan
    return handout_for(cohort, row, decision, run.config_hash, seed, si, benefit)


def handout_for(
    cohort: Cohort, row: int, decision: Decision, config_hash: str, seed: int, si: bool, benefit: float = math.nan
) -> Document:
    """The sheet for a decision that was made already. benefit: see `Cohort.cautions`."""
    before = _before(cohort, row, decision, benefit)
    sections = (
        _now(cohort, row, si),
        _drug(cohort, decision),
        *((before,) if before.points else ()),
        _habits(cohort, row, decision, si),
        _care(cohort, row),
        _questions(decision),
    )
    facts = cohort_facts(cohort, config_hash, seed)
    text = "\n".join(line for s in sections for line in (s.title, s.message, *s.points))
    level = f"school grade {max(1.0, grade(text, names(cohort))):.0f} or so (Flesch-Kincaid), drugs and habits left out"
    return Document(
        title="Your plan: a sheet to talk about",
        subtitle=f"For patient {cohort.ids[row]}. Bring it to your doctor. Do not start or stop a drug by yourself.",
        sections=sections,
        facts=(*facts, ("Reading level", level)),
        plain=True,
        stamp=f"config {config_hash}, seed {seed}",
    )


def names(cohort: Cohort) -> tuple[str, ...]:
    """What the protocol calls things: left out when the reading level is judged."""
    protocol = cohort.protocol
    labels = [name for f in protocol.features for name in (f.label, f.label_inside)]
    labels += [t.label for t in protocol.treatments]
    reasons = [alert.reason for alert in protocol.alerts]
    return (
        *labels,
        *reasons,
        protocol.outcome.label,
        *(f.unit_in(si) for f in protocol.features for si in (True, False) if f.unit_in(si)),
    )


def _now(cohort: Cohort, row: int, si: bool) -> Section:
    protocol = cohort.protocol
    outcome = protocol.feature(protocol.outcome.name)
    value = value_of(cohort, row, outcome.name)
    above = value >= protocol.outcome.goal
    urgent = [alert.plain or alert.reason for alert in cohort.alerts(row) if alert.level == "urgent"]
    return Section(
        "now",
        "Where you are now",
        f"Your {protocol.outcome.label} is {outcome.display(value, si)}.",
        (
            *urgent,
            f"The goal is below {outcome.display(protocol.outcome.goal, si)}.",
            "You are above the goal now." if above else BELOW_GOAL,
        ),
    )


def _drug(cohort: Cohort, decision: Decision) -> Section:
    drug = f"A drug to talk about: {cohort.protocol.treatments[decision.arm].label}."
    return Section("plan", "Your drugs", drug if decision.arm else "No new drug. Keep taking what you take now.")


def _before(cohort: Cohort, row: int, decision: Decision, benefit: float) -> Section:
    """What the pages say beside the plan, for the one who takes it: cautions, and what nobody has checked."""
    arm = decision.arm
    watch = cohort.cautions(row, arm, np.asarray(decision.delta), benefit, plain=True)
    facts = [cohort.protocol.feature(item.feature).label_inside for item in cohort.unmeasured_safety(row, arm)]
    unknown = [f"if you {fact.replace('takes', 'take', 1)}" if fact.startswith("takes ") else fact for fact in facts]
    check = (f"Your doctor needs to check these first: {', '.join(unknown)}.",) if unknown else ()
    return Section("before", "Before you start", "Read this with your doctor.", (*watch, *check))


def _habits(cohort: Cohort, row: int, decision: Decision, si: bool) -> Section:
    moved = zip(cohort.protocol.mutable_features, cohort.protocol.change(decision.delta), strict=True)
    steps = [_step(cohort, row, f, float(change), si) for f, change in moved if abs(change) > 1e-9]
    steps = [step for step in steps if step]
    small = "Small steps in what you do each day. Take them one by one."
    return Section("habits", "Your habits", small if steps else "Keep your habits as they are.", tuple(steps))


def _step(cohort: Cohort, row: int, feature: Feature, change: float, si: bool) -> str:
    amount = feature.display(abs(change), si)
    if feature.display(0.0, si) == amount:
        return ""
    now = feature.display(value_of(cohort, row, feature.name), si)
    guess = " (a guess, not measured)" if bool(cohort.imputed.at[row, feature.name]) else ""
    return f"{feature.label}: {'more' if change > 0 else 'less'}, by {amount}. Now: {now}{guess}."


def _care(cohort: Cohort, row: int) -> Section:
    man = "female" in cohort.protocol.names and value_of(cohort, row, "female") < 0.5
    baby = "If you are pregnant, or may be, say so first: some drugs harm a baby."
    return Section(
        "care",
        "Stay safe",
        "See a doctor first. This sheet can be wrong.",
        (
            "Tell your doctor if you feel unwell, faint or short of breath.",
            *(() if man else (baby,)),
        ),
    )


def _questions(decision: Decision) -> Section:
    first = "Why this drug for me? What else could I take?" if decision.arm else "Why no new drug for me?"
    return Section(
        "questions",
        "What to ask",
        "Take these with you.",
        (first, "Which step should I take first?", "When should we check again?", "What should I look out for?"),
    )
