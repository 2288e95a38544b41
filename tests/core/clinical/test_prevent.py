"""PREVENT against its published test vector, against the formula written out by hand, and where it has no number."""

from __future__ import annotations

from dataclasses import replace
from math import exp

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libra_core.clinical.prevent import Person, prevent

PUBLISHED = Person(50, True, 200, 45, 160, True, False, 90, True, False)  # 14.7 %


def test_the_published_vector() -> None:
    assert prevent(PUBLISHED).value == pytest.approx(0.147, abs=5e-4)
    assert prevent(replace(PUBLISHED, female=False)).value == pytest.approx(0.16317, abs=5e-6)


def test_one_man_by_hand() -> None:
    """A smoker of 65 on a statin with eGFR 45, written out term by term."""
    a, n, h = 1.0, 0.02586 * (180 - 50) - 3.5, (0.02586 * 50 - 1.3) / 0.3
    s2, e1, e2 = (140 - 130) / 20, (45 - 60) / -15, (60 - 90) / -15
    total = -3.031168 + 0.7688528 * a + 0.0736174 * n - 0.0954431 * h + 0.3362658 * s2 + 0.4386871 + 0.5378979 * e1
    total += 0.0164827 * e2 - 0.1337349 + 0.150273 * n - 0.0517874 * a * n + 0.0191169 * a * h - 0.1049477 * a * s2
    total += -0.0895067 * a - 0.1543702 * a * e1
    man = Person(65, False, 180, 50, 140, False, True, 45, False, True)
    assert prevent(man).value == pytest.approx(1 / (1 + exp(-total)), rel=1e-9)


@given(age=st.floats(30, 79), sbp=st.floats(111, 199), female=st.booleans(), egfr=st.floats(15, 120))
def test_more_pressure_is_more_risk(age: float, sbp: float, female: bool, egfr: float) -> None:
    person = Person(age, female, 190, 50, sbp, False, False, egfr, False, False)
    low, high = prevent(person).value, prevent(replace(person, sbp=sbp + 1)).value
    assert low is not None
    assert high is not None
    assert 0 < low < high < 1


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"age": 29}, "30 to 79 years"),
        ({"age": 80}, "30 to 79 years"),
        ({"cvd": True}, "without cardiovascular disease"),
        ({"cholesterol": None}, "needs cholesterol, not measured"),
        ({"hdl": None, "egfr": None}, "needs HDL and eGFR, not measured"),
        ({"egfr": float("nan")}, "needs eGFR, not measured"),
    ],
)
def test_where_there_is_no_number_the_reason_is_said(change: dict, reason: str) -> None:
    risk = prevent(replace(PUBLISHED, **change))
    assert risk.value is None
    assert reason in risk.why_not
