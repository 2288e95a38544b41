"""How the protocol words values and changes: units, rounding, signs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libra_core.clinical import Feature, default_protocol

PROTOCOL = default_protocol()


@pytest.mark.parametrize(
    ("name", "value", "us", "si"),
    [
        ("sodium_mg_day", 3066.4, "3,070 mg/day", "133 mmol/day"),
        ("weight_kg", 87.2, "192 lb", "87.0 kg"),
        ("creatinine", 1.004, "1.00 mg/dL", "89 µmol/L"),
        ("hba1c", 7.04, "7.0%", "53 mmol/mol"),
        ("ldl", 108.6, "109 mg/dL", "2.8 mmol/L"),
        ("sbp", 135.38, "135 mmHg", "135 mmHg"),
        ("gout", 1, "yes", "yes"),
        ("adherence_pdc", 0.75, "75%", "75%"),
        ("egfr", float("nan"), "not known", "not known"),
    ],
)
def test_values_are_shown_without_false_precision(name: str, value: float, us: str, si: str) -> None:
    assert PROTOCOL.feature(name).display(value, si=False) == us
    assert PROTOCOL.feature(name).display(value, si=True) == si


def test_changes_are_shown_with_a_sign() -> None:
    f = PROTOCOL.feature
    assert f("sodium_mg_day").display_change(-800) == "sodium in the diet −800 mg/day"
    assert f("weight_kg").display_change(-3.5, si=True) == "weight −3.5 kg"
    assert f("weight_kg").display_change(-3.5) == "weight −8 lb"
    assert f("mvpa_min_wk").display_change(60) == "moderate or vigorous activity +60 min/week"
    assert f("sodium_mg_day").display_change(-2) == "sodium in the diet: no change"


@given(st.sampled_from([f for f in PROTOCOL.features if f.kind == "number"]), st.floats(0, 1))
def test_display_never_fails_and_si_round_trips(feature: Feature, share: float) -> None:
    value = feature.range[0] + share * (feature.range[1] - feature.range[0])
    assert feature.display(value, True)
    assert feature.display(value, False)
    shown = feature.in_units(value, si=True)
    assert (shown - feature.si_offset) / feature.si_factor == pytest.approx(value)
