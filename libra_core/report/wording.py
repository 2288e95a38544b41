"""Words that several reports share: a person, a treatment, a plan, an amount. Texts come from the protocol."""

from __future__ import annotations

from collections.abc import Sequence

from libra_core.cohort import Cohort
from libra_core.policies import REGISTRY
from libra_core.report.measures import Interval

ADVISORS = {
    "near-optimal": "a simulated expert who is nearly always right",
    "random": "a simulated advisor who answers at random",
    "adversarial": "a simulated advisor who always names the worst treatment",
    "refuses": "a simulated advisor who never answers",
    "guideline": "the guideline's rules",
}


def person(cohort: Cohort, row: int) -> str:
    """'A woman of 63', from whatever of age and sex the protocol knows."""
    values = dict(zip(cohort.protocol.names, cohort.values[row], strict=True))
    who = "patient" if "female" not in values else "woman" if values["female"] >= 0.5 else "man"
    return f"A {who} of {values['age']:.0f}" if "age" in values else f"A {who}"


def value(cohort: Cohort, row: int, name: str) -> float:
    """A patient's value, clinical units."""
    return float(cohort.values[row, cohort.protocol.index(name)])


def treatment(cohort: Cohort, arm: int) -> str:
    return cohort.protocol.treatments[arm].label


def changes(cohort: Cohort, delta: Sequence[float], si: bool) -> list[str]:
    """The changes of habits in a plan: ['sodium in the diet −800 mg/day']."""
    protocol = cohort.protocol
    moved = zip(protocol.mutable_features, protocol.change(delta), strict=True)
    texts = [feature.display_change(float(change), si) for feature, change in moved if abs(change) > 1e-9]
    return [text for text in texts if not text.endswith("no change")]


def plan_words(cohort: Cohort, delta: Sequence[float], si: bool) -> str:
    return "; ".join(changes(cohort, delta, si)) or "habits as they are"


def advisor(name: str) -> str:
    """Who is asked, said so that nobody takes a simulation for a language model."""
    kind, _, share = name.partition(":")
    if kind == "noisy":
        return f"a simulated advisor who names a random treatment in {float(share):.0%} of cases"
    if kind == "biased":
        return f"a simulated advisor who names its favourite treatment in {float(share):.0%} of cases"
    return ADVISORS.get(name, name)


def label(policy: str) -> str:
    """What a method is called in a chart or a sentence."""
    return {"llm-only": "Advisor only (simulated)"}.get(
        policy, REGISTRY[policy].label if policy in REGISTRY else policy
    )


def amount(value: float, unit: str, digits: int | None = None) -> str:
    """'3,824 mmHg', '0.47 mmHg'; a probability summed over patients is a number of good outcomes."""
    if digits is None:
        digits = 0 if abs(value) >= 20 else 1 if abs(value) >= 2 else 2
    name = "good outcomes" if unit == "probability" else unit
    return f"{value:,.{digits}f} {name}".replace("-", "−")


def interval(found: Interval, unit: str, digits: int | None = None) -> str:
    """'3,824 (3,523 to 4,124) mmHg'."""
    if digits is None:
        digits = 0 if abs(found.mean) >= 20 else 1 if abs(found.mean) >= 2 else 2
    name = "good outcomes" if unit == "probability" else unit
    low, high = (f"{v:,.{digits}f}" for v in (found.low, found.high))
    return f"{found.mean:,.{digits}f} ({low} to {high}) {name}".replace("-", "−")
