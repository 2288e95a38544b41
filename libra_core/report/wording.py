"""Sentences shared by pages, reports and the command line: a person, a plan, its effect, reasons, checks.

Texts come from the protocol, numbers from a PlanSummary; nothing is computed here.
"""

from __future__ import annotations

from collections.abc import Sequence

from libra_core.advisors import kinds
from libra_core.advisors.panel import JOIN
from libra_core.certainty import Estimate
from libra_core.clinical import Feature
from libra_core.clinical.feature import display_changes
from libra_core.cohort import Cohort, Unmeasured
from libra_core.digits import fixed, interval
from libra_core.policies import REGISTRY
from libra_core.summary import Came, Counsel, PlanSummary, Price, Ranked

SHORT_LABELS = {
    "linucb": "Learns, treatment only",
    "glrb": "Learns, treatment and habits",
    "libra-distil": "LIBRA (asks, and weighs the advice)",
    "libra": "LIBRA (learns and asks)",
    "libra-trial": "LIBRA with a trial of its advisor",
}
ONLY = {  # whose advice advisor-only follows; any other is simulated
    "recorded": "Language model only (recorded)",
    "llm": "Language model only",
    "guideline": "Guideline as advisor only",
    "guideline+recorded": "Guideline, then language model (recorded)",
}
ADVISORS = {
    "near-optimal": "a simulated expert who is nearly always right",
    "random": "a simulated advisor who answers at random",
    "adversarial": "a simulated advisor who always names the worst treatment",
    "refuses": "a simulated advisor who never answers",
    "guideline": "the guideline's rules",
    "recorded": "a language model's recorded answers",
    "llm": "a language model",
}
AS_NOW = "habits as they are"
NET_BENEFIT = (
    "the fall (a share of it where treatment is not due yet) minus the burden of side effects, monitoring and pills, "
    "plus the value of an indication"
)
NO_CHANGE = "No change: current drugs and habits"


def person(cohort: Cohort, row: int) -> str:
    """'A woman of 63', as far as the protocol has age and sex."""
    values = dict(zip(cohort.protocol.names, cohort.values[row], strict=True))
    who = "patient" if "female" not in values else "woman" if values["female"] >= 0.5 else "man"
    return f"A {who} of {values['age']:.0f}" if "age" in values else f"A {who}"


def value(cohort: Cohort, row: int, name: str) -> float:
    """A patient's value, clinical units."""
    return float(cohort.values[row, cohort.protocol.index(name)])


def treatment(cohort: Cohort, arm: int) -> str:
    return cohort.protocol.treatments[arm].label


def headline(cohort: Cohort, arm: int) -> str:
    """What to start: arm 0 is the one that starts nothing."""
    return f"Start: {treatment(cohort, arm)}" if arm else treatment(cohort, arm)


def changes(cohort: Cohort, delta: Sequence[float], si: bool) -> list[str]:
    """The changes of habits in a plan: ['sodium in the diet −800 mg/day']."""
    return display_changes(cohort.protocol.mutable_features, cohort.protocol.change(delta), si)


def habits(cohort: Cohort, delta: Sequence[float], si: bool) -> str:
    return "; ".join(changes(cohort, delta, si)) or AS_NOW


def plan(cohort: Cohort, arm: int, delta: Sequence[float], si: bool) -> str:
    """A plan in one line."""
    return f"{treatment(cohort, arm)}; {habits(cohort, delta, si)}"


def option(cohort: Cohort, shown: PlanSummary, line: Ranked) -> str:
    """The name of a line of the ranking, distinct from the proposed plan when only the habits differ."""
    if line.proposed:
        return treatment(cohort, line.arm)
    if line.arm == 0 and not any(line.delta):
        return NO_CHANGE
    label = treatment(cohort, line.arm)
    return f"{label}, other habits" if line.arm == shown.arm else label


def about(found: Estimate | None) -> str:
    """'8 (4 to 12)', whole units: more would be false precision; 'not known yet' before any outcome."""
    return "not known yet" if found is None else f"{fixed(found.mean)} ({interval(found.low, found.high)})"


def moved(fall: float, unit: str) -> str:
    """'fell by 8 mmHg', 'rose by 3 mmHg'."""
    return f"{'fell' if fall >= 0 else 'rose'} by {fixed(abs(fall))} {unit}"


def came(cohort: Cohort, found: Came) -> str:
    """The outcome of a plan: 'systolic pressure fell by 8 mmHg'."""
    if found.fall is None:
        return "goal reached" if found.reached else "goal not reached"
    return f"{cohort.protocol.outcome.label} {moved(found.fall, cohort.protocol.outcome.unit)}"


def chance(shown: PlanSummary) -> str:
    """The chance of reaching the goal: '42%'; empty for any other outcome."""
    return "" if shown.chance is None else f"{shown.chance.mean:.0%}"


def then(shown: PlanSummary) -> str:
    """Today's outcome and the expected one: '152 → 144'. Their difference is the fall as it is displayed."""
    return "" if shown.fall is None else f"{fixed(shown.now)} → {fixed(round(shown.now) - round(shown.fall.mean))}"


def effect(cohort: Cohort, shown: PlanSummary) -> str:
    """'Systolic pressure 152 → 144 mmHg expected after 3 months', with the fall and its range."""
    outcome, fall = cohort.protocol.outcome, shown.fall
    if shown.chance is not None:
        span = f"{shown.chance.low:.0%} to {shown.chance.high:.0%}"
        return f"A chance of {chance(shown)} ({span}) that the goal is reached after {outcome.horizon}"
    if fall is None:
        return "The expected effect is not known yet: no patient has had this treatment"
    label = outcome.label[:1].upper() + outcome.label[1:]
    return f"{label} {then(shown)} {outcome.unit} expected after {outcome.horizon}: a fall of {about(fall)}"


def price(cohort: Cohort, found: Price) -> str:
    """How a net benefit comes about: 'the fall minus 2 for side effects, monitoring and pills, plus 3 for an
    indication: heart failure', or '30 % of the fall (treatment is not due yet) minus 2 ...'."""
    flags = {flag.name: flag.label for flag in cohort.protocol.derived}
    names = ", ".join(flags.get(f) or cohort.protocol.feature(f).label_inside for f in found.indications)
    burden, indication = (fixed(part, 0 if part == round(part) else 1) for part in (found.burden, found.indication))
    counted = f"{found.weight:.0%} of the fall (treatment is not due yet)" if found.weight != 1 else "the fall"
    parts = [f"minus {burden} for side effects, monitoring and pills"] if found.burden else []
    parts += [f"plus {indication} for an indication: {names}"] if found.indications else []
    return f"{counted} {', '.join(parts)}".rstrip()


def net(cohort: Cohort, shown: PlanSummary) -> str:
    """'Net benefit 6 mmHg: the fall minus 2 for side effects, monitoring and pills'; no number where none is known,
    empty where the outcome is the goal."""
    if shown.chance is not None:
        return ""
    amount = f" {fixed(shown.net.mean)} {shown.unit}" if shown.net else ""
    return f"Net benefit{amount}: {price(cohort, shown.price)}"


def advice(cohort: Cohort, shown: PlanSummary, si: bool) -> str:
    """Advice that was not followed as given, with the two bounds that were compared."""
    given = shown.advice
    if given is None:
        return ""
    text = f"{plan(cohort, given.arm, given.delta, si)}."
    if given.shortened:
        text += " That is more than is feasible at once for this patient: the change was made smaller."
    if given.ceilings is not None:
        chance = shown.unit == "probability"
        theirs, mine = (f"{value:.0%}" if chance else f"{fixed(value)} {shown.unit}" for value in given.ceilings)
        text += (
            f" By the bounds that the method decides with, that treatment reaches at most {theirs} of "
            f"{'chance' if chance else 'net benefit'}, whatever the habits; the plan above at most {mine}."
        )
    return text


def guideline(cohort: Cohort, shown: PlanSummary, si: bool) -> str:
    """The guideline's plan, compared with this one."""
    other: Counsel | None = shown.guideline
    if other is None:
        return ""
    if other.taken:
        return "The guideline's rules say the same."
    text = f"The guideline's rules say: {plan(cohort, other.arm, other.delta, si)}."
    if other.arm == shown.arm:
        return f"The guideline's rules name the same treatment; habits: {habits(cohort, other.delta, si)}."
    mine = shown.chance if shown.net is None else shown.net
    if mine is None or other.net is None:
        return f"{text} No patient so far has had one of the two treatments, so they cannot be compared yet."
    if shown.chance is not None:
        return f"{text} Its chance is estimated at {other.net.mean:.0%}, that of this plan at {mine.mean:.0%}."
    return (
        f"{text} Its net benefit is estimated at {about(other.net)} {shown.unit}, that of this plan at {about(mine)}."
    )


def drug_class(feature: Feature) -> str:
    """The drug class of a "Takes a ..." fact, 'beta-blocker'; empty for any other fact."""
    taken = feature.label.removeprefix("Takes ")
    return "" if taken == feature.label else taken.removeprefix("an ").removeprefix("a ")


def fact(cohort: Cohort, name: str) -> str:
    """A fact inside a sentence: 'potassium in blood', 'current beta-blocker'."""
    feature = cohort.protocol.feature(name)
    drug = drug_class(feature)
    return f"current {drug}" if drug else feature.label_inside


def to_check(cohort: Cohort, checks: Sequence[Unmeasured]) -> list[str]:
    """Facts to check: '(not recorded): gout, current beta-blocker.', '(in doubt): eGFR (...).'"""
    missing = [fact(cohort, item.feature) for item in checks if not item.doubt]
    doubtful = [f"{fact(cohort, item.feature)} ({item.doubt})" for item in checks if item.doubt]
    parts = [f"(not recorded): {', '.join(missing)}."] if missing else []
    return [*parts, f"(in doubt): {'; '.join(doubtful)}."] if doubtful else parts


def unrecorded(cohort: Cohort, shown: PlanSummary) -> str:
    """How many facts that could rule a drug out are not recorded; empty when all are known."""
    missing = [fact(cohort, name) for name in shown.unrecorded]
    if not missing:
        return ""
    drugs = any(text.startswith("current ") for text in missing)
    among = [text for text, is_so in (("current drugs", drugs), ("kidney function", "eGFR" in missing)) if is_so]
    named = f", {' and '.join(among)} among them" if among else ""
    facts = f"Of {shown.rule_facts} facts that could rule a drug out"
    return f"{facts}, {len(missing)} are not recorded for this patient{named}."


def advisor(name: str) -> str:
    """The advisor in words. A simulated one is never presented as a language model."""
    if JOIN in name:
        return " and ".join(map(advisor, name.split(JOIN)))
    kind, _, share = name.partition(":")
    if treatment := {"noisy": "a random", "biased": "its favourite"}.get(kind):
        return f"a simulated advisor who names {treatment} treatment in {float(share):.0%} of cases"
    plain = next((known.label for known in kinds().values() if known.adversary and known.answers_to(name)), "")
    return f"a {plain[0].lower()}{plain[1:]}" if plain else ADVISORS.get(kind, name)


def label(policy: str, asks: str = "") -> str:
    """The name of a method in a chart or a sentence; `asks` is the study's advisor."""
    if policy == "advisor-only":
        return ONLY.get(asks.partition(":")[0], "Advisor only (simulated)")
    return REGISTRY[policy].label if policy in REGISTRY else policy


def short_label(policy: str, asks: str = "") -> str:
    """A descriptive name, for readers who do not know the method."""
    return SHORT_LABELS.get(policy, label(policy, asks))


def per_patient(unit: str) -> str:
    """The unit of a loss, per patient."""
    return "good outcomes per 100 patients" if unit == "probability" else f"{unit} per patient"


def factor(unit: str) -> float:
    """From reward per patient to the unit of `per_patient`."""
    return 100.0 if unit == "probability" else 1.0


def number(value: float, unit: str) -> str:
    """'0.9': a reward per patient, one decimal: more would be false precision in a simulation."""
    return fixed(factor(unit) * value, 1)


def rate(value: float, unit: str) -> str:
    """'0.9 mmHg per patient'."""
    return f"{number(value, unit)} {per_patient(unit)}"


def worth(value: float, unit: str) -> str:
    """An amount for one patient: '0.9 mmHg', or '0.9 percentage points' of a chance."""
    return f"{number(value, unit)} {'percentage points' if unit == 'probability' else unit}"


def spread(found: Estimate, unit: str) -> str:
    """'0.9 (0.8 to 1.0)', without its unit."""
    return f"{number(found.mean, unit)} ({number(found.low, unit)} to {number(found.high, unit)})"
