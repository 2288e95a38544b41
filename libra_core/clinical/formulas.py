"""Formulas that compute one feature from others. A value computed from measured inputs counts as measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from libra_core.arrays import Floats
from libra_core.clinical.rules import Columns

P30 = 0.3  # estimates of GFR are judged by the share of people in whom they are within 30 % (KDIGO 2012)
KAPPA, ALPHA = (0.9, 0.7), (-0.302, -0.241)  # men, women


@dataclass(frozen=True)
class Formula:
    """compute(columns) -> (n,), from the features named in `inputs` (empty: those that the protocol names).

    agree: share by which a recorded value may differ from the computed one before the two contradict each other.
    """

    label: str
    inputs: tuple[str, ...]
    compute: Callable[[Columns], Floats]
    agree: float | None = None


def bmi(c: Columns) -> Floats:
    """kg/m² from weight (kg) and height (cm)."""
    return np.asarray(c["weight_kg"] / (c["height_cm"] / 100) ** 2)


def weight(c: Columns) -> Floats:
    return np.asarray(c["bmi"] * (c["height_cm"] / 100) ** 2)


def height(c: Columns) -> Floats:
    return np.asarray(100 * np.sqrt(c["weight_kg"] / c["bmi"]))


def egfr_2021(c: Columns) -> Floats:
    """CKD-EPI 2021 (Inker, NEJM 2021;385:1737), mL/min/1.73 m² from creatinine (mg/dL), age and sex.

    142 min(Scr/kappa, 1)^alpha max(Scr/kappa, 1)^-1.2 0.9938^age (1.012 in women)
    """
    woman = c["female"] == 1
    ratio = c["creatinine"] / np.where(woman, KAPPA[1], KAPPA[0])
    low = np.minimum(ratio, 1) ** np.where(woman, ALPHA[1], ALPHA[0])
    return np.asarray(142 * low * np.maximum(ratio, 1) ** -1.2 * 0.9938 ** c["age"] * np.where(woman, 1.012, 1.0))


def creatinine_2021(c: Columns) -> Floats:
    """Creatinine (mg/dL) at which CKD-EPI 2021 gives the eGFR: its inverse, branch by branch."""
    woman = c["female"] == 1
    kappa, alpha = np.where(woman, KAPPA[1], KAPPA[0]), np.where(woman, ALPHA[1], ALPHA[0])
    share = c["egfr"] / (142 * 0.9938 ** c["age"] * np.where(woman, 1.012, 1.0))
    return np.asarray(kappa * np.where(share >= 1, share ** (1 / alpha), share ** (-1 / 1.2)))


def total(c: Columns) -> Floats:
    return np.asarray(sum(c.values()))


FORMULAS: dict[str, Formula] = {
    "bmi_from_weight_and_height": Formula("from weight and height", ("weight_kg", "height_cm"), bmi),
    "weight_from_bmi_and_height": Formula("from BMI and height", ("bmi", "height_cm"), weight),
    "height_from_weight_and_bmi": Formula("from weight and BMI", ("weight_kg", "bmi"), height),
    "egfr_ckd_epi_2021": Formula(
        "from creatinine, age and sex by CKD-EPI 2021", ("creatinine", "age", "female"), egfr_2021, P30
    ),
    "creatinine_from_egfr_2021": Formula(
        "from eGFR, age and sex by CKD-EPI 2021", ("egfr", "age", "female"), creatinine_2021
    ),
    "sum": Formula("as the sum of its parts", (), total),
}
