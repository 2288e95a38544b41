"""What theory promises, held against runs."""

import math
from dataclasses import replace

import numpy as np
import pytest

from libra_core.environments import EnvironmentSpec, make_environment
from libra_core.feasible import FeasibleSet
from libra_core.glm.link import link_named
from libra_core.policies import PolicyConfig
from libra_core.problem import Problem
from libra_core.recourse.plans import evaluate
from libra_core.study import StudySpec, run_study
from libra_core.study.promises import promises
from libra_core.study.runner import make_policy
from libra_core.study.theory import _potential, call_bound, regret_lower, regret_upper


@pytest.mark.parametrize("shared", [False, True])
def test_the_promises_lie_on_the_grid_and_end_where_they_say(shared: bool) -> None:
    config = PolicyConfig(shared=shared)
    spec = StudySpec(EnvironmentSpec("hypertension", cohort="accord-like"), ("oracle", "glrb", "libra"), rounds=120)
    result = run_study(replace(spec, replicates=2, config=config))
    found = promises(result)
    grid = len(result.t)
    assert list(found.calls) == ["libra"]
    assert len(found.calls["libra"]) == len(found.upper) == len(found.lower) == grid
    last = {p.name: p for p in result.policies}
    assert found.calls["libra"][-1] == pytest.approx(last["libra"].call_bound)
    assert found.anchor != "oracle"
    assert found.lower[-1] == pytest.approx(last[found.anchor].regret[:, -1].mean())
    assert found.lower[0] == pytest.approx(found.lower[-1] * np.sqrt(result.t[0] / result.t[-1]))
    assert (found.upper > last["glrb"].regret.mean(axis=0)).all()
    assert not found.proven


def test_questions_are_unbounded_when_advice_is_followed_whenever_plausible() -> None:
    spec = StudySpec(policies=("libra",), rounds=60, replicates=2, config=PolicyConfig(adoption="plausible"))
    result = run_study(spec)
    assert result.policies[0].call_bound is None
    assert promises(result).calls == {}
    capped = run_study(replace(spec, config=PolicyConfig(adoption="plausible", max_calls=7)))
    assert capped.policies[0].call_bound == 7
    assert capped.policies[0].calls.max() <= 7


def test_the_shared_block_has_its_own_potential() -> None:
    """sum_t min(1, x'A x) of a run with the shared estimator stays below the potential that the bounds use."""
    environment = make_environment(EnvironmentSpec("synthetic", link="identity", arms=2), seed=3)
    config = PolicyConfig(shared=True)
    policy = make_policy("glrb", environment, config, seed=3)
    total = 0.0
    for t in range(1, 301):
        contexts = environment.arrive()
        proposal = policy.propose(contexts)
        _, s = evaluate(policy.estimator.theta, policy.estimator.A, contexts, proposal.actions, policy.realised)
        total += min(1.0, float(s[0]) ** 2)
        policy.learn(proposal, environment.respond(contexts, proposal.actions, environment.draws()))
        assert total <= _potential(t, environment.problem, config)
    assert total > 5  # the test would notice a potential of nothing


@pytest.mark.parametrize(
    ("config", "link", "proven"),
    [
        (PolicyConfig(radius="theory", norm_bound=5.0), "identity", True),
        (PolicyConfig(norm_bound=5.0), "identity", False),  # a practical radius
        (PolicyConfig(radius="theory", norm_bound=1.0), "identity", False),  # the truth is longer than assumed
        (PolicyConfig(radius="theory", norm_bound=5.0, shared=True), "identity", False),
        (PolicyConfig(radius="theory", norm_bound=5.0, min_gain=0.1), "identity", False),
        (PolicyConfig(radius="theory", norm_bound=5.0, estimator="mle"), "logistic", False),
    ],
)
def test_a_guarantee_is_claimed_only_where_it_is_proven(config: PolicyConfig, link: str, proven: bool) -> None:
    spec = StudySpec(EnvironmentSpec(link=link), ("glrb",), rounds=20, replicates=2, config=config)
    assert promises(run_study(spec)).proven is proven


# --------------------------------------------------------------------------------- the formulas, written out again

T = 1000


def _problem(link: str) -> Problem:
    """K = 4 arms, d = 5, |x'| <= X = 3, noise 0.7."""
    return Problem(
        arms=("a", "b", "c", "d"),
        immutable=("intercept", "age"),
        mutable=("m1", "m2", "m3"),
        link=link_named(link),
        feasible=FeasibleSet((1.0, 1.0, 1.0)),
        noise=0.7,
        reward_unit="",
        realised=(1.0, 1.0, 1.0),
        x_bound=3.0,
    )


@pytest.mark.parametrize("ridge", [0.5, 20.0])
@pytest.mark.parametrize("beta", [0.01, 1.5])
@pytest.mark.parametrize("width", [None, 0.6])
@pytest.mark.parametrize(
    ("link", "linear", "steepest", "default"),
    [("identity", False, 1.0, 0.4 * 0.7), ("logistic", False, 0.25, 0.2), ("logistic", True, 1.0, 0.2)],
)
def test_the_bound_on_questions_is_the_formula(
    link: str, linear: bool, steepest: float, default: float, width: float | None, beta: float, ridge: float
) -> None:
    """2 K d log(1 + T X^2 / (lambda d)) max(1, 4 L^2 beta^2 / Delta^2)."""
    config = PolicyConfig(ridge=ridge, width_threshold=width)
    delta = default if width is None else width
    alone = 2 * 4 * 5 * math.log(1 + 1000 * 9 / (ridge * 5)) * max(1.0, 4 * steepest**2 * beta**2 / delta**2)
    assert call_bound(T, _problem(link), config, beta, linear) == pytest.approx(alone, rel=1e-12)
    joint = 2 * 25 * math.log(1 + 1000 * 18 / (ridge * 25)) * max(1.0, 4 * steepest**2 * beta**2 / delta**2)
    shared = replace(config, shared=True)  # one estimate of (K + 1) d = 25 numbers, features of squared length 2 X^2
    assert call_bound(T, _problem(link), shared, beta, linear) == pytest.approx(joint, rel=1e-12)


def test_the_cap_on_questions_counts_where_it_is_the_smaller_number() -> None:
    problem, config = _problem("identity"), PolicyConfig()
    free = call_bound(T, problem, config, 1.5)
    for cap in (0, 7, math.floor(free)):
        assert call_bound(T, problem, replace(config, max_calls=cap), 1.5) == cap
    assert call_bound(T, problem, replace(config, max_calls=math.ceil(free)), 1.5) == free
    lenient = PolicyConfig(adoption="plausible")
    assert call_bound(T, problem, lenient, 1.5) == math.inf
    assert call_bound(T, problem, replace(lenient, max_calls=7), 1.5) == 7


@pytest.mark.parametrize(("link", "steepest"), [("identity", 1.0), ("logistic", 0.25)])
@pytest.mark.parametrize("ridge", [0.5, 20.0])
def test_the_bound_on_regret_is_the_formula(link: str, steepest: float, ridge: float) -> None:
    """2 L beta sqrt(2 T K d log(1 + T X^2 / (lambda d))) max(1, X / sqrt(lambda))."""
    config = PolicyConfig(ridge=ridge)
    potential = 2 * 4 * 5 * math.log(1 + 1000 * 9 / (ridge * 5))
    alone = 2 * steepest * 1.5 * math.sqrt(1000 * potential) * max(1.0, 3 / math.sqrt(ridge))
    assert regret_upper(T, _problem(link), config, 1.5) == pytest.approx(alone, rel=1e-12)
    potential = 2 * 25 * math.log(1 + 1000 * 18 / (ridge * 25))
    joint = 2 * steepest * 1.5 * math.sqrt(1000 * potential) * max(1.0, math.sqrt(18 / ridge))
    assert regret_upper(T, _problem(link), replace(config, shared=True), 1.5) == pytest.approx(joint, rel=1e-12)


def test_the_shape_of_the_lower_bound_is_d_root_t() -> None:
    assert regret_lower(400, 3) == 60
    assert regret_lower(900, 5, scale=0.5) == 75
