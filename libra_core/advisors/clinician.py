"""The clinician as LIBRA's advisor (the human side of HR-Bandit), and an advisor that repeats recorded answers.

Neither draws random numbers nor waits for an answer: the page stops at a patient on whom the policy would ask,
and runs the policy again once the answer is known.
"""

from __future__ import annotations

import numpy as np

from libra_core.advisors.base import Advice, AdviceBatch, Advisor, CaseAdvisor
from libra_core.arrays import Floats, Ints
from libra_core.problem import Contexts

NAME = "clinician"


def as_batch(advice: Advice | None, like: Floats) -> AdviceBatch:
    """Advice for a batch of one; `like` is (1, d_M). None, or advice without a plan, is no advice."""
    given = advice is not None and advice.given and len(advice.delta) == like.shape[1]
    arm = np.array([advice.arm if advice is not None and given else 0], np.int64)
    delta = np.array([advice.delta], float) if advice is not None and given else np.zeros_like(like)
    return AdviceBatch(np.array([given]), arm, delta)


class Clinician(Advisor):
    """Returns `answer`, which is None until a person has answered. For one patient at a time."""

    name = NAME

    def __init__(self) -> None:
        self.answer: Advice | None = None

    def advise_many(self, contexts: Contexts, replicates: Ints) -> AdviceBatch:
        return as_batch(self.answer, contexts.lo)


class RecordedAdvisor(Advisor):
    """An advisor whose answers are recorded: `said` is the last one, `repeat` an earlier one to give again.

    A simulated expert or a rule book is asked again even so, since it gives the same answer and its state must
    advance; a language model is never asked twice. `inner` None: the advisor of this name is no longer available.
    """

    def __init__(self, name: str, inner: Advisor | None = None, repeat: Advice | None = None) -> None:
        self.name = name
        self.inner = inner
        self.said: Advice | None = None
        self.repeat = repeat

    def advise_many(self, contexts: Contexts, replicates: Ints) -> AdviceBatch:
        again = self.inner is not None and self.inner.repeatable
        self.said = self._ask(contexts, replicates) if again or self.repeat is None else self.repeat
        return as_batch(self.said, contexts.lo)

    def _ask(self, contexts: Contexts, replicates: Ints) -> Advice:
        if self.inner is None:
            return Advice(self.name, "off")
        if isinstance(self.inner, CaseAdvisor):
            return self.inner.advise(self.inner.cases(int(contexts.row[0])))
        batch = self.inner.advise_many(contexts, replicates)
        if not batch.given[0]:
            return Advice(self.name, "refused")
        return Advice(self.name, "ok", int(batch.arm[0]), tuple(map(float, batch.delta[0])))

    def meet(self, policy: object) -> None:
        if self.inner is not None:
            self.inner.meet(policy)

    def remembered(self, row: int) -> Advice | None:
        return self.said

    def state(self) -> object:
        return self.inner.state() if self.inner is not None else None

    def restore(self, state: object) -> None:
        if self.inner is not None and state is not None:
            self.inner.restore(state)
