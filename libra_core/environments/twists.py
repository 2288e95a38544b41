"""Worlds that break the model in one way each: "hypertension~drift:1500" is a base environment with a twist.

The base says who arrives and what the linear model would be; the twist says how the truth departs from it. Policies are
told nothing: their `Problem` is the base's. Regret counts from the best action under the twisted truth, at the expected
realised change as everywhere. Simulated advisors and the oracle know the base's theta, not the twist.

All twists are assumptions, chosen so that each breaks one thing; none is estimated from patients. "Noise" below is the
scale of a reward for the identity link, and 1 on the index for others.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from scipy.special import ndtr, stdtrit

from libra_core.arrays import Floats, Ints
from libra_core.cohort import Cohort
from libra_core.environments.base import TWISTS, Environment, EnvironmentSpec, RoundDraws
from libra_core.environments.diminishing import felt, most
from libra_core.environments.disease import Disease
from libra_core.problem import Actions, Contexts, Outcomes, moved
from libra_core.recourse.optimistic import plan


def twist(kind: type[Twist]) -> type[Twist]:
    """Class decorator: add a twist to the list."""
    TWISTS[kind.twist] = kind
    return kind


class Twist(Environment):
    """A departure from mu(theta_a'x'): theta may depend on the patient (`truth`), a change may count for less (`felt`),
    the index may be bent by an increasing function (`level`), the noise may be another one (`shock`).

    `make_environment` puts it before a base class. number: after the colon of its name, or None.

    Raises
    ------
    ValueError : the base cannot be twisted so.
    """

    twist: ClassVar[str]
    number: ClassVar[float | None] = None

    def truth(self, contexts: Contexts) -> Floats:
        """theta (R, K, d) for these patients."""
        return self.theta

    def felt(self, change: Floats) -> Floats:
        """What a realised change (R, d_M) counts for."""
        return change

    def level(self, contexts: Contexts, index: Floats) -> Floats:
        """The index (R, K) that patients get, increasing in the one given."""
        return index

    def shock(self, noise: Floats) -> Floats:
        """The noise (R,) of a reward, in noise scales, from a standard normal one."""
        return noise

    @property
    def unit(self) -> float:
        """The noise scale on the index."""
        return self.problem.noise if self.problem.link.name == "identity" else 1.0

    def index(self, contexts: Contexts, arm: Ints, change: Floats) -> Floats:
        """The true index (R,) at a realised change (R, d_M)."""
        rows = np.arange(len(contexts))
        x = moved(contexts.x, self.felt(change))
        z = np.einsum("rd,rd->r", self.truth(contexts)[rows, arm], x)
        return self.level(contexts, z[:, None])[:, 0]

    def means(self, contexts: Contexts, actions: Actions) -> Floats:
        change = actions.delta * np.asarray(self.problem.realised)
        return self.problem.link.mean(self.index(contexts, actions.arm, change))

    def best(self, contexts: Contexts) -> Floats:
        mean = self.problem.link.mean(self.level(contexts, self.most(contexts)))
        worth = contexts.weight[:, None] * mean + contexts.offset
        return np.asarray(np.where(contexts.eligible, worth, -np.inf).max(axis=1))

    def most(self, contexts: Contexts) -> Floats:
        """The largest index (R, K) of each arm before `level`, which keeps the order: one exact linear step each."""
        realised = np.asarray(self.problem.realised)
        return plan(self.problem.feasible, self.truth(contexts), self.no_doubt, contexts, 0.0, realised, table=True).z

    def respond(self, contexts: Contexts, actions: Actions, draws: RoundDraws) -> Outcomes:
        change = actions.delta * draws.realised
        mean = self.problem.link.mean(self.index(contexts, actions.arm, change))
        x = moved(contexts.x, change)
        if self.problem.link.binary:
            return Outcomes((draws.noise < mean).astype(float), x)
        return Outcomes(mean + self.problem.noise * self.shock(draws.noise), x)


@twist
class Diminishing(Twist):
    """Each further step of a habit gives less: a change of u counts for u - u^2 / (2 m), and for no more from m on.

    number: m, in standard deviations (1 if left out: the first SD gives half of what the linear model says).
    """

    twist = "diminishing"

    def __init__(
        self, spec: EnvironmentSpec, seed: int, replicates: int, first: int = 0, cohort: Cohort | None = None
    ) -> None:
        super().__init__(spec, seed, replicates, first, cohort)
        if self.problem.feasible.constraints:
            raise ValueError("with diminishing returns the best plan under further limits is not known: drop `limits`")

    @property
    def end(self) -> float:
        return self.number or 1.0

    def felt(self, change: Floats) -> Floats:
        return felt(change, self.end)

    def most(self, contexts: Contexts) -> Floats:
        theta, realised = self.truth(contexts), np.asarray(self.problem.realised)
        still = np.einsum("rkd,rd->rk", theta, contexts.x)
        return still + most(self.problem.feasible, theta[..., -realised.size :], contexts, realised, self.end)


@twist
class Saturation(Twist):
    """The whole effect levels off: an index z > 0 becomes c (1 - exp(-z / c)). number: c in noise scales (2)."""

    twist = "saturation"

    def level(self, contexts: Contexts, index: Floats) -> Floats:
        c = (self.number or 2.0) * self.unit
        return np.where(index > 0, -c * np.expm1(-np.maximum(index, 0.0) / c), index)


@twist
class Floor(Twist):
    """The outcome never falls below a floor, in its own unit: number, or one SD below its goal."""

    twist = "floor"

    def level(self, contexts: Contexts, index: Floats) -> Floats:
        if not isinstance(self, Disease) or self.cohort is None:
            raise ValueError("a floor needs patients with an outcome: choose an environment over a cohort")
        protocol = self.cohort.protocol
        goal = protocol.outcome.goal
        floor = self.number or goal - self.sigma
        if self.problem.link.binary:
            return np.minimum(index, self.logit_slope * (goal - floor))
        now = protocol.columns(self.cohort.values)[protocol.outcome.name][contexts.row]
        return np.minimum(index, np.maximum(now - floor, 0.0)[:, None])


@twist
class Interaction(Twist):
    """Habits count for more in older patients: their effects are multiplied by 1 + k age, age standardised.

    number: k (0.5). Without an age, the first entry of the context after the intercept stands in.
    """

    twist = "interaction"

    def truth(self, contexts: Contexts) -> Floats:
        entries = self.problem.immutable
        age = contexts.x[:, entries.index("age") if "age" in entries else 1]
        theta = self.theta.copy()
        theta[..., -self.problem.d_mutable :] *= 1.0 + (self.number or 0.5) * age[:, None, None]
        return theta


@twist
class HeavyTails(Twist):
    """Noise from Student's t with `number` degrees of freedom (3), times the declared scale. For t_3 the standard
    deviation is 1.7 times the declared one."""

    twist = "heavy-tails"

    def shock(self, noise: Floats) -> Floats:
        if self.problem.link.name != "identity":
            raise ValueError("heavy tails need a reward with noise: choose the identity link")
        return -np.sign(noise) * stdtrit(self.number or 3.0, ndtr(-np.abs(noise)))


class _Changing(Twist):
    """theta[...] is moved in place as patients arrive. What changes: the arm with the largest effect in the average
    patient loses one noise scale."""

    def __init__(
        self, spec: EnvironmentSpec, seed: int, replicates: int, first: int = 0, cohort: Cohort | None = None
    ) -> None:
        super().__init__(spec, seed, replicates, first, cohort)
        self.before, self.arrived = self.theta.copy(), 0
        self.favourite = self.theta[:, :, 0].argmax(axis=1)

    def share(self, arrived: int) -> float:
        """How much of the loss has come."""
        raise NotImplementedError

    def arrive(self) -> Contexts:
        self.arrived += 1
        self.theta[...] = self.before
        self.theta[np.arange(self.replicates), self.favourite, 0] -= self.unit * self.share(self.arrived)
        return super().arrive()  # type: ignore[safe-super]  # the base class that follows has one


@twist
class Drift(_Changing):
    """The favourite treatment becomes worse by one noise scale after patient `number` (1,500)."""

    twist = "drift"

    def share(self, arrived: int) -> float:
        return float(arrived > (self.number or 1500))


@twist
class SlowDrift(_Changing):
    """The same loss, spread evenly over the first `number` patients (3,000)."""

    twist = "slow-drift"

    def share(self, arrived: int) -> float:
        return min(1.0, arrived / (self.number or 3000))
