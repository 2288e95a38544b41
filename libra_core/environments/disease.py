"""The simulation shared by all diseases: patients of a cohort, one true model, partial compliance.

A subclass gives the expected effect of each treatment at the changed habits as an affine function of clinical
quantities. Rewards: "identity", the expected fall in the outcome's unit; "logistic", goal
reached, with logit P = (1.7 / sigma) (goal - expected outcome). Both are linear in x' = (x_I, change), so GLRB's model
is well specified.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import numpy as np

from libra_core.arrays import Bools, Floats
from libra_core.clinical import Protocol, default_protocol
from libra_core.cohort import Cohort, load_cohort
from libra_core.environments.base import Environment, EnvironmentSpec, recheck_of
from libra_core.glm.link import link_named
from libra_core.problem import Contexts, Problem

REALISED = 0.4  # mean of Beta(2, 3), the realised share of an advised change (assumption)


class Affine:
    """An affine function of raw clinical quantities, as coefficients on the standardised x'."""

    def __init__(self, protocol: Protocol) -> None:
        self.protocol = protocol
        self.theta = np.zeros(len(protocol.context) + len(protocol.mutable))

    def constant(self, value: float) -> None:
        self.theta[0] += value

    def state(self, entry: str, slope: float, centre: float = 0.0) -> None:
        """slope * (value - centre) of an immutable entry. Raises ValueError if the context lacks it."""
        if slope == 0.0:
            return
        if entry not in self.protocol.context:
            raise ValueError(f"this environment needs {entry!r} in the protocol's context")
        name = entry.removesuffix(":now")
        mean, sd = 0.0, 1.0  # a derived flag enters as 0/1
        if name in self.protocol.names:
            feature = self.protocol.feature(name)
            mean, sd = feature.mean, feature.sd
        self.theta[self.protocol.context.index(entry)] += slope * sd
        self.theta[0] += slope * (mean - centre)

    def change(self, name: str, slope: float) -> None:
        """slope * (change of a habit), in clinical units."""
        j = self.protocol.mutable.index(name)
        self.theta[len(self.protocol.context) + j] += slope * float(self.protocol.scales[j])

    def level(self, name: str, slope: float, centre: float) -> None:
        """slope * (today's level + change - centre) of a habit."""
        if slope != 0.0:
            self.state(f"{name}:now", slope, centre)
            self.change(name, slope)


class Disease(Environment):
    """Patients drawn with replacement from a cohort's arrivals; one true model for all replicates."""

    sigma: ClassVar[float]  # SD of the outcome around its mean, in the outcome's unit

    def __init__(
        self, spec: EnvironmentSpec, seed: int, replicates: int, first: int = 0, cohort: Cohort | None = None
    ) -> None:
        super().__init__(spec, seed, replicates, first)
        self.cohort = cohort or load_cohort(spec.cohort or default_protocol().cohorts[0].name)
        self._prepare(self.cohort)

    @abstractmethod
    def expected(self, protocol: Protocol, code: str) -> Affine:
        """The expected fall of the outcome under one treatment, at the changed habits."""

    @abstractmethod
    def memberships(self, cohort: Cohort) -> dict[str, Bools]:
        """Subgroups for reporting: name -> membership of each patient of the cohort, (n,)."""

    def _prepare(self, cohort: Cohort) -> None:
        protocol, spec = cohort.protocol, self.spec
        self.rows = np.asarray(cohort.arrivals)
        if not self.rows.size:
            raise ValueError(f"no patient of {cohort.label} enters the simulation: {protocol.arrivals_rule.reason}")
        link = link_named(spec.link or "identity")
        self.patients = cohort.contexts(self.rows, goal=link.binary)
        gamma = protocol.feasible.gamma if spec.gamma is None else spec.gamma
        self.problem = Problem(
            arms=tuple(t.label for t in protocol.treatments),
            immutable=protocol.context,
            mutable=protocol.mutable,
            link=link,
            feasible=protocol.feasible_set(spec.gamma, spec.limits),
            noise=0.5 if link.binary else (self.sigma if spec.noise is None else spec.noise),
            reward_unit="probability" if link.binary else protocol.outcome.unit,
            realised=(REALISED if spec.compliance == "partial" else 1.0,) * len(protocol.mutable),
            x_bound=float(np.linalg.norm(self.patients.x, axis=1).max()) + gamma / min(protocol.effort_weights),
            eligible_after=recheck_of(cohort),
        )
        theta = self._truth(protocol, link.binary)
        self.theta = np.broadcast_to(theta, (self.replicates, *theta.shape)).copy()
        self._member = self.memberships(cohort)

    def _truth(self, protocol: Protocol, logistic: bool) -> Floats:
        """theta (K, d) of the reward: the fall of the outcome, or the log odds of the goal."""
        rows = []
        for treatment in protocol.treatments:
            f = self.expected(protocol, treatment.code)
            if logistic:
                f.state(protocol.outcome.name, -1.0, protocol.outcome.goal)
            rows.append(self.logit_slope * f.theta if logistic else f.theta)
        return np.stack(rows)

    @property
    def logit_slope(self) -> float:
        """1.7 / sigma: probit-logit match."""
        return 1.7 / self.sigma

    def arrive(self) -> Contexts:
        draw = self.arrivals.uniform(1)[:, 0]
        return self.patients.take(np.floor(draw * len(self.rows)).astype(np.int64))

    def realised_shares(self) -> Floats:
        """All of the advised change, or with partial compliance Beta(2, 3): the second smallest of four uniforms."""
        if self.spec.compliance == "full":
            return super().realised_shares()
        d = self.problem.d_mutable
        return np.sort(self.compliance.uniform(4 * d).reshape(self.replicates, d, 4), axis=2)[:, :, 1]

    def groups(self, contexts: Contexts) -> dict[str, Bools]:
        return {name: member[contexts.row] for name, member in self._member.items()}
