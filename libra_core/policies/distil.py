"""LIBRA that takes advice as data: it trusts advice as far as outcomes bear it out."""

from __future__ import annotations

import numpy as np

from libra_core.advisors.base import AdviceBatch, Advisor, Own
from libra_core.arrays import Bools, Floats, Ints
from libra_core.glm.estimator import copy_into
from libra_core.policies.base import register
from libra_core.policies.config import PolicyConfig
from libra_core.policies.counsel import Counsel, Trust, question_bound
from libra_core.policies.decision import Choice, Proposal, Reason
from libra_core.policies.libra import CODE, Libra
from libra_core.problem import Actions, Contexts, Outcomes, Problem
from libra_core.recourse.optimistic import plan
from libra_core.recourse.plans import Plans
from libra_core.streams import Streams

SHARE = 0.95  # of rounds that J decides where it leads; in the others O goes on learning about its own plans
RHO = 0.5  # excess risk allowed, as a share of the widths of what was played


@register
class LibraDistil(Libra):
    """LIBRA that learns from every answer, and follows an advisor as far as real outcomes bear it out.

    O is GLRB's own estimate and never hears advice. `policies.counsel` keeps, for each advisor of a panel, what its
    answers teach (the advised estimate J), what outcomes say of them, and the budget. Each round, with b GLRB's
    proposal under O and w its width:
    - play J's greedy plan where J leads (in SHARE of the rounds), b otherwise;
    - ask while the width of that exceeds Delta, the budget lasts and the answer may be trusted;
    - follow the answer with probability `Counsel.trust`, if it is plausible: UCB_l >= UCB_b - c w_b;
    - leave b only for an a with UCB_a >= UCB_b - w_b, and only while the sum of (UCB_b - UCB_a - w_a)+ stays within
      RHO times the sum of w_a over what was played: the ledger.

    Guaranteed, whoever advises, adaptive adversaries included, where O's confidence sets cover: regret is at most
    (2 + RHO) sum_t w_t over what was played, which has GLRB's own elliptical-potential bound (2.5 times its bound, not
    its regret). Guaranteed always: at most `counsel.question_bound` questions to an advisor, O(d log^2 T); one that
    never answers leaves GLRB's choices exactly. Measured, not proven: that a bad advisor costs next to nothing
    (docs/guarantees.md).
    What pages show as expected is O's: it rests on outcomes only.
    """

    name = "libra-distil"
    label = "LIBRA (trusts advice as far as outcomes bear it out)"
    summary = "LIBRA that learns from every answer and follows an advisor as far as outcomes bear it out."

    def __init__(
        self, problem: Problem, config: PolicyConfig, streams: Streams, advisor: Advisor | None = None
    ) -> None:
        super().__init__(problem, config, streams, advisor)
        assert self.advisor is not None
        self.counsels = tuple(
            Counsel(member, problem, self.link, self.noise, streams.n) for member in self.advisor.members
        )
        self.debt, self.paid = np.zeros(streams.n), np.zeros(streams.n)

    @property
    def leads(self) -> Bools:
        """Where an advised estimate chooses (R,)."""
        return np.any([counsel.leads for counsel in self.counsels], axis=0)

    def choose(self, contexts: Contexts) -> Choice:
        coin = self.streams.uniform(1)[:, 0]  # drawn in every round, so that replicates stay in step
        own = self.own(contexts)
        base, width, led = self._led(contexts, own, coin)
        whom, willing, reason = self._whom(width, coin)
        reason = np.where(led, CODE[Reason.LED], reason)
        arm, delta, advice = base.arm.copy(), base.delta.copy(), None
        for m, counsel in enumerate(self.counsels):
            rows = np.flatnonzero(whom == m)
            if rows.size:
                asked = contexts.take(rows)
                said = counsel.advisor.advise_many(asked, rows).checked(asked, self.problem)
                reason[rows] = self._verdict(asked, rows, own.take(rows), said, willing[rows])
                advice = said.among(rows, len(coin), advice)
        adopted = reason == CODE[Reason.ADOPTED]
        if advice is not None:
            arm[adopted], delta[adopted] = advice.arm[adopted], advice.delta[adopted]
        return Choice(Actions(arm, delta), own.actions, reason, whom >= 0, adopted, advice, whom)

    def _verdict(self, contexts: Contexts, rows: Ints, own: Own, said: AdviceBatch, willing: Bools) -> Ints:
        """What becomes of n answers."""
        ruling = self.ruling(contexts, rows, own, Actions(said.arm, said.delta))
        refused = [~said.given, ruling != CODE[Reason.ADOPTED], ~willing]
        return np.select(refused, [CODE[Reason.NO_ADVICE], ruling, CODE[Reason.DOUBTED]], ruling)

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

    def _led(self, contexts: Contexts, own: Own, coin: Floats) -> tuple[Actions, Floats, Bools]:
        """What is played without an answer, its width, and whether it is J's: J's plan where one leads and O allows it,
        else b. Of several that lead, the one with the most evidence."""
        arm, delta, width = own.actions.arm, own.actions.delta, own.width
        led = np.zeros(len(contexts), bool)
        if not self.leads.any():
            return own.actions, width, led
        arm, delta, width = arm.copy(), delta.copy(), width.copy()
        best = np.argmax([np.where(c.leads, c.evidence, -np.inf) for c in self.counsels], axis=0)
        for m, counsel in enumerate(self.counsels):
            rows = np.flatnonzero(counsel.leads & (best == m) & (coin < SHARE))
            if rows.size:
                mine = contexts.take(rows)
                plan = self._advised(counsel, mine, rows).actions
                ruling, wide = self._within(mine, rows, own.take(rows), plan, 1.0)
                fine = ruling == CODE[Reason.ADOPTED]
                at = rows[fine]
                arm[at], delta[at], width[at], led[at] = plan.arm[fine], plan.delta[fine], wide[fine], True
        return Actions(arm, delta), width, led

    def _advised(self, counsel: Counsel, contexts: Contexts, rows: Ints, table: bool = False) -> Plans:
        """J's greedy plan for some replicates; with `table`, every arm at its best change, whatever effort costs."""
        own, config = self.estimator, self.config
        cost, least = (0.0, 0.0) if table else (config.effort_cost, config.min_gain)
        theta = counsel.advised(own, rows)
        feasible, realised = self.problem.feasible, self.realised
        return plan(feasible, theta, own.A[rows], contexts, 0.0, realised, cost, least, table, self.link)

    def _whom(self, width: Floats, coin: Floats) -> tuple[Ints, Bools, Ints]:
        """The number of the advisor to ask (R,), -1 for nobody; whether a plausible answer is followed; and the reason
        for asking nobody. Of several that are welcome, the one with the most questions left: all alike at first, then
        whoever is trusted, since only they are asked."""
        allowed, why_not = self.may_ask()
        unsure = width > self.width_threshold
        whom, most, willing = np.full(len(width), -1), np.ones(len(width)), np.zeros(len(width), bool)
        for m, counsel in enumerate(self.counsels):
            left = counsel.left(self.t)
            rows = np.flatnonzero(unsure & allowed & (left >= most))
            if rows.size:
                z = counsel.verdict(self.estimator, rows)
                trusted = coin < counsel.trusted(z)
                rows = rows[counsel.welcome(z, trusted)[rows]]
                whom[rows], most[rows], willing[rows] = m, left[rows], trusted[rows]
        nobody = np.where(allowed, CODE[Reason.UNEARNED], why_not)
        return whom, willing, np.where(unsure, nobody, CODE[Reason.CERTAIN])

    def learn(self, proposal: Proposal, outcomes: Outcomes) -> None:
        self._account(proposal, outcomes)
        choice = proposal.choice
        unsure = (choice.reason != CODE[Reason.CERTAIN]) & (choice.reason != CODE[Reason.BUDGET])
        for m, counsel in enumerate(self.counsels):
            if (judged := np.flatnonzero(unsure & (counsel.asked > 0))).size:
                counsel.judge(self.estimator, judged)
            counsel.weigh(self.estimator, proposal.actions.arm, outcomes)
            mine = choice.asked if choice.whom is None else choice.asked & (choice.whom == m)
            counsel.asked += mine
            if choice.advice is not None:
                self._hear(counsel, proposal, np.flatnonzero(mine & choice.advice.given))
        super().learn(proposal, outcomes)

    def _hear(self, counsel: Counsel, proposal: Proposal, rows: Ints) -> None:
        """Learn what was said about the patients of some replicates."""
        own, advice = proposal.choice.own, proposal.choice.advice
        if rows.size and advice is not None:
            mine = proposal.contexts.take(rows)
            said, planned = Actions(advice.arm[rows], advice.delta[rows]), own.take(rows)
            plans = self._advised(counsel, mine, rows, table=True)
            counsel.hear(self.estimator, mine, rows, said, plans, planned, self.realised)

    def _account(self, proposal: Proposal, outcomes: Outcomes) -> None:
        """Enter what was played into the ledger, and how it turned out into the accounts of the advisors."""
        contexts, choice, played, b = proposal.contexts, proposal.choice, proposal.actions, proposal.choice.own
        mean, lcb, ucb, high = proposal.mean, proposal.lcb, proposal.ucb, contexts.worth(proposal.ucb, played.arm)
        width = contexts.weight * (ucb - lcb)
        own = (played.arm == b.arm) & (played.delta == b.delta).all(axis=1)
        if not own.all():
            mean, lcb, ucb = self.bounds(contexts, b)
            self.debt += np.where(own, 0.0, np.maximum(contexts.worth(ucb, b.arm) - high - width, 0.0))
        self.paid += width
        doubt = self.noise * (ucb - lcb) / (2.0 * max(self.beta, 1e-12))  # with alpha = 0 none is known
        surplus = contexts.worth(outcomes.reward, played.arm) - contexts.worth(mean, b.arm)
        surplus /= contexts.weight * np.hypot(self.problem.noise, doubt)
        followed = choice.adopted if choice.advice is None else choice.adopted & (played.arm == choice.advice.arm)
        for m, counsel in enumerate(self.counsels):  # a clinician may have done otherwise than was adopted
            led = np.flatnonzero((choice.reason == CODE[Reason.LED]) & counsel.leads)
            if led.size:
                counsel.lead(contexts.take(led), led, played.take(led), b.take(led), self.realised)
            counsel.feel(followed if choice.whom is None else followed & (choice.whom == m), own, surplus)

    def call_bound(self, rounds: int) -> float | None:
        """The budget: no proof is needed. The sum over advisors, or `max_calls` if that is less."""
        cap = np.inf if self.config.max_calls is None else self.config.max_calls
        return float(min(cap, len(self.counsels) * question_bound(rounds, self.problem.d)))

    def run_call_bound(self) -> Floats | None:
        """None: the budget does not depend on what was learned."""
        return None

    def trusts(self, replicate: int = 0) -> tuple[Trust, ...]:
        """What each advisor has earned, for a person to read."""
        return tuple(counsel.report(self.t, replicate) for counsel in self.counsels)

    def arrays(self) -> dict[str, np.ndarray]:
        return super().arrays() | self._mine()

    def _mine(self) -> dict[str, np.ndarray]:
        kept = {"debt": self.debt, "paid": self.paid}
        for m, counsel in enumerate(self.counsels):
            kept |= {f"advisor{m}_{name}": array for name, array in counsel.arrays().items()}
        return kept

    def load(self, saved: dict[str, np.ndarray]) -> None:
        super().load(saved)
        copy_into(self._mine(), saved)
