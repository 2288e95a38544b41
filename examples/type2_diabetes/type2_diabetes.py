"""The simulated response of the worked example, and its short rule book. Loaded because it lies beside the TOML.

Fall of HbA1c in 3 months (mmol/mol) = regression to the mean + doses taken x drug effect - habits + noise; see the base
class for rewards and compliance. EXAMPLE ONLY: round figures, all of them assumptions.
"""

from __future__ import annotations

from typing import ClassVar

from libra_core.advisors.guideline import Rules, TherapyStep, add_rules
from libra_core.arrays import Bools
from libra_core.cases import Case
from libra_core.clinical import Protocol
from libra_core.cohort import Cohort
from libra_core.environments.base import register
from libra_core.environments.disease import Affine, Disease

SOURCE = "ADA-type rules, our own short reading"
# base fall, slope per 10 mmol/mol of HbA1c above 68, per 5 kg/m2 of BMI above 32, with eGFR below 60
EFFECTS = {
    "metformin": (11.0, 2.0, 0.0, -1.0),
    "sglt2": (8.0, 2.0, 0.5, -4.0),
    "glp1": (13.0, 2.5, 1.5, 0.0),
    "sulfonylurea": (11.0, 2.0, -1.0, 0.0),
    "insulin": (13.0, 4.0, -1.5, 1.0),
}
HABITS = {"weight_kg": 0.9, "carbs_g_day": 0.03, "mvpa_min_wk": -0.03, "fibre_g_day": -0.2, "adherence_pdc": -12.0}


@register
class Type2Diabetes(Disease):
    """Synthetic adults above goal; HbA1c after three months."""

    name = "type2_diabetes"
    label = "Type 2 diabetes, simulated response (example)"
    sigma: ClassVar[float] = 7.0

    def expected(self, protocol: Protocol, code: str) -> Affine:
        fall = Affine(protocol)
        fall.state("hba1c", 0.15, 60.0)
        if code in EFFECTS:
            base, severity, weight, kidney = EFFECTS[code]
            taken = next(t.adherence for t in protocol.treatments if t.code == code)
            fall.constant(taken * base)
            fall.state("hba1c", taken * severity / 10, 68.0)
            fall.state("bmi", taken * self.spec.contrast * weight / 5, 32.0)
            fall.state("egfr_lt60", taken * self.spec.contrast * kidney)
        for name, slope in HABITS.items():
            fall.change(name, -slope)
        return fall

    def memberships(self, cohort: Cohort) -> dict[str, Bools]:
        columns = cohort.protocol.columns(cohort.values)
        return {
            "age under 65": columns["age"] < 65,
            "age 65 or more": columns["age"] >= 65,
            "eGFR below 60": columns["egfr"] < 60,
            "heart or vessel disease": columns["heart"] == 1,
        }


def _step(case: Case) -> TherapyStep:
    if case.value("hba1c") < 53:
        return TherapyStep(("lifestyle",), "Below 53 mmol/mol: the goal is reached", SOURCE)
    if case.value("heart") == 1 or case.value("egfr") < 60:
        return TherapyStep(("sglt2", "glp1", "metformin"), "Above goal with heart or kidney disease", SOURCE)
    if case.value("hba1c") >= 100:
        return TherapyStep(("insulin", "glp1", "metformin"), "Far above goal", SOURCE)
    return TherapyStep(("metformin", "glp1", "sglt2", "sulfonylurea"), "Above goal: metformin first", SOURCE)


def _habits(case: Case) -> list[str]:
    first = ["weight_kg"] if case.value("bmi") >= 27 else []
    return [*first, "carbs_g_day", "mvpa_min_wk", "fibre_g_day", "adherence_pdc"]


add_rules("type2_diabetes", Rules(_step, _habits, SOURCE))
