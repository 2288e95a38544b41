"""The base of all policies with an estimator: estimate, plan, bound, explain, learn."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from libra_core.advisors.base import Advisor
from libra_core.arrays import Floats, Ints
from libra_core.glm.confidence import glm_radius, linear_radius, practical_radius
from libra_core.glm.estimator import Estimator, OnePass, Shared
from libra_core.glm.interval import half_width
from libra_core.glm.link import LINKS, Link
from libra_core.glm.refit import Refitting
from libra_core.policies.base import Policy
from libra_core.policies.check import ModelCheck
from libra_core.policies.config import PolicyConfig
from libra_core.policies.decision import ArmOption, Proposal
from libra_core.problem import Actions, Contexts, Outcomes, Problem, moved
from libra_core.recourse.optimistic import plan
from libra_core.recourse.plans import Plans, evaluate
from libra_core.streams import Streams


class ModelPolicy(Policy):
    """A policy that estimates theta_a from rewards. `linear` models the mean itself, whatever the problem's link."""

    linear: ClassVar[bool] = False
    optimistic: ClassVar[bool] = True  # proposes the plan with the largest optimistic value
    recourse: ClassVar[bool] = True  # may change habits; without it F shrinks to {0}

    def __init__(
        self, problem: Problem, config: PolicyConfig, streams: Streams, advisor: Advisor | None = None
    ) -> None:
        super().__init__(problem, config, streams, advisor)
        self.link: Link = LINKS["identity"] if self.linear else problem.link
        self.estimator = self._estimator()
        planned = problem.realised if config.plan_with == "expected" else (1.0,) * problem.d_mutable
        self.realised = np.asarray(planned, dtype=float)
        self.check = ModelCheck(problem, streams.n)

    def _estimator(self) -> Estimator:
        size = (self.link, self.streams.n, self.problem.n_arms, self.problem.d, self.config.ridge)
        if self.config.shared:
            if self.config.estimator != "one-pass":
                raise ValueError("the shared estimator is one-pass only: set estimator to one-pass, or shared to false")
            return Shared(*size)
        if self.config.estimator == "one-pass":
            return OnePass(*size)
        return Refitting(*size, growth=2.0 if self.config.estimator == "refit" else 1.0)

    @property
    def noise(self) -> float:
        """Noise scale in the estimator's metric: a GLM's V is Fisher-weighted, so its scale is 1."""
        return self.problem.noise if self.link.name == "identity" else 1.0

    @property
    def beta(self) -> float:
        return self.beta_at(self.t)

    def beta_at(self, t: int) -> float:
        """beta_t, the confidence radius on the index scale after t rounds."""
        config, problem = self.config, self.problem
        if config.radius == "practical":
            return practical_radius(t, config.alpha, self.noise)
        # with shared=True theta_a is a sum of two blocks of a (K+1)d-dimensional estimate
        d = problem.d * (problem.n_arms + 1) if config.shared else problem.d
        known = (t, d, problem.noise, config.ridge, problem.x_bound, config.norm_bound, config.failure)
        sets = 1 if config.shared else problem.n_arms
        if self.link.name == "identity":
            return linear_radius(*known, sets=sets)
        return glm_radius(*known, kappa=self.link.flattest(problem.x_bound * config.norm_bound), sets=sets)

    def plan(
        self,
        contexts: Contexts,
        beta: float,
        theta: Floats | None = None,
        table: bool = False,
        rows: Ints | None = None,
    ) -> Plans:
        """Best arm and change under the current estimate (or a given theta) at radius beta. rows (n,): the replicate
        that each context belongs to; None: one context for each."""
        theta, A = self.estimator.theta if theta is None else theta, self.estimator.A
        return plan(
            self.problem.feasible,
            theta if rows is None else theta[rows],
            A if rows is None else A[rows],
            contexts if self.recourse else contexts.unchanged,
            beta,
            self.realised,
            self.config.effort_cost,
            self.config.min_gain,
            table,
            self.link,
        )

    def spread(self, z: Floats, s: Floats) -> tuple[Floats, Floats, Floats]:
        """(mean, lcb, ucb) on the mean scale from index z and standard width s."""
        return self.link.between(z, self.beta * s)

    def bounds(self, contexts: Contexts, actions: Actions, rows: Ints | None = None) -> tuple[Floats, Floats, Floats]:
        """(mean, lcb, ucb), each (n,), on the mean scale. rows: see `evaluate`."""
        return self.spread(*evaluate(self.estimator.theta, self.estimator.A, contexts, actions, self.realised, rows))

    def credible(self, contexts: Contexts, actions: Actions) -> tuple[Floats, Floats, Floats]:
        """mu(z -+ h), h from `glm.interval`: made to hold at every round at once, for arms not chosen too, whatever the
        exploration radius. What is proven of it and what is measured stands there."""
        z, _ = evaluate(self.estimator.theta, self.estimator.A, contexts, actions, self.realised)
        x = moved(contexts.x, actions.delta * self.realised)
        half = half_width(self.estimator, actions.arm, x, self.noise, self.config.ridge)
        return self.link.mean(z), self.link.mean(z - half), self.link.mean(z + half)

    def options(self, contexts: Contexts) -> tuple[ArmOption, ...]:
        plans = self.plan(contexts, self.beta, table=True)
        rows = []
        for k in range(self.problem.n_arms):
            best = Actions(np.array([k]), plans.delta[:1, k])
            still = Actions(np.array([k]), np.zeros_like(best.delta))
            mean, lcb, ucb = (float(v[0]) for v in self.bounds(contexts, best))
            _, low, high = (float(v[0]) for v in self.credible(contexts, best))
            mean0, low0, high0 = (float(v[0]) for v in self.credible(contexts, still))
            delta = tuple(map(float, best.delta[0]))
            effort = float(self.problem.feasible.effort(best.delta)[0])
            eligible = bool(contexts.eligible[0, k])
            rows.append(ArmOption(k, eligible, delta, effort, mean, lcb, ucb, low, high, mean0, low0, high0))
        return tuple(rows)

    def explain(self, contexts: Contexts, actions: Actions) -> Floats:
        rows = np.arange(len(contexts))
        return self.estimator.theta[rows, actions.arm] * moved(contexts.x, actions.delta * self.realised)

    def learn(self, proposal: Proposal, outcomes: Outcomes) -> None:
        arm = proposal.actions.arm
        self.check.record(self.estimator, self.link, self.t + 1, arm, outcomes.x, outcomes.reward)
        self.estimator.update(arm, outcomes.x, self.check.tempered(outcomes.reward))
        super().learn(proposal, outcomes)

    def arrays(self) -> dict[str, np.ndarray]:
        return super().arrays() | self.estimator.arrays() | self.check.arrays()

    def load(self, saved: dict[str, np.ndarray]) -> None:
        super().load(saved)
        self.estimator.load(saved)
        self.check.load(saved)
