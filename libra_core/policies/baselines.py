"""Policies that do not learn: the oracle, a random choice, and an advisor followed in every round."""

from __future__ import annotations

import numpy as np

from libra_core.arrays import Floats
from libra_core.policies.base import Policy, register
from libra_core.policies.decision import REASONS, Choice, Reason
from libra_core.problem import Actions, Contexts, Problem
from libra_core.recourse.optimistic import plan
from libra_core.streams import Streams


def first_eligible(contexts: Contexts) -> Actions:
    """The first eligible arm (by convention the mildest) and no change: the default when nothing is known."""
    return Actions(contexts.eligible.argmax(axis=1), np.zeros_like(contexts.lo))


def drawn(problem: Problem, contexts: Contexts, streams: Streams) -> Actions:
    """A uniformly drawn eligible arm, and a uniform draw from the box brought into F: 1 + d_M uniforms a replicate."""
    draw = streams.uniform(1 + problem.d_mutable)
    rank = np.cumsum(contexts.eligible, axis=1)
    pick = 1 + np.floor(draw[:, :1] * rank[:, -1:])
    arm = (rank >= pick).argmax(axis=1)
    wish = contexts.lo + draw[:, 1:] * (contexts.hi - contexts.lo)
    return Actions(arm, problem.feasible.project(wish, contexts.lo, contexts.hi))


@register
class Oracle(Policy):
    """The best action under the true model. Regret 0 by definition; possible only in a simulation."""

    name = "oracle"
    label = "Oracle (knows the truth)"
    summary = "The best treatment and change under the true simulated model: the reference for regret."
    truth: Floats | None = None

    def choose(self, contexts: Contexts) -> Choice:
        if self.truth is None:
            raise ValueError("the oracle needs a simulated environment: its truth was not set")
        R, K, d = self.truth.shape
        no_doubt = np.zeros((R, K, d, d))
        problem, realised = self.problem, np.asarray(self.problem.realised)
        best = plan(problem.feasible, self.truth, no_doubt, contexts, 0.0, realised, link=problem.link)
        return Choice.alone(best.actions, Reason.TRUTH)


@register
class Random(Policy):
    """A uniformly drawn eligible arm and a feasible change in a random direction."""

    name = "random"
    label = "Random"
    summary = "A random eligible treatment and a random feasible change."

    def choose(self, contexts: Contexts) -> Choice:
        return Choice.alone(drawn(self.problem, contexts, self.streams), Reason.RANDOM)


@register
class AdvisorOnly(Policy):
    """Follows the advisor in every round; never learns."""

    name = "advisor-only"
    label = "Advisor only"
    summary = "Asks the advisor about every patient and follows the advice; does not learn."
    needs_advisor = True

    def choose(self, contexts: Contexts) -> Choice:
        assert self.advisor is not None
        n = len(contexts)
        advice = self.advisor.advise_many(contexts, np.arange(n)).checked(contexts, self.problem)
        own = first_eligible(contexts)
        arm = np.where(advice.given, advice.arm, own.arm)
        delta = np.where(advice.given[:, None], advice.delta, own.delta)
        reason = np.where(advice.given, REASONS.index(Reason.ADVISOR), REASONS.index(Reason.NO_ADVICE))
        return Choice(Actions(arm, delta), own, reason, np.ones(n, bool), advice.given, advice)


@register
class GuidelineOnly(AdvisorOnly):
    """Follows the guideline advisor. Needs a protocol with a guideline."""

    name = "guideline"
    label = "Guideline only"
    summary = "Follows the simplified guideline rules for every patient; does not learn."
    own_advisor = "guideline"
