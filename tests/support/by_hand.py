"""What a plan is worth, by the entries of the protocol file alone: the oracle for everybody who prints it."""

from __future__ import annotations

from libra_core.cohort import Cohort


def cost(cohort: Cohort, arm: int) -> float:
    return cohort.protocol.treatments[arm].cost


def bonus(cohort: Cohort, row: int, arm: int) -> float:
    """The worth of the indications that this patient has for an arm."""
    flags = cohort.protocol.columns(cohort.values[row])
    return sum(b.value for b in cohort.protocol.treatments[arm].bonus if flags[b.flag][0] == 1)


def fall(cohort: Cohort, row: int, arm: int, benefit: float) -> float:
    """The fall of the outcome behind a net benefit."""
    return benefit + cost(cohort, arm) - bonus(cohort, row, arm)


def both_parts(cohort: Cohort, row: int, arm: int) -> bool:
    """Whether a plan has a burden and an indication: then no flipped sign can hide."""
    return cost(cohort, arm) > 0 and bonus(cohort, row, arm) > 0
