"""Further convex limits: kept by every policy, and as good as brute force."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.instances import draw
from libra_core.clinical import default_protocol
from libra_core.cohort import load_cohort
from libra_core.environments import EnvironmentSpec, make_environment
from libra_core.feasible import FeasibleSet, LinearConstraint
from libra_core.policies import PolicyConfig
from libra_core.recourse.convex import LinearStep
from libra_core.recourse.optimistic import plan
from libra_core.study import LiveRun, make_policy, run

LIMITS = ("gentle_start", "weight_with_activity")


def test_the_step_is_the_best_of_a_grid() -> None:
    rng = np.random.default_rng(0)
    constraints = (
        LinearConstraint("sum", (1.0, 0.5), 0.4, absolute=True),
        LinearConstraint("linked", (1.0, -2.0), 0.0),
    )
    for _ in range(10):
        F = FeasibleSet((1.0, 1.3), 1.0, 2.0, None, constraints)
        lo, hi, g = -rng.uniform(0.2, 1, 2), rng.uniform(0.2, 1, 2), rng.normal(size=2)
        delta = LinearStep(F, 0.0).solve(g, lo, hi)
        assert F.contains(delta, lo, hi, 1e-7)[0]
        axes = [np.linspace(a, b, 201) for a, b in zip(lo, hi, strict=True)]
        grid = np.stack(np.meshgrid(*axes), -1).reshape(-1, 2)
        best = (grid[F.contains(grid, lo, hi)] @ g).max()
        assert g @ delta >= best - 1e-5


@pytest.mark.parametrize("beta", [0.0, 1.0])
def test_plans_keep_the_budgets_and_beat_random_feasible_plans(beta: float) -> None:
    rng = np.random.default_rng(1)
    for _ in range(12):
        one = draw(rng, d_m=4)
        budget = LinearConstraint("sum", (1.0,) * 4, 0.5, absolute=True)
        F = FeasibleSet(one.feasible.weights, 1.0, 2.0, None, (budget,))
        found = plan(F, one.theta[None, None], one.A[None, None], one.contexts, beta, table=True)
        delta = found.delta[0, 0]
        assert F.contains(delta, one.lo, one.hi, 1e-7)[0]
        assert found.value[0, 0] == pytest.approx(one.value(beta, delta), abs=1e-8)
        wild = F.project(rng.normal(size=(400, 4)), one.lo, one.hi)
        assert found.value[0, 0] >= max(one.value(beta, w) for w in wild) - 1e-6
        free = plan(one.feasible, one.theta[None, None], one.A[None, None], one.contexts, beta, table=True)
        assert found.value[0, 0] <= free.value[0, 0] + 1e-9


def test_limits_from_the_protocol_bind_on_real_patients() -> None:
    spec = EnvironmentSpec("hypertension", cohort="accord-like", limits=LIMITS)
    world = make_environment(spec, 0, 2)
    F = world.problem.feasible
    assert [b.name for b in F.constraints] == list(LIMITS)
    policies = [
        make_policy(name, world, PolicyConfig(), 0, "near-optimal") for name in ("glrb", "advisor-only", "random")
    ]
    bound = 0
    for now in run(world, policies, 12):
        assert (now.best > -np.inf).all()
        for step in now.steps:
            actions = step.proposal.actions
            assert F.contains(actions.delta, now.contexts.lo, now.contexts.hi, 1e-6).all()
            assert (step.regret >= -1e-5).all()
            bound += int((np.abs(F.constraints[0].use(actions.delta) - 1.5) < 1e-4).sum())
    assert bound > 0, "a limit that never binds tests nothing"


def test_a_live_run_takes_the_limits_and_refuses_unknown_ones() -> None:
    cohort = load_cohort("accord-like")
    live = LiveRun.start(cohort, "glrb", limits=("gentle_start",))
    row = live.step()
    change = cohort.protocol.change(row.decision.delta)
    weights = default_protocol().linear_limits[0].weights
    assert sum(abs(c) * weights[m] for c, m in zip(change, cohort.protocol.mutable, strict=True)) <= 1.5 + 1e-5
    with pytest.raises(ValueError, match="unknown limit 'diet_only': choose from gentle_start"):
        LiveRun.start(cohort, "glrb", limits=("diet_only",))


def test_a_limit_of_zero_does_not_undo_plans() -> None:
    """The yardstick must stay the best plan: regret is never negative (found by a reviewer at this limit)."""
    spec = EnvironmentSpec("hypertension", cohort="nhanes", limits=("weight_with_activity",))
    world = make_environment(spec, 0, 1)
    regrets = [now.steps[0].regret[0] for now in run(world, [make_policy("glrb", world, PolicyConfig(), 0)], 100)]
    assert min(regrets) >= -0.01


def test_idle_changes_are_dropped_under_limits_too() -> None:
    """What is left: no single change that could go adds less than min_gain, and no budget is broken by dropping."""
    rng = np.random.default_rng(2)
    dropped = 0
    for _ in range(12):
        one = draw(rng, d_m=4)
        budget = LinearConstraint("sum", (1.0,) * 4, 0.5, absolute=True)
        F = FeasibleSet(one.feasible.weights, 1.0, 2.0, None, (budget,))
        problem = (F, one.theta[None, None], one.A[None, None], one.contexts, 1.0)
        full, kept = (plan(*problem, min_gain=gain, table=True).delta[0, 0] for gain in (0.0, 0.1))
        dropped += int((full != 0).sum() - (kept != 0).sum())
        assert F.contains(kept, one.lo, one.hi, 1e-7)[0]
        value = one.value(1.0, kept)
        for j in np.flatnonzero(kept):
            assert one.value(1.0, np.where(np.arange(4) == j, 0.0, kept)) < value - 0.1
    assert dropped > 0, "a threshold that drops nothing tests nothing"


def test_an_arm_that_is_skipped_could_not_have_won() -> None:
    """With and without the whole table the same arm and change are chosen, whatever is dropped."""
    rng = np.random.default_rng(3)
    for _ in range(10):
        one, other = draw(rng, d_m=4), draw(rng, d_m=4)
        budget = LinearConstraint("sum", (1.0,) * 4, 0.5, absolute=True)
        F = FeasibleSet(one.feasible.weights, 1.0, 2.0, None, (budget,))
        theta, A = np.stack([one.theta, other.theta])[None], np.stack([one.A, other.A])[None]
        contexts = replace(one.contexts, eligible=np.ones((1, 2), bool))
        every, few = (plan(F, theta, A, contexts, 1.0, min_gain=0.1, table=table) for table in (True, False))
        assert every.arm[0] == few.arm[0]
        assert np.allclose(every.actions.delta, few.actions.delta)
