"""Who may be asked for advice, with names that say what they are. Nothing simulated is called a language model."""

from __future__ import annotations

from libra_core.advisors import GUIDELINE, SIMULATED
from libra_core.advisors.base import Advisor
from libra_core.cohort import Cohort
from pages.ui import llm

MODEL = "language-model"
LABELS = {
    "near-optimal": "Simulated expert, nearly always right",
    "noisy:0.3": "Simulated adviser, picks at random in 30 %",
    "biased:0.5": "Simulated adviser, one-sided in 50 %",
    "random": "Simulated adviser, always random",
    "adversarial": "Simulated adviser, always the worst",
    "refuses": "Simulated adviser, never answers",
    GUIDELINE: "Guideline rules",
}


def choices() -> list[str]:
    """The advisors on offer; the language model only after somebody has switched it on."""
    names = [*SIMULATED, GUIDELINE]
    return names if llm.resolved().settings.off_reason() else [*names, MODEL]


def label(name: str) -> str:
    return "Language model" if name == MODEL else LABELS.get(name, name)


def chosen(name: str, cohort: Cohort) -> str | Advisor:
    """What a run takes: a name, or the session's own language model."""
    return llm.advisor(cohort) if name == MODEL else name
