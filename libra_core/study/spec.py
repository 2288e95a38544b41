"""The settings of a study. Studies with equal hashes give equal numbers under the same versions."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from typing import Any

from libra_core import __version__
from libra_core.cohort import Cohort
from libra_core.environments import EnvironmentSpec
from libra_core.policies import REGISTRY, PolicyConfig
from libra_core.policies.base import current_name, stored_name


def cohort_key(cohort: Cohort) -> str:
    """The name of a cohort in a config: the built-in's name; for an upload also a digest of its values."""
    if cohort.kind != "uploaded":
        return cohort.name
    return f"{cohort.name}:{hashlib.sha256(cohort.content).hexdigest()[:12]}"


def inputs_digest(cohort: Cohort) -> str:
    """Sixteen hex digits for the values of a cohort and every number of the protocol that is applied to them."""
    p = cohort.protocol
    read = (
        p.context,
        p.mutable,
        p.feasible,
        p.outcome,
        p.features,
        p.derived,
        p.treatments,
        p.arrivals_rule,
        p.dropped,
    )
    return hashlib.sha256(cohort.content + repr(read).encode()).hexdigest()[:16]


def hash_of(config: dict[str, Any]) -> str:
    """The hash of a config: twelve hex digits of the SHA-256 of its JSON."""
    return hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()[:12]


LANDMARKS = (100, 300, 1000, 3000, 10_000, 30_000, 100_000)


@dataclass(frozen=True)
class StudySpec:
    """Policies, an advisor, an environment, rounds and replicates. `seed` fixes everything random."""

    environment: EnvironmentSpec = field(default_factory=EnvironmentSpec)
    policies: tuple[str, ...] = ("linucb", "glrb", "libra")
    advisor: str = "near-optimal"
    rounds: int = 1000
    replicates: int = 20
    seed: int = 0
    config: PolicyConfig = field(default_factory=PolicyConfig)

    def __post_init__(self) -> None:
        object.__setattr__(self, "policies", tuple(current_name(name) for name in self.policies))

    def validate(self) -> StudySpec:
        """Return self, or raise ValueError with a sentence for a person."""
        unknown = [name for name in self.policies if name not in REGISTRY]
        if unknown:
            raise ValueError(f"unknown policy {unknown[0]!r}: choose from {', '.join(REGISTRY)}")
        if not self.policies:
            raise ValueError(f"choose at least one policy: {', '.join(REGISTRY)}")
        if len(set(self.policies)) < len(self.policies):
            raise ValueError("a policy is named twice: name each once")
        for name, low, high in (("rounds", 1, 1_000_000), ("replicates", 1, 10_000), ("seed", 0, 2**63 - 1)):
            value = getattr(self, name)
            if not low <= value <= high:
                raise ValueError(f"{name} must be between {low:,} and {high:,}, got {value:,}")
        self.environment.validate()
        self.config.validate()
        return self

    def as_dict(self) -> dict[str, Any]:
        """Everything that decides the numbers, JSON-able, with the version; policies by their stored names."""
        policies = tuple(stored_name(name) for name in self.policies)
        return {"version": __version__, **asdict(self), "policies": policies}

    @property
    def hash(self) -> str:
        """Twelve hex digits of the SHA-256 of as_dict()."""
        return hash_of(self.as_dict())

    def grid(self, points: int = 150) -> tuple[int, ...]:
        """The rounds at which regret is kept: evenly spread, the landmarks, and the last round."""
        step = max(1, self.rounds // points)
        marks = {t for t in (1, 200, 500, 2000, 5000, *LANDMARKS) if t <= self.rounds}
        return tuple(sorted({*range(step, self.rounds + 1, step), *marks, self.rounds}))
