"""PREVENT against its published test vector, against the formula written out by hand, and where it has no number."""

from __future__ import annotations

from math import exp, isnan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libra_core.clinical.prevent import INPUTS, RANGES, prevent

FLAGS = tuple(name for name in INPUTS if name not in RANGES)
PUBLISHED = {"age": 50, "female": 1, "total_cholesterol": 200, "hdl": 45, "sbp": 160, "egfr": 90}  # 14.7 %
PUBLISHED |= {"diabetes": 1, "treated": 1, "smokes": 0, "statin": 0, "cvd": 0}

people = st.fixed_dictionaries(
    {name: st.floats(*RANGES[name]) for name in RANGES} | {name: st.sampled_from([0.0, 1.0]) for name in FLAGS}
)


def risk(**values: float) -> float:
    person = PUBLISHED | values
    return float(prevent({name: np.array([float(person[name])]) for name in INPUTS})[0])


def by_hand(p: dict[str, float]) -> float:
    """The table of the paper, written out a second time, term by term."""
    a, n, h = (
        (p["age"] - 55) / 10,
        0.02586 * (p["total_cholesterol"] - p["hdl"]) - 3.5,
        (0.02586 * p["hdl"] - 1.3) / 0.3,
    )
    s1, s2 = (min(p["sbp"], 110) - 110) / 20, (max(p["sbp"], 110) - 130) / 20
    e1, e2 = (60 - min(p["egfr"], 60)) / 15, (90 - max(p["egfr"], 60)) / 15
    dm, smk, tx, stt = p["diabetes"], p["smokes"], p["treated"], p["statin"]
    if p["female"]:
        total = -3.307728 + 0.7939329 * a + 0.0305239 * n - 0.1606857 * h - 0.2394003 * s1 + 0.3600781 * s2
        total += 0.8667604 * dm + 0.5360739 * smk + 0.6045917 * e1 + 0.0433769 * e2 + 0.3151672 * tx - 0.1477655 * stt
        total += -0.0663612 * tx * s2 + 0.1197879 * stt * n - 0.0819715 * a * n + 0.0306769 * a * h
        total += -0.0946348 * a * s2 - 0.27057 * a * dm - 0.078715 * a * smk - 0.1637806 * a * e1
    else:
        total = -3.031168 + 0.7688528 * a + 0.0736174 * n - 0.0954431 * h - 0.4347345 * s1 + 0.3362658 * s2
        total += 0.7692857 * dm + 0.4386871 * smk + 0.5378979 * e1 + 0.0164827 * e2 + 0.288879 * tx - 0.1337349 * stt
        total += -0.0475924 * tx * s2 + 0.150273 * stt * n - 0.0517874 * a * n + 0.0191169 * a * h
        total += -0.1049477 * a * s2 - 0.2251948 * a * dm - 0.0895067 * a * smk - 0.1543702 * a * e1
    return 1 / (1 + exp(-total))


def test_the_published_vector() -> None:
    assert risk() == pytest.approx(0.147, abs=5e-4)
    assert risk() == pytest.approx(0.14684, abs=5e-6)
    assert risk(female=0) == pytest.approx(0.16317, abs=5e-6)


@given(st.lists(people, min_size=1, max_size=4))
@settings(deadline=None)
def test_every_row_is_the_formula_written_out_by_hand(rows: list[dict[str, float]]) -> None:
    found = prevent({name: np.array([row[name] for row in rows]) for name in INPUTS})
    for row, value in zip(rows, found, strict=True):
        if row["cvd"]:
            assert isnan(value)
        else:
            assert value == pytest.approx(by_hand(row), rel=1e-9)


@given(age=st.floats(30, 79), sbp=st.floats(111, 199), female=st.booleans(), egfr=st.floats(15, 120))
@settings(deadline=None)
def test_more_pressure_is_more_risk(age: float, sbp: float, female: bool, egfr: float) -> None:
    same = {"age": age, "female": float(female), "egfr": egfr, "diabetes": 0, "treated": 0}
    assert 0 < risk(**same, sbp=sbp) < risk(**same, sbp=sbp + 1) < 1


@given(people, st.sampled_from(sorted(RANGES)), st.floats(0.01, 300), st.booleans())
@settings(deadline=None)
def test_there_is_never_a_number_outside_the_published_ranges(
    person: dict[str, float], name: str, far: float, above: bool
) -> None:
    low, high = RANGES[name]
    assert isnan(risk(**person | {name: high + far if above else low - far}))
