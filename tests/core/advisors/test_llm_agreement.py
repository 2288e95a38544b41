"""Agreement and Cohen's kappa against counts done by hand and against their definitions."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from libra_core.advisors.agreement import (
    agreement,
    by_group,
    crosstab,
    disagreements,
    discord,
    in_common,
    pairwise,
    width_groups,
)

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


def test_the_interval_of_the_textbook_table():
    """Fleiss, Cohen and Everitt's formula, written out."""
    a = np.repeat([1, 1, 0, 0], [20, 5, 10, 15])
    b = np.repeat([1, 0, 1, 0], [20, 5, 10, 15])
    p = crosstab(a, b, 2) / 50
    rows, columns, share, chance = p.sum(axis=1), p.sum(axis=0), np.trace(p), p.sum(axis=1) @ p.sum(axis=0)
    kept = sum(p[i, i] * ((1 - chance) - (columns[i] + rows[i]) * (1 - share)) ** 2 for i in range(2))
    lost = sum(p[i, j] * (columns[i] + rows[j]) ** 2 for i in range(2) for j in range(2) if i != j)
    variance = kept + (1 - share) ** 2 * lost - (share * chance - 2 * chance + share) ** 2
    error = math.sqrt(variance / 50) / (1 - chance) ** 2
    found = agreement(a, b)
    assert (found.low, found.high) == (pytest.approx(0.4 - 1.96 * error), pytest.approx(0.4 + 1.96 * error))


def _kappa(p: np.ndarray) -> float:
    chance = p.sum(axis=1) @ p.sum(axis=0)
    return (np.trace(p) - chance) / (1 - chance)


@given(arms)
def test_the_interval_is_that_of_the_delta_method(pairs):
    """The variance of a smooth function of frequencies, with its gradient by finite differences."""
    a, b = np.array(pairs).T
    found, step = agreement(a, b), 1e-6
    if math.isnan(found.kappa) or (p := crosstab(a, b, 4) / found.n).sum(axis=1) @ p.sum(axis=0) > 0.99:
        return
    unit = np.eye(16).reshape(16, 4, 4) * step
    gradient = np.array([(_kappa(p + e) - _kappa(p - e)) / (2 * step) for e in unit])
    flat = p.ravel()
    error = math.sqrt(max(0.0, gradient @ (np.diag(flat) - np.outer(flat, flat)) @ gradient) / found.n)
    assert found.high == pytest.approx(min(1.0, found.kappa + 1.96 * error), abs=1e-3)
    assert found.low == pytest.approx(max(-1.0, found.kappa - 1.96 * error), abs=1e-3)
    back = agreement(b, a)
    assert (back.low, back.high) == (pytest.approx(found.low), pytest.approx(found.high))


changes = st.lists(
    st.tuples(*[st.tuples(*[st.sampled_from([-1.0, -0.2, 0.0, 1e-12, 0.7])] * 3)] * 2), min_size=1, max_size=20
)


@given(changes)
def test_habits_in_common_are_those_of_two_sets(pairs):
    def moves(delta):
        return {(j, value > 0) for j, value in enumerate(delta) if abs(value) > 1e-9}

    a, b = (np.array([pair[k] for pair in pairs]) for k in (0, 1))
    found = in_common(a, b, np.ones(len(pairs), bool))
    names = [({j for j, _ in moves(x)} | {j for j, _ in moves(y)}, moves(x) & moves(y)) for x, y in pairs]
    assert found.overlap == pytest.approx(np.mean([len(both) / len(any_) if any_ else 1.0 for any_, both in names]))
    assert found.same == pytest.approx(np.mean([moves(x) == moves(y) for x, y in pairs]))
    assert found == in_common(b, a, np.ones(len(pairs), bool))
    assert in_common(a, b, np.zeros(len(pairs), bool)).n == 0


@given(st.lists(st.tuples(*[st.integers(-1, 2)] * 3), min_size=1, max_size=20))
def test_discord_is_the_share_of_pairs_that_differ(cases):
    found = discord({str(k): np.array([case[k] for case in cases]) for k in range(3)})
    for case, value in zip(cases, found, strict=True):
        said = [(x, y) for x, y in ((case[0], case[1]), (case[0], case[2]), (case[1], case[2])) if min(x, y) >= 0]
        assert value == pytest.approx(np.mean([x != y for x, y in said]) if said else 0.0)


def test_silence_is_not_disagreement():
    found = agreement(np.array([1, -1, 2]), np.array([1, 1, -1]))
    assert (found.n, found.share) == (1, 1.0)
    assert agreement(np.array([-1]), np.array([1])).n == 0


def test_groups_widths_and_disagreements():
    a, b = np.array([0, 1, 1, 2]), np.array([0, 1, 2, 1])
    groups = by_group(a, b, {"first two": np.array([True, True, False, False]), "nobody": np.zeros(4, bool)})
    assert list(groups) == ["first two"]
    assert groups["first two"].share == 1
    assert [(i, j, list(where)) for i, j, where in disagreements(a, b)] == [(1, 2, [2]), (2, 1, [3])]
    masks = width_groups(np.array([1.0, 2, 3, 4, 5, 6]), "mmHg")
    assert [int(m.sum()) for m in masks.values()] == [2, 2, 2]
    assert sum(m.sum() for m in width_groups(np.ones(5), "mmHg").values()) == 5
    assert pairwise({"x": a, "y": b})["x", "y"].share == 0.5
