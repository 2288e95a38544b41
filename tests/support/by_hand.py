"""What a plan is worth, by the entries of the protocol file alone: the oracle for everybody who prints it."""

from __future__ import annotations

from libra_core.cohort import Cohort


def cost(cohort: Cohort, arm: int) -> float:
    parts = cohort.protocol.treatments[arm].burden
    return parts.side_effects + parts.monitoring + parts.pills


def bonus(cohort: Cohort, row: int, arm: int) -> float:
    """The worth of the indications that this patient has for an arm."""
    flags = cohort.protocol.columns(cohort.values[row])
    return sum(b.value for b in cohort.protocol.treatments[arm].bonus if flags[b.flag][0] == 1)


def weight(cohort: Cohort, row: int) -> float:
    """What one unit of fall is worth to this patient."""
    return 1.0 if cohort.due(row).now else cohort.protocol.values.elsewhere


def net(cohort: Cohort, row: int, arm: int, fall: float) -> float:
    """The net benefit of a fall."""
    return weight(cohort, row) * fall - cost(cohort, arm) + bonus(cohort, row, arm)


def parts(cohort: Cohort, row: int, arm: int) -> str:
    """How a plan with a burden and an indication is explained, up to the name of the indication."""
    v = weight(cohort, row)
    fall = "the fall" if v == 1 else f"{v:.0%} of the fall (treatment is not due yet)"
    burden, worth = cost(cohort, arm), bonus(cohort, row, arm)
    return f"{fall} minus {burden:g} for side effects, monitoring and pills, plus {worth:g} for an indication: "


def both_parts(cohort: Cohort, row: int, arm: int) -> bool:
    """Whether a plan has a burden and an indication: then no flipped sign can hide."""
    return cost(cohort, arm) > 0 and bonus(cohort, row, arm) > 0
