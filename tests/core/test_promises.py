"""What theory promises, held against runs."""

from dataclasses import replace

import numpy as np
import pytest

from libra_core.environments import EnvironmentSpec, make_environment
from libra_core.policies import PolicyConfig
from libra_core.recourse.optimistic import evaluate
from libra_core.study import StudySpec, run_study
from libra_core.study.promises import promises
from libra_core.study.runner import make_policy
from libra_core.study.theory import _potential


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
        policy.learn(proposal, environment.respond(contexts, proposal.actions, environment.luck()))
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
