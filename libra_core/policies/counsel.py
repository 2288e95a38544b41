"""What a bandit makes of one advisor: an estimate that takes advice as data, and how far outcomes bear it out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from libra_core.advisors.base import Advisor
from libra_core.arrays import Bools, Floats, Ints
from libra_core.glm.choice import foresight, score, softmax
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
SHIFT = 1.0
YW = 0.0
LOG2 = 4.0
RATIO = 4.0


class Counsel:
    """One advisor's tilt, gate, verdict and budget, for R replicates."""

    def __init__(self, advisor: Advisor, problem: Problem, link: Link, noise: float, replicates: int) -> None:
        self.advisor, self.link, self.noise, self.problem = advisor, link, noise, problem
        R, K, d = replicates, problem.n_arms, problem.d
        self.tau = MARGIN * problem.noise / (link.steepest if np.isfinite(link.steepest) else 1.0)
        self.c = np.zeros((R, K, d))
        self.liking = np.zeros((R, K))
        self.features = np.zeros((R, K, d))  # sum over answers of v (advised features - own features), by arm
        self.blind = np.zeros((R, K, d))
        self.blind_declared = np.zeros(R)
        self.y = np.zeros(R)
        self.declared = np.zeros(R)  # and of what the arms' offsets add to it
        self.z = np.zeros(R)
        self.gain, self.peak = np.zeros(R), np.zeros(R)
        self.asked, self.struck = np.zeros(R, np.int64), np.zeros(R, np.int64)
        self.leads = np.zeros(R, bool)
        self.log2 = 0.0

    @property
    def live(self) -> Bools:
        return self.struck < STRIKES

    @property
    def left(self) -> Floats:
        return np.where(self.live, FREE + EARNED * self.peak + LOG2 * self.log2 - self.asked, 0.0)

    @property
    def evidence(self) -> Floats:
        y = self.y
        sign = np.sign(y) * (0.5 * y**2 * RATIO / (1 + RATIO)) - 0.5 * np.log1p(RATIO)
        return self.gain - 0.5 * np.minimum(self.z + SHIFT, 0.0) ** 2 + YW * np.where(self.asked > 0, sign, 0.0)

    def verdict(self, own: Estimator, rows: Ints) -> Floats:
        mean, s = own.contrast(rows, self.features[rows])
        return (mean + self.declared[rows]) / (self.noise * np.maximum(s, 1e-6))

    def advised(self, own: Estimator, rows: Ints) -> Floats:
        return own.theta[rows] + own.tilt(rows, self.c[rows])

    def hear(self, own: Estimator, contexts: Contexts, rows: Ints, said: Actions, plans: Plans, mine: Actions, realised: Floats) -> None:
        i, v = np.arange(len(rows)), contexts.weight
        handicap = self._handicap(contexts, plans.z)
        p = softmax(np.where(contexts.eligible, (plans.z + handicap + self.liking[rows]) / self.tau, -np.inf))
        best = moved(contexts.x[:, None], plans.delta * realised)
        named = moved(contexts.x, said.delta * realised)
        pull = score(p, best, said.arm, named)
        shift = own.tilt(rows, pull)
        rise = np.einsum("nkd,nkd->nk", best, shift)
        slope = np.maximum(np.einsum("nkd,nkd->n", pull, shift), 1e-12)
        curve = np.maximum((p * rise**2).sum(axis=1) - (p * rise).sum(axis=1) ** 2, 0.0)
        step = 1.0 / (self.tau / (self.noise**2 * ETA) + curve / (slope * self.tau))
        self.c[rows] += step[:, None, None] * pull
        self.liking[rows] -= PREJUDICE * self.tau * p
        self.liking[rows, said.arm] += PREJUDICE * self.tau
        self.features[rows, said.arm] += v[:, None] * named
        self.features[rows, mine.arm] -= v[:, None] * moved(contexts.x, mine.delta * realised)
        self.declared[rows] += v * (handicap[i, said.arm] - handicap[i, mine.arm])
        q = contexts.eligible / contexts.eligible.sum(axis=1, keepdims=True)
        bystander = -q[:, :, None] * best
        bystander[i, said.arm] += named
        self.blind[rows] += v[:, None, None] * bystander
        self.blind_declared[rows] += v * (handicap[i, said.arm] - (q * handicap).sum(axis=1))
        self.judge(own, rows)

    def judge(self, own, rows):
        self.z[rows] = self.verdict(own, rows)
        mean, s = own.contrast(rows, self.blind[rows])
        self.y[rows] = (mean + self.blind_declared[rows]) / (self.noise * np.maximum(s, 1e-6))

    def _handicap(self, contexts: Contexts, z: Floats) -> Floats:
        return contexts.offset / (contexts.weight[:, None] * np.maximum(self.link.slope(z), SLOPE_FLOOR))

    def weigh(self, own: Estimator, arm: Ints, outcomes: Outcomes) -> None:
        rows = np.flatnonzero(self.live & (self.asked > 0))
        if not rows.size:
            return
        x, step = np.ascontiguousarray(outcomes.x[rows]), np.empty(rows.size)
        shift = own.tilt(rows, self.c[rows])
        foresight(
            self.link.code, self.link.binary, self.problem.noise, own.theta[rows], own.A[rows], shift, arm[rows], x, outcomes.reward[rows], step
        )
        self.gain[rows] += step
        evidence = self.evidence
        self.peak = np.maximum(self.peak, evidence)
        live = self.live
        struck = live & (evidence < self.peak - STRIKE)
        self.leads = (self.leads | (live & (evidence >= LEAD))) & (evidence >= LOSE) & ~struck
        if struck.any():
            self.struck += struck
            self.c[struck] = 0.0
            self.gain[struck] = self.peak[struck] = self.y[struck] = 0.0
            self.blind[struck] = 0.0
            self.blind_declared[struck] = 0.0
            self.features[struck] = 0.0
            self.declared[struck] = 0.0

    def arrays(self) -> dict[str, np.ndarray]:
        names = ("c", "liking", "blind", "blind_declared", "y", "features", "declared", "z", "gain", "peak", "asked", "struck", "leads")
        return {name: getattr(self, name) for name in names}

    def load(self, saved: dict[str, np.ndarray]) -> None:
        copy_into(self.arrays(), saved)
