"""Several advisors at once: `guideline+recorded`. A policy that weighs advisors keeps an account of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from libra_core.advisors.base import AdviceBatch, Advisor
from libra_core.arrays import Ints
from libra_core.problem import Contexts

JOIN = "+"


class Panel(Advisor):
    """Advisors under one name. `libra-distil` asks its members one by one and decides whom; to any other policy the
    panel answers as one advisor: the first member that has an answer gives it."""

    def __init__(self, members: Sequence[Advisor]) -> None:
        self._members = tuple(members)
        self.name = JOIN.join(member.name for member in members)
        self.provenance = "; ".join(member.provenance for member in members if member.provenance)

    @property
    def members(self) -> tuple[Advisor, ...]:
        return self._members

    def meet(self, policy: object) -> None:
        for member in self._members:
            member.meet(policy)

    def advise_many(self, contexts: Contexts, replicates: Ints) -> AdviceBatch:
        n = len(contexts)
        out = AdviceBatch.silence(n, contexts.lo.shape[1])
        for member in self._members:
            rows = np.flatnonzero(~out.given)
            if rows.size:
                out = member.advise_many(contexts.take(rows), replicates[rows]).among(rows, n, out)
        return out

    def state(self) -> Any:
        return [member.state() for member in self._members]

    def restore(self, state: Any) -> None:
        for member, saved in zip(self._members, state, strict=True):
            member.restore(saved)
