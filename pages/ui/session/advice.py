"""The advisors on offer and their labels. A simulated advisor is never called a language model."""

from __future__ import annotations

from libra_core.advisors import LLM, kinds
from libra_core.advisors.base import Advisor
from libra_core.cohort import Cohort
from pages.ui.session import llm

MODEL = "language-model"  # the session's own, with its settings and budget; the plain name is the command line's


def choices() -> list[str]:
    """The advisors on offer; the language model only when it is switched on."""
    names = [name for name in kinds() if name != LLM]
    return names if llm.resolved().settings.off_reason() else [*names, MODEL]


def label(name: str) -> str:
    kind = kinds().get(LLM if name == MODEL else name)
    return kind.label if kind else name


def chosen(name: str, cohort: Cohort) -> str | Advisor:
    """The advisor of a run: a name, or the session's own language model."""
    return llm.advisor(cohort) if name == MODEL else name
