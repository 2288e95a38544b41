"""Hard instances: problems on which a lower bound is proven for every policy, so that regret can be held against it.

The rates are known: sqrt(K T) for K arms (Auer, Cesa-Bianchi, Freund, Schapire 2002, theorem 5.1) and d sqrt(T) for a
ball (Rusmevichientong and Tsitsiklis 2010, theorem 2.1). The constants are derived here, in the docstrings below.
Each instance is drawn from a prior, and each bound is on the mean over that prior: a mean over replicates estimates it,
and a single replicate may stay below. They hold for all who learn from outcomes alone: an advisor who knows more than
they tell is outside of them. How hard an instance is depends on the number of rounds, so that an environment
is told of it (`Environment.for_rounds`).
"""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import ClassVar

import numpy as np

from libra_core.arrays import Floats
from libra_core.cohort import Cohort
from libra_core.environments.base import Environment, EnvironmentSpec, register
from libra_core.feasible import FeasibleSet
from libra_core.glm.link import LINKS
from libra_core.problem import Contexts, Problem

HORIZON = 1_000  # rounds that an instance is made for when nobody says how many


class Hard(Environment):
    """One context for ever: x = (1, 0, ..., 0); identity link, Gaussian noise of SD `noise` (1 by default).

    `contrast` multiplies the gap that is the hardest for the number of rounds.
    """

    free: ClassVar[float]  # |delta_j| <= free

    def __init__(
        self, spec: EnvironmentSpec, seed: int, replicates: int, first: int = 0, cohort: Cohort | None = None
    ) -> None:
        super().__init__(spec, seed, replicates, first)
        if spec.link == "logistic" or spec.noise == 0.0:
            raise ValueError(f"{self.name} has Gaussian rewards: link must be identity, and noise above 0")
        arms, changes = self._size(spec)
        self.problem = Problem(
            arms=tuple(f"arm {k + 1}" for k in range(arms)),
            immutable=("intercept",),
            mutable=tuple(f"m{j + 1}" for j in range(changes)),
            link=LINKS["identity"],
            feasible=FeasibleSet((1.0,) * changes, self.free),
            noise=1.0 if spec.noise is None else spec.noise,
            reward_unit="reward",
            realised=(1.0,) * changes,
            x_bound=math.hypot(1.0, self.free),
        )
        truths = [np.random.default_rng([seed, first + r, 1]) for r in range(replicates)]
        self._direction = np.stack([self._draw(generator) for generator in truths])
        box = np.full((replicates, changes), self.free)
        x = np.tile([1.0] + [0.0] * changes, (replicates, 1))
        self._contexts = Contexts(x, -box, box, np.ones((replicates, arms), bool), np.full(replicates, -1))
        self.for_rounds(HORIZON)

    def for_rounds(self, rounds: int) -> None:
        self.rounds = rounds
        self.theta = self.gap * self._direction

    def arrive(self) -> Contexts:
        return self._contexts

    @abstractmethod
    def _size(self, spec: EnvironmentSpec) -> tuple[int, int]:
        """(arms, mutable features)."""

    @abstractmethod
    def _draw(self, generator: np.random.Generator) -> Floats:
        """theta (K, d) of one replicate, with a gap of 1."""

    @property
    @abstractmethod
    def gap(self) -> float:
        """What theta is multiplied by: `contrast` times the hardest for this many rounds."""

    @abstractmethod
    def lower_bound(self, rounds: int) -> float:
        """No policy that learns from outcomes alone has a smaller mean regret over the draw of the instance."""


@register
class HardArms(Hard):
    """K = `arms`, of which one, J uniform, has mean D and the others 0; nothing can be changed.

    Lower bound: E[regret after n rounds] >= n D (1 - 1/K - (D/2 sigma) sqrt(n/K)) for every policy.

    Proof. Let N_j be the number of times that arm j is tried, P_j the law of the n rounds if J = j, and P_0 the law if
    every mean is 0. P_0 and P_j differ only where j is tried: KL(P_0, P_j) = E_0[N_j] D^2/(2 sigma^2). As 0 <= N_j <=
    n, Pinsker gives E_j[N_j] <= E_0[N_j] + n sqrt(KL/2) = E_0[N_j] + n (D/2 sigma) sqrt(E_0[N_j]). Averaged over j,
    since the E_0[N_j] sum to n and the root is concave: mean E_j[N_j] <= n/K + n (D/2 sigma) sqrt(n/K). A round that
    does not try J costs D.

    The gap is D = contrast x sigma (1 - 1/K) sqrt(K/T): with contrast = 1 the bound at n = T is at its largest, sigma
    sqrt(K T) (1 - 1/K)^2 / 2.
    """

    name = "hard-arms"
    label = "Hard instance: one arm slightly better"
    free = 0.0

    def _size(self, spec: EnvironmentSpec) -> tuple[int, int]:
        return spec.arms, 1

    def _draw(self, generator: np.random.Generator) -> Floats:
        theta = np.zeros((self.problem.n_arms, self.problem.d))
        theta[generator.integers(self.problem.n_arms), 0] = 1.0
        return theta

    @property
    def gap(self) -> float:
        K = self.problem.n_arms
        return self.spec.contrast * self.problem.noise * (1.0 - 1.0 / K) * math.sqrt(K / self.rounds)

    def lower_bound(self, rounds: int) -> float:
        """The largest of the bound over n <= rounds, since regret never falls; 0 if it says nothing."""
        K, n = self.problem.n_arms, np.arange(1, rounds + 1)
        bound = n * self.gap * (1.0 - 1.0 / K - self.gap / (2.0 * self.problem.noise) * np.sqrt(n / K))
        return max(0.0, float(bound.max()))


@register
class HardBall(Hard):
    """One arm; a change delta in the unit ball of d = `d_mutable` features is worth theta'delta, theta ~ N(0, tau^2 I).

    Lower bound: E[regret after n rounds] >= sum over t < n of [E|theta| - sqrt(d tau^2 - d^2/(d/tau^2 +
    t/sigma^2))]_+ for every policy,
    where E|theta| = tau sqrt(2) Gamma((d + 1)/2) / Gamma(d/2).

    Proof. The best change is worth |theta|. Given t rounds, theta is Gaussian with mean m and covariance S, S^-1 =
    I/tau^2 + sum delta delta'/sigma^2, so that the next change is worth at most |m| in expectation, and E|m| <=
    sqrt(E|m|^2) = sqrt(d tau^2 - E tr S). By Cauchy and Schwarz tr S >= d^2 / tr S^-1 >= d^2 / (d/tau^2 + t/sigma^2),
    as |delta| <= 1. No round has a regret below 0. A policy that does not know that the intercept is 0 knows less.

    tau^2 = contrast^2 x 2 d sigma^2 / T, near where the sum at n = T is at its largest: it is then of order sigma d
    sqrt(T).
    """

    name = "hard-ball"
    label = "Hard instance: a ball of changes"
    free = 1.0

    def _size(self, spec: EnvironmentSpec) -> tuple[int, int]:
        return 1, spec.d_mutable

    def _draw(self, generator: np.random.Generator) -> Floats:
        return np.concatenate([[0.0], generator.standard_normal(self.problem.d_mutable)])[None]

    @property
    def gap(self) -> float:
        """tau."""
        return self.spec.contrast * self.problem.noise * math.sqrt(2.0 * self.problem.d_mutable / self.rounds)

    def lower_bound(self, rounds: int) -> float:
        d, tau, sigma = self.problem.d_mutable, self.gap, self.problem.noise
        if tau == 0.0:
            return 0.0
        longest = tau * math.sqrt(2.0) * math.exp(math.lgamma((d + 1) / 2) - math.lgamma(d / 2))
        known = d * tau**2 - d**2 / (d / tau**2 + np.arange(rounds) / sigma**2)
        return float(np.maximum(0.0, longest - np.sqrt(np.maximum(0.0, known))).sum())
