"""Twists: what they do to the truth, and the best plan under it against brute force."""

import math

import numpy as np
import pytest

from libra_core.environments import TWISTS, EnvironmentSpec, make_environment
from libra_core.environments.base import RoundDraws
from libra_core.environments.diminishing import felt, most
from libra_core.feasible import FeasibleSet
from libra_core.problem import Actions, Contexts


@pytest.mark.parametrize("link", ["identity", "logistic"])
@pytest.mark.parametrize("twist", TWISTS)
@pytest.mark.parametrize("base", ["synthetic", "hypertension"])
def test_no_action_is_worth_more_than_the_best(base: str, twist: str, link: str) -> None:
    if (base, twist) == ("synthetic", "floor") or (link, twist) == ("logistic", "heavy-tails"):
        return
    world = make_environment(EnvironmentSpec(f"{base}~{twist}", link=link, compliance="full"), 0, 6)
    rng = np.random.default_rng(0)
    for _ in range(5):
        contexts = world.arrive()
        best = world.best(contexts)
        found = np.full(6, -np.inf)
        for _ in range(40):
            wish = contexts.lo + rng.random(contexts.lo.shape) * (contexts.hi - contexts.lo)
            delta = world.problem.feasible.project(wish, contexts.lo, contexts.hi)
            for k in range(world.problem.n_arms):
                worth = world.worth(contexts, Actions(np.full(6, k), delta))
                found = np.maximum(found, np.where(contexts.eligible[:, k], worth, -np.inf))
        assert (found <= best + 1e-9).all()


@pytest.mark.parametrize("twist", TWISTS)
def test_outcomes_are_on_average_what_means_says(twist: str) -> None:
    world = make_environment(EnvironmentSpec(f"hypertension~{twist}"), 3, 1)
    contexts = world.arrive()
    actions = Actions(contexts.eligible.argmax(axis=1), 0.5 * contexts.hi)
    noise = np.linspace(-2.0, 2.0, 9)  # symmetric: the noise of every twist averages out
    rewards = [world.respond(contexts, actions, RoundDraws(np.array([e]), np.ones((1, 8)))).reward[0] for e in noise]
    assert np.mean(rewards) == pytest.approx(world.means(contexts, actions)[0], abs=1e-9)


@pytest.mark.parametrize("p", [1.0, 2.0, math.inf])
@pytest.mark.parametrize("s", [1, 2, None])
def test_diminishing_returns_against_a_fine_grid(p: float, s: int | None) -> None:
    rng = np.random.default_rng(5)
    F = FeasibleSet((1.0, 0.6, 1.4), 1.0, p, s)
    grid = np.linspace(-1.5, 1.5, 61)
    mesh = np.stack(np.meshgrid(grid, grid, grid), axis=-1).reshape(-1, 3)
    for _ in range(8):
        theta, realised = rng.normal(size=(1, 1, 3)), rng.uniform(0.4, 1.0, 3)
        lo, hi = -rng.uniform(0.0, 1.5, (1, 3)), rng.uniform(0.0, 1.5, (1, 3))
        patient = Contexts(np.zeros((1, 3)), lo, hi, np.ones((1, 1), bool), np.zeros(1, int))
        found = most(F, theta, patient, realised, 0.8)[0, 0]
        feasible = mesh[F.contains(mesh, lo[0], hi[0])]
        best = (felt(feasible * realised, 0.8) @ theta[0, 0]).max()
        assert best - 1e-9 <= found <= best + 0.06  # the grid is coarse: it may miss a little, never gain


def test_diminishing_returns_choose_the_best_habits_of_eight() -> None:
    """The price-and-surplus search against all 56 sets of three habits, each solved on its own."""
    from itertools import combinations

    rng = np.random.default_rng(1)
    world = make_environment(EnvironmentSpec("hypertension~diminishing"), 0, 20)
    contexts, F, one = world.arrive(), world.problem.feasible, np.ones(8)
    theta = world.theta[..., -8:] * rng.uniform(0.2, 2.0, (20, 8, 8))
    found = most(F, theta, contexts, one, 1.0)
    free = FeasibleSet(F.weights, F.gamma)
    best = np.zeros_like(found)
    for kept in combinations(range(8), 3):
        only = np.zeros(8)
        only[list(kept)] = 1.0
        best = np.maximum(best, most(free, theta * only, contexts, one, 1.0))
    np.testing.assert_allclose(found, best, rtol=1e-7)


def test_drift_comes_when_it_says_and_to_the_favourite() -> None:
    world = make_environment(EnvironmentSpec("synthetic~drift:3", link="identity"), 0, 4)
    before = world.theta.copy()
    for t in range(1, 6):
        world.arrive()
        lost = before - world.theta
        assert lost.sum() == pytest.approx(0.0 if t <= 3 else 4 * world.problem.noise)
    assert (lost[np.arange(4), before[:, :, 0].argmax(axis=1), 0] > 0).all()


def test_slow_drift_ends_where_drift_does() -> None:
    slow, fast = (make_environment(EnvironmentSpec(f"synthetic~{name}"), 0, 3) for name in ("slow-drift:5", "drift:1"))
    for _ in range(7):
        slow.arrive(), fast.arrive()
    np.testing.assert_allclose(slow.theta, fast.theta)


def test_heavy_tails_are_student_t() -> None:
    world = make_environment(EnvironmentSpec("synthetic~heavy-tails", link="identity"), 0, 1)
    from scipy import stats

    z = np.array([-6.0, -1.0, 0.0, 0.5, 6.0])
    np.testing.assert_allclose(world.shock(z), stats.t(3).ppf(stats.norm.cdf(z)), rtol=1e-6, atol=1e-12)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("synthetic~nothing", "choose one of diminishing"),
        ("nowhere~drift", "unknown environment 'nowhere'"),
        ("synthetic~drift:soon", "must be above 0"),
        ("synthetic~drift:-3", "must be above 0"),
    ],
)
def test_a_wrong_twist_is_refused_in_words(name: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        make_environment(EnvironmentSpec(name), 0)
