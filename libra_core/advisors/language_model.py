"""The language model on the list of advisors. Its package is imported only once it is asked for: the SDK is slow."""

from __future__ import annotations

from libra_core.advisors.base import Advisor, AdvisorKind, World, offer


def _make(name: str, environment: World, seed: int) -> Advisor:
    from libra_core.advisors.llm import llm_advisor

    assert environment.cohort is not None  # make_advisor refuses an environment without patients
    advisor = llm_advisor(environment.cohort)
    if off := advisor.settings.off_reason() or advisor.store.fault:  # a study that names a model must ask it
        raise ValueError(off)
    return advisor


offer(AdvisorKind("llm", "Language model", _make, needs_patients=True))
