"""The rule book for hypertension as an advisor: deterministic, offline, with the reason and its source in plain words.

Our own short reading of the 2017 ACC/AHA guideline (Whelton et al., Hypertension 2018;71:e13) and the 2025 AHA/ACC
guideline, over the fields of a Case. What is left out: the 10-year risk score (a case does not carry all its inputs),
doses, drugs within a class, and any rule by race. Contraindications are not judged here: a contraindicated treatment
is not on the case's menu, and LIBRA checks again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from libra_core.advisors.base import Advice, Case, CaseAdvisor

ACC_2017, AHA_2025 = "ACC/AHA 2017", "AHA/ACC 2025"
NONE, RASI, THIAZIDE, CCB, RASI_CCB, RASI_THIAZIDE, MRA, BETA = (
    "lifestyle",
    "rasi",
    "thiazide",
    "ccb",
    "rasi_ccb",
    "rasi_thiazide",
    "mra",
    "bb",
)

# Habits in the order of the fall in pressure that the guideline tables expect, for those to whom each applies.
HABITS: tuple[tuple[str, Callable[[Case], bool]], ...] = (
    ("adherence_pdc", lambda case: case.value("adherence_pdc") < 0.8),
    ("alcohol_drinks_wk", lambda case: case.value("alcohol_drinks_wk") > 14),
    ("sodium_mg_day", lambda case: case.value("sodium_mg_day") > 2300),
    ("weight_kg", lambda case: case.value("bmi") >= 25),
    ("diet_quality", lambda case: True),
    ("mvpa_min_wk", lambda case: not case.value("mvpa_min_wk") >= 150),
    ("potassium_mg_day", lambda case: not case.value("potassium_mg_day") >= 3500),
    ("cigs_per_day", lambda case: case.value("cigs_per_day") > 0),
)


@dataclass(frozen=True)
class Step:
    """Treatments in order of preference, and why."""

    codes: tuple[str, ...]
    reason: str
    source: str


@dataclass(frozen=True)
class Rules:
    """The rule book of one disease: the treatment step, the habits in order of preference, and their source."""

    step: Callable[[Case], Step]
    habits: Callable[[Case], Sequence[str]]
    habits_source: str


_RULES: dict[str, Rules] = {}


def add_rules(protocol: str, rules: Rules) -> None:
    """Give a disease its rule book; its environment's file is the place to do so."""
    _RULES[protocol] = rules


class GuidelineAdvisor(CaseAdvisor):
    """Picks the first eligible treatment that the rules name, and up to `max_changes` habits at their largest step.

    Answers are kept for each cohort row, so that a long simulation asks once for each patient.
    """

    name = "guideline"

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
        code = next((c for c in (*step.codes, NONE) if c in menu), next(iter(menu)))
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


def first_step(case: Case) -> Step:
    """What the rules ask for. An unknown number (nan) never meets a threshold."""
    value = case.value
    sbp, dbp, classes = value("sbp"), value("dbp"), value("n_bp_classes")
    stage2 = sbp >= 140 or dbp >= 90
    kidney = value("ckd") == 1 or value("egfr") < 60 or value("uacr") >= 30
    heart = value("prior_mi") == 1 or value("hf") == 1
    risk = kidney or heart or value("stroke") == 1 or value("diabetes") == 1
    treated = classes >= 1
    if not (sbp >= 130 or dbp >= 80):
        return Step((NONE,), "Below 130/80: the goal is reached, keep what is taken", ACC_2017)
    if not stage2 and not risk and not treated:
        return Step((NONE,), "130-139/80-89 without high risk: three to six months of habits first", AHA_2025)
    if stage2 and not treated:
        return _two_drugs(kidney or heart)
    if treated and classes >= 3:
        return Step(
            (RASI, CCB, THIAZIDE, MRA, BETA),
            "Above goal on three or more classes: complete the first-line classes, then an MRA",
            ACC_2017,
        )
    why = "Above goal on treatment: add a class" if treated else "130/80 or more with high risk: one drug now"
    return _one_drug(kidney, heart, value("egfr"), why)


def _two_drugs(rasi_indicated: bool) -> Step:
    """Stage 2 without treatment: two classes in one pill; singles only where the pairs are closed."""
    first = "with kidney or heart disease a RAS inhibitor is one of them" if rasi_indicated else "preferably one pill"
    return Step(
        (RASI_CCB, RASI_THIAZIDE, CCB, THIAZIDE, RASI, BETA, MRA),
        f"140/90 or more without treatment: start two classes, {first}",
        AHA_2025,
    )


def _one_drug(kidney: bool, heart: bool, egfr: float, why: str) -> Step:
    if heart:
        return Step((RASI, BETA, THIAZIDE, CCB), f"{why}; with heart disease a RAS inhibitor, then BB", ACC_2017)
    if kidney:
        return Step((RASI, CCB, THIAZIDE, MRA), f"{why}; with kidney disease a RAS inhibitor first", ACC_2017)
    # Thiazides lose effect at low eGFR; otherwise the three first-line classes rank alike and cost decides.
    order = (RASI, CCB, THIAZIDE) if math.isfinite(egfr) and egfr < 45 else (RASI, THIAZIDE, CCB)
    return Step((*order, MRA, BETA), f"{why}, from the first-line classes", ACC_2017)


add_rules(
    "hypertension",
    Rules(
        first_step,
        lambda case: [name for name, applies in HABITS if applies(case)],
        f"{ACC_2017}, table 15; {AHA_2025}",
    ),
)

__all__ = ["GuidelineAdvisor", "Rules", "Step", "add_rules", "first_step"]
