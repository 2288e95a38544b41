"""The hard masks of treatments and what a clinician is told, against the clinical text written down a second time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.core.clinical.test_clinical import PROTOCOL, locks, patient, patients

N = len(PROTOCOL.features)

# ---------------------------------------------------------------------------------------------------- treatments


def contraindicated(v: dict[str, float]) -> set[str]:
    """The contraindications of the design, written down a second time by hand."""
    out: set[str] = set()
    if v["sbp"] < 110:
        return set(PROTOCOL.arm_codes[1:])
    if v["on_rasi"] or v["serum_k"] > 5 or v["pregnant"] or v["angioedema"] or v["bilateral_ras"]:
        out |= {"rasi", "rasi_ccb", "rasi_thiazide"}
    if v["on_thiazide"] or v["gout"] or v["serum_k"] < 3.5 or v["serum_na"] < 132:
        out |= {"thiazide", "rasi_thiazide"}
    if v["on_ccb"] or v["hfref"] or v["oedema"]:
        out |= {"ccb", "rasi_ccb"}
    if v["serum_k"] > 4.8 or v["egfr"] < 45 or v["on_mra"] or v["pregnant"]:
        out.add("mra")
    if v["asthma"] or v["av_block"] or v["pulse"] < 55 or v["on_bb"]:
        out.add("bb")
    return out


@given(patients)
@settings(max_examples=300, deadline=None)
def test_a_contraindicated_arm_is_never_eligible_and_one_arm_always_is(row: np.ndarray) -> None:
    v = dict(zip(PROTOCOL.names, row, strict=True))
    expected = contraindicated(v)
    eligible = PROTOCOL.eligible(row)[0]
    drugs = {code for k, code in enumerate(PROTOCOL.arm_codes) if k and not eligible[k]}
    assert drugs == expected
    assert eligible.any()
    at_risk = v["diabetes"] or v["ckd"] or v["egfr"] < 60 or v["uacr"] >= 30 or v["prior_mi"] or v["hf"] or v["stroke"]
    not_enough = v["sbp"] >= 160 or ((v["sbp"] >= 140 or v["dbp"] >= 90) and at_risk)
    assert eligible[0] == (not not_enough or len(expected) == 7)
    assert PROTOCOL.left_alone(row)[0] == bool(not_enough and len(expected) == 7)
    assert {b.arm for b in PROTOCOL.blocked(row)} == set(np.flatnonzero(~eligible))


@given(st.lists(patients, min_size=1, max_size=4), st.integers(0, 7), st.floats(0, 1))
@settings(max_examples=100, deadline=None)
def test_the_recheck_after_a_change_is_the_mask_at_the_new_values(rows: list, arm: int, share: float) -> None:
    values = np.array(rows)
    lo, hi = PROTOCOL.box(values)
    delta = share * (lo + hi)
    after = PROTOCOL.values_after(values, delta)
    drugs = np.array(
        [PROTOCOL.arm_codes[arm] not in contraindicated(dict(zip(PROTOCOL.names, r, strict=True))) for r in after]
    )
    assert np.array_equal(PROTOCOL.eligible_after(values, np.full(len(values), arm), delta), drugs)


@given(patients, patients, st.lists(st.floats(0, 1), min_size=N, max_size=N))
@settings(max_examples=200, deadline=None)
def test_an_arm_or_habit_that_some_possible_value_rules_out_is_out(one: np.ndarray, two: np.ndarray, mix: list) -> None:
    """Whatever the truth between two patients is, nothing is offered that the truth would forbid."""
    low, high = np.minimum(one, two), np.maximum(one, two)
    flags = np.array([f.kind == "flag" for f in PROTOCOL.features])
    truth = low + np.where(flags, np.round(mix), mix) * (high - low)
    offered = PROTOCOL.eligible(one, (low[None], high[None]))[0, 1:]
    assert not (offered & ~PROTOCOL.eligible(truth)[0, 1:]).any()
    open_habits = {
        limit.feature for limit in PROTOCOL.limits(one, between=(low[None], high[None])) if limit.kind != "lock"
    }
    assert not open_habits & set(dict(locks(truth)))
    blocks = {b.arm for b in PROTOCOL.blocked(one, (low[None], high[None]))}
    assert blocks - {0} == set(np.flatnonzero(~offered) + 1)


def test_a_value_in_doubt_rules_out_only_what_it_may_forbid() -> None:
    row, low, high = patient(), patient(serum_k=3.6), patient(serum_k=4.9)
    assert PROTOCOL.eligible(row, (low[None], high[None]))[0].tolist() == [c != "mra" for c in PROTOCOL.arm_codes]
    (block,) = PROTOCOL.blocked(row, (low[None], high[None]))
    assert (
        block.reason
        == "potassium in blood above 4.8 mmol/L: cannot be ruled out, because a value in the file is in doubt"
    )


def test_nobody_is_left_without_an_answer_and_the_clinician_is_told() -> None:
    row = patient(sbp=170, serum_k=5.4, gout=1, oedema=1, asthma=1)
    assert PROTOCOL.eligible(row)[0].tolist() == [True] + [False] * 7
    assert PROTOCOL.left_alone(row)[0]
    assert "No new drug is suitable" in PROTOCOL.alerts_for(row)[0].reason


def test_reasons_of_a_combination_name_its_parts() -> None:
    blocks = PROTOCOL.blocked(patient(gout=1, angioedema=1))
    reasons = {b.reason for b in blocks if PROTOCOL.arm_codes[b.arm] == "rasi_thiazide"}
    assert reasons == {"gout", "previous angioedema"}
    assert set(PROTOCOL.safety_features(4)) >= {"serum_k", "angioedema", "hfref"}


def test_cautions_read_the_planned_change() -> None:
    row, delta = patient(), np.zeros(8)
    arm = PROTOCOL.arm_codes.index("mra")
    assert not any("potassium in the diet" in text for text in PROTOCOL.cautions(row, arm, delta))
    delta[PROTOCOL.mutable.index("potassium_mg_day")] = 0.5
    assert any("potassium in the diet" in text for text in PROTOCOL.cautions(row, arm, delta))


@pytest.mark.parametrize(
    ("sbp", "dbp", "category"),
    [
        (118, 75, "normal"),
        (125, 75, "elevated"),
        (135, 75, "stage 1"),
        (118, 85, "stage 1"),
        (150, 70, "stage 2"),
        (120, 95, "stage 2"),
        (180, 100, "stage 2"),
        (181, 70, "severe"),
        (150, 121, "severe"),
    ],
)
def test_categories(sbp: float, dbp: float, category: str) -> None:
    assert PROTOCOL.category(patient(sbp=sbp, dbp=dbp)) == category


def test_alerts() -> None:
    assert PROTOCOL.alerts_for(patient(cigs_per_day=0)) == ()
    said = " ".join(a.reason for a in PROTOCOL.alerts_for(patient(sbp=182, alcohol_drinks_wk=40)))
    assert "same day" in said
    assert "withdrawal" in said


@pytest.mark.parametrize(("sbp", "drugs"), [(88, 0), (109, 0), (110, 7)])
def test_nobody_with_low_pressure_starts_a_drug_or_eats_less_salt(sbp: float, drugs: int) -> None:
    row = patient(sbp=sbp, dbp=50, n_bp_classes=0)
    assert PROTOCOL.eligible(row)[0].tolist() == [True] + [drugs > 0] * 7
    assert ("sodium_mg_day" in dict(locks(row))) == (drugs == 0)
    levels = {a.reason: a.level for a in PROTOCOL.alerts_for(row)}
    assert ("Systolic pressure below 110: start no drug that lowers it further." in levels) == (drugs == 0)
    assert ("Systolic pressure below 90: look for the cause today." in levels) == (sbp < 90)
    assert any(reason.startswith("Outside the simulated population") for reason in levels)
