"""What things are worth: when treatment is due, against the guideline written down a second time; burdens, indications
and the factors on them; and that none of it decides who may have a treatment."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libra_core.clinical import Burden, ProtocolError, Worth, load_protocol
from libra_core.clinical.prevent import INPUTS
from libra_core.clinical.worth import _below
from tests.core.clinical.test_clinical import FILE, PROTOCOL, patient, patients
from tests.core.clinical.test_prevent import by_hand

ROOT = Path(__file__).resolve().parents[3]
COSTS = {"lifestyle": 0, "rasi": 1.5, "thiazide": 1.8, "ccb": 1.8}
COSTS |= {"rasi_ccb": 6.2, "rasi_thiazide": 6.4, "mra": 3.0, "bb": 3.5}
QUIET = {"sbp": 134, "dbp": 78, "age": 50, "female": 1, "diabetes": 0, "ckd": 0, "prior_mi": 0, "hf": 0, "stroke": 0}
QUIET |= {"egfr": 95, "uacr": 5, "total_cholesterol": 180, "hdl": 60, "statin": 0, "cigs_per_day": 0, "n_bp_classes": 0}

factors = st.floats(0, 100)
worths = st.builds(Worth, st.floats(0, 1, exclude_min=True), factors, factors, factors, factors)


def person(row: np.ndarray) -> dict[str, float]:
    return dict(zip(PROTOCOL.names, row.tolist(), strict=True))


def applies(v: dict[str, float]) -> bool:
    """Whether PREVENT has a number."""
    inside = 30 <= v["age"] <= 79 and 130 <= v["total_cholesterol"] <= 320 and 20 <= v["hdl"] <= 100
    return inside and 90 <= v["sbp"] <= 200 and 15 <= v["egfr"] <= 150 and not (v["prior_mi"] or v["hf"] or v["stroke"])


def risk(v: dict[str, float]) -> float:
    return by_hand(v | {"smokes": v["cigs_per_day"] > 0, "treated": v["n_bp_classes"] >= 1})


def due(v: dict[str, float], known: bool) -> bool:
    """AHA/ACC 2025, written down a second time. known: cholesterol, HDL and eGFR are measured."""
    if v["sbp"] >= 140 or v["dbp"] >= 90:
        return True
    if v["sbp"] < 130 and v["dbp"] < 80:
        return False
    kidney = v["ckd"] or v["egfr"] < 60 or v["uacr"] >= 30
    if v["prior_mi"] or v["hf"] or v["stroke"] or v["diabetes"] or kidney:
        return True
    return known and applies(v) and risk(v) >= 0.075


def measured(**known: bool) -> np.ndarray:
    out = np.ones(len(PROTOCOL.names), bool)
    for name, value in known.items():
        out[PROTOCOL.index(name)] = value
    return out


quiet = st.fixed_dictionaries(
    {
        "sbp": st.floats(120, 145),
        "dbp": st.floats(70, 95),
        "age": st.floats(25, 85),
        "cigs_per_day": st.sampled_from([0, 9]),
    }
).map(lambda v: patient(**QUIET | v))


@given(st.lists(patients | quiet, min_size=1, max_size=6), st.booleans(), st.floats(0.01, 1))
@settings(max_examples=300, deadline=None)
def test_treatment_is_due_where_the_guideline_says_so(rows: list[np.ndarray], known: bool, v: float) -> None:
    values, seen = np.array(rows), np.tile(measured(egfr=known), (len(rows), 1))
    weights = PROTOCOL.weights(values, seen, Worth(v))
    for row, mark, weight in zip(values, seen, weights, strict=True):
        now = due(person(row), known)
        assert weight == (1.0 if now else v)
        told = PROTOCOL.due(row, mark)
        assert told.now == now
        assert told.text
        assert told.source
    assert np.array_equal(PROTOCOL.weights(values), PROTOCOL.weights(values, np.ones_like(seen), PROTOCOL.worth))


def test_where_treatment_is_not_due_the_reason_is_said() -> None:
    young, old = patient(**QUIET), patient(**QUIET | {"age": 75})
    told = PROTOCOL.due(young, measured())
    assert not told.now
    assert told.text == (
        "below 140/90, no cardiovascular disease, diabetes or kidney disease recorded; "
        f"PREVENT 10-year risk of cardiovascular disease {risk(person(young)):.1%}, below 7.5%"
    )
    assert PROTOCOL.due(old).text.endswith(f"{risk(person(old)):.1%}, at or above 7.5%")
    assert "needs eGFR, not measured here" in PROTOCOL.due(old, measured(egfr=False)).text
    assert PROTOCOL.due(patient(**QUIET | {"sbp": 125}), measured()).text == "below 130/80"
    both = PROTOCOL.due(patient(**QUIET | {"sbp": 142, "diabetes": 1}), measured(hdl=False))
    assert both.text == "140/90 or more; 130/80 or more with diabetes"


@pytest.mark.parametrize(
    ("change", "unknown", "says"),
    [
        ({"age": 29}, (), "is made for age from 30 to 79"),
        ({"age": 80}, (), "is made for age from 30 to 79"),
        ({"sbp": 210}, (), "is made for systolic pressure from 90 to 200"),
        ({"total_cholesterol": 400}, (), "is made for total cholesterol from 130 to 320"),
        ({"stroke": 1}, (), "is for people without cardiovascular disease"),
        ({}, ("total_cholesterol",), "needs total cholesterol, not measured"),
        ({}, ("hdl", "egfr"), "needs HDL cholesterol and eGFR, not measured"),
    ],
)
def test_where_there_is_no_risk_the_reason_is_said(change: dict, unknown: tuple[str, ...], says: str) -> None:
    found = PROTOCOL.risk(patient(**QUIET | change), measured(**dict.fromkeys(unknown, False)))
    assert found.value is None
    assert says in found.why_not


@given(patients | quiet, st.floats(60, 240))
@settings(deadline=None)
def test_the_risk_after_a_plan_is_the_risk_at_that_pressure(row: np.ndarray, pressure: float) -> None:
    after, same = PROTOCOL.risk(row, outcome=pressure), row.copy()
    same[PROTOCOL.index("sbp")] = pressure
    assert after == PROTOCOL.risk(same)
    v = person(same)
    assert after.value == (pytest.approx(risk(v), rel=1e-9) if applies(v) else None)
    assert bool(after.why_not) == (after.value is None)


def test_what_is_assumed_in_a_risk_is_named() -> None:
    found = PROTOCOL.risk(patient(**QUIET), measured(statin=False, n_bp_classes=False))
    assert found.value is not None
    assert set(found.assumed) == {"takes a blood pressure drug", "takes a statin"}
    assert PROTOCOL.risk(patient(**QUIET), measured()).assumed == ()


def test_the_parts_of_a_burden_are_the_price_it_had() -> None:
    for arm, code in enumerate(PROTOCOL.arm_codes):
        assert PROTOCOL.burden(arm) == COSTS[code] == PROTOCOL.treatments[arm].burden.total
        parts = PROTOCOL.burden_parts(arm)
        assert math.fsum(asdict(parts).values()) == COSTS[code]
        assert min(asdict(parts).values()) >= 0


@given(patients, worths)
@settings(deadline=None)
def test_offsets_are_indications_less_burdens(row: np.ndarray, worth: Worth) -> None:
    offsets = PROTOCOL.offsets(row, worth)[0]
    for arm, treatment in enumerate(PROTOCOL.treatments):
        burden = sum(getattr(worth, name) * part for name, part in asdict(treatment.burden).items())
        assert PROTOCOL.burden(arm, worth) == pytest.approx(burden)
        gains = PROTOCOL.indications(row, arm, worth)
        plain = PROTOCOL.indications(row, arm)
        assert [gain for gain, _ in gains] == pytest.approx([worth.indications * gain for gain, _ in plain])
        assert offsets[arm] == pytest.approx(sum(gain for gain, _ in gains) - burden)
    assert not PROTOCOL.offsets(row, worth, goal=True).any()


def test_a_burden_may_be_declared_for_the_goal(tmp_path: Path) -> None:
    path = tmp_path / "other.toml"
    old = "burden = { side_effects = 0.6, monitoring = 0.4, pills = 0.5 }\n"
    new = old + "goal_burden = { side_effects = 0.02, pills = 0.01 }\n"
    text = FILE.read_text().replace(old, new)
    path.write_text(text)
    with pytest.raises(ProtocolError, match="no source is given for goal_burden"):
        load_protocol(path)
    path.write_text(
        text.replace(
            'sources = { burden = "assumption", adherence',
            'sources = { goal_burden = "x", burden = "assumption", adherence',
        )
    )
    offsets = load_protocol(path).offsets(np.array([patient(**QUIET)] * 2), Worth(1, pills=3), goal=True)
    assert offsets == pytest.approx(np.array([[0, -0.05, 0, 0, 0, 0, 0, 0]] * 2))


@given(st.lists(patients, min_size=1, max_size=4), worths)
@settings(deadline=None)
def test_no_contraindication_depends_on_what_things_are_worth(rows: list[np.ndarray], worth: Worth) -> None:
    """A protocol that declares these values, and one that says nothing about values, forbid what this one forbids."""
    values, dear = (
        np.array(rows),
        [replace(t, burden=PROTOCOL.burden_parts(k, worth)) for k, t in enumerate(PROTOCOL.treatments)],
    )
    declared = replace(PROTOCOL, treatments=tuple(dear), values=replace(PROTOCOL.values, elsewhere=worth.elsewhere))
    silent = replace(PROTOCOL, values=type(PROTOCOL.values)())
    for other in (declared, silent):
        assert np.array_equal(other.eligible(values), PROTOCOL.eligible(values))
        assert np.array_equal(other.box(values), PROTOCOL.box(values))
        assert other.blocked(values[0]) == PROTOCOL.blocked(values[0])


@pytest.mark.parametrize("name", ["gout/gout", "type2_diabetes/type2_diabetes"])
def test_a_protocol_without_values_weighs_everybody_the_same(name: str) -> None:
    protocol = load_protocol(ROOT / "examples" / f"{name}.toml")
    row = np.array([f.mean if f.kind == "number" else 0.0 for f in protocol.features])
    assert protocol.worth == Worth()
    assert protocol.weights(row, np.zeros_like(row)).tolist() == [1.0]
    assert protocol.due(row).now
    assert protocol.risk(row).value is None
    assert protocol.risk(row).why_not
    assert protocol.offsets(row)[0].tolist() == pytest.approx([-t.burden.side_effects for t in protocol.treatments])


@given(worths)
@settings(deadline=None)
def test_values_survive_the_record(worth: Worth) -> None:
    assert Worth.from_dict(json.loads(json.dumps(worth.as_dict()))) == worth


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("elsewhere", 0.0, "must be above 0 and at most 1, got 0"),
        ("elsewhere", 1.5, "must be above 0 and at most 1, got 1.5"),
        ("side_effects", -1.0, "the factor on side effects must be 0 to 100, got -1"),
        ("pills", 1e9, "the factor on pills must be 0 to 100"),
        ("monitoring", float("nan"), "monitoring must be a number, got nan"),
        ("indications", "1", "indications must be a number, got '1'"),
        ("indications", True, "indications must be a number, got True"),
    ],
)
def test_values_that_cannot_be_are_refused_with_a_sentence(field: str, value: object, says: str) -> None:
    saved = Worth().as_dict() | {field: value}
    with pytest.raises(ValueError, match=says):
        Worth.from_dict(saved)
    with pytest.raises(ValueError, match="exactly the entries"):
        Worth.from_dict({field: 1.0})
    with pytest.raises(ValueError, match="exactly the entries"):
        Worth.from_dict([1.0])  # type: ignore[arg-type]


def test_a_burden_is_never_a_gain() -> None:
    with pytest.raises(ValueError, match="pills must be >= 0"):
        Burden(pills=-1.0)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("elsewhere = 0.3", "elsewhere = 0.0", "must be above 0 and at most 1"),
        ("due_at = 0.075", "due_at = 7.5", "due_at must be above 0 and below 1"),
        ('model = "prevent"', 'model = "score2"', "values → risk → model"),
        ('needs = ["total_cholesterol",', 'needs = ["lpa",', "needs 'lpa', which is not defined"),
        ('name = "treated"', 'name = "drugged"', "needs 'treated', which is not defined"),
        ('{ when = [], reason = "below 140/90,', '{ when = ["age > 1"], reason = "below 140/90,', "it is what is left"),
        ('"stage1 == 1", "cvd == 1"', '"stage1 == 1", "cvt == 1"', "reads 'cvt', which is not defined"),
    ],
)
def test_a_fault_in_the_values_is_told_with_its_place(tmp_path: Path, old: str, new: str, says: str) -> None:
    text = FILE.read_text()
    assert old in text
    path = tmp_path / "broken.toml"
    path.write_text(text.replace(old, new))
    with pytest.raises(ProtocolError, match=says.replace("(", "\\(")):
        load_protocol(path)


def test_a_risk_reads_only_what_it_says() -> None:
    assert {"total_cholesterol", "hdl", "egfr"} < set(INPUTS)
    assert PROTOCOL.values.risk is not None
    assert set(PROTOCOL.values.risk.needs) < set(INPUTS)


@given(st.floats(0.0, 0.0749999))
def test_a_risk_below_the_limit_never_reads_like_the_limit(value: float) -> None:
    assert float(_below(value, 0.075).rstrip("%")) < 7.5
