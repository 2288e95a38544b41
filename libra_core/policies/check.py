"""The model check: do outcomes look as the model says, in every arm and subgroup, since any point of the run?

Before an outcome is learned, e = (r - m) / sd is its standardised residual; m and sd are those of the prediction, the
estimate's own doubt included (identity: sd^2 = noise^2 (1 + x'A x); binary: m (1 - m) at the shrunk index). With q the
doubt's share in noise units and g = 1 / (1 + q), so that little is bet where little is known, the wealths are

    mean     prod (1 + g b (+-e - c sqrt(q g)))        overall, in each arm, in each half of a feature; |e| cut at 4.5
    spread   prod (1 + g b (min(f, 9) - 1))            identity link; f = (r - m)^2 / (noise^2 (1 + 4 q))
    tails    prod (1 + g b (1[f > 9] - 0.0027))        identity link

Null hypothesis: whatever was chosen, the mean outcome is within c = 1 standard width of the estimate (2 for the tests
of noise), and noise is Gaussian or lighter. Then each wealth is a supermartingale (betting: Waudby-Smith and Ramdas
2024). It may start at any outcome tau of its own count, at a price w_tau, sum of w_tau <= 1 (as the e-detectors of
Shin, Ramdas and Rinaldo 2024, but with a bound on any false alarm). By Ville's inequality and a union bound over
starts, bets and tests, any log(w_tau prod) exceeds log(tests / alpha) with probability at most ALPHA, at whatever round
one looks. The best start is kept by a recursion, like CUSUM's; CUSUM itself, without prices, says since when.

Why not c = 0: an optimistic choice favours what is overestimated, and theta may be unlike the ridge prior; both bend
the first residuals (alarms in a third of well-specified runs). Not guaranteed: that the estimate is within c widths;
measured, 0 alarms in 192 well-specified runs of 5,000 rounds. Not seen: what the linear model can absorb, such as
diminishing returns where every plan makes about the same change.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from scipy.special import zeta

from libra_core.arrays import Bools, Floats, Ints
from libra_core.glm.estimator import Estimator, copy_into, index_and_variance
from libra_core.glm.link import IDENTITY, Link, predictive_mean, slope_at
from libra_core.kernels import kernel
from libra_core.problem import Problem

NORMAL_95 = NormalDist().inv_cdf(0.975)
ALPHA = 0.05  # the largest probability of any alarm while the model is right
BETS = np.array([0.05, 0.2, -0.05, -0.2])
CLIP, WIDE, RARE = 4.5, 3.0, 0.0027
SLACK = 1.0  # c
LOOSE = 4.0  # tests of noise: the estimate may be off by twice its own doubt
SPREAD_BET, TAIL_BET = 0.1, 20.0
DECAY, DELAY = 1.2, 9.0  # w_tau = (tau + DELAY)^-DECAY / their sum
LOG_SUM = math.log(zeta(DECAY, DELAY + 1.0))
FLAT = 0.05  # a binary mean nearer to 0 or 1 counts as this for sd, so that e stays within CLIP
# columns of a test: log wealth at the best priced start; CUSUM, its first patient, outcomes, and their residuals
WEALTH, CUSUM, START, COUNT, SUM = 0, 1, 2, 3, 4
TEMPER = 2.0  # after an alarm of spread or tails, rewards are cut at so many sd from their prediction


@kernel
def _price(tau: float) -> float:
    """log w_tau."""
    return -DECAY * math.log(tau + DELAY) - LOG_SUM


@kernel
def _bet(test: Floats, price: float, gain: float, t: int, residual: float) -> float:
    """One test after one more outcome. Returns its log wealth."""
    if test[CUSUM] <= 0.0:
        test[CUSUM], test[START], test[COUNT], test[SUM] = 0.0, t, 0.0, 0.0
    test[WEALTH] = max(test[WEALTH], price) + gain
    test[CUSUM] += gain
    test[COUNT] += 1.0
    test[SUM] += residual
    return test[WEALTH]


@kernel
def _note(first: Floats, which: int, t: int, test: Floats) -> None:
    """Write down an alarm: which test, its round, the first patient of the stretch, and the mean residual in it."""
    first[0], first[1], first[2], first[3] = which, t, test[START], test[SUM] / test[COUNT]


@kernel
def _predict(link: int, binary: bool, noise: float, theta: Floats, A: Floats, x: Floats) -> tuple[float, float, float]:
    """(mean, sd, q) of the next reward."""
    z, s2 = index_and_variance(theta, A, x)
    if link == IDENTITY:
        return z, noise * math.sqrt(1.0 + s2), s2
    mean = predictive_mean(link, z, s2)
    own = max(mean * (1.0 - mean), FLAT * (1.0 - FLAT)) if binary else max(mean, FLAT)
    slope = slope_at(link, z)
    return mean, math.sqrt(own), slope * slope * s2 / own


@kernel
def _record(link, binary, noise, theta, A, arm, x, reward, t, entries, limits, tests, noisy, cells, first, expected):
    K = theta.shape[1]
    gains = np.empty(BETS.size)
    for r in range(x.shape[0]):
        k = arm[r]
        mean, sd, doubt = _predict(link, binary, noise, theta[r, k], A[r, k], x[r])
        expected[r, 0], expected[r, 1] = mean, sd
        residual = reward[r] - mean
        e = residual / sd
        g = 1.0 / (1.0 + doubt)
        slack = SLACK * math.sqrt(doubt * g)
        cut = min(max(e, -CLIP), CLIP)
        for i in range(BETS.size):
            gains[i] = math.log1p(g * (BETS[i] * cut - abs(BETS[i]) * slack))
        for a in range(1 + entries):  # everybody, the arm, and the patient's half of each feature
            c = 0
            if a == 1:
                c = 1 + k
            elif a > 1:
                c = 1 + K + 2 * (a - 2) + (1 if x[r, a - 1] > 0.0 else 0)
            cells[r, c, 0] += 1.0
            cells[r, c, 1] += residual
            price = _price(cells[r, c, 0])
            for i in range(BETS.size):
                wealth = _bet(tests[r, c, i], price, gains[i], t, residual)
                if wealth >= limits[c] and first[r, 0, 0] < 0:
                    _note(first[r, 0], c * BETS.size + i, t, tests[r, c, i])
        if link == IDENTITY:
            price = _price(cells[r, 0, 0])
            square = (residual / noise) ** 2 / (1.0 + LOOSE * doubt)
            loud = math.log1p(SPREAD_BET * g * (min(square, WIDE * WIDE) - 1.0))
            rare = math.log1p(TAIL_BET * g * ((1.0 if square > WIDE * WIDE else 0.0) - RARE))
            for i in range(2):
                wealth = _bet(noisy[r, i], price, loud if i == 0 else rare, t, square)
                if wealth >= limits[-1] and first[r, 1, 0] < 0:
                    _note(first[r, 1], i, t, noisy[r, i])


@dataclass(frozen=True)
class Fit:
    """Outcomes seen in one arm, the mean of outcome less prediction in reward units, and its standard error at the
    declared noise; nan where nothing was seen."""

    seen: int
    mean: float
    error: float

    @property
    def half(self) -> float:
        """Half of the range of chance: 95 % of means lie within it while the model is right."""
        return NORMAL_95 * self.error


@dataclass(frozen=True)
class Misfit:
    """Outcomes differ from the model's mean. arm, feature: where, -1 for everywhere; high: in the upper half of that
    feature. round: of the alarm; since: about the first patient of the stretch (dated roughly: to within some dozens of
    outcomes there); shift: mean outcome less prediction in it, in reward units."""

    arm: int
    feature: int
    high: bool
    round: int
    since: int
    shift: float


@dataclass(frozen=True)
class Noise:
    """Outcomes scatter more than declared. kind: "spread" or "tails"; round: of the alarm; since: the first patient of
    the stretch; ratio: standard deviation of outcomes in it, in declared ones; cut: rewards that were cut since."""

    kind: str
    round: int
    since: int
    ratio: float
    cut: int


@dataclass(frozen=True)
class CheckReport:
    """The check of one replicate: the first alarm of each sort, None without one, and the fit in each arm."""

    misfit: Misfit | None
    noise: Noise | None
    arms: tuple[Fit, ...]

    @property
    def alarm(self) -> bool:
        return self.misfit is not None or self.noise is not None


class ModelCheck:
    """The check of R replicates. Cells: everybody, K arms, and two halves of each feature but the intercept."""

    def __init__(self, problem: Problem, replicates: int) -> None:
        self.problem = problem
        sizes = [n for n in (1, problem.n_arms, 2 * (problem.d_immutable - 1)) if n]
        part = ALPHA / (len(sizes) + 1)  # an equal part for everybody, arms, halves, noise
        tests = [math.log(n * BETS.size / part) for n in sizes for _ in range(n)]
        self.limits = np.array([*tests, math.log(2.0 / part)])
        cells = sum(sizes)
        self.tests = np.zeros((replicates, cells, BETS.size, 5))
        self.noisy = np.zeros((replicates, 2, 5))
        self.tests[..., WEALTH] = self.noisy[..., WEALTH] = _price(1.0)
        self.cells = np.zeros((replicates, cells, 2))
        self.first = np.full((replicates, 2, 4), -1.0)  # the first alarm of the mean and of noise; see _note
        self.expected = np.zeros((replicates, 2))  # (mean, sd) of the last prediction
        self.cut = np.zeros(replicates, np.int64)

    def record(self, estimator: Estimator, link: Link, t: int, arm: Ints, x: Floats, reward: Floats) -> None:
        """Outcomes number t of R replicates, each before it is learned: arm (R,), realised x (R, d), reward (R,)."""
        _record(
            link.code, link.binary, self.problem.noise, estimator.theta, estimator.A, arm, np.ascontiguousarray(x),
            reward, t, self.problem.d_immutable, self.limits, self.tests, self.noisy, self.cells, self.first,
            self.expected,
        )  # fmt: skip

    @property
    def alarmed(self) -> Bools:
        """Which replicates (R,) have had an alarm."""
        return np.asarray((self.first[:, :, 0] >= 0).any(axis=1))

    def tempered(self, reward: Floats) -> Floats:
        """Rewards to learn from: as they are, but within TEMPER sd of the last prediction after an alarm of noise.
        Those that are cut are counted."""
        loud = self.first[:, 1, 0] >= 0
        if not loud.any():
            return reward
        mean, sd = self.expected.T
        kept = np.where(loud, np.clip(reward, mean - TEMPER * sd, mean + TEMPER * sd), reward)
        self.cut += kept != reward
        return kept

    def report(self, replicate: int = 0) -> CheckReport:
        cells = self.cells[replicate, 1 : 1 + self.problem.n_arms]
        arms = tuple(
            Fit(int(n), float(total / n), self.problem.noise / math.sqrt(n)) if n else Fit(0, math.nan, math.nan)
            for n, total in cells
        )
        return CheckReport(self._misfit(replicate), self._noise(replicate), arms)

    def _misfit(self, replicate: int) -> Misfit | None:
        which, t, since, shift = (float(v) for v in self.first[replicate, 0])
        if which < 0:
            return None
        cell = int(which) // BETS.size
        half = cell - 1 - self.problem.n_arms
        return Misfit(
            arm=cell - 1 if cell > 0 and half < 0 else -1,
            feature=1 + half // 2 if half >= 0 else -1,
            high=half >= 0 and half % 2 == 1,
            round=int(t),
            since=int(since),
            shift=shift,
        )

    def _noise(self, replicate: int) -> Noise | None:
        which, t, since, square = (float(v) for v in self.first[replicate, 1])
        if which < 0:
            return None
        cut = int(self.cut[replicate])
        return Noise(("spread", "tails")[int(which)], int(t), int(since), math.sqrt(square), cut)

    def arrays(self) -> dict[str, np.ndarray]:
        return {
            "check_tests": self.tests,
            "check_noisy": self.noisy,
            "check_cells": self.cells,
            "check_first": self.first,
            "check_cut": self.cut,
        }

    def load(self, saved: dict[str, np.ndarray]) -> None:
        """Restore saved arrays(); what a state was saved without starts afresh: the check, or the count of cuts."""
        copy_into({name: array for name, array in self.arrays().items() if name in saved}, saved)
