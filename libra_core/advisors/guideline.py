"""A disease's guideline rules as an advisor: deterministic, offline, with reason and source in plain words.

The rules are kept with the disease's environment (`add_rules`). Contraindications are not judged here: a
contraindicated treatment is not on the case's menu, and LIBRA checks again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from libra_core.advisors.base import Advice, CaseAdvisor, register
from libra_core.cases import Case


@dataclass(frozen=True)
class TherapyStep:
    """Treatments in order of preference, and why."""

    codes: tuple[str, ...]
    reason: str
    source: str


@dataclass(frozen=True)
class Rules:
    """The guideline rules of one disease: the treatment step, the habits in order of preference, and their source."""

    step: Callable[[Case], TherapyStep]
    habits: Callable[[Case], Sequence[str]]
    habits_source: str


_RULES: dict[str, Rules] = {}


def add_rules(protocol: str, rules: Rules) -> None:
    """Register a disease's guideline rules; call it in the file of its environment."""
    _RULES[protocol] = rules


@register
class GuidelineAdvisor(CaseAdvisor):
    """Picks the first eligible treatment that the rules name, else the mildest, and up to `max_changes` habits at
    their largest step.

    Answers are kept for each cohort row, so that a long simulation asks once for each patient.
    """

    name, label = "guideline", "Guideline rules"
    repeatable = True

    def __init__(self, cases: Callable[[int], Case], d_mutable: int) -> None:
        super().__init__(cases, d_mutable)
        self._known: dict[int, Advice] = {}

    def advise(self, case: Case) -> Advice:
        if case.row < 0:
            return self._judge(case)
        if case.row not in self._known:
            self._known[case.row] = self._judge(case)
        return self._known[case.row]

    def remembered(self, row: int) -> Advice | None:
        return self._known.get(row)

    def _judge(self, case: Case) -> Advice:
        menu = {arm.code: arm.index for arm in case.arms}
        if not menu:
            return Advice(self.name, "invalid", rationale="No treatment is on the menu.", vote_share=0.0)
        rules = _RULES.get(case.protocol)
        if rules is None:
            return Advice(
                self.name, "off", rationale=f"No guideline rules are written for {case.protocol}.", vote_share=0.0
            )
        step = rules.step(case)
        mildest = min(menu, key=lambda code: menu[code])  # by convention the first treatment is "no new drug"
        code = next((c for c in step.codes if c in menu), mildest)
        reason = f"{step.reason} ({step.source})."
        if code not in step.codes:
            reason += " None of the classes it names is open to this patient."
        elif code != step.codes[0]:
            reason += " Its first choice is not open to this patient, so the next one is taken."
        delta, habits = self._habits(case, rules)
        return Advice(self.name, "ok", menu[code], delta, f"{reason} {habits}")

    def _habits(self, case: Case, rules: Rules) -> tuple[tuple[float, ...], str]:
        changes = {change.name: change for change in case.changes}
        delta = [0.0] * self.d_mutable
        labels: list[str] = []
        for name in rules.habits(case):
            change = changes.get(name)
            if change is None or len(labels) == case.max_changes:
                continue
            level = max(change.levels, key=abs)
            if level:
                delta[change.index] = level / change.scale
                labels.append(_short(change.label))
        if not labels:
            return tuple(delta), "No habit can be changed safely within the limits."
        return tuple(delta), f"Habits first for this patient: {', '.join(labels)} ({rules.habits_source})."


def _short(label: str) -> str:
    """A label inside a sentence: "Diet quality (DASH score 0-10)" reads "diet quality"."""
    text = label.split(" (")[0]
    return text[:1].lower() + text[1:]
