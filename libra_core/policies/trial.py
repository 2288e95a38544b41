"""The randomised trial of an advisor: an anytime-valid test of "followed advice is no worse than withheld advice".

Each adoptable round is adopted with probability 1 - e, withheld with probability e. With y the worth of the reward less
the prediction for GLRB's own proposal (fixed before the coin toss), clipped to +-B,

    D = y / (1 - e)  if adopted,   D = -y / e  if withheld,       E[D | past] = effect of adopting.

Under "the effect is never negative" each wealth process prod (1 - lambda D), 0 <= lambda <= e / B, is a
non-negative supermartingale (testing by betting, Waudby-Smith and Ramdas 2024), and so is their average: by Ville's
inequality it ever exceeds 1/alpha with probability at most alpha, however often it is looked at. The null hypothesis
concerns clipped surplus (of 0/1 rewards, only declared offsets can make any clipping).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from libra_core.arrays import Bools, Floats
from libra_core.glm.estimator import copy_into

BETS = np.array([0.5, 0.95])  # as shares of the largest bet e / B
ALPHA = 0.1  # the largest probability of ever dismissing an advisor that is no worse


@dataclass(frozen=True)
class TrialReport:
    """The trial of one replicate so far. Means are of reward less prediction, in reward units."""

    adopted: int
    withheld: int
    adopted_mean: float
    withheld_mean: float
    evidence: float  # wealth against "no worse"; the advisor is dismissed at `needed`
    needed: float
    dismissed: bool


class Trial:
    """The trial of R replicates. share = e; span = B, in reward units."""

    def __init__(self, replicates: int, share: float, span: float) -> None:
        self.share, self.span = share, span
        self.counts = np.zeros((replicates, 2), np.int64)
        self.sums = np.zeros((replicates, 2))
        self.log_wealth = np.zeros((replicates, BETS.size))
        self.dismissed = np.zeros(replicates, bool)

    def record(self, adopted: Bools, withheld: Bools, surplus: Floats) -> None:
        """Record one round: which replicates adopted, which withheld, and reward less prediction (R,)."""
        if self.share == 0.0 or not (adopted.any() or withheld.any()):
            return
        y = np.clip(surplus, -self.span, self.span)
        D = np.where(adopted, y / (1.0 - self.share), np.where(withheld, -y / self.share, 0.0))
        self.log_wealth += np.log1p(-BETS * (self.share / self.span) * D[:, None])
        for group, mine in enumerate((adopted, withheld)):
            self.counts[:, group] += mine
            self.sums[:, group] += np.where(mine, surplus, 0.0)
        self.dismissed |= self.evidence() >= 1.0 / ALPHA

    def evidence(self) -> Floats:
        """Average wealth (R,): at most 1 on average if the advisor is no worse."""
        return np.asarray(np.exp(self.log_wealth).mean(axis=1))

    def report(self, replicate: int = 0) -> TrialReport:
        counts, sums = self.counts[replicate], self.sums[replicate]
        means = [float(s / n) if n else float("nan") for s, n in zip(sums, counts, strict=True)]
        return TrialReport(
            adopted=int(counts[0]),
            withheld=int(counts[1]),
            adopted_mean=means[0],
            withheld_mean=means[1],
            evidence=float(self.evidence()[replicate]),
            needed=1.0 / ALPHA,
            dismissed=bool(self.dismissed[replicate]),
        )

    def reset(self, replicate: int) -> None:
        for array in self.arrays().values():
            array[replicate] = 0

    def arrays(self) -> dict[str, np.ndarray]:
        return {
            "trial_counts": self.counts,
            "trial_sums": self.sums,
            "trial_log_wealth": self.log_wealth,
            "trial_dismissed": self.dismissed,
        }

    def load(self, saved: dict[str, np.ndarray]) -> None:
        copy_into(self.arrays(), saved)
