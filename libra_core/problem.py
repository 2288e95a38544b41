"""The recourse bandit problem: what a policy knows before the first patient, and what arrives each round.

Every array carries a leading axis of R replicates (independent copies of the run). A page shows one patient
at a time with R = 1; a study runs all its replicates at once. There is one path for both.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace

import numpy as np

from libra_core.arrays import Bools, Floats, Ints
from libra_core.feasible import FeasibleSet
from libra_core.glm.link import Link


@dataclass(frozen=True)
class Problem:
    """The fixed part of a recourse bandit: E[reward] = mu(theta_a' x'), x' = (x_I, x_M + delta).

    A reward is a fact, such as a fall of blood pressure. What it is worth is declared, never learned, and arrives with
    each context: see `Contexts.worth`.

    A context x has d = d_immutable + d_mutable entries, the immutable ones first, x[0] = 1 (intercept).
    `noise` is the sub-Gaussian scale of a reward, in reward units. `realised` is the share of an advised
    change that patients are expected to make, one number for each mutable feature (1 = full compliance).
    `x_bound` bounds |x'|. `eligible_after` re-checks eligibility at x' (None: no rule depends on a mutable feature).
    """

    arms: tuple[str, ...]
    immutable: tuple[str, ...]
    mutable: tuple[str, ...]
    link: Link
    feasible: FeasibleSet
    noise: float
    reward_unit: str
    realised: tuple[float, ...]
    x_bound: float
    eligible_after: Callable[[Contexts, Actions], Bools] | None = None

    @property
    def default_width(self) -> float:
        """Delta, the width above which an advisor is asked: 0.2 of a probability, or 0.4 noise units (ours); on the
        scale of worth, so that little doubt remains where little is at stake."""
        return 0.2 if self.link.binary else 0.4 * self.noise

    @property
    def n_arms(self) -> int:
        return len(self.arms)

    @property
    def d_immutable(self) -> int:
        return len(self.immutable)

    @property
    def d_mutable(self) -> int:
        return len(self.mutable)

    @property
    def d(self) -> int:
        return self.d_immutable + self.d_mutable


@dataclass(frozen=True, eq=False)
class Patient:
    """One arrival. `row` is the cohort row it came from (-1 in a synthetic environment)."""

    id: str
    row: int
    x: Floats
    lo: Floats
    hi: Floats
    eligible: Bools
    weight: float = 1.0
    offset: Floats | None = None


@dataclass(frozen=True, eq=False)
class Contexts:
    """R arrivals: x (R, d), box lo, hi (R, d_M) with lo <= 0 <= hi, eligible (R, K), row (R,).

    weight (R,) > 0 and offset (R, K) say what an outcome is worth: see `worth`; 1 and 0 unless declared.
    """

    x: Floats
    lo: Floats
    hi: Floats
    eligible: Bools
    row: Ints
    weight: Floats = None  # type: ignore[assignment]  # filled below
    offset: Floats = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        if self.weight is None:
            object.__setattr__(self, "weight", np.ones(len(self.x)))
        if self.offset is None:
            object.__setattr__(self, "offset", np.zeros(self.eligible.shape))

    @classmethod
    def of(cls, patient: Patient) -> Contexts:
        """One patient as a batch, as pages use it."""
        one = cls(patient.x[None], patient.lo[None], patient.hi[None], patient.eligible[None], np.array([patient.row]))
        offset = one.offset if patient.offset is None else patient.offset[None]
        return replace(one, weight=np.array([patient.weight]), offset=offset)

    def worth(self, reward: Floats, arm: Ints) -> Floats:
        """u = v(x) reward + offset_a(x), (R,): what a reward, its mean or a bound of it is worth.

        Regret, Delta, the comparison of arms and LIBRA's plausibility are on this scale; estimates and their intervals
        are on that of rewards.
        """
        return self.weight * reward + self.offset[np.arange(len(self)), arm]

    @property
    def unchanged(self) -> Contexts:
        """The same patients with no feasible change: F = {0}."""
        nothing = np.zeros_like(self.lo)
        return replace(self, lo=nothing, hi=nothing)

    def take(self, subset: Ints) -> Contexts:
        return Contexts(*(getattr(self, field.name)[subset] for field in fields(self)))

    def __len__(self) -> int:
        return len(self.x)


@dataclass(frozen=True, eq=False)
class Actions:
    """R actions: arm (R,) and the advised change delta (R, d_M), standardised."""

    arm: Ints
    delta: Floats

    def take(self, subset: Ints) -> Actions:
        return Actions(self.arm[subset], self.delta[subset])


@dataclass(frozen=True, eq=False)
class Outcomes:
    """Observed outcomes: reward (R,) and the features x' (R, d) at which the patient was actually treated."""

    reward: Floats
    x: Floats


def moved(x: Floats, delta: Floats) -> Floats:
    """x' = (x_I, x_M + delta) for stacks of any shape."""
    out = np.empty(delta.shape[:-1] + x.shape[-1:])
    out[...] = x
    out[..., x.shape[-1] - delta.shape[-1] :] += delta
    return out
