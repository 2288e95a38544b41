"""The model check: silent while the model is right, heard when it is not, saved and restored, one run as in a batch."""

import json

import numpy as np
import pytest

from libra_core.environments import EnvironmentSpec, make_environment
from libra_core.glm.estimator import OnePass
from libra_core.glm.link import LINKS
from libra_core.policies import PolicyConfig
from libra_core.policies.check import DECAY, DELAY, LOG_SUM, TEMPER, ModelCheck
from libra_core.policies.model import ModelPolicy
from libra_core.problem import Problem
from libra_core.study import make_policy, run


def a_problem(link: str = "identity") -> Problem:
    return make_environment(EnvironmentSpec("synthetic", link=link, arms=3, d_immutable=2, d_mutable=2), 0).problem


def known(problem: Problem, link: str, R: int) -> OnePass:
    """An estimate without doubt, theta = 0: residuals are then exactly what is drawn."""
    made = OnePass(LINKS[link], R, problem.n_arms, problem.d, 1.0)
    made.A[...] = 0.0
    return made


def alarms(
    link: str, R: int, T: int, shift: float = 0.0, noise: float = 1.0, only: int = -1, start: int = 0
) -> ModelCheck:
    """R runs of outcomes `shift` noise scales off, in arm `only`, after round `start`; noise so many times as loud."""
    problem, rng = a_problem(link), np.random.default_rng(3)
    check, made = ModelCheck(problem, R), known(a_problem(link), link, R)
    for t in range(1, T + 1):
        arm, x = rng.integers(0, 3, R), rng.normal(size=(R, problem.d))
        moved = shift * ((arm == only) | (only < 0)) * (t > start)
        if link == "identity":
            reward = problem.noise * (moved + noise * rng.normal(size=R))
        else:
            reward = (rng.random(R) < 0.5 + 0.5 * moved).astype(float)
        check.record(made, LINKS[link], t, arm, x, reward)
    return check


def test_the_prices_of_all_starts_sum_to_one() -> None:
    tau = np.arange(1, 2_000_000)
    assert np.exp(-DECAY * np.log(tau + DELAY) - LOG_SUM).sum() == pytest.approx(0.85, abs=0.15)


@pytest.mark.parametrize("link", ["identity", "logistic"])
def test_while_the_model_is_right_hardly_any_run_has_an_alarm(link: str) -> None:
    assert alarms(link, 400, 1000).alarmed.mean() <= 0.05


@pytest.mark.parametrize("link", ["identity", "logistic"])
def test_a_shift_in_one_arm_is_heard_and_placed(link: str) -> None:
    check = alarms(link, 20, 1000, shift=-0.7, only=1, start=300)
    assert check.alarmed.all()
    found = [check.report(r).misfit for r in range(20)]
    assert sum(m is not None and m.arm in (1, -1) and m.since < 400 and m.shift < 0 for m in found) >= 18
    assert 200 < np.median([m.since for m in found if m is not None]) < 330
    fits = check.report(0).arms
    assert fits[1].mean + 1.96 * fits[1].error < 0.0
    assert sum(fit.seen for fit in fits) == 1000


def test_noise_twice_as_loud_is_heard_soon_and_learned_from_with_care() -> None:
    check = alarms("identity", 20, 200, noise=2.0)
    report = check.report(0).noise
    assert check.alarmed.all()
    assert report is not None
    assert 1.4 < report.ratio < 4.0  # of the stretch that raised the alarm: chosen for being loud
    wild = np.full(20, 100.0)
    assert (check.tempered(wild) == check.expected @ [1.0, TEMPER]).all()
    assert check.cut[0] == report.cut + 1


def test_quiet_noise_is_no_alarm_and_rewards_are_left_alone() -> None:
    check = alarms("identity", 20, 300, noise=0.5)
    assert not check.alarmed.any()
    wild = np.full(20, 100.0)
    assert check.tempered(wild) is wild


def played(first: int, R: int, rounds: int, name: str = "glrb") -> ModelPolicy:
    world = make_environment(EnvironmentSpec("synthetic~heavy-tails", link="identity", arms=3), 4, R, first)
    policy = make_policy(name, world, PolicyConfig(), 4, "near-optimal")
    for _ in run(world, [policy], rounds):
        pass
    assert isinstance(policy, ModelPolicy)
    return policy


def test_a_run_alone_is_the_run_in_a_batch() -> None:
    many, one = played(0, 4, 600), played(2, 1, 600)
    for name, array in one.check.arrays().items():
        np.testing.assert_allclose(many.check.arrays()[name][2], array[0], err_msg=name)
    assert many.check.report(2) == one.check.report(0)
    assert one.check.alarmed.all()  # so that what was learned with care is compared too
    np.testing.assert_allclose(many.estimator.theta[2], one.estimator.theta[0])


def test_the_check_is_saved_and_restored_and_an_older_state_starts_it_afresh() -> None:
    policy, again, older = played(0, 1, 60), played(0, 1, 0), played(0, 1, 0)
    state = json.loads(json.dumps(policy.state()))
    again.restore(state)
    assert again.check.report() == policy.check.report()
    state["arrays"] = {name: value for name, value in state["arrays"].items() if not name.startswith("check_")}
    older.restore(state)
    assert not older.check.alarmed.any()
    assert older.t == 60
    np.testing.assert_array_equal(older.estimator.theta, policy.estimator.theta)
