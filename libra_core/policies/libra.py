"""LIBRA: GLRB that asks an advisor while it is unsure."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from libra_core.advisors.base import Advisor, Own
from libra_core.arrays import Bools, Floats, Ints
from libra_core.policies.base import register
from libra_core.policies.config import PolicyConfig
from libra_core.policies.decision import REASONS, Choice, Proposal, Reason
from libra_core.policies.glrb import GLRB
from libra_core.policies.questions import bound_from, call_bound, is_proven
from libra_core.policies.trial import Trial
from libra_core.problem import Actions, Contexts, Outcomes, Problem
from libra_core.streams import Streams

CODE = {reason: REASONS.index(reason) for reason in Reason}


@register
class Libra(GLRB):
    """Play GLRB's (a_b, x_b) unless its width w_b = UCB_b - LCB_b exceeds Delta; then ask, and adopt the advice
    (a_l, x_l) iff it is plausible, UCB_l >= UCB_b - c w_b, and informative, w_l > Delta. All of them as worth: declared
    weights and offsets applied (`Contexts.worth`).

    Problem and guarantees: Cao, Gao, Keyvanshokooh, Ma 2026 (arXiv 2601.11905); the rule is derived in this project.
    - effort: in every round with a call the executed action has width > Delta; by the elliptical potential there are at
      most O(log^2 T) such rounds for a radius like sqrt(log t). `policies.questions` has the proof, and the settings it
      holds in: adoption = "informative", full compliance. It is a limit, not a shape: measured questions saturate.
    - robustness: adopted advice has regret <= w_l + c w_b on the event that the intervals hold, and the rounds with a
      call are few. Not guaranteed with adoption = "plausible", nor if the practical radius does not cover.
    - warm start: while widths are large no plausible advice is ruled out, so early regret is the advisor's.
    """

    name = "libra"
    label = "LIBRA, the paper's rule"
    summary = "GLRB that asks an advisor while it is unsure, and follows plausible advice it can learn from."
    needs_advisor = True

    @property
    def width_threshold(self) -> float:
        """Delta, on the scale of worth."""
        chosen = self.config.width_threshold
        return self.problem.default_width if chosen is None else chosen

    def call_bound(self, rounds: int) -> float | None:
        """See `policies.questions`: valid with the practical radius too."""
        return call_bound(
            rounds, self.problem, self.config, self.width_threshold, self.beta_at(max(rounds, self.t)), self.link
        )

    def run_call_bound(self) -> Floats | None:
        """From this run's own log det V. None where nothing is proven, whatever `max_calls` is."""
        if not is_proven(self.problem, self.config, self.link):
            return None
        return bound_from(self.estimator.information, self.width_threshold, self.beta, self.link)

    def choose(self, contexts: Contexts) -> Choice:
        own = self.own(contexts)
        unsure = own.width > self.width_threshold
        allowed, why_not = self.may_ask()
        ask = unsure & allowed
        reason = np.where(unsure, why_not, CODE[Reason.CERTAIN])
        choice = Choice(own.actions, own.actions, reason, ask, np.zeros_like(ask))
        rows = np.flatnonzero(ask)
        return self._consult(contexts, own, choice, rows) if rows.size else choice

    def own(self, contexts: Contexts, rows: Ints | None = None) -> Own:
        """GLRB's proposal for n contexts of the replicates `rows` (n,); None: one context for each."""
        plans = self.plan(contexts, self.beta, rows=rows)
        _, lcb, ucb = self.spread(*plans.chosen())
        return Own(plans.actions, contexts.worth(ucb, plans.arm), contexts.weight * (ucb - lcb))

    def would_adopt(self, contexts: Contexts, rows: Ints, own: Own, actions: Actions) -> Bools:
        """Whether advice to do `actions` would be adopted now, (n,): the rule itself, by which `choose` decides.

        contexts, own, actions : n of each; rows (n,) the replicate of each, any as often as needed; own = what
        `own(contexts, rows)` says. `actions` are taken as they are, eligible and within F (`AdviceBatch.checked`).
        It draws nothing, changes nothing, and leaves aside the coin of a trial and whether the advisor may be asked.
        """
        return self.ruling(contexts, rows, own, actions) == CODE[Reason.ADOPTED]

    def ruling(self, contexts: Contexts, rows: Ints, own: Own, actions: Actions) -> Ints:
        """The same with its reason, (n,): codes of ADOPTED, RULED_OUT or UNINFORMATIVE. Another rule overrides this."""
        _, lcb, ucb = self.bounds(contexts, actions, rows)
        plausible = contexts.worth(ucb, actions.arm) >= own.ucb - self.config.plausibility * own.width
        informative = contexts.weight * (ucb - lcb) > self.width_threshold
        adopt = informative | (self.config.adoption == "plausible")
        return np.select(
            [~plausible, ~adopt], [CODE[Reason.RULED_OUT], CODE[Reason.UNINFORMATIVE]], CODE[Reason.ADOPTED]
        )

    def may_ask(self) -> tuple[Bools, Ints]:
        """For each replicate, whether the advisor may be asked, and the reason to record if not."""
        cap = self.config.max_calls
        allowed = np.full(self.streams.n, True) if cap is None else self.calls < cap
        return allowed, np.full(self.streams.n, CODE[Reason.BUDGET])

    def _consult(self, contexts: Contexts, own: Own, choice: Choice, rows: Ints) -> Choice:
        """Ask about the uncertain rows, and adopt advice that is plausible and informative."""
        assert self.advisor is not None
        asked = contexts.take(rows)
        advice = self.advisor.advise_many(asked, rows).checked(asked, self.problem)
        ruling = self.ruling(asked, rows, own.take(rows), Actions(advice.arm, advice.delta))
        reason, arm, delta = choice.reason.copy(), choice.own.arm.copy(), choice.own.delta.copy()
        reason[rows] = np.where(advice.given, ruling, CODE[Reason.NO_ADVICE])
        adopt = self.adopt(rows, reason[rows] == CODE[Reason.ADOPTED], reason)
        arm[rows] = np.where(adopt, advice.arm, arm[rows])
        delta[rows] = np.where(adopt[:, None], advice.delta, delta[rows])
        adopted = choice.adopted.copy()
        adopted[rows] = adopt
        return replace(
            choice, actions=Actions(arm, delta), reason=reason, adopted=adopted, advice=advice.among(rows, len(arm))
        )

    def adopt(self, rows: Ints, adopt: Bools, reason: Ints) -> Bools:
        """The final decision on adoption; a subclass may withhold advice in some rounds and record that in `reason`."""
        return adopt


@register
class HRBandit(Libra):
    """LIBRA with the identity link (arXiv 2410.14640): intended for a clinician as the advisor."""

    name = "hr-bandit"
    label = "HR-Bandit"
    summary = "LIBRA with a linear model, intended for a clinician as the advisor."
    linear = True


@register
class LibraTrial(Libra):
    """LIBRA with a randomised trial of its advisor inside the run.

    In a share `trial_share` of the rounds in which advice would be adopted, GLRB's own proposal is played. An
    anytime-valid test (`policies.trial`) compares the two groups; an advisor that proves worse is not asked again until
    a clinician re-admits it. The price: a good advisor's warm start loses that share of its rounds.
    """

    name = "libra-trial"
    label = "LIBRA, the paper's rule, with advisor trial"
    summary = "LIBRA that withholds some advice at random and stops asking an advisor that proves worse."

    def __init__(
        self, problem: Problem, config: PolicyConfig, streams: Streams, advisor: Advisor | None = None
    ) -> None:
        super().__init__(problem, config, streams, advisor)
        span = 1.0 if problem.link.binary else 3.0 * problem.noise
        self.trial = Trial(streams.n, config.trial_share, span)

    def may_ask(self) -> tuple[Bools, Ints]:
        allowed, why_not = super().may_ask()
        dismissed = self.trial.dismissed
        return allowed & ~dismissed, np.where(dismissed, CODE[Reason.DISMISSED], why_not)

    def choose(self, contexts: Contexts) -> Choice:
        self._coin = self.streams.uniform(1)[:, 0]  # drawn in every round, so that replicates stay in step
        return super().choose(contexts)

    def adopt(self, rows: Ints, adopt: Bools, reason: Ints) -> Bools:
        control = adopt & (self._coin[rows] < self.config.trial_share)
        reason[rows[control]] = CODE[Reason.CONTROL]
        return adopt & ~control

    def learn(self, proposal: Proposal, outcomes: Outcomes) -> None:
        control = proposal.choice.reason == CODE[Reason.CONTROL]
        worth = proposal.contexts.worth(outcomes.reward, proposal.actions.arm)
        self.trial.record(proposal.choice.adopted, control, worth - self._expected_own(proposal))
        super().learn(proposal, outcomes)

    def _expected_own(self, proposal: Proposal) -> Floats:
        """Predicted worth of GLRB's own proposal: fixed before the coin toss, it removes between-patient variance."""
        own = proposal.choice.own
        return proposal.contexts.worth(self.bounds(proposal.contexts, own)[0], own.arm)

    def readmit(self, replicate: int = 0) -> None:
        """Reset the trial and ask the advisor again; a clinician's decision."""
        self.trial.reset(replicate)

    def arrays(self) -> dict[str, np.ndarray]:
        return super().arrays() | self.trial.arrays()

    def load(self, saved: dict[str, np.ndarray]) -> None:
        super().load(saved)
        self.trial.load(saved)
