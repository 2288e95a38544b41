"""Advisors, by name. A new one is a new file and a line in `make_advisor`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from libra_core.advisors.base import Advice, AdviceBatch, Advisor, Case, CaseAdvisor
from libra_core.advisors.guideline import GuidelineAdvisor
from libra_core.advisors.simulated import SimulatedAdvisor

if TYPE_CHECKING:
    from libra_core.environments.base import Environment

SIMULATED = ("near-optimal", "noisy:0.3", "biased:0.5", "random", "adversarial", "refuses")
GUIDELINE, LLM = "guideline", "llm"


def make_advisor(name: str, environment: Environment, seed: int) -> Advisor:
    """The advisor of that name for one environment. Raises ValueError with what to choose instead."""
    if name in (GUIDELINE, LLM):
        if environment.cohort is None:
            raise ValueError(f"the {name} advisor needs patients: choose an environment over a cohort")
        if name == LLM:
            from libra_core.advisors.llm import llm_advisor  # the SDK takes a while to import

            advisor = llm_advisor(environment.cohort)
            if advisor.settings.off_reason():  # a study under a model's name in which no model spoke would mislead
                raise ValueError(advisor.settings.off_reason())
            return advisor
        return GuidelineAdvisor(environment.cohort.case, environment.problem.d_mutable)
    return SimulatedAdvisor(environment.problem, environment.theta, name, seed, environment.first)


__all__ = ["GUIDELINE", "LLM", "SIMULATED", "Advice", "AdviceBatch", "Advisor", "Case", "CaseAdvisor", "make_advisor"]
