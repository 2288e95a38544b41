"""Semi-synthetic hypertension: real (or uploaded) patients, simulated response to treatment and habits.

Fall of systolic pressure in 3 months, mmHg, for treatment a and changes dm of habits (a share of which is realised):

    fall = 0.15 (SBP - 138) + adherence_a E_a(x') - sum_k beta_k dm_k realised_k + N(0, sigma^2)

E_a is the drug effect of the table below at the changed habits; a combination is 0.9 times the sum of its parts.
Rewards: "identity", the fall in mmHg; "logistic", SBP < 130 after 3 months with
logit P = 0.19 (130 - mean SBP). Both are linear in x' = (x_I, change), so GLRB's model is well specified.

Bases, the slope in SBP and the race terms are anchored in published trials; all other sizes are assumptions with the
sign from the literature. No floor at zero effect is applied: E_a stays positive for nearly all patients, and the
few in whom it does not are counted by `negative_effects`. Not calibrated to any trial's outcome.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from libra_core.arrays import Bools
from libra_core.clinical import Protocol
from libra_core.cohort import Cohort
from libra_core.environments.base import register
from libra_core.environments.disease import Affine, Disease

SIGMA = 9.0  # mmHg; mean of 2-3 visits or standardised readings (assumption)
REGRESSION, REGRESSION_MEAN = 0.15, 138.0
LOGIT_SLOPE = 0.19  # 1.7 / sigma: probit-logit match
COMBINATION = 0.9


@dataclass(frozen=True)
class DrugEffect:
    """mmHg: base, then slopes per (SBP-154)/10, (age-55)/10, Black, (sodium-3200)/1000, DASH-4, (BMI-30)/5,
    eGFR < 45, and three or more drug classes."""

    base: float
    s: float
    g: float = 0.0
    B: float = 0.0
    n: float = 0.0
    q: float = 0.0
    b: float = 0.0
    c: float = 0.0
    r: float = 0.0


EFFECTS = {
    "rasi": DrugEffect(8.8, 1.0, -0.7, -3.3, -1.2, 0.35, 0.0, 0.0, -1.0),
    "thiazide": DrugEffect(8.8, 1.0, 0.8, 1.8, 0.8, -0.1, 0.2, -2.5, 0.0),
    "ccb": DrugEffect(8.8, 1.0, 0.6, 1.5, 0.3),
    "mra": DrugEffect(6.5, 0.8, 0.2, 0.5, 0.6, 0.0, 0.8, -1.5, 2.2),
    "bb": DrugEffect(8.0, 0.8, -0.8, -2.5, r=-1.0),
}
# mmHg for each clinical unit moved
HABITS = {
    "weight_kg": 0.9,
    "sodium_mg_day": 1.8 / 1000,
    "potassium_mg_day": -1.6 / 1000,
    "mvpa_min_wk": -0.9 / 30,
    "alcohol_drinks_wk": 0.20,
    "diet_quality": -0.5,
    "cigs_per_day": 0.0,
    "adherence_pdc": -8.0,  # assumption: taking another 0.15 of the current drugs is worth 1.2 mmHg
}


class _Effects(Affine):
    """Effects of drugs on systolic pressure."""

    def effect(self, code: str, weight: float, contrast: float) -> None:
        """weight * E_code(x'); contrast multiplies everything but the base and the slope in SBP."""
        e = EFFECTS[code]
        self.constant(weight * e.base)
        self.state("sbp", weight * e.s / 10, 154.0)
        k = weight * contrast
        self.state("age", k * e.g / 10, 55.0)
        self.state("black", k * e.B)
        self.level("sodium_mg_day", k * e.n / 1000, 3200.0)
        self.level("diet_quality", k * e.q, 4.0)
        self.state("bmi", k * e.b / 5, 30.0)
        self.state("egfr_lt45", k * e.c)
        self.state("classes_ge3", k * e.r)


@register
class Hypertension(Disease):
    """Adults with high blood pressure; systolic pressure after three months."""

    name = "hypertension"
    label = "Hypertension, real patients, simulated response"
    sigma: ClassVar[float] = SIGMA
    logit_slope = LOGIT_SLOPE

    def expected(self, protocol: Protocol, code: str) -> Affine:
        treatment = next(t for t in protocol.treatments if t.code == code)
        f = _Effects(protocol)
        f.state("sbp", REGRESSION, REGRESSION_MEAN)
        parts = treatment.components or ((treatment.code,) if treatment.code in EFFECTS else ())
        share = treatment.adherence * (COMBINATION if len(parts) > 1 else 1.0)
        for part in parts:
            f.effect(part, share, self.spec.contrast)
        for name, slope in HABITS.items():
            f.change(name, -slope)
        return f

    def memberships(self, cohort: Cohort) -> dict[str, Bools]:
        columns = cohort.protocol.columns(cohort.values)
        return {
            "age under 65": columns["age"] < 65,
            "age 65 or more": columns["age"] >= 65,
            "women": columns["female"] == 1,
            "men": columns["female"] == 0,
            "chronic kidney disease": columns["ckd"] == 1,
            "diabetes": columns["diabetes"] == 1,
        }

    def negative_effects(self) -> int:
        """How many patients have some eligible single drug with a negative effect before any change of habits."""
        protocol = self.cohort.protocol if self.cohort else None
        assert protocol is not None
        below = np.zeros(len(self.rows), bool)
        for k, treatment in enumerate(protocol.treatments):
            if treatment.code in EFFECTS:
                f = _Effects(protocol)
                f.effect(treatment.code, 1.0, self.spec.contrast)
                below |= (self.patients.x @ f.theta < 0) & self.patients.eligible[:, k]
        return int(below.sum())
