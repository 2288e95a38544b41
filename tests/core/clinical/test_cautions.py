"""What must be read beside a plan: cautions, what to know before a drug starts, when to look again; never a block."""

from __future__ import annotations

import numpy as np
import pytest

from libra_core.certainty import Estimate, Evidence
from libra_core.cohort import load_cohort
from libra_core.summary import summarise_plan
from tests.core.clinical.test_clinical import PROTOCOL, patient

CODES = PROTOCOL.arm_codes
KIDNEY = (
    "rasi",
    "thiazide",
    "rasi_ccb",
    "rasi_thiazide",
    "mra",
)  # drugs after which creatinine and potassium are checked
NOTHING = np.zeros(len(PROTOCOL.mutable))


def said(code: str, expected: float = float("nan"), **values: float) -> tuple[str, ...]:
    return PROTOCOL.cautions(patient(**values), CODES.index(code), NOTHING, expected)


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize(("female", "age"), [(1, 18), (1, 36), (1, 55), (1, 56), (0, 36)])
def test_pregnancy_comes_first_where_it_is_possible_and_the_drug_harms(code: str, female: int, age: int) -> None:
    found = said(code, 110.0, female=female, age=age, dbp=50, sbp=150)
    harms = code in ("rasi", "rasi_ccb", "rasi_thiazide", "mra")
    at = [i for i, text in enumerate(found) if text.startswith("PREGNANCY")]
    assert at == ([0] if harms and female and age <= 55 else [])


@pytest.mark.parametrize("code", CODES)
def test_after_starting_a_drug_the_laboratory_and_the_pressure_are_looked_at(code: str) -> None:
    (after,) = [text for text in said(code) if text.startswith("after starting")] or [""]
    assert ("creatinine (eGFR) and potassium in 1-2 weeks" in after) == (code in KIDNEY)
    assert ("blood pressure in 4 weeks" in after) == (code != "lifestyle")


@pytest.mark.parametrize(("dbp", "careful"), [(59, True), (60, False)])
def test_a_low_diastolic_pressure_is_lowered_slowly(dbp: float, careful: bool) -> None:
    for code in CODES[1:]:
        assert any("diastolic pressure below 60" in text for text in said(code, dbp=dbp)) == careful
    assert said("lifestyle", dbp=50) == ()


@pytest.mark.parametrize(("expected", "careful"), [(119.0, True), (120.0, False), (float("nan"), False)])
def test_an_expected_pressure_below_120_is_told_where_something_is_known(expected: float, careful: bool) -> None:
    for code in CODES:
        assert any("expected systolic pressure below 120" in text for text in said(code, expected)) == careful


@pytest.mark.parametrize(
    ("sbp", "dbp", "why"),
    [
        (150, 95, "two drugs at once because this is stage 2"),
        (150, 80, "two drugs at once because this is stage 2"),
        (131, 90, "two drugs at once, and stage 2 by the diastolic pressure alone"),
        (135, 85, "two drugs at once below 140/90"),
    ],
)
def test_two_drugs_are_always_explained_and_once(sbp: float, dbp: float, why: str) -> None:
    for code in CODES:
        about = [text for text in said(code, sbp=sbp, dbp=dbp) if "two drugs" in text]
        assert [text.startswith(why) for text in about] == [True] * (code in ("rasi_ccb", "rasi_thiazide"))


def test_a_caution_blocks_nothing() -> None:
    careful = patient(female=1, age=36, sbp=135, dbp=50, hba1c=9)
    assert PROTOCOL.eligible(careful)[0].all()


@pytest.mark.parametrize("code", KIDNEY)
def test_kidney_function_and_potassium_are_known_before_these_drugs_start(code: str) -> None:
    nhanes = load_cohort("nhanes")
    woman = int(np.flatnonzero(nhanes.frame["female"].eq(1) & nhanes.frame["age"].lt(50))[0])
    asked = [u.feature for u in nhanes.unmeasured_safety(woman, CODES.index(code))]
    assert {"egfr", "serum_k"} <= set(asked)
    assert (asked[0] == "pregnant") == (code != "thiazide")


def test_the_expected_pressure_is_todays_less_the_fall() -> None:
    """Whatever the fall is worth: with and without an indication for the drug."""
    nhanes = load_cohort("nhanes")
    flags = nhanes.protocol.columns(nhanes.values)["rasi_indication"]
    arm, k = CODES.index("rasi"), len(CODES)
    for indication in (0, 1):
        may = nhanes.protocol.eligible(nhanes.values)[:, arm] & nhanes.frame["sbp"].between(130, 150)
        row = int(np.flatnonzero(may & (flags == indication))[0])
        evidence = Evidence((9,) * k, "mmHg", 9.0)
        edge = nhanes.frame.at[row, "sbp"] - 120
        falls = (Estimate(edge + d, edge - 3, edge + 3) for d in (0.1, -0.1))
        low, enough = (summarise_plan(nhanes, row, arm, NOTHING, fall, evidence).cautions for fall in falls)
        assert set(low) - set(enough) == {text for text in low if "below 120" in text} != set()
    low, enough = (nhanes.cautions(row, arm, NOTHING, expected) for expected in (119.9, 120.1))
    assert set(low) - set(enough) == {text for text in low if "below 120" in text} != set()
    assert nhanes.cautions(row, arm, NOTHING) == enough


@pytest.mark.parametrize(("hba1c", "diabetes", "told"), [(6.5, 0, True), (6.4, 0, False), (7.5, 1, False)])
def test_hba1c_in_the_diabetic_range_without_a_diagnosis_is_told(hba1c: float, diabetes: int, told: bool) -> None:
    levels = [a.level for a in PROTOCOL.alerts_for(patient(hba1c=hba1c, diabetes=diabetes)) if "HbA1c" in a.reason]
    assert levels == ["caution"] * told


def test_a_plan_under_severe_pressure_is_for_after_the_assessment() -> None:
    (urgent,) = [a for a in PROTOCOL.alerts_for(patient(sbp=202, dbp=62)) if a.level == "urgent"]
    assert urgent.reason.endswith("Any plan shown here is for after that assessment.")
