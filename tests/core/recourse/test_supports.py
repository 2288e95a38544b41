"""Under further limits and a limit on the number of changes: the step against cvxpy, the choice of features against
the search for it that there was before and against brute force."""

import math
from dataclasses import replace
from itertools import combinations

import cvxpy as cp
import numpy as np
import pytest

from benchmarks.instances import Instance, draw
from libra_core.feasible import FeasibleSet, LinearConstraint
from libra_core.recourse.convex import Inner, LinearStep
from libra_core.recourse.optimistic import plan

Floats = np.ndarray


def _limited(rng: np.random.Generator, d_m: int, s: int, p: float = 2.0) -> Instance:
    """Two further limits: on all changes together, and on one that another must go along with."""
    one = draw(rng, d_m, max_changes=s, p=p)
    linked = np.zeros(d_m)
    linked[rng.choice(d_m, 2, replace=False)] = 1.0, -rng.uniform(0.5, 2.0)
    further = (
        LinearConstraint("sum", tuple(rng.uniform(0.5, 1.5, d_m)), rng.uniform(0.3, 0.8), absolute=True),
        LinearConstraint("linked", tuple(linked), 0.0),
    )
    return replace(one, feasible=replace(one.feasible, constraints=further))


def _plan(one: Instance, beta: float, **settings: float) -> tuple[float, Floats]:
    found = plan(one.feasible, one.theta[None, None], one.A[None, None], one.contexts, beta, table=True, **settings)
    return float(found.value[0, 0]), found.delta[0, 0]


@pytest.mark.parametrize("p", [1.0, 2.0, math.inf])
@pytest.mark.parametrize("cost", [0.0, 0.3])
def test_the_step_is_what_cvxpy_finds(p: float, cost: float) -> None:
    rng = np.random.default_rng(30)
    for _ in range(10):
        one, g = _limited(rng, 5, 5, p), rng.normal(size=5)
        F, delta = one.feasible, cp.Variable(5)
        scaled = cp.multiply(F.W, delta)
        rules = [delta >= one.lo, delta <= one.hi, cp.norm(scaled, "inf" if p == math.inf else int(p)) <= F.gamma]
        rules += [np.asarray(c.weights) @ (cp.abs(delta) if c.absolute else delta) <= c.limit for c in F.constraints]
        best = cp.Problem(cp.Maximize(g @ delta - cost * cp.norm1(scaled)), rules).solve(solver=cp.CLARABEL)
        step = LinearStep(F, cost).solve(g, one.lo, one.hi)
        assert F.contains(step, one.lo, one.hi, 1e-7)[0]
        assert g @ step - cost * F.effort(step) == pytest.approx(best, abs=1e-5)


@pytest.mark.parametrize("min_gain", [0.0, 0.05])
@pytest.mark.parametrize(("beta", "cost"), [(0.0, 0.0), (1.5, 0.0), (5.0, 0.1)])
def test_never_worse_than_climbing_with_the_largest_changes_only(beta: float, cost: float, min_gain: float) -> None:
    """360 problems in all: the search before climbed twice, keeping the s largest changes at every step."""
    rng = np.random.default_rng(31)
    better = 0
    for i in range(60):
        one = _limited(rng, (4, 6)[i % 2], 2 + i % 2, (1.0, 2.0, math.inf)[i % 3])
        F = one.feasible
        wish = _plan(replace(one, feasible=replace(F, constraints=())), beta, cost=cost)[1]
        inner = Inner(
            LinearStep(F, cost), one.theta[None], one.A[None], one.contexts, 0, beta, np.ones(wish.size), cost, plan
        )
        ends = [inner.at(wish)]
        if not F.within_constraints(wish[None])[0]:
            pulled = F.project(wish[None], one.lo, one.hi)[0]
            ends = [inner.climb(start, one.lo, one.hi) for start in (pulled, np.zeros_like(wish))]
        before = inner.without_idle(max(ends, key=lambda end: end.value), min_gain).value
        value, delta = _plan(one, beta, cost=cost, min_gain=min_gain)
        assert F.contains(delta, one.lo, one.hi, 1e-6)[0]
        assert value >= before - 1e-9
        better += value > before + 1e-6
    assert better > 0, "a search that never finds more is not worth its time"


@pytest.mark.parametrize("beta", [0.0, 1.5])
def test_as_good_as_brute_force_over_supports_and_a_grid(beta: float) -> None:
    rng = np.random.default_rng(32)
    for _ in range(12):
        one = _limited(rng, 4, 2)
        value, _ = _plan(one, beta)
        for pair in combinations(range(4), 2):
            grid = np.zeros((61 * 61, 4))
            axes = [np.linspace(one.lo[j], one.hi[j], 61) for j in pair]
            grid[:, pair] = np.stack(np.meshgrid(*axes), -1).reshape(-1, 2)
            x = one.x + np.pad(grid[one.feasible.contains(grid, one.lo, one.hi)], ((0, 0), (one.x.size - 4, 0)))
            assert value >= (x @ one.theta + beta * np.sqrt(np.einsum("ni,ij,nj->n", x, one.A, x))).max() - 1e-6


def test_the_chosen_arm_and_change_are_those_of_the_whole_table() -> None:
    """An arm's choices of features are left where they cannot beat another arm: nothing chosen changes."""
    rng = np.random.default_rng(33)
    for _ in range(15):
        one = _limited(rng, 5, 2)
        others = [draw(rng, 5) for _ in range(2)]
        theta = np.stack([one.theta, *(other.theta for other in others)])[None]
        A = np.stack([one.A, *(other.A for other in others)])[None]
        contexts = replace(one.contexts, eligible=np.ones((1, 3), bool), offset=rng.normal(size=(1, 3)) * 0.1)
        every, few = (plan(one.feasible, theta, A, contexts, 1.0, table=table) for table in (True, False))
        assert every.arm[0] == few.arm[0]
        np.testing.assert_array_equal(every.actions.delta, few.actions.delta)


def test_a_limit_that_is_not_convex_is_refused() -> None:
    with pytest.raises(ValueError, match="must not have negative weights"):
        FeasibleSet((1.0, 1.0), constraints=(LinearConstraint("odd", (1.0, -1.0), 0.5, absolute=True),))
