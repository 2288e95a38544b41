"""Compile the kernels ahead of time, so that the first click need not wait."""

from __future__ import annotations

from libra_core.environments import EnvironmentSpec
from libra_core.policies import PolicyConfig
from libra_core.study import StudySpec, run_study

TINY = EnvironmentSpec(arms=2, d_immutable=1, d_mutable=2)


def warm() -> None:
    """Run every kernel once on a small problem: seconds the first time, then cached."""
    run_study(StudySpec(TINY, ("glrb",), "random", 2, 1), workers=1)
    run_study(StudySpec(TINY, ("glrb",), "random", 2, 1, config=PolicyConfig(shared=True)), workers=1)
