"""Settings of the ready-made studies on the case-study page, for any disease."""

from __future__ import annotations

from dataclasses import replace

from libra_core.advisors.recording import recording_for
from libra_core.clinical import Protocol
from libra_core.environments import EnvironmentSpec
from libra_core.policies import RECOMMENDED
from libra_core.study.live import live_config
from libra_core.study.spec import StudySpec

LIBRA = RECOMMENDED  # the method that the case study is about
PAPER = "libra"  # the paper's rule, to compare it with
POLICIES = ("linucb", "linucb-posthoc", "glrb", LIBRA, PAPER, "libra-trial", "guideline", "advisor-only")
ASKING = ("glrb", LIBRA, PAPER, "libra-trial", "advisor-only")  # what another advisor can change, and GLRB
RECORDED = "recorded"  # a language model's recorded answers
ADVISOR = "noisy:0.3"  # where none are: a simulated advisor that names a random treatment three times in ten
EXPERT = "near-optimal"  # a simulated expert: what better advice would add
SABOTEUR = "adversarial"  # always names the worst treatment: tests the robustness guarantee
ROUNDS, REPLICATES, SEED = 5000, 20, 0


def case_study_specs(protocol: Protocol, rounds: int = ROUNDS, replicates: int = REPLICATES) -> dict[str, StudySpec]:
    """The studies by role; "main" is the one whose config hash identifies the case study.

    main: patients make a random share of an advised change; the advisor is the language model whose answers are
    recorded, if there are any. full: they make all of the change. expert, sabotage: as main, but a simulated advisor is
    nearly always right, or always names the worst treatment. other: as main, over the protocol's second cohort.
    Settings are the pages' defaults.
    """
    cohort = protocol.cohorts[0].name
    environment = EnvironmentSpec(protocol.name, cohort=cohort, compliance="partial")
    config = live_config(protocol)
    main = StudySpec(environment, POLICIES, advisor_for(protocol, cohort), rounds, replicates, SEED, config)
    studies = variants(main)
    if len(protocol.cohorts) > 1:
        other = protocol.cohorts[1].name
        world = replace(environment, cohort=other)
        studies["other"] = replace(main, environment=world, advisor=advisor_for(protocol, other))
    return studies


def advisor_for(protocol: Protocol, cohort: str) -> str:
    """The advisor of a case study: a language model where its answers about the cohort are recorded."""
    return RECORDED if recording_for(protocol.name, cohort) else ADVISOR


def variants(main: StudySpec) -> dict[str, StudySpec]:
    """A study and the studies it is compared with."""
    asking = tuple(name for name in main.policies if name in ASKING)
    return {
        "main": main,
        "full": replace(main, environment=replace(main.environment, compliance="full")),
        "expert": replace(main, advisor=EXPERT, policies=asking),
        "sabotage": replace(main, advisor=SABOTEUR, policies=asking),
    }
