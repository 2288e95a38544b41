"""Treatments and the small parts of a protocol: cost, contraindications, the feasible radius, built-in cohorts."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import ConfigDict, model_validator
from pydantic.dataclasses import dataclass

from libra_core.clinical.rules import STRICT, Rule


@dataclass(frozen=True, config=STRICT)
class Bonus:
    """The value of a compelling indication, in the outcome's unit, where the flag is 1."""

    flag: str
    value: float


@dataclass(frozen=True, config=STRICT)
class Treatment:
    """One arm. cost: side effects, monitoring and burden in the outcome's unit. adherence: share of doses taken.

    blocked_if: contraindications, any one blocks. components: other arms; blocked when one of them is.
    not_alone: where this arm is not enough by itself. cautions: shown when the arm is chosen, never a block.
    """

    code: str
    label: str
    cost: float
    adherence: float
    sources: dict[str, str]
    components: tuple[str, ...] = ()
    bonus: tuple[Bonus, ...] = ()
    blocked_if: tuple[Rule, ...] = ()
    not_alone: tuple[Rule, ...] = ()
    cautions: tuple[Rule, ...] = ()

    @model_validator(mode="after")
    def _check(self) -> Treatment:
        if self.cost < 0:
            raise ValueError(f"cost must be >= 0, got {self.cost:g}")
        if not 0 <= self.adherence <= 1:
            raise ValueError(f"adherence must be between 0 and 1, got {self.adherence:g}")
        needed = ["cost", "adherence"] + (["bonus"] if self.bonus else [])
        missing = [group for group in needed if group not in self.sources]
        if missing:
            raise ValueError(f"no source is given for {', '.join(missing)}: add it to `sources` (or say 'assumption')")
        return self


@dataclass(frozen=True, config=STRICT)
class Block:
    """Why an arm is excluded for one patient."""

    arm: int
    reason: str
    source: str


@dataclass(frozen=True, config=STRICT)
class Limit:
    """How far one habit may move for one patient, in clinical units (lo <= 0 <= hi), and what stops it there.

    kind: "step" (largest step), "floor", "ceiling", or "lock" (it may not move at all).
    """

    feature: str
    lo: float
    hi: float
    kind: Literal["step", "floor", "ceiling", "lock"]
    text: str


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class FeasibleSpec:
    """The feasible radius: ||W delta||_p <= gamma, at most max_changes habits, each worth min_gain."""

    gamma: float
    p: float
    max_changes: int
    min_gain: float
    source: str

    @model_validator(mode="after")
    def _check(self) -> FeasibleSpec:
        for name in ("gamma", "max_changes", "min_gain"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must be >= 0, got {getattr(self, name):g}")
        if self.p not in (1.0, 2.0, math.inf):
            raise ValueError(f"p must be 1, 2 or inf, got {self.p:g}")
        return self


@dataclass(frozen=True, config=STRICT)
class LinearLimit:
    """A further limit on a plan, off until a clinician switches it on: sum_j weight_j change_j <= limit, or with
    `absolute` sum_j weight_j |change_j| <= limit. Weights per clinical unit; limit >= 0: no change is always allowed.
    """

    name: str
    text: str
    weights: dict[str, float]
    absolute: bool
    limit: float
    source: str

    @model_validator(mode="after")
    def _check(self) -> LinearLimit:
        if self.limit < 0:
            raise ValueError(f"limit must be >= 0, got {self.limit:g}: otherwise even no change would be forbidden")
        if self.absolute and any(w < 0 for w in self.weights.values()):
            raise ValueError("weights must be >= 0 when absolute = true: otherwise the limit is not convex")
        return self


@dataclass(frozen=True, config=STRICT)
class Outcome:
    name: str
    label: str
    unit: str
    horizon: str
    goal: float
    source: str


@dataclass(frozen=True, config=STRICT)
class Shift:
    flag: str
    value: float


@dataclass(frozen=True, config=STRICT)
class Draw:
    """The distribution of one synthetic column. normal is truncated to [low, high], clipped is clipped to it.

    lognormal: from median and quartiles. choice: 0, 1, 2, ... with `shares`. shift: added where a flag is 1.
    only_if: 0 where that earlier flag is 0.
    """

    feature: str
    kind: Literal["normal", "clipped", "lognormal", "flag", "choice"]
    source: str
    mean: float = 0.0
    sd: float = 1.0
    low: float = -1e9
    high: float = 1e9
    median: float = 1.0
    q25: float = 0.5
    q75: float = 2.0
    p: float = 0.0
    shares: tuple[float, ...] = ()
    shift: Shift | None = None
    only_if: str | None = None


@dataclass(frozen=True, config=STRICT)
class Correlation:
    a: str
    b: str
    r: float


@dataclass(frozen=True, config=STRICT)
class Among:
    """Which flags make up a count: flags are drawn without replacement in proportion to their weights."""

    count: str
    weights: dict[str, float]


@dataclass(frozen=True, config=STRICT)
class Generator:
    """How a synthetic cohort is drawn: marginals joined by a Gaussian copula."""

    n: int
    seed: int
    draws: tuple[Draw, ...]
    correlations: tuple[Correlation, ...]
    correlations_source: str
    among: Among | None = None
    among_source: str = ""


@dataclass(frozen=True, config=STRICT)
class CohortSpec:
    """A built-in cohort: a file beside the protocol, or a generator."""

    name: str
    label: str
    kind: Literal["real", "synthetic"]
    id_prefix: str
    provenance: str
    data_date: str
    file: str | None = None
    generator: Generator | None = None

    @model_validator(mode="after")
    def _check(self) -> CohortSpec:
        if (self.file is None) == (self.generator is None):
            raise ValueError("give exactly one of `file` and `generator`")
        return self
