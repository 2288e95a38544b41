"""The closed-form linear step against a convex solver, brute force over supports, and its own limits."""

import itertools
import math

import cvxpy as cp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libra_core.feasible import FeasibleSet
from libra_core.recourse.linear_step import best_change

NORMS = (1.0, 2.0, math.inf)


def _case(seed: int, d: int, p: float, s: int | None) -> tuple[np.ndarray, FeasibleSet, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    hi, lo = rng.uniform(0, 1.2, d), -rng.uniform(0, 1.2, d)
    lo[rng.random(d) < 0.3] = 0.0
    hi[rng.random(d) < 0.3] = 0.0
    return rng.normal(size=d), FeasibleSet(tuple(rng.uniform(0.3, 2.5, d)), rng.uniform(0.1, 2.0), p, s), lo, hi


def _step(g: np.ndarray, F: FeasibleSet, lo: np.ndarray, hi: np.ndarray) -> np.ndarray:
    return best_change(g, F.W, lo, hi, F.gamma, F.p_code, F.s)


def _by_convex_solver(g: np.ndarray, F: FeasibleSet, lo: np.ndarray, hi: np.ndarray) -> float:
    """max g'delta over F, without the limit on the number of changes."""
    delta = cp.Variable(g.size)
    moved = cp.multiply(F.W, delta)
    norm = cp.norm_inf(moved) if math.isinf(F.p) else cp.norm(moved, int(F.p))
    problem = cp.Problem(cp.Maximize(g @ delta), [delta >= lo, delta <= hi, norm <= F.gamma])
    problem.solve(solver=cp.CLARABEL)
    return float(problem.value)


@pytest.mark.parametrize("p", NORMS)
@pytest.mark.parametrize("seed", range(25))
def test_equals_the_convex_solver(seed: int, p: float) -> None:
    g, F, lo, hi = _case(seed, 6, p, None)
    assert g @ _step(g, F, lo, hi) == pytest.approx(_by_convex_solver(g, F, lo, hi), abs=1e-6)


@pytest.mark.parametrize("p", NORMS)
@pytest.mark.parametrize("s", [1, 2, 3])
def test_equals_brute_force_over_supports(s: int, p: float) -> None:
    for seed in range(300):
        g, F, lo, hi = _case(seed, 6, p, s)
        best = 0.0
        for keep in itertools.combinations(range(6), s):
            mask = np.isin(np.arange(6), keep)
            free = FeasibleSet(F.weights, F.gamma, p)
            best = max(best, g @ _step(g, free, np.where(mask, lo, 0.0), np.where(mask, hi, 0.0)))
        assert g @ _step(g, F, lo, hi) == pytest.approx(best, abs=1e-10), (seed, s, p)


@given(st.integers(0, 10**9), st.integers(1, 10), st.sampled_from(NORMS), st.integers(0, 10))
@settings(max_examples=300, deadline=None)
def test_is_always_feasible_and_never_worse_than_nothing(seed: int, d: int, p: float, s: int) -> None:
    g, F, lo, hi = _case(seed, d, p, s)
    delta = _step(g, F, lo, hi)
    assert F.contains(delta, lo, hi)[0]
    assert (delta[lo == hi] == 0).all()
    assert g @ delta >= 0


@given(st.integers(0, 10**9), st.sampled_from(NORMS), st.integers(0, 6))
@settings(max_examples=200, deadline=None)
def test_projection_is_feasible_and_leaves_feasible_changes_alone(seed: int, p: float, s: int) -> None:
    _, F, lo, hi = _case(seed, 6, p, s)
    wish = 3.0 * np.random.default_rng(seed).normal(size=(5, 6))
    projected = F.project(wish, lo, hi)
    assert F.contains(projected, lo, hi).all()
    np.testing.assert_allclose(F.project(projected, lo, hi), projected, atol=1e-12)
    assert F.contains(F.project(np.full((1, 6), np.nan), lo, hi), lo, hi).all()


def test_a_bad_feasible_set_is_refused_in_words() -> None:
    with pytest.raises(ValueError, match="gamma must be >= 0, got -1"):
        FeasibleSet((1.0,), gamma=-1)
    with pytest.raises(ValueError, match="p must be 1, 2 or inf"):
        FeasibleSet((1.0,), p=3)
    with pytest.raises(ValueError, match="weight must be > 0"):
        FeasibleSet((1.0, 0.0))


def test_the_share_of_the_radius_is_one_on_its_edge() -> None:
    feasible = FeasibleSet((1.0, 2.0), gamma=2.0)
    assert feasible.share(np.array([[0.0, 1.0], [1.0, 0.0]])) == pytest.approx([1.0, 0.5])
    assert FeasibleSet((1.0,), gamma=0.0).share(np.array([[0.0]])) == pytest.approx([0.0])
