"""Agreement and Cohen's kappa against counts done by hand and against their definitions."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from libra_core.advisors.agreement import agreement, by_group, crosstab, disagreements, pairwise, width_groups

arms = st.lists(st.tuples(st.integers(-1, 3), st.integers(-1, 3)), min_size=1, max_size=60)


def test_kappa_of_the_textbook_table():
    """20 both yes, 15 both no, 5 and 10 apart: observed 0.70, chance 0.50, kappa 0.40."""
    a = np.repeat([1, 1, 0, 0], [20, 5, 10, 15])
    b = np.repeat([1, 0, 1, 0], [20, 5, 10, 15])
    found = agreement(a, b)
    assert (found.n, found.share, found.kappa) == (50, pytest.approx(0.7), pytest.approx(0.4))


def test_chance_alone_gives_kappa_near_zero():
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 4, 20_000), rng.integers(0, 4, 20_000)
    assert agreement(a, b).kappa == pytest.approx(0, abs=0.03)


@given(arms)
def test_properties(pairs):
    a, b = np.array(pairs).T
    forward, back = agreement(a, b), agreement(b, a)
    assert forward.n == back.n == crosstab(a, b, 4).sum()
    if forward.n:
        assert 0 <= forward.share <= 1
        assert forward.share == pytest.approx(np.trace(crosstab(a, b, 4)) / forward.n)
    if not math.isnan(forward.kappa):
        assert forward.kappa == pytest.approx(back.kappa)
        assert forward.kappa <= 1
    assert math.isnan(agreement(a, a).kappa) or agreement(a, a).kappa == pytest.approx(1)


def test_silence_is_not_disagreement():
    found = agreement(np.array([1, -1, 2]), np.array([1, 1, -1]))
    assert (found.n, found.share) == (1, 1.0)
    assert agreement(np.array([-1]), np.array([1])).n == 0


def test_groups_widths_and_disagreements():
    a, b = np.array([0, 1, 1, 2]), np.array([0, 1, 2, 1])
    groups = by_group(a, b, {"first two": np.array([True, True, False, False]), "nobody": np.zeros(4, bool)})
    assert list(groups) == ["first two"]
    assert groups["first two"].share == 1
    assert disagreements(a, b, ["A", "B", "C"]) == [("B", "C", 1), ("C", "B", 1)]
    masks = width_groups(np.array([1.0, 2, 3, 4, 5, 6]), "mmHg")
    assert [int(m.sum()) for m in masks.values()] == [2, 2, 2]
    assert sum(m.sum() for m in width_groups(np.ones(5), "mmHg").values()) == 5
    assert pairwise({"x": a, "y": b})["x", "y"].share == 0.5
