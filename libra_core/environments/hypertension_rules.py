"""The guideline rules for hypertension: our own summary of the 2017 ACC/AHA guideline (Whelton et al., Hypertension
2018;71:e13) and the 2025 AHA/ACC guideline, over the fields of a Case.

Left out: the 10-year risk score (a case does not carry all its inputs), doses, drugs within a class, and any
rule by race.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from libra_core.advisors.guideline import Rules, TherapyStep, add_rules
from libra_core.cases import Case

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

# Habits by the fall in pressure expected in the guideline's tables, each with the patients to whom it applies.
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


def first_step(case: Case) -> TherapyStep:
    """What the rules recommend. An unknown number (nan) never meets a threshold."""
    value = case.value
    sbp, dbp, classes = value("sbp"), value("dbp"), value("n_bp_classes")
    stage2 = sbp >= 140 or dbp >= 90
    kidney = value("ckd") == 1 or value("egfr") < 60 or value("uacr") >= 30
    heart = value("prior_mi") == 1 or value("hf") == 1
    risk = kidney or heart or value("stroke") == 1 or value("diabetes") == 1
    treated = classes >= 1
    if not (sbp >= 130 or dbp >= 80):
        return TherapyStep((NONE,), "Below 130/80: the goal is reached, keep what is taken", ACC_2017)
    if not stage2 and not risk and not treated:
        return TherapyStep((NONE,), "130-139/80-89 without high risk: three to six months of habits first", AHA_2025)
    if stage2 and not treated:
        return _two_drugs(kidney or heart)
    if treated and classes >= 3:
        return TherapyStep(
            (RASI, CCB, THIAZIDE, MRA, BETA),
            "Above goal on three or more classes: complete the first-line classes, then an MRA",
            ACC_2017,
        )
    why = "Above goal on treatment: add a class" if treated else "130/80 or more with high risk: one drug now"
    return _one_drug(kidney, heart, value("egfr"), why)


def _two_drugs(rasi_indicated: bool) -> TherapyStep:
    """Stage 2 without treatment: two classes in one pill; single drugs only where no pair is an option."""
    first = "with kidney or heart disease a RAS inhibitor is one of them" if rasi_indicated else "preferably one pill"
    return TherapyStep(
        (RASI_CCB, RASI_THIAZIDE, CCB, THIAZIDE, RASI, BETA, MRA),
        f"140/90 or more without treatment: start two classes, {first}",
        AHA_2025,
    )


def _one_drug(kidney: bool, heart: bool, egfr: float, why: str) -> TherapyStep:
    if heart:
        return TherapyStep((RASI, BETA, THIAZIDE, CCB), f"{why}; with heart disease a RAS inhibitor, then BB", ACC_2017)
    if kidney:
        return TherapyStep((RASI, CCB, THIAZIDE, MRA), f"{why}; with kidney disease a RAS inhibitor first", ACC_2017)
    # Thiazides lose effect at low eGFR; otherwise the three first-line classes rank alike and cost decides.
    order = (RASI, CCB, THIAZIDE) if math.isfinite(egfr) and egfr < 45 else (RASI, THIAZIDE, CCB)
    return TherapyStep((*order, MRA, BETA), f"{why}, from the first-line classes", ACC_2017)


add_rules(
    "hypertension",
    Rules(
        first_step,
        lambda case: [name for name, applies in HABITS if applies(case)],
        f"{ACC_2017}, table 15; {AHA_2025}",
    ),
)
