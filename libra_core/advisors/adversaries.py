"""Adversaries: simulated advisors who want the patient, or the policy, to do badly. To be withstood, never followed.

Each says what it reads. `adaptive` and `turncoat` know the truth and the policy's rule, more than anyone real could:
they show how much harm the rule lets through. `poison` and `always` know what an expert knows, `contrarian` only what
the policy shows. `simulated.py` has the advisors that are merely bad.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from libra_core.advisors.base import AdviceBatch, Advisor, AdvisorKind, Asker, World, offer
from libra_core.advisors.simulated import SimulatedAdvisor
from libra_core.arrays import Bools, Floats, Ints
from libra_core.problem import Actions, Contexts, Problem
from libra_core.recourse.optimistic import plan
from libra_core.recourse.plans import evaluate

RANDOM = 6  # changes in random directions that are tried for each patient, beside the six that are worked out
FAR = 10.0  # standard deviations: a random change is projected from far outside F onto its edge
FOLLOWED = 100  # adopted answers after which `poison` turns, where the policy does not say who leads


@dataclass(frozen=True, eq=False)
class Tried:
    """C actions for each of n patients, patient by patient: n C rows of contexts, replicates and actions.

    allowed (n C,): eligible, and adopted if the policy has a rule.
    """

    contexts: Contexts
    rows: Ints
    actions: Actions
    allowed: Bools

    def lowest(self, value: Floats, n: int) -> AdviceBatch:
        """For each patient the allowed action of the lowest value (n C,); no advice where none is allowed."""
        worst = np.where(self.allowed, value, np.inf).reshape(n, -1).argmin(axis=1)
        at = worst + np.arange(n) * (len(value) // n)
        return AdviceBatch(self.allowed[at], self.actions.arm[at], self.actions.delta[at])


class Adversary(Advisor):
    """An advisor that looks at the policy which asks. Without a rule by which advice is adopted every eligible action
    counts as adopted."""

    repeatable = True
    policy: object = None

    def __init__(self, problem: Problem, name: str) -> None:
        self.name = f"simulated:{name}"
        self.problem = problem
        self.realised = np.asarray(problem.realised)

    def meet(self, policy: object) -> None:
        self.policy = policy

    @property
    def asker(self) -> Asker | None:
        """The policy, if it has a rule. Asked anew each time: a policy is met before it is complete."""
        return self.policy if isinstance(self.policy, Asker) else None

    def tried(self, contexts: Contexts, replicates: Ints, arm: Ints, delta: Floats) -> Tried:
        """The actions arm (C,), delta (n, C, d_M), projected onto F; a change that would make its arm ineligible at x'
        is dropped, as the policy would drop it."""
        n, size, d_m = delta.shape
        one = np.repeat(np.arange(n), size)
        many, rows, arms = contexts.take(one), replicates[one], np.tile(arm, n)
        actions = Actions(arms, self.problem.feasible.project(delta.reshape(-1, d_m), many.lo, many.hi))
        if self.problem.eligible_after is not None:
            fine = self.problem.eligible_after(many, actions)
            actions = Actions(arms, np.where(fine[:, None], actions.delta, 0.0))
        allowed = many.eligible[np.arange(len(arms)), arms]
        if self.asker is not None:
            own = self.asker.own(contexts, replicates).take(one)
            allowed = allowed & self.asker.would_adopt(many, rows, own, actions)
        return Tried(many, rows, actions, allowed)


class Contrarian(Adversary):
    """Names another arm than the policy's own: of those that would be adopted with the policy's own change turned round
    (-delta, projected onto F), the one with the lowest estimated worth. No advice where none would be, or to a policy
    without such a rule.

    Reads the policy's estimates, its own choice and its rule, and never the truth: whoever sees the page could do this.
    """

    @classmethod
    def make(cls, name: str, environment: World, seed: int) -> Contrarian:
        return cls(environment.problem, name)

    def advise_many(self, contexts: Contexts, replicates: Ints) -> AdviceBatch:
        if self.asker is None:
            return AdviceBatch.silence(len(contexts), self.problem.d_mutable)
        n, K = contexts.eligible.shape
        own = self.asker.own(contexts, replicates).actions
        reverse = np.repeat(-own.delta[:, None], K, axis=1)
        tried = self.tried(contexts, replicates, np.arange(K), reverse)
        other = tried.actions.arm != np.repeat(own.arm, K)
        mean, _, _ = self.asker.bounds(tried.contexts, tried.actions, tried.rows)
        value = tried.contexts.worth(mean, tried.actions.arm)
        return replace(tried, allowed=tried.allowed & other).lowest(value, n)


class Informed(Adversary):
    """An adversary with an expert beside it: `expert` is the near-optimal advisor of `simulated.py`, with its truth,
    its noisy view and its random stream for each replicate."""

    def __init__(self, name: str, environment: World, seed: int) -> None:
        super().__init__(environment.problem, name)
        self.expert = SimulatedAdvisor.make("near-optimal", environment, seed)

    @classmethod
    def make(cls, name: str, environment: World, seed: int) -> Informed:
        return cls(name, environment, seed)

    def lowest_adopted(self, contexts: Contexts, replicates: Ints, model: Floats, sign: float = 1.0) -> AdviceBatch:
        """Among the actions tried that would be adopted, the one with the lowest worth under `model` (R, K, d); with
        sign -1 the highest.

        Tried are for each arm: no change; the change that is extreme under `model` (exact) and half of it; the one that
        the policy itself finds best, half of it, and the middle of both; RANDOM more. Not guaranteed: the rule may
        adopt a worse action that is not tried.
        """
        n, K = contexts.eligible.shape
        far = self._extreme(contexts, replicates, -sign * model)
        near = far
        if self.asker is not None:
            near = self.asker.plan(contexts, self.asker.beta, table=True, rows=replicates).delta
        shape = (RANDOM, 1, self.problem.d_mutable)
        draws = FAR * np.stack([self.expert.generators[r].standard_normal(shape) for r in replicates])
        changes = [0.0 * far, far, 0.5 * far, near, 0.5 * near, 0.5 * (near + far)]
        delta = np.concatenate([np.stack(changes, 1), np.repeat(draws, K, axis=2)], axis=1)  # (n, C / K, K, d_M)
        size = delta.shape[1]
        tried = self.tried(contexts, replicates, np.tile(np.arange(K), size), delta.reshape(n, size * K, -1))
        z, _ = evaluate(model, self.expert.no_doubt, tried.contexts, tried.actions, self.realised, tried.rows)
        value = tried.contexts.worth(self.problem.link.mean(z), tried.actions.arm)
        return tried.lowest(sign * value, n)

    def _extreme(self, contexts: Contexts, replicates: Ints, model: Floats) -> Floats:
        """For each arm the change with the largest index under `model`, (n, K, d_M)."""
        no_doubt = self.expert.no_doubt[replicates]
        feasible, theta = self.problem.feasible, model[replicates]
        return plan(feasible, theta, no_doubt, contexts, 0.0, self.realised, table=True, link=self.problem.link).delta

    def state(self) -> Any:
        return self.expert.state()

    def restore(self, state: Any) -> None:
        self.expert.restore(state)


class Adaptive(Informed):
    """Names, among the actions that the policy's own rule would adopt now, the one with the lowest true mean worth (see
    `lowest_adopted` for those it tries). To a policy that follows every advice it names the worst action of all.

    Reads the truth and the policy's state and rule. No real adversary could: this is the harm that the rule lets
    through.
    """

    def advise_many(self, contexts: Contexts, replicates: Ints) -> AdviceBatch:
        return self.lowest_adopted(contexts, replicates, self.expert.truth)


class Turncoat(Adaptive):
    """turncoat:t: the near-optimal expert in the first t rounds, `adaptive` from round t + 1 on.

    Reads what they read and the policy's count of rounds (0 before it has met one). A real adversary could wait as
    well, but could not know as much.
    """

    def __init__(self, name: str, environment: World, seed: int) -> None:
        super().__init__(name, environment, seed)
        self.rounds = whole(name, 0, None)

    def advise_many(self, contexts: Contexts, replicates: Ints) -> AdviceBatch:
        if getattr(self.policy, "t", 0) < self.rounds:
            return self.expert.advise_many(contexts, replicates)
        return super().advise_many(contexts, replicates)


class Always(Informed):
    """always:k: treatment k (from 1), with the change that is best for it under the near-optimal expert's view; no
    advice where it is not eligible. A salesman rather than a saboteur.

    Reads a noisy view of the truth and nothing of the policy: a real advisor could.
    """

    def __init__(self, name: str, environment: World, seed: int) -> None:
        super().__init__(name, environment, seed)
        self.arm = whole(name, 1, environment.problem.n_arms) - 1

    def advise_many(self, contexts: Contexts, replicates: Ints) -> AdviceBatch:
        able = contexts.eligible[:, self.arm]
        only = np.arange(self.problem.n_arms) == self.arm
        asked = replace(contexts, eligible=np.where(able[:, None], only, contexts.eligible))
        return replace(self.expert.advise_many(asked, replicates), given=able)


class Poison(Informed):
    """Near-optimal until it is trusted, then an expert for the wrong model, as plausible as need be.

    Trusted: while the policy's `leads` (R,) says so, where it has one; the trust may be lost and earned again.
    Elsewhere for good, once the rule would have adopted FOLLOWED of its answers (a trial's coin aside).
    Wrong model: each theta_a mirrored at the mean over arms, and the block of the habits negated, so that every
    difference between two arms and the pull of every habit change their sign. It answers with the best action under
    that model of those that would be adopted; where none would be, with the best of all, which a policy may still
    learn from.

    Why this: advice that is refused harms only a policy that learns from it; advice that is adopted harms at once. The
    best under one consistent wrong model does both, and no two answers contradict each other.

    Reads the near-optimal expert's view, the policy's estimates, its rule and who leads. A real adversary could, if it
    sees the page and knows the method.
    """

    def __init__(self, name: str, environment: World, seed: int) -> None:
        super().__init__(name, environment, seed)
        view, d_m = self.expert.view, self.problem.d_mutable
        self.wrong = 2.0 * view.mean(axis=1, keepdims=True) - view
        self.wrong[:, :, -d_m:] = -view[:, :, -d_m:]
        self.followed = np.zeros(len(view), np.int64)

    def advise_many(self, contexts: Contexts, replicates: Ints) -> AdviceBatch:
        trusted = self._trusted(replicates)
        n = len(contexts)
        out = AdviceBatch.silence(n, self.problem.d_mutable)
        for mine, answer in ((~trusted, self._earn), (trusted, self._spend)):
            where = np.flatnonzero(mine)
            if where.size:
                out = answer(contexts.take(where), replicates[where]).among(where, n, out)
        return out

    def _trusted(self, replicates: Ints) -> Bools:
        leads: Bools | None = getattr(self.policy, "leads", None)
        followed = self.followed[replicates] >= FOLLOWED
        return followed if leads is None else followed | leads[replicates]

    def _earn(self, contexts: Contexts, replicates: Ints) -> AdviceBatch:
        said = self.expert.advise_many(contexts, replicates)
        followed = said.given
        if self.asker is not None:
            own, actions = self.asker.own(contexts, replicates), Actions(said.arm, said.delta)
            followed = followed & self.asker.would_adopt(contexts, replicates, own, actions)
        self.followed[replicates] += followed
        return said

    def _spend(self, contexts: Contexts, replicates: Ints) -> AdviceBatch:
        said = self.lowest_adopted(contexts, replicates, self.wrong, sign=-1.0)
        no_doubt, problem = self.expert.no_doubt[replicates], self.problem
        best = plan(problem.feasible, self.wrong[replicates], no_doubt, contexts, 0.0, self.realised, link=problem.link)
        arm = np.where(said.given, said.arm, best.arm)
        delta = np.where(said.given[:, None], said.delta, best.actions.delta)
        return AdviceBatch(np.ones(len(arm), bool), arm, delta)

    def state(self) -> Any:
        return {"expert": self.expert.state(), "followed": self.followed.tolist()}

    def restore(self, state: Any) -> None:
        self.expert.restore(state["expert"])
        self.followed[...] = state["followed"]


def whole(name: str, low: int, high: int | None) -> int:
    """The whole number in "name:NUMBER". Raises ValueError with the limits."""
    word, _, number = name.partition(":")
    value = int(number) if number.isdecimal() else low - 1
    if value < low or (high is not None and value > high):
        limits = f"from {low} to {high}" if high is not None else f"of at least {low}"
        raise ValueError(f"unknown advisor {name!r}: choose {word}:NUMBER with a whole number {limits}")
    return value


_KINDS: dict[str, tuple[type[Adversary], str]] = {
    "adaptive": (Adaptive, "the worst advice that is followed"),
    "turncoat:1000": (Turncoat, "right for 1,000 patients, then the worst"),
    "poison": (Poison, "earns trust, then teaches the reverse"),
    "always:1": (Always, "always the first treatment"),
    "contrarian": (Contrarian, "the opposite of the method's choice"),
}
for _name, (_class, _label) in _KINDS.items():
    offer(AdvisorKind(_name, f"Simulated adversary, {_label}", _class.make, adversary=True))
