"""What a file leaves open must never pass for healthy: limits, unreadable cells, parts, twins and contradictions."""

from __future__ import annotations

import numpy as np
import pytest

from libra_core.cohort import Cohort, load_cohort, read_table

HEALTHY = "age,sex,sbp,dbp"


def read(column: str, *cells: str) -> Cohort:
    """A man of 50 with 150/90 mmHg for each cell of one further column (or several, joined by commas)."""
    return read_table(f"{HEALTHY},{column}\n{''.join(f'50,m,150,90,{c}{chr(10)}' for c in cells)}".encode(), "d.csv")


def out(cohort: Cohort, row: int = 0) -> set[str]:
    """Codes of the drug arms that a patient may not have."""
    codes, eligible = cohort.protocol.arm_codes, cohort.patient(row).eligible
    return {code for k, code in enumerate(codes) if k and not eligible[k]}


MRA, BB = {"mra"}, {"bb"}
RASI = {"rasi", "rasi_ccb", "rasi_thiazide"}
THIAZIDE = {"thiazide", "rasi_thiazide"}
CCB = {"ccb", "rasi_ccb"}


@pytest.mark.parametrize(
    ("column", "cell", "value", "forbidden"),
    [
        ("serum_k", ">4.8", 4.9, MRA | RASI),
        ("serum_k", "> 4.8", 4.9, MRA | RASI),
        ("serum_k", "≥4.8", 4.9, MRA | RASI),
        ("serum_k", "<3.5", 3.4, THIAZIDE),
        ("egfr", "<45", 44, MRA),
        ("egfr", "<=45", 44, MRA),
        ("egfr", ">90", 91, set()),
        ("pulse", "<55", 54, BB),
        ("serum_na", "<132", 131, THIAZIDE),
        ("Potassium (mEq/L)", '">5,0"', 5.1, MRA | RASI),
    ],
)
def test_a_limit_lies_beyond_its_number_and_is_not_a_measurement(
    column: str, cell: str, value: float, forbidden: set[str]
) -> None:
    cohort = read(column, cell)
    feature = next(m.feature for m in cohort.report.mapped if m.column == column)
    assert out(cohort) == forbidden
    assert cohort.frame[feature].iloc[0] == pytest.approx(value)
    assert cohort.imputed[feature].all()
    assert any("1 limit such as" in note for note in cohort.report.notes)


def test_a_limit_is_to_be_checked_before_an_arm_starts() -> None:
    arm = load_cohort("nhanes").protocol.arm_codes.index("mra")
    (egfr,) = [u for u in read("egfr", ">60").unmeasured_safety(0, arm) if u.feature == "egfr"]
    assert egfr.text == "In doubt: eGFR; the file says only: more than 60 mL/min/1.73m². Check before starting."


@pytest.mark.parametrize(
    "cell", ["yes (2019)", "Yes", "pos", "positive", "+", "+++", "Present", "mild", "severe", "y - 1999", "1"]
)
def test_a_plain_yes_is_read(cell: str) -> None:
    cohort = read("asthma", cell, "no")
    assert cohort.frame.asthma.tolist() == [1, 0]
    assert not cohort.imputed.asthma.any()


@pytest.mark.parametrize(
    ("column", "cell", "forbidden"),
    [
        ("asthma", "see letter", BB),
        ("asthma", "2", BB),
        ("asthma", "+1 555 0100", BB),
        ("angioedema", "ACE 2014", RASI),
        ("gout", "?? maybe", THIAZIDE),
        ("hf", "NYHA II", CCB),  # the ejection fraction follows from it
        ("on_rasi", "lisinopril", RASI),
        ("med_arb", "losartan", RASI),
        ("serum_k", "haemolysed", MRA | RASI | THIAZIDE),
        ("serum_k", "50", MRA | RASI | THIAZIDE),
        ("creatinine", "1.0 or 1.9", MRA),  # eGFR would be computed from it
        ("egfr", "=B2", MRA),
        ("pregnant", "week 12", RASI | MRA),
    ],
)
def test_what_cannot_be_read_rules_out_what_it_may_forbid(column: str, cell: str, forbidden: set[str]) -> None:
    cohort, clean = read(column, cell), read(column, "")
    assert out(clean) == set()
    assert out(cohort) == forbidden
    assert all("cannot be ruled out" in block.reason for block in cohort.blocked(0) if block.arm)
    assert sum(count.n for count in cohort.report.refused_counts) == 1
    assert any("1 row the file leaves the value uncertain" in note for note in cohort.report.notes)
    assert all(cell not in block.reason for block in cohort.blocked(0))


def test_a_habit_is_locked_where_its_lock_cannot_be_read() -> None:
    kinds = {limit.feature: limit.kind for limit in read("serum_k", "haemolysed").limits(0)}
    assert kinds["potassium_mg_day"] == "lock"
    j = load_cohort("nhanes").protocol.mutable.index("potassium_mg_day")
    assert read("serum_k", "haemolysed").patient(0).hi[j] == 0
    assert read("serum_k", "").patient(0).hi[j] > 0


def test_nobody_is_left_without_an_answer_when_nothing_can_be_read() -> None:
    columns = "asthma,serum_k,on_ccb,diabetes"
    cohort = read(columns, "x,x,x,yes")
    assert cohort.patient(0).eligible.tolist() == [True] + [False] * 7
    assert "No new drug is suitable" in cohort.alerts(0)[0].reason


@pytest.mark.parametrize(
    ("column", "cell", "forbidden"),
    [
        ("serum_k", "8.5", MRA | RASI),
        ("egfr", "1", MRA),
        ("pulse", "20", BB),
        ("serum_na", "100", THIAZIDE),
        ("creatinine", "25", MRA),
    ],
)
def test_an_emergency_is_read(column: str, cell: str, forbidden: set[str]) -> None:
    cohort = read(column, cell)
    assert cohort.frame[column].iloc[0] == float(cell)
    assert not cohort.imputed[column].any()
    assert cohort.report.refused_counts == ()
    assert out(cohort) == forbidden


# ------------------------------------------------------------------------------------------------ several columns


@pytest.mark.parametrize(
    ("cells", "value", "assumed", "blocked"),
    [
        ("0,0", 0, False, False),
        ("0,1", 1, False, True),
        (",1", 1, False, True),
        ("0,", 0, True, False),
        ("1,lisinopril", 1, False, True),
        ("0,lisinopril", 0, True, True),
        (",", 0, True, False),
    ],
)
def test_no_drug_of_a_class_is_known_only_when_every_part_says_so(
    cells: str, value: float, assumed: bool, blocked: bool
) -> None:
    cohort = read("med_acei,med_arb", cells)
    assert cohort.frame.on_rasi.tolist() == [value]
    assert cohort.imputed.on_rasi.tolist() == [assumed]
    assert ("rasi" in out(cohort)) == blocked


def test_half_of_a_class_does_not_answer_for_all_of_it() -> None:
    assert read("med_acei", "0").imputed.on_rasi.all()
    assert not read("med_acei", "1").imputed.on_rasi.any()


@pytest.mark.parametrize(("cells", "value"), [(",1", 1), ("0,1", 1), ("1,0", 1), ("0,", 0), ("0,0", 0)])
def test_two_columns_of_one_diagnosis_are_joined(cells: str, value: float) -> None:
    cohort = read("asthma,hx_asthma", cells)
    assert cohort.frame.asthma.tolist() == [value]
    assert not cohort.imputed.asthma.any()
    assert ("bb" in out(cohort)) == bool(value)
    assert any("disagree" in note for note in cohort.report.notes) == (set(cells) >= {"0", "1"})


@pytest.mark.parametrize(
    ("columns", "cells", "value", "assumed", "forbidden"),
    [
        ("serum_k,k", ",5.9", 5.9, False, MRA | RASI),
        ("serum_k,k", "4.1,4.1", 4.1, False, set()),
        ("serum_k,k", "4.1,4.2", 4.1, False, set()),  # rounding
        ("serum_k,k", "4.1,5.9", 4.1, True, MRA | RASI),
        ("serum_k,k", "5.9,4.1", 5.9, True, MRA | RASI),
        ("serum_k,k", "4.1,bad", 4.1, True, MRA | RASI | THIAZIDE),
        ("systolic,systolic_bp", "95,", 150, True, MRA | RASI | THIAZIDE | CCB | BB),
        ("systolic,systolic_bp", "190,", 150, True, set()),
        ("sbp_1,sbp_2", "144,156", 150, False, set()),  # a mean among its readings is no contradiction
    ],
)
def test_two_columns_of_one_measurement(
    columns: str, cells: str, value: float, assumed: bool, forbidden: set[str]
) -> None:
    cohort = read(columns, cells)
    feature = next(m.feature for m in cohort.report.mapped if m.column == columns.split(",")[0])
    assert cohort.frame[feature].tolist() == [value]
    assert cohort.imputed[feature].tolist() == [assumed]
    assert out(cohort) == forbidden


def test_egfr_and_creatinine_that_contradict_each_other() -> None:
    cohort = read("egfr,creatinine", "90,6", "90,1.0", "75,1.0")
    assert [("mra" in out(cohort, row)) for row in range(3)] == [True, False, False]
    assert cohort.imputed.egfr.tolist() == [True, False, False]
    assert any("more than 30% from the value from creatinine" in note for note in cohort.report.notes)


def test_a_patient_on_a_drug_is_not_untreated() -> None:
    cohort = read("n_bp_classes,on_bb,on_rasi", "0,1,", "0,0,", "3,1,1")
    assert cohort.frame.n_bp_classes.tolist() == [1, 0, 3]
    assert cohort.imputed.n_bp_classes.tolist() == [True, False, False]
    assert cohort.imputed.on_rasi.tolist() == [True, False, False]  # no certainty from a count that was wrong
    assert any("fewer than the parts in the same row" in note for note in cohort.report.notes)


def test_the_built_in_cohorts_leave_nothing_in_doubt() -> None:
    for name in ("nhanes", "accord-like"):
        cohort = load_cohort(name)
        assert cohort.spans == {}
        assert np.array_equal(cohort.patient(0).eligible, cohort.protocol.eligible(cohort.values[0])[0])


def test_a_doubt_is_part_of_what_names_a_cohort() -> None:
    assert read("asthma", "see letter").content != read("asthma", "").content
    assert read("asthma", "").content == read("asthma", "").values.tobytes()
