"""What a bandit makes of one advisor: an estimate that takes advice as data, and how far outcomes bear it out.

Two estimates of one kind learn side by side: the bandit's own, O, from rewards only, and the advised one, J, from
rewards and from every answer, followed or not. An advisor can speak well and mislead, so J is believed only as far as it
foretells real rewards better than O does (the gate), and answers are followed only as far as O itself, having seen what
came after, thinks that they were better than what it would have done (the verdict).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from libra_core.advisors.base import Advisor
from libra_core.arrays import Bools, Floats, Ints
from libra_core.glm.choice import foresight, read_choices
from libra_core.glm.estimator import Estimator, copy_into
from libra_core.glm.link import SLOPE_FLOOR, Link
from libra_core.problem import Actions, Contexts, Outcomes, Problem, moved
from libra_core.recourse.plans import Plans

ETA = 0.1  # weight of an answer
MARGIN = 0.25  # tau, the softness of the advisor's choice, in units of noise / L
PREJUDICE = 0.3  # learning rate of the liking for an arm, in units of tau
LEAD, LOSE = 3.0, 1.0  # nats of evidence at which the advised estimate takes the lead, and below which it gives it up
STRIKE, STRIKES = 6.0, 2  # nats lost from the peak that make a strike; so many strikes end the advisor's part
FREE, EARNED = 40, 10.0  # questions at the start, and for each nat of evidence at its peak
SHIFT = 1.0  # O's own plan maximises O's estimate, so the verdict on a good advisor sits about this far below 0


@dataclass(frozen=True)
class Trust:
    """What one advisor has earned in one replicate, for a person to read.

    evidence: nats by which the advised estimate foretold rewards better, less what the verdict takes off; leads: the
    advised estimate chooses; asked, left: questions so far, and still to ask; verdict: what answers were worth against
    the bandit's own plans, in standard deviations; liking: by arm, in index units, what the advisor thinks of an arm
    beyond what patients' features explain; ended: outcomes contradicted it, it is not asked again.
    """

    advisor: str
    evidence: float
    leads: bool
    asked: int
    left: int
    verdict: float
    liking: tuple[float, ...]
    ended: bool


class Counsel:
    """One advisor's advised estimate J, gate, verdict and budget, for R replicates."""

    def __init__(self, advisor: Advisor, advised: Estimator, problem: Problem, link: Link, noise: float) -> None:
        self.advisor, self.advised, self.link, self.noise, self.problem = advisor, advised, link, noise, problem
        R, K, d = advised.theta.shape
        self.tau = MARGIN * problem.noise / (link.steepest if np.isfinite(link.steepest) else 1.0)
        self.liking = np.zeros((R, K))
        self.features = np.zeros((R, K, d))  # sum over answers of v (advised features - own features), by arm
        self.declared = np.zeros(R)  # and of what the arms' offsets add to it
        self.z = np.zeros(R)
        self.gain, self.peak = np.zeros(R), np.zeros(R)
        self.asked, self.struck = np.zeros(R, np.int64), np.zeros(R, np.int64)
        self.leads = np.zeros(R, bool)

    @property
    def live(self) -> Bools:
        return self.struck < STRIKES

    @property
    def left(self) -> Floats:
        """Questions that may still be asked (R,): some are free, the others are earned by foretelling rewards."""
        return np.where(self.live, FREE + EARNED * self.peak - self.asked, 0.0)

    @property
    def evidence(self) -> Floats:
        """Nats (R,) for following the advised estimate: the gain in foresight, less a poor verdict's own likelihood."""
        return self.gain - 0.5 * np.minimum(self.z + SHIFT, 0.0) ** 2

    def verdict(self, own: Estimator, rows: Ints) -> Floats:
        """z (n,): what the answers so far were worth against O's own plans, in O's standard deviations, by today's O."""
        mean, s = own.contrast(rows, self.features[rows])
        return (mean + self.declared[rows]) / (self.noise * np.maximum(s, 1e-6))

    def hear(self, own: Estimator, contexts: Contexts, rows: Ints, said: Actions, plans: Plans, mine: Actions, realised: Floats) -> None:
        """Learn the answers `said` about some replicates' patients. plans: J's best change of every arm; mine: O's own."""
        n, (K, d) = len(rows), self.features.shape[1:]
        p, seen, pull = np.empty((n, K)), np.empty((n, K, d)), np.empty((n, K, d))
        worth = self._handicap(contexts, plans.z)
        read_choices(
            plans.z + worth, self.liking, contexts.x, contexts.eligible, rows, said.arm, said.delta, plans.delta, realised,
            self.tau, PREJUDICE, p, seen, pull,
        )  # fmt: skip
        information, step = self.noise**2 * ETA / self.tau**2, self.noise**2 * ETA / self.tau
        self.advised.observe(rows, p, seen, pull, information, step)
        v, i = contexts.weight, np.arange(n)
        self.features[rows, said.arm] += v[:, None] * moved(contexts.x, said.delta * realised)
        self.features[rows, mine.arm] -= v[:, None] * moved(contexts.x, mine.delta * realised)
        self.declared[rows] += v * (worth[i, said.arm] - worth[i, mine.arm])
        self.z[rows] = self.verdict(own, rows)

    def _handicap(self, contexts: Contexts, z: Floats) -> Floats:
        """The arms' declared offsets on the index scale (n, K): exact for the identity link, else to first order."""
        return contexts.offset / (contexts.weight[:, None] * np.maximum(self.link.slope(z), SLOPE_FLOOR))

    def weigh(self, own: Estimator, arm: Ints, outcomes: Outcomes) -> None:
        """Compare both estimates' forecasts of the rewards, before either learns them; then let J learn."""
        live = self.live
        if not live.any():
            return
        x, step = np.ascontiguousarray(outcomes.x), np.empty(len(arm))
        theta, A = self.advised.theta, self.advised.A
        foresight(
            self.link.code, self.link.binary, self.problem.noise, own.theta, own.A, theta, A, arm, x, outcomes.reward, step
        )
        self.gain += np.where(live, step, 0.0)
        self.peak = np.maximum(self.peak, self.gain)
        struck = live & (self.gain < self.peak - STRIKE)
        evidence = self.evidence
        self.leads = (self.leads | (live & (evidence >= LEAD))) & (evidence >= LOSE) & ~struck
        if struck.any():
            self._strike(own, struck)
        self.advised.update(arm, x, outcomes.reward)

    def _strike(self, own: Estimator, struck: Bools) -> None:
        """Forget what the advisor taught, and all that it had earned."""
        self.struck += struck
        taught, sober = self.advised.arrays(), own.arrays()
        for name, array in taught.items():
            array[struck] = sober[name][struck]
        self.advised.refresh()
        self.gain[struck] = self.peak[struck] = 0.0

    def trust(self, replicate: int = 0) -> Trust:
        r = replicate
        return Trust(
            self.advisor.name, float(self.evidence[r]), bool(self.leads[r]), int(self.asked[r]),
            max(0, int(self.left[r])), float(self.z[r]), tuple(map(float, self.liking[r])), not bool(self.live[r]),
        )  # fmt: skip

    def arrays(self) -> dict[str, np.ndarray]:
        names = ("liking", "features", "declared", "z", "gain", "peak", "asked", "struck", "leads")
        mine = {name: getattr(self, name) for name in names}
        return {f"advised_{name}": array for name, array in self.advised.arrays().items()} | mine

    def load(self, saved: dict[str, np.ndarray]) -> None:
        copy_into(self.arrays(), saved)
        self.advised.refresh()
