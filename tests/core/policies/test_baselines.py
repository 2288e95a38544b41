"""The baselines at their best: greedy learns habits, Thompson sampling explores by its own scale."""

import numpy as np
import pytest

from libra_core.environments import EnvironmentSpec, make_environment
from libra_core.policies import PolicyConfig, Reason
from libra_core.policies.decision import REASONS
from libra_core.policies.glrb import Greedy
from libra_core.study import StudySpec, make_policy, run, run_study

SMALL = EnvironmentSpec(arms=3, d_immutable=3, d_mutable=4)
NHANES = EnvironmentSpec("hypertension", cohort="nhanes")
R = 12


def test_greedy_starts_at_random_and_ends_with_its_estimate() -> None:
    world = make_environment(SMALL, 5, R)
    greedy = make_policy("greedy", world, PolicyConfig(), 5)
    start, random, arms = Greedy.START * 3, REASONS.index(Reason.RANDOM), np.zeros(3)
    for now in run(world, [greedy], start + 20):
        choice = now.steps[0].proposal.choice
        assert (choice.reason == random).all() == (now.t <= start)
        if now.t <= start:
            arms += np.bincount(choice.actions.arm, minlength=3)
            assert (np.abs(choice.actions.delta) > 0).all()
    np.testing.assert_allclose(arms / arms.sum(), 1 / 3, atol=0.1)  # 432 draws: 4 standard deviations


def test_without_the_start_no_habit_would_ever_move(monkeypatch: pytest.MonkeyPatch) -> None:
    """theta = 0 leaves delta = 0, and delta = 0 leaves theta = 0, for ever."""
    monkeypatch.setattr(Greedy, "START", 0)
    world = make_environment(NHANES, 5, 2)
    greedy = make_policy("greedy", world, PolicyConfig(), 5)
    for now in run(world, [greedy], 100):
        assert not now.steps[0].proposal.actions.delta.any()


def test_greedy_learns_habits() -> None:
    """Without the start it loses as much as LinUCB, which has none: about 19,400 mmHg in 3,000 rounds."""
    spec = StudySpec(NHANES, ("greedy", "linucb"), rounds=800, replicates=R, seed=5)
    greedy, linucb = (policy.regret[:, -1].mean() for policy in run_study(spec, workers=1).policies)
    assert greedy < 0.7 * linucb


def test_thompson_is_no_straw_man() -> None:
    """On the paper's world its regret is near GLRB's (1.05 on other seeds; at GLRB's own radius 1.4)."""
    spec = StudySpec(EnvironmentSpec(), ("glrb", "thompson"), rounds=1_500, replicates=R, seed=5)
    glrb, thompson = (policy.regret[:, -1].mean() for policy in run_study(spec, workers=1).policies)
    assert thompson < 1.25 * glrb
