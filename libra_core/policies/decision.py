"""A policy's choice, its bounds, and the full record of a decision for one patient."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from libra_core.advisors.base import Advice, AdviceBatch
from libra_core.arrays import Bools, Floats, Ints
from libra_core.problem import Actions, Contexts


class Reason(StrEnum):
    """Why the executed action was chosen."""

    OPTIMISTIC = "largest optimistic value"
    CERTAIN = "the bandit is sure enough: nobody was asked"
    NO_ADVICE = "asked, but no usable advice came"
    RULED_OUT = "advice ruled out by what has been learned"
    UNINFORMATIVE = "advice plausible, but nothing to learn from it"
    ADOPTED = "advice adopted"
    CONTROL = "advice withheld: a control round of the advisor's trial"
    DISMISSED = "the advisor lost its trial and is no longer asked"
    BUDGET = "the call budget is spent"
    ADVISOR = "the advisor's own choice"
    SAMPLED = "best under a sampled model"
    RANDOM = "drawn at random"
    TRUTH = "best under the true model"


REASONS = tuple(Reason)


@dataclass(frozen=True, eq=False)
class Choice:
    """A policy's choice for R contexts, before its bounds are computed.

    `own`: its action without advice. `advice`: checked, and projected onto F.
    """

    actions: Actions
    own: Actions
    reason: Ints
    asked: Bools
    adopted: Bools
    advice: AdviceBatch | None = None

    @classmethod
    def alone(cls, actions: Actions, reason: Reason) -> Choice:
        """The same reason for all rows, with no advisor asked."""
        n = len(actions.arm)
        none = np.zeros(n, bool)
        return cls(actions, actions, np.full(n, REASONS.index(reason)), none, none)


@dataclass(frozen=True, eq=False)
class Proposal:
    """A choice for R contexts with its bounds: mean, lcb, ucb (R,) of the reward itself, before what it is worth."""

    contexts: Contexts
    choice: Choice
    mean: Floats
    lcb: Floats
    ucb: Floats

    @property
    def actions(self) -> Actions:
        return self.choice.actions


@dataclass(frozen=True)
class ArmOption:
    """One treatment for one patient: its best change, its value with that change and with no change at all.

    lcb, ucb: the policy's own confidence bounds. low, high: see `Decision`.
    """

    arm: int
    eligible: bool
    delta: tuple[float, ...]
    effort: float
    mean: float
    lcb: float
    ucb: float
    low: float
    high: float
    mean_unchanged: float
    low_unchanged: float
    high_unchanged: float


@dataclass(frozen=True)
class Decision:
    """The record of one choice for one patient; pages, log, tests and reports read only this.

    delta is standardised (d_M numbers). mean, lcb, ucb and every option are about the reward itself, in its unit; a
    reward r by arm a is worth `weight` r + `offsets`[a] (offsets None: recorded when rewards still included their
    worth). lcb and ucb are the bandit's confidence bounds at radius `beta` (`radius` says which kind), not an interval
    to show to a clinician; width = weight (ucb - lcb), which LIBRA compares with Delta. low and high are: a 95 %
    range of the mean that is made to hold at every round at once, whichever arm was chosen (`glm.interval`).
    `contributions` are theta_a[j] * x'[j], one for each entry of x', on the index scale, under the current
    estimate.
    """

    policy: str
    round: int
    patient: str
    row: int
    arm: int
    delta: tuple[float, ...]
    mean: float
    lcb: float
    ucb: float
    low: float
    high: float
    width: float
    beta: float
    radius: str
    options: tuple[ArmOption, ...]
    contributions: tuple[float, ...]
    asked: bool
    adopted: bool
    advice: Advice | None
    own_arm: int
    own_delta: tuple[float, ...]
    reason: Reason
    weight: float = 1.0
    offsets: tuple[float, ...] | None = None

    @property
    def net(self) -> float:
        """What the expected reward is worth."""
        return self.weight * self.mean + (self.offsets[self.arm] if self.offsets else 0.0)
