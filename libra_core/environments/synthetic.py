"""The synthetic environment of the paper: Gaussian contexts, Gaussian theta, one ball of feasible changes."""

from __future__ import annotations

import numpy as np

from libra_core.cohort import Cohort
from libra_core.environments.base import Environment, EnvironmentSpec, register
from libra_core.feasible import FeasibleSet
from libra_core.glm.link import link_named
from libra_core.problem import Contexts, Problem

CLIP = 2.5  # contexts are N(0, 1) clipped here
BOX = 1.5  # |delta_j| <= BOX for every mutable feature


@register
class Synthetic(Environment):
    """theta_a ~ N(0, spread^2 / d), drawn anew for each replicate; every arm eligible; full compliance."""

    name = "synthetic"
    label = "Synthetic (as in the paper)"

    def __init__(
        self, spec: EnvironmentSpec, seed: int, replicates: int, first: int = 0, cohort: Cohort | None = None
    ) -> None:
        super().__init__(spec, seed, replicates, first)
        d_i, d_m = spec.d_immutable + 1, spec.d_mutable
        d = d_i + d_m
        gamma = 1.0 if spec.gamma is None else spec.gamma
        link = link_named(spec.link or "logistic")
        noise = 0.5 if spec.noise is None else spec.noise
        self.problem = Problem(
            arms=tuple(f"arm {k + 1}" for k in range(spec.arms)),
            immutable=("intercept", *(f"x{j + 1}" for j in range(spec.d_immutable))),
            mutable=tuple(f"m{j + 1}" for j in range(d_m)),
            link=link,
            feasible=FeasibleSet((1.0,) * d_m, gamma),
            noise=0.5 if link.binary else noise,
            reward_unit="probability" if link.binary else "reward",
            realised=(1.0,) * d_m,
            x_bound=float(np.sqrt(1.0 + (d - 1) * CLIP**2)) + gamma,
        )
        truths = [np.random.default_rng([seed, first + r, 1]) for r in range(replicates)]
        self.theta = np.stack([g.standard_normal((spec.arms, d)) for g in truths]) * (spec.spread / np.sqrt(d))
        self._box = np.full((replicates, d_m), BOX)
        self._eligible = np.ones((replicates, spec.arms), bool)
        self._row = np.full(replicates, -1)

    def arrive(self) -> Contexts:
        draw = np.clip(self.arrivals.normal(self.problem.d - 1), -CLIP, CLIP)
        x = np.concatenate([np.ones((self.replicates, 1)), draw], axis=1)
        return Contexts(x, -self._box, self._box, self._eligible, self._row)
