"""Words that several reports share: a person, a treatment, a plan, an amount. Texts come from the protocol."""

from __future__ import annotations

from collections.abc import Sequence

from libra_core.cohort import Cohort
from libra_core.digits import fixed
from libra_core.policies import REGISTRY
from libra_core.report.measures import Interval

PLAIN_LABELS = {
    "linucb": "Learns, treatment only",
    "glrb": "Learns, treatment and habits",
    "libra": "LIBRA (learns and asks)",
    "libra-trial": "LIBRA with a trial of its advisor",
    "advisor-only": "Advisor only (simulated)",
}
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
    return {"advisor-only": "Advisor only (simulated)"}.get(
        policy, REGISTRY[policy].label if policy in REGISTRY else policy
    )


def plain_label(policy: str) -> str:
    """What a method does, for readers to whom its name says nothing."""
    return PLAIN_LABELS.get(policy, label(policy))


def per_patient(unit: str) -> str:
    """The unit of a loss: one that a reader can hold against a single patient."""
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
    """What is at stake for one patient: '0.9 mmHg', or '0.9 percentage points' of a chance."""
    return f"{number(value, unit)} {'percentage points' if unit == 'probability' else unit}"


def spread(found: Interval, unit: str) -> str:
    """'0.9 (0.8 to 1.0)', without its unit."""
    return f"{number(found.mean, unit)} ({number(found.low, unit)} to {number(found.high, unit)})"
