"""Bounds as oracles: the formulas written out again, and each bound held against runs."""

import math
from dataclasses import replace

import numpy as np
import pytest

from libra_core.environments import EnvironmentSpec, make_environment
from libra_core.feasible import FeasibleSet
from libra_core.glm.confidence import linear_radius, most_information
from libra_core.glm.estimator import OnePass, Shared, implicit_index
from libra_core.glm.link import LINKS, SLOPE_FLOOR, slope_at
from libra_core.policies import PolicyConfig
from libra_core.policies.questions import bound_from, call_bound, is_proven, least_gain, least_slope
from libra_core.problem import Problem
from libra_core.study import StudySpec, make_policy, run, run_study
from libra_core.study.promises import promises
from libra_core.study.theory import regret_upper

T = 1000


def problem_of(link: str, share: float = 1.0) -> Problem:
    """K = 4 arms, d = 5, |x'| <= X = 3, noise 0.7."""
    return Problem(
        arms=("a", "b", "c", "d"),
        immutable=("intercept", "age"),
        mutable=("m1", "m2", "m3"),
        link=LINKS[link],
        feasible=FeasibleSet((1.0, 1.0, 1.0)),
        noise=0.7,
        reward_unit="",
        realised=(share, 1.0, 1.0),
        x_bound=3.0,
    )


def test_the_radius_covers_all_arms_at_once() -> None:
    """K sets at level p cost what one set at level p/K costs."""
    known = (T, 5, 0.7, 2.0, 3.0, 1.5)
    expected = 0.7 * math.sqrt(5 * math.log(1 + T * 9 / 10) + 2 * math.log(4 / 0.1)) + math.sqrt(2.0) * 1.5
    assert linear_radius(*known, failure=0.1, sets=4) == pytest.approx(expected, rel=1e-12)
    assert linear_radius(*known, failure=0.1 / 4) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("kind", [OnePass, Shared])
def test_information_is_the_growth_of_log_det_and_never_more_than_its_most(kind: type) -> None:
    """Against the batch formula: blocks of lambda I + sum x x', or the joint one; unit-length features."""
    draws, ridge, n = np.random.default_rng(1), 2.0, 60
    arms, X = draws.integers(0, 3, n), draws.standard_normal((n, 4))
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    estimator = kind(LINKS["identity"], 1, 3, 4, ridge)
    for arm, x in zip(arms, X, strict=True):
        estimator.update(np.array([arm]), x[None], np.zeros(1))
    if kind is OnePass:
        told = sum(np.linalg.slogdet(np.eye(4) + X[arms == k].T @ X[arms == k] / ridge)[1] for k in range(3))
        assert estimator.information[0] == pytest.approx(told, rel=1e-9)
    assert 0 < estimator.information[0] <= most_information(n, 3, 4, ridge, 1.0, shared=kind is Shared)


@pytest.mark.parametrize(("link", "slope", "steepest"), [("identity", 1.0, 1.0), ("logistic", SLOPE_FLOOR, 0.25)])
def test_the_bound_on_questions_is_the_formula(link: str, slope: float, steepest: float) -> None:
    """And sharper than the textbook's 2 I max(1, 4 L^2 beta^2 / (kappa_0 Delta^2))."""
    model, width, beta = LINKS[link], 0.3, 1.5
    plain = 40.0 / math.log(1 + slope * width**2 / (2 * steepest * beta) ** 2)
    expected = plain if link == "identity" else 40.0 / math.log(1 + least_gain(width, beta, model))
    assert bound_from(40.0, width, beta, model) == pytest.approx(expected, rel=1e-12)
    assert expected <= plain <= 2 * 40.0 * max(1.0, (2 * steepest * beta / width) ** 2 / slope)
    assert bound_from(40.0, width, 0.0, model) == 0.0


@pytest.mark.parametrize("beta", [0.3, 1.0, 50.0])
@pytest.mark.parametrize("width", [0.01, 0.2, 0.6])
def test_a_wide_logistic_action_tells_as_much_as_is_claimed(width: float, beta: float) -> None:
    """Brute force over z, s and both rewards: the growth that the one-pass step itself counts."""
    link, least = LINKS["logistic"], np.inf
    for z in np.linspace(-6, 6, 61):
        for s in np.geomspace(width / (0.5 * beta), 12.0, 80):
            if link.mean(np.array(z + beta * s)) - link.mean(np.array(z - beta * s)) > width:
                for reward in (0.0, 1.0):
                    y = implicit_index(link.code, z, s**2, reward)
                    least = min(least, max(slope_at(link.code, y), SLOPE_FLOOR) * s**2)
    assert SLOPE_FLOOR * (2 * width / beta) ** 2 <= least_gain(width, beta, link) <= least
    assert least_gain(width, beta, link) > 0.1 * least


def test_a_bound_on_questions_is_given_only_where_it_is_proven() -> None:
    plain, identity, logistic = PolicyConfig(), LINKS["identity"], LINKS["logistic"]
    assert is_proven(problem_of("identity"), plain, identity)
    assert not is_proven(problem_of("identity", share=0.4), plain, identity)
    assert not is_proven(problem_of("identity"), replace(plain, adoption="plausible"), identity)
    assert not is_proven(problem_of("logistic"), replace(plain, estimator="refit"), logistic)
    lenient = PolicyConfig(adoption="plausible")
    assert call_bound(T, problem_of("identity"), lenient, 0.3, 1.5, identity) is None
    assert call_bound(T, problem_of("identity"), replace(lenient, max_calls=7), 0.3, 1.5, identity) == 7
    free = call_bound(T, problem_of("identity"), plain, 0.3, 1.5, identity)
    assert free is not None
    assert call_bound(T, problem_of("identity"), replace(plain, max_calls=math.ceil(free)), 0.3, 1.5, identity) == free


@pytest.mark.parametrize("link", ["identity", "logistic"])
@pytest.mark.parametrize("shared", [False, True])
def test_no_run_asks_more_than_its_own_bound_which_is_below_the_one_before_it(link: str, shared: bool) -> None:
    world = make_environment(EnvironmentSpec(link=link, arms=3, d_immutable=2, d_mutable=2), 7, 4)
    policy = make_policy("libra", world, PolicyConfig(shared=shared), 7, "near-optimal")
    for now in run(world, [policy], 300):
        if now.t % 50 == 0:
            own, before = policy.run_call_bound(), policy.call_bound(now.t)
            assert own is not None
            assert before is not None
            assert (policy.calls <= own).all()
            assert (own <= before).all()


@pytest.mark.parametrize("link", ["identity", "logistic"])
@pytest.mark.parametrize("ridge", [0.5, 20.0])
def test_the_bound_on_regret_is_the_formula(link: str, ridge: float) -> None:
    """2 L beta sqrt(2 T K d log(1 + T X^2 / (lambda K d)) / kappa_0) max(1, X / sqrt(lambda))."""
    model, config = LINKS[link], PolicyConfig(ridge=ridge)
    potential = 2 * 20 * math.log(1 + T * 9 / (ridge * 20)) / least_slope(model)
    upper = 2 * model.steepest * 1.5 * math.sqrt(T * potential) * max(1.0, 3 / math.sqrt(ridge))
    assert regret_upper(T, problem_of(link), config, 1.5) == pytest.approx(upper, rel=1e-12)


# --------------------------------------------------------------------------------- hard instances

ARMS, BALL = EnvironmentSpec("hard-arms", arms=5, noise=0.5), EnvironmentSpec("hard-ball", d_mutable=3, noise=0.5)


def test_the_bound_for_arms_is_the_formula_and_largest_at_its_own_gap() -> None:
    world = make_environment(ARMS, 0, rounds=T)
    assert world.lower_bound(T) == pytest.approx(0.5 * math.sqrt(5 * T) * 0.8**2 / 2, rel=1e-12)
    others = [make_environment(replace(ARMS, contrast=c), 0, rounds=T).lower_bound(T) for c in (0.5, 0.9, 1.1, 2.0)]
    assert max(others) < world.lower_bound(T)
    assert make_environment(replace(ARMS, contrast=0.0), 0).lower_bound(T) == 0.0


def test_the_bound_for_a_ball_is_below_what_the_bayes_estimate_loses() -> None:
    """The best that is possible in one dimension: play the sign of the posterior mean. Its simulated regret lies above
    the bound; |theta| has the mean that the bound uses."""
    world = make_environment(replace(BALL, d_mutable=1), 0, rounds=T)
    tau, draws, n = world.gap, np.random.default_rng(5), 4_000
    theta = tau * draws.standard_normal(n)
    assert np.abs(theta).mean() == pytest.approx(tau * math.sqrt(2 / math.pi), rel=0.03)
    total, lost = np.zeros(n), np.zeros(n)
    for _ in range(T):
        play = np.where(total >= 0, 1.0, -1.0)
        lost += np.abs(theta) - theta * play
        total += play * (theta * play + 0.5 * draws.standard_normal(n))
    assert world.lower_bound(T) <= lost.mean() * 1.02
    assert world.lower_bound(T) > 0.2 * lost.mean()


@pytest.mark.parametrize("spec", [ARMS, BALL])
def test_a_hard_instance_obeys_its_bound(spec: EnvironmentSpec) -> None:
    """200 replicates, T = 200: no policy loses less than the bound beyond chance; the bound is of the right order."""
    result = run_study(StudySpec(spec, ("glrb", "thompson"), rounds=200, replicates=200), workers=1)
    lower = promises(result).lower
    assert lower is not None
    assert (np.diff(lower) >= 0).all()
    for policy in result.policies:
        final = policy.regret[:, -1]
        assert final.mean() + 3 * final.std() / math.sqrt(len(final)) >= lower[-1]
    assert result.policies[0].regret[:, -1].mean() <= 8 * lower[-1]


def test_the_bounds_grow_like_the_root_of_the_rounds_and_with_size() -> None:
    def bound(spec: EnvironmentSpec, rounds: int) -> float:
        found = make_environment(spec, 0, rounds=rounds).lower_bound(rounds)
        assert found is not None
        return found

    assert bound(ARMS, 4 * T) == pytest.approx(2 * bound(ARMS, T), rel=1e-9)
    assert bound(BALL, 4 * T) == pytest.approx(2 * bound(BALL, T), rel=1e-2)
    assert bound(replace(BALL, d_mutable=12), T) > 3 * bound(BALL, T)
    assert make_environment(EnvironmentSpec(), 0).lower_bound(T) is None
    with pytest.raises(ValueError, match="identity"):
        make_environment(replace(ARMS, link="logistic"), 0)
