"""What theory promises, held against runs."""

from dataclasses import replace

import pytest

from libra_core.environments import EnvironmentSpec
from libra_core.policies import PolicyConfig
from libra_core.study import StudySpec, run_study
from libra_core.study.promises import promises


@pytest.mark.parametrize("shared", [False, True])
def test_the_promises_lie_on_the_grid_and_end_where_they_say(shared: bool) -> None:
    config = PolicyConfig(shared=shared)
    spec = StudySpec(EnvironmentSpec("hypertension", cohort="accord-like"), ("oracle", "glrb", "libra"), rounds=120)
    result = run_study(replace(spec, replicates=2, config=config))
    found = promises(result)
    grid = len(result.t)
    assert list(found.calls) == ["libra"]
    assert len(found.calls["libra"]) == len(found.upper) == grid
    last = {p.name: p for p in result.policies}
    assert found.calls["libra"][-1] == pytest.approx(last["libra"].call_bound)
    assert last["libra"].calls[:, -1].mean() <= last["libra"].call_bound_run <= found.calls["libra"][-1]
    assert found.lower is None  # no lower bound is known for these patients
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
