"""Advisors, by name. A new one is a new file in this folder: it is found there and registers itself."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache

from libra_core.advisors.base import REGISTRY, Advice, AdviceBatch, Advisor, AdvisorKind, CaseAdvisor, World, offer
from libra_core.advisors.panel import JOIN, Panel
from libra_core.cases import Case

GUIDELINE, LLM = "guideline", "llm"


@cache
def _import_all() -> None:
    """On first use, so that an advisor's file may import anything from the library."""
    for module in pkgutil.iter_modules(__path__):
        if not module.ispkg:  # the language model's package takes a while to import: language_model.py registers it
            importlib.import_module(f"{__name__}.{module.name}")


def kinds() -> Mapping[str, AdvisorKind]:
    """Every advisor that can be chosen, by name: first those that work without patients, last the adversaries."""
    _import_all()

    def place(kind: AdvisorKind) -> tuple[bool, bool, str]:
        return kind.adversary, kind.needs_patients, kind.needs_patients * kind.name

    return dict(sorted(REGISTRY.items(), key=lambda item: place(item[1])))


def make_advisor(name: str, environment: World, seed: int) -> Advisor:
    """The advisor of that name for one environment; "A+B" is a panel of both. Raises ValueError with what to choose."""
    if JOIN in name:
        return Panel([make_advisor(part, environment, seed) for part in name.split(JOIN)])
    kind = next((kind for kind in kinds().values() if kind.answers_to(name)), None)
    if kind is None:
        raise ValueError(f"unknown advisor {name!r}: choose one of {', '.join(kinds())}")
    if kind.needs_patients and environment.cohort is None:
        raise ValueError(f"the {name} advisor needs patients: choose an environment over a cohort")
    return kind.make(name, environment, seed)


offer(AdvisorKind("guideline+recorded", "Guideline and language model (recorded)", make_advisor, needs_patients=True))


__all__ = [
    "GUIDELINE",
    "LLM",
    "Advice",
    "AdviceBatch",
    "Advisor",
    "AdvisorKind",
    "Case",
    "CaseAdvisor",
    "kinds",
    "make_advisor",
]
