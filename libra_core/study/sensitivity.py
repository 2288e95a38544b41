"""How far a declared value may move before the plan of a run changes; nothing is learned by asking."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np

from libra_core.clinical import Worth
from libra_core.policies.model import ModelPolicy
from libra_core.study.live import LiveRun
from libra_core.summary import MOVED

SLIDERS = {"elsewhere": (0.05, 1.0, 0.05)}  # lowest, highest, step; the others are factors
FACTORS = (0.0, 3.0, 0.25)


@dataclass(frozen=True)
class Stretch:
    """From `low` to `high` of one value the plan is one arm; same: it is the plan of now, with the same habits."""

    low: float
    high: float
    arm: int
    same: bool


@dataclass(frozen=True)
class Sensitivity:
    """One declared value: where it stands, and what the plan would be over its range, in order."""

    name: str
    now: float
    stretches: tuple[Stretch, ...]

    @property
    def stays(self) -> tuple[float, float]:
        """The range around today's value in which the plan stays the same."""
        here = next(s for s in self.stretches if s.low <= self.now <= s.high and s.same)
        return here.low, here.high


def sensitivity(run: LiveRun, row: int) -> tuple[Sensitivity, ...]:
    """Each declared value in turn, the others as they are; empty for a method whose plan is not the one with the
    largest optimistic worth.

    The plan is the method's own, without an advisor. Its ends are exact to one step of the sliders.
    """
    policy = run.policy
    if not (isinstance(policy, ModelPolicy) and policy.optimistic) or run.environment.cohort is None:
        return ()
    now = run.worth or run.environment.cohort.protocol.worth
    own = _plan(run, policy, row, now)
    return tuple(_along(run, policy, row, now, field.name, own) for field in fields(Worth))


Plan = tuple[int, tuple[bool, ...]]  # the arm, and which habits move


def _plan(run: LiveRun, policy: ModelPolicy, row: int, worth: Worth) -> Plan:
    actions = policy.plan(run.contexts(row, worth), policy.beta).actions
    return int(actions.arm[0]), tuple(np.abs(actions.delta[0]) > MOVED)


def _along(run: LiveRun, policy: ModelPolicy, row: int, now: Worth, name: str, own: Plan) -> Sensitivity:
    here, (low, high, step) = getattr(now, name), SLIDERS.get(name, FACTORS)
    steps = np.linspace(low, high, round((high - low) / step) + 1).round(9)
    grid = np.unique(np.append(steps, here))
    stretches: list[Stretch] = []
    for value in map(float, grid):
        plan = own if value == here else _plan(run, policy, row, replace(now, **{name: value}))
        arm, same, last = plan[0], plan == own, stretches[-1] if stretches else None
        if last is not None and (last.arm, last.same) == (arm, same):
            stretches[-1] = replace(last, high=value)
        else:
            stretches.append(Stretch(value, value, arm, same))
    return Sensitivity(name, float(here), tuple(stretches))
