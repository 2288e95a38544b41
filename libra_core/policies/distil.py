"""LIBRA that takes advice as data: it trusts advice as far as outcomes bear it out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from libra_core.advisors.base import Advisor, Own
from libra_core.arrays import Bools, Floats, Ints
from libra_core.glm.estimator import copy_into
from libra_core.policies.base import register
from libra_core.policies.config import PolicyConfig
from libra_core.policies.counsel import Counsel
from libra_core.policies.decision import Choice, Proposal, Reason
from libra_core.policies.libra import CODE, Libra, spread
from libra_core.problem import Actions, Contexts, Outcomes, Problem
from libra_core.recourse.optimistic import plan
from libra_core.recourse.plans import Plans
from libra_core.streams import Streams

RHO = 0.5  # excess risk allowed, as a share of the widths of what was played


@register
class LibraDistil(Libra):
    """LIBRA that learns from every answer, and follows an advisor as far as real outcomes bear it out.

    O is GLRB's own estimate and never hears advice; `policies.counsel` keeps what answers teach (the advised estimate J),
    the verdict on them, and the budget. Each round, b is GLRB's proposal under O, w its width:
    - play J's greedy plan where J leads, b otherwise;
    - ask while the width of that exceeds Delta, the budget lasts and the answer may be trusted;
    - follow the answer with probability `Counsel.trust`, if it is plausible: UCB_l >= UCB_b - c w_b;
    - leave b only for an a with UCB_a >= UCB_b - w_b, and only while the sum of (UCB_b - UCB_a - w_a)+ stays within
      RHO times the sum of w_a over what was played: the ledger.

    Guaranteed, whoever advises, adaptive adversaries included, where O's confidence sets cover: regret is at most
    (2 + RHO) sum_t w_t over what was played, which has GLRB's own elliptical-potential bound (2.5 times its bound, not
    its regret). Guaranteed always: at most `counsel.question_bound` questions, O(log^2 T); an advisor that never answers
    leaves GLRB's choices exactly. Measured, not proven: that a bad advisor costs next to nothing (docs/guarantees.md).
    What pages show as expected is O's: it rests on outcomes only.
    """

    name = "libra-distil"
    label = "LIBRA, trusts advice as far as outcomes bear it out"
    summary = "LIBRA that learns from every answer and follows an advisor as far as outcomes bear it out."

    def __init__(
        self, problem: Problem, config: PolicyConfig, streams: Streams, advisor: Advisor | None = None
    ) -> None:
        super().__init__(problem, config, streams, advisor)
        assert self.advisor is not None
        self.counsel = Counsel(self.advisor, problem, self.link, self.noise, streams.n)
        self.debt, self.paid = np.zeros(streams.n), np.zeros(streams.n)

    @property
    def leads(self) -> Bools:
        """Where the advised estimate chooses (R,)."""
        return self.counsel.leads

    def choose(self, contexts: Contexts) -> Choice:
        coin = self.streams.uniform(1)[:, 0]  # drawn in every round, so that replicates stay in step
        own = self.own(contexts)
        base, width, reason = self._led(contexts, own)
        ask, why_not = self._asks(width, coin)
        reason = np.where(reason == CODE[Reason.LED], reason, why_not)
        none = np.zeros_like(ask)
        rows = np.flatnonzero(ask)
        if not rows.size:
            return Choice(base, own.actions, reason, ask, none)
        assert self.advisor is not None
        asked = contexts.take(rows)
        advice = self.advisor.advise_many(asked, rows).checked(asked, self.problem)
        ruling = self.ruling(asked, rows, own.take(rows), Actions(advice.arm, advice.delta))
        willing = coin[rows] < self.counsel.trust[rows]
        reason[rows] = np.select(
            [~advice.given, ruling != CODE[Reason.ADOPTED], ~willing],
            [CODE[Reason.NO_ADVICE], ruling, CODE[Reason.DOUBTED]],
            ruling,
        )
        full = spread(advice, rows, len(coin))
        adopted = reason == CODE[Reason.ADOPTED]
        played = Actions(np.where(adopted, full.arm, base.arm), np.where(adopted[:, None], full.delta, base.delta))
        return Choice(played, own.actions, reason, ask, adopted, full)

    def ruling(self, contexts: Contexts, rows: Ints, own: Own, actions: Actions) -> Ints:
        """ADOPTED, or RULED_OUT: implausible under O, or more risk than the ledger allows."""
        return self._within(contexts, rows, own, actions, self.config.plausibility)[0]

    def _within(self, contexts: Contexts, rows: Ints, own: Own, actions: Actions, c: float) -> tuple[Ints, Floats]:
        _, lcb, ucb = self.bounds(contexts, actions, rows)
        high, width = contexts.worth(ucb, actions.arm), contexts.weight * (ucb - lcb)
        excess = np.maximum(own.ucb - high - width, 0.0)
        fine = high >= own.ucb - c * own.width
        fine &= (excess == 0.0) | (self.debt[rows] + excess <= RHO * self.paid[rows])
        return np.where(fine, CODE[Reason.ADOPTED], CODE[Reason.RULED_OUT]), width

    def _led(self, contexts: Contexts, own: Own) -> tuple[Actions, Floats, Ints]:
        """What is played without an answer, its width, and why: J's plan where J leads and O allows it, else b."""
        reason = np.full(len(contexts), CODE[Reason.CERTAIN])
        rows = np.flatnonzero(self.counsel.leads)
        if not rows.size:
            return own.actions, own.width, reason
        mine = contexts.take(rows)
        best = self._advised(mine, rows).actions
        ruling, wide = self._within(mine, rows, own.take(rows), best, 1.0)
        at, won = rows[ruling == CODE[Reason.ADOPTED]], ruling == CODE[Reason.ADOPTED]
        arm, delta, width = own.actions.arm.copy(), own.actions.delta.copy(), own.width.copy()
        arm[at], delta[at], width[at], reason[at] = best.arm[won], best.delta[won], wide[won], CODE[Reason.LED]
        return Actions(arm, delta), width, reason

    def _advised(self, contexts: Contexts, rows: Ints, table: bool = False) -> Plans:
        """J's greedy plan for some replicates; with `table`, every arm at its best change, whatever effort costs."""
        own, config = self.estimator, self.config
        cost, least = (0.0, 0.0) if table else (config.effort_cost, config.min_gain)
        theta = self.counsel.advised(own, rows)
        feasible, realised = self.problem.feasible, self.realised
        return plan(feasible, theta, own.A[rows], contexts, 0.0, realised, cost, least, table, self.link)

    def _asks(self, width: Floats, coin: Floats) -> tuple[Bools, Ints]:
        """Whom to ask about (R,), and the reason where nobody is asked."""
        allowed, why_not = self.may_ask()
        unsure = width > self.width_threshold
        ask = unsure & allowed & (self.counsel.left(self.t) >= 1.0)
        rows = np.flatnonzero(ask)
        if rows.size:
            self.counsel.judge(self.estimator, rows)
            ask &= self.counsel.welcome(coin)
        why_not = np.where(allowed, CODE[Reason.UNEARNED], why_not)
        return ask, np.where(unsure, why_not, CODE[Reason.CERTAIN])

    def learn(self, proposal: Proposal, outcomes: Outcomes) -> None:
        self._account(proposal)
        actions, own = proposal.actions, proposal.choice.own
        self.counsel.weigh(self.estimator, actions.arm, outcomes)
        self.counsel.asked += proposal.choice.asked
        advice = proposal.choice.advice
        rows = np.flatnonzero(advice.given) if advice is not None else np.zeros(0, np.int64)
        if advice is not None and rows.size:
            mine, said = proposal.contexts.take(rows), Actions(advice.arm[rows], advice.delta[rows])
            planned = Actions(own.arm[rows], own.delta[rows])
            plans = self._advised(mine, rows, table=True)
            self.counsel.hear(self.estimator, mine, rows, said, plans, planned, self.realised)
        super().learn(proposal, outcomes)

    def _account(self, proposal: Proposal) -> None:
        """Enter what was played into the ledger."""
        contexts, actions, own = proposal.contexts, proposal.actions, proposal.choice.own
        width = contexts.weight * (proposal.ucb - proposal.lcb)
        self.paid += width
        rows = np.flatnonzero((actions.arm != own.arm) | (actions.delta != own.delta).any(axis=1))
        if rows.size:
            mine, b = contexts.take(rows), Actions(own.arm[rows], own.delta[rows])
            best = mine.worth(self.bounds(mine, b, rows)[2], b.arm)
            high = contexts.worth(proposal.ucb, actions.arm)
            self.debt[rows] += np.maximum(best - high[rows] - width[rows], 0.0)

    def arrays(self) -> dict[str, np.ndarray]:
        return super().arrays() | self.counsel.arrays() | {"debt": self.debt, "paid": self.paid}

    def load(self, saved: dict[str, np.ndarray]) -> None:
        super().load(saved)
        self.counsel.load(saved)
        copy_into({"debt": self.debt, "paid": self.paid}, saved)
