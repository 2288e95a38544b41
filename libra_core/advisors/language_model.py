"""The language model on the list of advisors. Its package is imported only once it is asked for: the SDK is slow."""

from __future__ import annotations

from libra_core.advisors.base import Advisor, AdvisorKind, World, offer


def _make(name: str, environment: World, seed: int) -> Advisor:
    from libra_core.advisors.llm import llm_advisor

    assert environment.cohort is not None  # make_advisor refuses an environment without patients
    advisor = llm_advisor(environment.cohort)
    if advisor.settings.off_reason():  # a study that names a model but never asked it would mislead
        raise ValueError(advisor.settings.off_reason())
    return advisor


offer(AdvisorKind("llm", "Language model", _make, needs_patients=True))
