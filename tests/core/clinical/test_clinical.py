"""The protocol: hard masks, feasible boxes and words, against independent re-evaluations of the clinical text."""

from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libra_core.clinical import Feature, ProtocolError, default_protocol, load_protocol, protocols

ROOT = Path(__file__).resolve().parents[3]
PROTOCOL = default_protocol()
FILE = protocols()[PROTOCOL.name]
EXPECTED_CONTEXT = [
    "intercept",
    "age",
    "female",
    "black",
    "diabetes",
    "sbp",
    "bmi",
    "egfr_lt45",
    "classes_ge3",
    "rasi_indication",
    "mi_or_hf",
    "mra_indication",
    "sodium_mg_day:now",
    "diet_quality:now",
]


def locks(row: np.ndarray) -> tuple[tuple[str, str], ...]:
    """(feature, reason) for every habit that may not move for a patient."""
    return tuple((limit.feature, limit.text) for limit in PROTOCOL.limits(row) if limit.kind == "lock")


def patient(**values: float) -> np.ndarray:
    """An average patient (flags 0) with the given values, as one row."""
    row = np.array([0.0 if f.kind == "flag" else f.mean for f in PROTOCOL.features])
    for name, value in values.items():
        row[PROTOCOL.index(name)] = value
    return row


def _one(feature: Feature) -> st.SearchStrategy[float]:
    if feature.kind == "flag":
        return st.sampled_from([0.0, 1.0])
    low, high = feature.range
    near = st.floats(max(low, feature.mean - 3 * feature.sd), min(high, feature.mean + 3 * feature.sd))
    return st.one_of(near, st.floats(low, high))


patients = st.tuples(*map(_one, PROTOCOL.features)).map(np.array)


# ---------------------------------------------------------------------------------------------------- the file


def test_the_protocol_holds_what_the_design_asks_for() -> None:
    assert PROTOCOL.name == "hypertension"
    assert list(PROTOCOL.context) == EXPECTED_CONTEXT
    assert len(PROTOCOL.mutable) == 8
    assert PROTOCOL.arm_codes == ("lifestyle", "rasi", "thiazide", "ccb", "rasi_ccb", "rasi_thiazide", "mra", "bb")
    assert [c.name for c in PROTOCOL.cohorts] == ["nhanes", "accord-like"]
    assert (PROTOCOL.feasible.gamma, PROTOCOL.feasible.p, PROTOCOL.feasible.max_changes) == (1.0, 2, 3)


def test_every_rule_and_number_has_a_source() -> None:
    raw = tomllib.loads(FILE.read_text())
    groups = {
        "range": "range",
        "sd": "scale",
        "max_step": "step",
        "effort": "effort",
        "impute": "impute",
        "band": "band",
    }
    for feature in raw["features"]:
        for key, group in groups.items():
            assert key not in feature or feature.get("kind") == "flag" or group in feature["sources"], feature["name"]
    rules = [r for t in PROTOCOL.treatments for r in (*t.blocked_if, *t.not_alone, *t.cautions)]
    rules += [r for f in PROTOCOL.features for r in f.locks] + [*PROTOCOL.alerts, *PROTOCOL.categories]
    rules += PROTOCOL.plan_cautions
    assert all(rule.source.strip() for rule in (*rules, *PROTOCOL.checks))
    assert all(flag.source.strip() for flag in PROTOCOL.derived)


def test_the_core_does_not_name_the_disease() -> None:
    for folder in ("clinical", "cohort"):
        for path in (ROOT / "libra_core" / folder).glob("*.py"):
            assert "hypertens" not in path.read_text().lower(), path


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("gamma = 1.0", "gamma = -1.0", "feasible: gamma must be >= 0, got -1"),
        ('when = ["serum_k > 5.0"]', 'when = ["serum_k above 5"]', "write it like 'serum_k > 5.0'"),
        ('when = ["gout == 1"]', 'when = ["goat == 1"]', "the treatment 'thiazide' reads 'goat'"),
        ("direction = -1", "direction = 2", "features → weight_kg → direction"),
        ("range = [60, 260]", "range = [260, 60]", "features → sbp: range must be [low, high]"),
        ('components = ["rasi", "ccb"]', 'components = ["rasi", "abc"]', "is made of 'abc'"),
        ('effort = "assumption", ', "", "no source is given for effort"),
        ("side_effects = 0.6,", "side_effects = -0.6,", "treatments → rasi → burden: side_effects must be >= 0"),
        ('formula = "sum"', 'formula = "product"', "unknown formula 'product'"),
        ('name = "egfr_lt45"', 'name = "egfr"', "the feature or derived flag 'egfr' is defined twice"),
        ('when = ["sbp:expected < 120"]', 'when = ["dbp:expected < 60"]', "reads 'dbp:expected', which is not defined"),
        ('treatments = ["ccb", "bb"]', 'treatments = ["ccb", "abc"]', "names the treatment 'abc'"),
        ('[[checks]]\nfeature = "egfr"', '[[checks]]\nfeature = "gfr"', "the check of 'gfr' is about something that"),
        ("version =", "versoin =", "version: is missing; versoin: is not known here"),
        ("[outcome]", "[outcome", "is not valid TOML"),
    ],
)
def test_a_fault_in_the_file_is_told_with_its_place(tmp_path: Path, old: str, new: str, says: str) -> None:
    text = FILE.read_text()
    assert old in text
    path = tmp_path / "broken.toml"
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(ProtocolError) as caught:
        load_protocol(path)
    assert says in str(caught.value)
    assert "broken.toml" in str(caught.value)


def test_a_missing_protocol_is_told() -> None:
    with pytest.raises(ProtocolError, match="cannot read the protocol"):
        load_protocol("nowhere.toml")


# ---------------------------------------------------------------------------------------------------- numbers


def test_context_is_standardised_and_the_change_block_is_zero() -> None:
    row = patient(age=57.7 + 15.4, female=1, sbp=135.4 - 18.7, egfr=40, sodium_mg_day=3066 + 1030)
    x = PROTOCOL.vector(row)[0]
    assert x.shape == (22,)
    assert x[0] == 1
    assert x[EXPECTED_CONTEXT.index("age")] == pytest.approx(1)
    assert x[EXPECTED_CONTEXT.index("female")] == 1
    assert x[EXPECTED_CONTEXT.index("sbp")] == pytest.approx(-1)
    assert x[EXPECTED_CONTEXT.index("egfr_lt45")] == 1
    assert x[EXPECTED_CONTEXT.index("sodium_mg_day:now")] == pytest.approx(1)
    assert not x[14:].any()


def test_a_context_entry_can_be_switched_off() -> None:
    row = patient(black=1)
    j = EXPECTED_CONTEXT.index("black")
    without = load_protocol(FILE, drop=("black",))
    assert PROTOCOL.vector(row)[0, j] == 1
    assert without.vector(row)[0, j] == 0
    assert np.array_equal(np.delete(without.vector(row), j, 1), np.delete(PROTOCOL.vector(row), j, 1))
    with pytest.raises(ProtocolError, match="cannot switch off 'blck'"):
        load_protocol(FILE, drop=("blck",))


def test_missing_values_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match="values are missing for: serum_k"):
        PROTOCOL.eligible(patient(serum_k=np.nan))
    with pytest.raises(ValueError, match="expected 45 values"):
        PROTOCOL.vector(np.zeros(3))


@given(patients)
@settings(max_examples=200, deadline=None)
def test_the_box_holds_zero_moves_one_way_and_respects_every_limit(row: np.ndarray) -> None:
    lo, hi = (side[0] * PROTOCOL.scales for side in PROTOCOL.box(row))
    assert (lo <= 0).all()
    assert (hi >= 0).all()
    locked = dict(locks(row))
    for j, f in enumerate(PROTOCOL.mutable_features):
        value = row[PROTOCOL.index(f.name)]
        assert lo[j] == 0 if f.direction == 1 else hi[j] == 0
        if f.name in locked:
            assert lo[j] == hi[j] == 0
        reach = max(-lo[j], hi[j])
        assert reach <= (f.max_step if f.max_step is not None else np.inf) + 1e-9
        assert reach <= (f.max_step_share * value if f.max_step_share is not None else np.inf) + 1e-9
        if f.floor is not None and lo[j] < 0:
            assert value + lo[j] >= f.floor - 1e-9
        if f.ceiling is not None and hi[j] > 0:
            assert value + hi[j] <= f.ceiling + 1e-9


@given(patients)
@settings(max_examples=200, deadline=None)
def test_weight_is_never_advised_below_a_bmi_of_23(row: np.ndarray) -> None:
    lo, hi = PROTOCOL.box(row)
    for share in (0.5, 1.0):
        after = PROTOCOL.values_after(row, share * lo)[0]
        i, j = PROTOCOL.index("bmi"), PROTOCOL.index("weight_kg")
        assert after[i] >= min(row[i], 23) - 1e-9
        assert after[i] / row[i] == pytest.approx(after[j] / row[j])
    assert (hi[0, 0], PROTOCOL.mutable[0]) == (0, "weight_kg")


@pytest.mark.parametrize(
    ("habit", "values"),
    [
        ("weight_kg", {"bmi": 24.9}),
        ("weight_kg", {"pregnant": 1}),
        ("sodium_mg_day", {"serum_na": 131}),
        ("sodium_mg_day", {"sbp": 109}),
        ("potassium_mg_day", {"egfr": 44}),
        ("potassium_mg_day", {"serum_k": 5.1}),
        ("potassium_mg_day", {"on_mra": 1}),
        ("mvpa_min_wk", {"sbp": 180}),
        ("adherence_pdc", {"n_bp_classes": 0}),
    ],
)
def test_locks(habit: str, values: dict[str, float]) -> None:
    assert habit not in dict(locks(patient(n_bp_classes=1)))
    assert habit in dict(locks(patient(**({"n_bp_classes": 1.0} | values))))


def test_limits_say_which_one_binds() -> None:
    limits = {x.feature: x for x in PROTOCOL.limits(patient(sodium_mg_day=1900, alcohol_drinks_wk=4, n_bp_classes=0))}
    assert limits["sodium_mg_day"].kind == "floor"
    assert limits["sodium_mg_day"].lo == pytest.approx(-400)
    assert limits["alcohol_drinks_wk"].lo == pytest.approx(-2)  # the smaller of half and 7
    assert limits["adherence_pdc"].kind == "lock"
    assert limits["potassium_mg_day"].text == "at most +700 mg/day in one step"
