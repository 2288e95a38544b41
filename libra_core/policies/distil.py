"""LIBRA that takes advice as data: it trusts advice as far as outcomes bear it out, and questions are earned."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.special import ndtr

from libra_core.advisors.base import Advisor
from libra_core.arrays import Bools, Floats, Ints
from libra_core.glm.estimator import copy_into
from libra_core.policies.base import register
from libra_core.policies.config import PolicyConfig
from libra_core.policies.counsel import SHIFT, Counsel
from libra_core.policies.decision import Choice, Proposal, Reason
from libra_core.policies.libra import CODE, Libra, _spread
from libra_core.problem import Actions, Contexts, Outcomes, Problem
from libra_core.recourse.optimistic import plan
from libra_core.recourse.plans import Plans, evaluate
from libra_core.streams import Streams

SHARP = 2.0  # advice is followed with probability Phi(SHARP (z + SHIFT)), z the verdict on earlier answers
DISMISS = -2.0  # no question while the shifted verdict is below
EAGER = 0.0
HOPE = 99.0
FREE = 40
RHO = 0.5  # excess risk allowed, as a share of the widths of what was played


@register
class LibraDistil(Libra):
    name = "libra-distil"
    label = "LIBRA, advice as data"
    summary = "LIBRA that learns from advice as data, and trusts it as far as outcomes bear it out."

    def __init__(self, problem: Problem, config: PolicyConfig, streams: Streams, advisor: Advisor | None = None) -> None:
        super().__init__(problem, config, streams, advisor)
        assert advisor is not None
        self.counsel = Counsel(advisor, problem, self.link, self.noise, streams.n)
        self.debt, self.paid = np.zeros(streams.n), np.zeros(streams.n)

    @property
    def leads(self) -> Bools:
        return self.counsel.leads

    def choose(self, contexts: Contexts) -> Choice:
        coin = self.streams.uniform(1)[:, 0]  # drawn every round, so that replicates stay in step
        plans = self.plan(contexts, self.beta)
        own = plans.actions
        _, lcb, ucb = self.spread(*plans.chosen())
        bound, width = contexts.worth(ucb, own.arm), contexts.weight * (ucb - lcb)
        arm, delta = own.arm.copy(), own.delta.copy()
        reason = np.full(len(arm), CODE[Reason.CERTAIN])
        rows = np.flatnonzero(self.counsel.leads)
        if rows.size:
            act = self._advised(contexts.take(rows), rows).actions
            fine = self._allowed(contexts, rows, act, bound, width, 1.0)
            arm[rows] = np.where(fine, act.arm, arm[rows])
            delta[rows] = np.where(fine[:, None], act.delta, delta[rows])
        base = Actions(arm, delta)
        ask = self._worth_asking(contexts, base, coin)
        choice = Choice(base, own, reason, ask, np.zeros_like(ask))
        rows = np.flatnonzero(ask)
        if not rows.size:
            return choice
        assert self.advisor is not None
        asked = contexts.take(rows)
        advice = self.advisor.advise_many(asked, rows).checked(asked, self.problem)
        said = Actions(advice.arm, advice.delta)
        willing = coin[rows] < ndtr(SHARP * np.minimum(self.counsel.z[rows] + SHIFT, self.counsel.y[rows] + HOPE))
        adopt = advice.given & willing & self._allowed(contexts, rows, said, bound, width, self.config.plausibility)
        adopt &= ~self.counsel.leads[rows] | self._plausible_advised(asked, rows, said, Actions(arm[rows], delta[rows]))
        arm, delta = arm.copy(), delta.copy()
        arm[rows] = np.where(adopt, said.arm, arm[rows])
        delta[rows] = np.where(adopt[:, None], said.delta, delta[rows])
        reason[rows] = np.where(
            adopt, CODE[Reason.ADOPTED], np.where(advice.given, CODE[Reason.RULED_OUT], CODE[Reason.NO_ADVICE])
        )
        adopted = np.zeros(len(arm), bool)
        adopted[rows] = adopt
        return replace(
            choice, actions=Actions(arm, delta), reason=reason, adopted=adopted, advice=_spread(advice, rows, len(arm))
        )

    def _allowed(self, contexts: Contexts, rows: Ints, act: Actions, bound: Floats, width: Floats, c: float) -> Bools:
        """Plausible under O, and within the ledger."""
        mine = contexts.take(rows)
        theta, A = self.estimator.theta[rows], self.estimator.A[rows]
        _, low, high = self.spread(*evaluate(theta, A, mine, act, self.realised))
        high, wide = mine.worth(high, act.arm), mine.weight * (high - low)
        excess = np.maximum(bound[rows] - high - wide, 0.0)
        fine = high >= bound[rows] - c * width[rows]
        return fine & ((excess == 0.0) | (self.debt[rows] + excess <= RHO * self.paid[rows]))

    def _advised(self, contexts: Contexts, rows: Ints, table: bool = False) -> Plans:
        own, config = self.estimator, self.config
        theta = self.counsel.advised(own, rows)
        cost, least = (0.0, 0.0) if table else (config.effort_cost, config.min_gain)
        return plan(self.problem.feasible, theta, own.A[rows], contexts, 0.0 if table else EAGER * self.beta, self.realised, cost, least, table, self.link)

    def _advised_bounds(self, contexts: Contexts, rows: Ints, actions: Actions) -> tuple[Floats, Floats]:
        theta = self.counsel.advised(self.estimator, rows)
        _, low, high = self.spread(*evaluate(theta, self.estimator.A[rows], contexts, actions, self.realised))
        return contexts.worth(high, actions.arm), contexts.weight * (high - low)

    def _plausible_advised(self, asked: Contexts, rows: Ints, said: Actions, base: Actions) -> Bools:
        high, width = self._advised_bounds(asked, rows, base)
        return self._advised_bounds(asked, rows, said)[0] >= high - self.config.plausibility * width

    def _worth_asking(self, contexts: Contexts, base: Actions, coin) -> Bools:
        counsel = self.counsel
        counsel.log2 = np.log(1 + self.t) ** 2
        ask = (counsel.left > 0) & self.may_ask()[0]
        rows = np.flatnonzero(ask)
        if rows.size:
            ask[rows] = self._advised_bounds(contexts.take(rows), rows, Actions(base.arm[rows], base.delta[rows]))[1] > self.width_threshold
            rows = np.flatnonzero(ask)
        if rows.size:
            counsel.judge(self.estimator, rows)
            trust = ndtr(SHARP * np.minimum(counsel.z[rows] + SHIFT, counsel.y[rows] + HOPE))
            ask[rows] = (counsel.asked[rows] < FREE) & (counsel.z[rows] + SHIFT > DISMISS) | (coin[rows] < trust)
        return ask

    def learn(self, proposal: Proposal, outcomes: Outcomes) -> None:
        contexts, actions, own = proposal.contexts, proposal.actions, proposal.choice.own
        _, low, high = self.bounds(contexts, actions)
        wide = contexts.weight * (high - low)
        self.paid += wide
        bound = contexts.worth(self.bounds(contexts, own)[2], own.arm)
        self.debt += np.maximum(bound - contexts.worth(high, actions.arm) - wide, 0.0)
        self.counsel.weigh(self.estimator, actions.arm, outcomes)
        self.counsel.asked += proposal.choice.asked
        advice = proposal.choice.advice
        if advice is not None:
            rows = np.flatnonzero(advice.given)
            if rows.size:
                mine = contexts.take(rows)
                self.counsel.hear(
                    self.estimator, mine, rows, Actions(advice.arm[rows], advice.delta[rows]),
                    self._advised(mine, rows, table=True), Actions(own.arm[rows], own.delta[rows]), self.realised,
                )  # fmt: skip
        super().learn(proposal, outcomes)

    def arrays(self) -> dict[str, np.ndarray]:
        return super().arrays() | self.counsel.arrays() | {"debt": self.debt, "paid": self.paid}

    def load(self, saved: dict[str, np.ndarray]) -> None:
        super().load(saved)
        self.counsel.load(saved)
        copy_into({"debt": self.debt, "paid": self.paid}, saved)
