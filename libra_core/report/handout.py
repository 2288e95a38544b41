"""A sheet for one patient, in plain words and large type: values today, the plan, questions to ask."""

from __future__ import annotations

import re

from libra_core.clinical import Feature
from libra_core.cohort import Cohort
from libra_core.report.document import Document, Section
from libra_core.report.facts import cohort_facts
from libra_core.report.wording import treatment
from libra_core.report.wording import value as value_of
from libra_core.report.worth import own_values
from libra_core.study.live import LiveRun
from libra_core.summary import PlanSummary

LEARNED = 200  # simulated patients that the method has treated before
OWN_VALUES = "This plan follows what you or your doctor find worth it. That is not the usual rule."
BELOW_GOAL = "You are below it now. This plan is made for people above it: ask your doctor before you change anything."


def handout(cohort: Cohort, row: int, seed: int = 0, si: bool = False) -> Document:
    """The sheet for a cohort row. Raises IndexError for one that does not exist, ValueError where no run can start."""
    run = LiveRun.start(cohort, advisor="guideline", seed=seed)
    run.patient(row)
    for _ in range(LEARNED):
        run.step()
    return handout_for(cohort, run.summary(row), run.config_hash, seed, si)


def handout_for(cohort: Cohort, shown: PlanSummary, config_hash: str, seed: int, si: bool) -> Document:
    """The sheet for an existing plan."""
    before, row = _before(cohort, shown), shown.row
    sections = (
        _now(cohort, shown, si),
        _drug(cohort, shown),
        *((before,) if before.points else ()),
        _habits(cohort, shown, si),
        _care(cohort, row),
        _questions(shown),
    )
    facts = cohort_facts(cohort, config_hash, seed)
    if own := own_values(cohort, shown.worth):
        facts = (*facts, ("Values", f"Made under {own}."))
    text = "\n".join(line for s in sections for line in (s.title, s.message, *s.points))
    level = f"school grade {max(1.0, grade(text, names(cohort))):.0f} or so (Flesch-Kincaid), drugs and habits left out"
    return Document(
        title="Your plan, to talk over with your doctor",
        subtitle=f"For patient {cohort.ids[row]}. Do not start or stop a drug by yourself.",
        sections=sections,
        facts=(*facts, ("Reading level", level)),
        plain=True,
        stamp=f"config {config_hash}, seed {seed}",
    )


def names(cohort: Cohort) -> tuple[str, ...]:
    """The protocol's own terms, left out when the reading level is computed."""
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


def _now(cohort: Cohort, shown: PlanSummary, si: bool) -> Section:
    protocol = cohort.protocol
    outcome, after = protocol.feature(protocol.outcome.name), shown.expected
    above = shown.now >= protocol.outcome.goal
    urgent = [alert.plain or alert.reason for alert in shown.alerts if alert.level == "urgent"]
    horizon = protocol.outcome.horizon
    then = [f"With this plan it may be about {outcome.display(after.mean, si)} in {horizon}."] if after else []
    return Section(
        "now",
        "Where you are now",
        f"Your {protocol.outcome.label} is {outcome.display(shown.now, si)}.",
        (
            *urgent,
            f"The goal is below {outcome.display(protocol.outcome.goal, si)}.",
            "You are above the goal now." if above else BELOW_GOAL,
            *(then if above else ()),
            *((OWN_VALUES,) if own_values(cohort, shown.worth) else ()),
        ),
    )


def _drug(cohort: Cohort, shown: PlanSummary) -> Section:
    drug = f"A drug to talk about: {treatment(cohort, shown.arm)}."
    return Section("plan", "Your drugs", drug if shown.arm else "No new drug. Keep taking what you take now.")


def _before(cohort: Cohort, shown: PlanSummary) -> Section:
    """Cautions for the patient, and facts to check before the start."""
    facts = [cohort.protocol.feature(item.feature).label_inside for item in shown.checks]
    unknown = [f"if you {fact.replace('takes', 'take', 1)}" if fact.startswith("takes ") else fact for fact in facts]
    check = (f"Your doctor needs to check these first: {', '.join(unknown)}.",) if unknown else ()
    return Section("before", "Before you start", "Read this with your doctor.", (*shown.patient_cautions, *check))


def _habits(cohort: Cohort, shown: PlanSummary, si: bool) -> Section:
    moved = zip(cohort.protocol.mutable_features, cohort.protocol.change(shown.delta), strict=True)
    steps = [_step(cohort, shown.row, f, float(change), si) for f, change in moved if abs(change) > 1e-9]
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


def _questions(shown: PlanSummary) -> Section:
    first = "Why this drug for me? What else could I take?" if shown.arm else "Why no new drug for me?"
    return Section(
        "questions",
        "What to ask",
        "Take these with you.",
        (first, "Which step should I take first?", "When should we check again?", "What should I look out for?"),
    )


# ------------------------------------------------------------ readability: Flesch-Kincaid, syllables by rule of thumb

PLAIN = 8.0  # US school grade; health literacy guidance asks for the sixth to eighth

_VOWELS = re.compile(r"[aeiouy]+")
_WORD = re.compile(r"[A-Za-z]+(?:'[a-z]+)?")


def syllables(word: str) -> int:
    """Groups of vowels, without a silent e at the end."""
    word = word.lower()
    groups = len(_VOWELS.findall(word))
    if word.endswith("e") and not word.endswith(("le", "ee")) and groups > 1:
        groups -= 1
    return max(1, groups)


def grade(text: str, names: tuple[str, ...] = ()) -> float:
    """0.39 words/sentence + 11.8 syllables/word - 15.59 (Kincaid 1975). `names` (of drugs and habits) are left out,
    since they cannot be simplified. Raises ValueError for a text without words."""
    for name in sorted(names, key=len, reverse=True):
        text = re.sub(re.escape(name), "it", text, flags=re.IGNORECASE)
    words = _WORD.findall(text)
    if not words:
        raise ValueError("there are no words to judge")
    sentences = max(1, len([s for s in re.split(r"[.!?]+\s|\n", text) if _WORD.search(s)]))
    return 0.39 * len(words) / sentences + 11.8 * sum(map(syllables, words)) / len(words) - 15.59
