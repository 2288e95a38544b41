"""What a person enters about a treated patient, and what it is worth in reward units."""

from __future__ import annotations

import math
from dataclasses import dataclass

from libra_core.cohort import Cohort
from libra_core.records.engine import Plan
from libra_core.summary import Price


@dataclass(frozen=True)
class Entered:
    """An outcome as typed: `value` is the outcome measure after treatment (systolic pressure, mmHg); `share` is how
    much of the change of habits was carried out, 0 to 1 (None: not asked)."""

    position: int
    value: float
    share: float | None = None


def reward_of(cohort: Cohort, row: int, plan: Plan, entered: Entered) -> float:
    """The fall of the outcome, less the burden of the drug, plus its indication: the scale on which policies learn.

    Raises ValueError with a sentence for a value that cannot be.
    """
    outcome = cohort.protocol.outcome
    feature = cohort.protocol.feature(outcome.name)
    low, high = feature.range
    if not (math.isfinite(entered.value) and low <= entered.value <= high):
        raise ValueError(
            f"Patient {entered.position}: {outcome.label} must be between {low:g} and {high:g} {outcome.unit}, "
            f"got {entered.value:g}."
        )
    if entered.share is not None and not 0 <= entered.share <= 1:
        raise ValueError(
            f"Patient {entered.position}: the share carried out must be between 0 and 100 %, got {entered.share:.0%}."
        )
    fall = float(cohort.values[row, cohort.protocol.index(outcome.name)]) - entered.value
    return fall - Price.of(cohort, row, plan.arm).taken
