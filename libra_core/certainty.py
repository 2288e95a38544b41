"""How certain an estimate is: its range, the patients behind it, and the rule that grades both into three levels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from libra_core.clinical import Worth

ENOUGH = 5  # patients with a treatment; after fewer, its estimate is mostly chance


@dataclass(frozen=True)
class Estimate:
    """An expected value and its 95 % range: of the average, at every round at once (`glm.interval`)."""

    mean: float
    low: float
    high: float

    def plus(self, shift: float) -> Estimate:
        return Estimate(self.mean + shift, self.low + shift, self.high + shift)

    def times(self, weight: float) -> Estimate:
        """Scaled by a positive weight."""
        return Estimate(weight * self.mean, weight * self.low, weight * self.high)

    def below(self, value: float) -> Estimate:
        """`value` after a fall by this much."""
        return Estimate(value - self.mean, value - self.high, value - self.low)

    @property
    def width(self) -> float:
        return self.high - self.low


@dataclass(frozen=True)
class Evidence:
    """The outcomes behind a method's estimates: `given` counts its patients by treatment, (K,).

    unit: of the reward. noise: by how much one outcome varies about its mean (SD, reward unit). worth: what outcomes
    count for when plans are compared, None for what the protocol declares.
    """

    given: tuple[int, ...]
    unit: str
    noise: float
    worth: Worth | None = None

    @property
    def patients(self) -> int:
        return sum(self.given)


class Certainty(StrEnum):
    """How sure a plan is: see `certainty_of`."""

    LITTLE = "not enough data to judge"
    OPEN = "another option may be better"
    CLEAR = "clearly ahead of the alternatives"


def certainty_of(given: int, noise: float, net: Estimate, others: Sequence[Estimate]) -> Certainty:
    """Grade certainty in three levels; more patients or a narrower range never make it worse.

    LITTLE: fewer than ENOUGH patients had the treatment, or the range of the average is wider than the range in which
    single outcomes lie (2 SD of the noise to either side), both as worth. OPEN: the range of another option reaches
    above the lower end of this one's. CLEAR: none does.
    """
    if given < ENOUGH or net.width > 4 * noise:
        return Certainty.LITTLE
    return Certainty.OPEN if any(other.high > net.low for other in others) else Certainty.CLEAR
