"""The certificate: above every plan whatever the solver returns, and close to the best one when it works."""

import math
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.instances import Instance, draw
from libra_core.recourse import relaxation
from libra_core.recourse.certificate import Lifted, upper_bound

BETAS = (0.0, 0.5, 1.5, 5.0, 20.0)
SHAPES = [(None, 2.0), (3, 2.0), (None, 1.0), (2, 1.0), (3, math.inf)]


def _upper(one: Instance, beta: float, target: float, seconds: float) -> float:
    lifted = Lifted.of(one.theta, one.A, one.x, beta, one.feasible)
    return upper_bound(lifted, one.lo, one.hi, target, seconds=seconds)


@pytest.mark.parametrize("iterations", [1, 3, 6, 10])
@pytest.mark.parametrize(("s", "p"), SHAPES)
def test_a_solver_stopped_early_never_puts_the_bound_too_low(
    monkeypatch: pytest.MonkeyPatch, iterations: int, s: int | None, p: float
) -> None:
    """Not even by the tolerance solvers ask for: 1e-11 is the rounding of sums. A target of -inf never stops it."""
    monkeypatch.setitem(relaxation.SOLVER, "max_iter", iterations)
    rng = np.random.default_rng(iterations)
    for i in range(10):
        one, beta = draw(rng, 5, max_changes=s, p=p), BETAS[i % 5]
        best = max(one.solve(beta)[0], one.best_of_random(beta, 64, rng))
        assert _upper(one, beta, -math.inf, 0.01) >= best - 1e-11 * max(1.0, abs(best))


@pytest.mark.parametrize("tolerance", [1e-2, 1e-4])
def test_an_inaccurate_solver_is_no_excuse_either(monkeypatch: pytest.MonkeyPatch, tolerance: float) -> None:
    for name in ("tol_gap_abs", "tol_gap_rel", "tol_feas"):
        monkeypatch.setitem(relaxation.SOLVER, name, tolerance)
    rng = np.random.default_rng(20)
    for i in range(30):
        s, p = SHAPES[i % 5]
        one, beta = draw(rng, 5, max_changes=s, p=p), BETAS[i // 5 % 5]
        best = max(one.solve(beta)[0], one.best_of_random(beta, 64, rng))
        assert _upper(one, beta, best, 0.05) >= best - 1e-11 * max(1.0, abs(best))


@pytest.mark.parametrize(("s", "p"), SHAPES)
def test_the_gap_is_small_and_never_negative(s: int | None, p: float) -> None:
    rng = np.random.default_rng(21)
    gaps = []
    for i in range(20):
        one, beta = draw(rng, 6, max_changes=s, p=p), BETAS[i % 5]
        value = one.solve(beta)[0]
        gaps.append((_upper(one, beta, value, 2.0) - value) / max(1.0, abs(value)))
    assert min(gaps) >= -1e-11
    assert np.median(gaps) <= 1e-6
    assert max(gaps) <= 1e-4


def test_no_room_and_a_ball_that_is_used_up() -> None:
    """gamma = 0: no change is the only plan; s = 0 likewise."""
    rng = np.random.default_rng(22)
    for s, gamma in ((None, 0.0), (0, 1.0), (2, 1e-6)):
        one = draw(rng, 4, max_changes=s)
        one = replace(one, feasible=replace(one.feasible, gamma=gamma))
        value = one.solve(1.5)[0]
        assert -1e-11 <= _upper(one, 1.5, value, 1.0) - value <= 1e-5
