"""Settings of the ready-made studies on the case-study page, for any disease."""

from __future__ import annotations

from dataclasses import replace

from libra_core.clinical import Protocol
from libra_core.environments import EnvironmentSpec
from libra_core.policies.config import PolicyConfig
from libra_core.study.spec import StudySpec

POLICIES = ("linucb", "glrb", "libra", "libra-trial", "guideline", "advisor-only")
ADVISOR = "noisy:0.3"  # a simulated advisor that names a random treatment three times in ten
SABOTEUR = "adversarial"  # always names the worst treatment: tests the robustness guarantee
ROUNDS, REPLICATES, SEED = 5000, 20, 0


def case_study_specs(protocol: Protocol, rounds: int = ROUNDS, replicates: int = REPLICATES) -> dict[str, StudySpec]:
    """The studies by role; "main" is the one whose config hash identifies the case study.

    main: patients make a random share of an advised change. full: they make all of it. sabotage: as main, but the
    advisor always names the worst treatment. Settings are the pages' defaults.
    """
    environment = EnvironmentSpec(protocol.name, cohort=protocol.cohorts[0].name, compliance="partial")
    config = PolicyConfig(shared=True, min_gain=protocol.feasible.min_gain)
    return variants(StudySpec(environment, POLICIES, ADVISOR, rounds, replicates, SEED, config))


def variants(main: StudySpec) -> dict[str, StudySpec]:
    """A study and the two studies it is compared with."""
    asking = tuple(name for name in main.policies if name in ("glrb", "libra", "libra-trial", "advisor-only"))
    return {
        "main": main,
        "full": replace(main, environment=replace(main.environment, compliance="full")),
        "sabotage": replace(main, advisor=SABOTEUR, policies=asking),
    }
