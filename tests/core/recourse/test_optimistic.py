"""The inner problem: quality against random starts, certificates, pruning, what must never move; and what each policy
hands to it: which radius, which model, which share of a change."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.instances import draw
from libra_core.environments import EnvironmentSpec, make_environment
from libra_core.feasible import FeasibleSet
from libra_core.glm.interval import half_width
from libra_core.policies import PolicyConfig
from libra_core.policies.glrb import Greedy, Thompson
from libra_core.policies.model import ModelPolicy
from libra_core.problem import Actions, Contexts
from libra_core.recourse.certificate import Lifted, certify, upper_bound
from libra_core.recourse.optimistic import plan
from libra_core.recourse.plans import Plans, evaluate
from libra_core.streams import Streams
from libra_core.study import make_policy, run
from tests.support.instances import batch

BETAS = (0.5, 1.5, 5.0, 20.0)


@pytest.mark.parametrize("beta", BETAS)
def test_as_good_as_the_best_of_64_random_starts(beta: float) -> None:
    """On 2,000 instances, within 1e-6 in at least 99.5 %. (`make bench` measures it against 256 starts.)"""
    rng = np.random.default_rng(int(10 * beta))
    missed = 0
    for i in range(2000):
        instance = draw(rng, d_m=(4, 6, 8)[i % 3], max_changes=(None, 3)[i % 2])
        missed += instance.solve(beta)[0] < instance.best_of_random(beta, 64, rng) - 1e-6
    assert missed <= 10


@given(st.integers(0, 10**9), st.sampled_from(BETAS), st.sampled_from([1.0, 2.0, math.inf]), st.integers(0, 6))
@settings(max_examples=300, deadline=None)
def test_no_immutable_or_locked_feature_ever_moves(seed: int, beta: float, p: float, s: int) -> None:
    rng = np.random.default_rng(seed)
    instance = draw(rng, d_m=6, max_changes=s, p=p)
    locked = rng.random(6) < 0.4
    instance.lo[locked] = instance.hi[locked] = 0.0
    value, delta = instance.solve(beta)
    assert (delta[locked] == 0.0).all()
    assert instance.feasible.contains(delta, instance.lo, instance.hi)[0]
    assert value == pytest.approx(instance.value(beta, delta), abs=1e-9)
    assert value >= instance.value(beta, np.zeros(6)) - 1e-12
    moved = instance.x.copy()
    moved[-6:] += delta
    assert (moved[:-6] == instance.x[:-6]).all()


def test_the_certificate_is_never_below_and_close() -> None:
    """Over one- and two-sided boxes: relative gap <= 1e-6 in the median and <= 1e-2 at worst."""
    rng = np.random.default_rng(1)
    gaps = []
    for i in range(40):
        instance, beta = draw(rng, d_m=6), BETAS[i % 4]
        value, _ = instance.solve(beta)
        f = Lifted.of(instance.theta, instance.A, instance.x, beta, instance.feasible)
        upper = upper_bound(f, instance.lo, instance.hi, value, seconds=2.0)
        assert upper >= value - 1e-6 * max(1.0, abs(value))
        gaps.append((upper - value) / max(1.0, abs(value)))
    assert np.median(gaps) <= 1e-6
    assert max(gaps) <= 1e-2


def test_the_certificate_bounds_brute_force() -> None:
    """Two features: a fine grid over the feasible set finds nothing above the certificate."""
    rng = np.random.default_rng(2)
    for _ in range(10):
        instance = draw(rng, d_m=2)
        value, _ = instance.solve(1.5)
        f = Lifted.of(instance.theta, instance.A, instance.x, 1.5, instance.feasible)
        upper = upper_bound(f, instance.lo, instance.hi, value)
        axes = [np.linspace(a, b, 60) for a, b in zip(instance.lo, instance.hi, strict=True)]
        grid = np.stack(np.meshgrid(*axes), -1).reshape(-1, 2)
        grid = grid[instance.feasible.contains(grid, instance.lo, instance.hi)]
        best = max(instance.value(1.5, delta) for delta in grid)
        assert best <= upper + 1e-6
        assert best <= value + 1e-6


def test_the_certificate_knows_the_limit_on_changes() -> None:
    rng = np.random.default_rng(3)
    for _ in range(6):
        instance = draw(rng, d_m=5, max_changes=2)
        value, _ = instance.solve(1.5)
        seen = certify(
            instance.feasible, instance.theta[None], instance.A[None], instance.contexts, 1.5, value, seconds=3.0
        )
        assert seen.gap <= 1e-2 * max(1.0, abs(value))


@pytest.mark.parametrize("s", [None, 3])
@pytest.mark.parametrize("beta", [0.0, 0.8, 5.0])
def test_skipping_arms_that_cannot_win_changes_nothing(beta: float, s: int | None) -> None:
    feasible, theta, A, contexts = batch(np.random.default_rng(4), 100, 6, s)
    pruned = plan(feasible, theta, A, contexts, beta)
    full = plan(feasible, theta, A, contexts, beta, table=True)
    np.testing.assert_array_equal(pruned.arm, full.arm)
    np.testing.assert_array_equal(pruned.actions.delta, full.actions.delta)
    assert (np.isfinite(full.value) == contexts.eligible).all()
    assert contexts.eligible[np.arange(100), full.arm].all()


def test_a_batch_equals_its_rows() -> None:
    feasible, theta, A, contexts = batch(np.random.default_rng(5), 40, 5, 3)
    whole = plan(feasible, theta, A, contexts, 1.0, table=True)
    for r in range(40):
        one = plan(feasible, theta[r : r + 1], A[r : r + 1], contexts.take(np.array([r])), 1.0, table=True)
        np.testing.assert_array_equal(one.delta[0], whole.delta[r])
        np.testing.assert_array_equal(one.value[0], whole.value[r])


def test_evaluate_agrees_with_plan_and_with_numpy() -> None:
    feasible, theta, A, contexts = batch(np.random.default_rng(6), 30, 4, None)
    realised = np.linspace(0.2, 1.0, 6)
    plans = plan(feasible, theta, A, contexts, 1.2, realised)
    z, s = evaluate(theta, A, contexts, plans.actions, realised)
    np.testing.assert_allclose(np.stack([z, s]), np.stack(plans.chosen()), atol=1e-10)
    for r in range(30):
        x, k = contexts.x[r].copy(), plans.arm[r]
        x[-6:] += realised * plans.actions.delta[r]
        assert z[r] == pytest.approx(theta[r, k] @ x)
        assert s[r] == pytest.approx(np.sqrt(x @ A[r, k] @ x))


def test_effort_cost_and_min_gain_ask_for_less() -> None:
    feasible, theta, A, contexts = batch(np.random.default_rng(7), 60, 4, None)
    free = plan(feasible, theta, A, contexts, 0.8, table=True)
    costly = plan(feasible, theta, A, contexts, 0.8, cost=0.2, table=True)
    choosy = plan(feasible, theta, A, contexts, 0.8, min_gain=0.05, table=True)
    assert feasible.effort(costly.delta).sum() < feasible.effort(free.delta).sum()
    assert (choosy.delta != 0).sum() < (free.delta != 0).sum()
    assert (choosy.value <= free.value + 1e-9).all()
    far = plan(feasible, theta, A, contexts, 0.8, cost=1e6, table=True)
    assert (far.delta == 0).all()
    for r in range(60):  # whatever is kept earns its keep
        for k in np.flatnonzero(contexts.eligible[r]):
            delta = choosy.delta[r, k]
            for j in np.flatnonzero(delta):
                less = delta.copy()
                less[j] = 0.0
                row = contexts.take(np.array([r]))
                z, s = evaluate(theta[r : r + 1], A[r : r + 1], row, Actions(np.array([k]), less[None]))
                assert z[0] + 0.8 * s[0] <= choosy.value[r, k] - 0.05 + 1e-9


def test_someone_without_an_eligible_arm_is_refused_in_words() -> None:
    feasible, theta, A, contexts = batch(np.random.default_rng(8), 2, 3, None)
    nobody = Contexts(contexts.x, contexts.lo, contexts.hi, np.zeros((2, 3), bool), contexts.row)
    with pytest.raises(ValueError, match="no eligible arm"):
        plan(feasible, theta, A, nobody, 1.0)


@pytest.mark.parametrize("beta", [0.0, 2.0])
def test_the_effort_cost_is_a_soft_threshold_on_the_slope(beta: float) -> None:
    """A ball in a wide box and a width that no change moves: w delta = gamma soft / |soft|, soft of theta / w."""
    theta, w, cost, gamma = np.array([1.0, 0.9, -1.2, 0.5, -0.2]), np.array([0.5, 1.0, 2.0]), 0.3, 1.0
    A = np.zeros((5, 5))
    A[0, 0] = 0.25  # s = 0.5 whatever moves
    x, wide = np.array([[1.0, 0.0, 0.1, -0.2, 0.3]]), np.full((1, 3), 50.0)
    contexts = Contexts(x, -wide, wide, np.ones((1, 1), bool), np.zeros(1, np.int64))
    plans = plan(FeasibleSet(tuple(w), gamma), theta[None, None], A[None, None], contexts, beta, cost=cost)
    slope = theta[2:] / w  # -2.4, 0.5, -0.1: less 0.3 it is -2.1, 0.2, 0
    soft = np.array([-2.1, 0.2, 0.0])
    assert slope == pytest.approx([-2.4, 0.5, -0.1])
    norm = math.hypot(2.1, 0.2)
    delta = gamma * soft / norm / w
    np.testing.assert_allclose(plans.delta[0, 0], delta, atol=1e-9)
    assert plans.value[0, 0] == pytest.approx(theta @ x[0] + gamma * norm + beta * 0.5, abs=1e-9)


# ------------------------------------------------------------------------------------- what policies hand to it

WORLD = EnvironmentSpec("hypertension", cohort="accord-like", compliance="partial")


def _taught(
    name: str, config: PolicyConfig | None = None, replicates: int = 6, rounds: int = 25
) -> tuple[ModelPolicy, Contexts]:
    """A policy that has seen some patients in each replicate, and the next ones."""
    world = make_environment(WORLD, 5, replicates)
    policy = make_policy(name, world, config or PolicyConfig(alpha=1.0), 5)
    assert isinstance(policy, ModelPolicy)
    for _ in run(world, [policy], rounds):
        pass
    return policy, world.arrive()


def _planned(policy: ModelPolicy, contexts: Contexts, beta: float, theta: np.ndarray | None = None) -> Plans:
    theta = policy.estimator.theta if theta is None else theta
    return plan(policy.problem.feasible, theta, policy.estimator.A, contexts, beta, np.full(8, 0.4))


def _same(a: Actions, b: Actions) -> bool:
    return bool(np.array_equal(a.arm, b.arm) and np.allclose(a.delta, b.delta, atol=1e-9))


def test_greedy_plans_at_radius_0_and_glrb_at_its_own() -> None:
    start = Greedy.START * make_environment(WORLD, 5).problem.n_arms
    greedy, patients = _taught("greedy", rounds=start)
    assert _same(greedy.propose(patients).actions, _planned(greedy, patients, 0.0).actions)
    assert not _same(greedy.propose(patients).actions, _planned(greedy, patients, greedy.beta).actions)
    glrb, patients = _taught("glrb")
    assert glrb.beta == pytest.approx(9.0 * math.sqrt(math.log(27)))  # alpha 1, noise 9 mmHg, 25 rounds
    assert _same(glrb.propose(patients).actions, _planned(glrb, patients, glrb.beta).actions)


def test_post_hoc_chooses_the_arm_without_a_change_then_the_change_for_that_arm() -> None:
    policy, patients = _taught("linucb-posthoc", replicates=60)
    theta, A = policy.estimator.theta, policy.estimator.A
    z = np.einsum("rkd,rd->rk", theta, patients.x)
    s = np.sqrt(np.einsum("rd,rkde,re->rk", patients.x, A, patients.x))
    worths = (patients.weight[:, None] * index + patients.offset for index in (z + policy.beta * s, z))
    arm, timid = (np.where(patients.eligible, worth, -np.inf).argmax(axis=1) for worth in worths)
    assert (arm != timid).any()  # the radius matters to the arm
    chosen = policy.propose(patients).actions
    np.testing.assert_array_equal(chosen.arm, arm)
    assert (arm != _full(policy, patients, policy.beta).arm).any()  # both together would choose otherwise
    rows = np.arange(len(arm))
    best, bold = (_full(policy, patients, beta).delta[rows, arm] for beta in (policy.beta, 0.0))
    np.testing.assert_allclose(chosen.delta, best, atol=1e-9)
    assert not np.allclose(best, bold)  # and to the change


def _full(policy: ModelPolicy, patients: Contexts, beta: float) -> Plans:
    theta, A, feasible = policy.estimator.theta, policy.estimator.A, policy.problem.feasible
    return plan(feasible, theta, A, patients, beta, np.full(8, 0.4), table=True)


def test_thompson_draws_around_the_estimate_with_its_share_of_the_radius() -> None:
    """(draw - estimate)' A^-1 (draw - estimate) = (SCALE beta)^2 |normal numbers|^2, whichever root of A is taken."""
    policy, patients = _taught("thompson")
    R, K, d = policy.estimator.theta.shape
    handed: list[tuple[float, np.ndarray]] = []
    really = policy.plan

    def spy(contexts: Contexts, beta: float, theta: np.ndarray | None = None, table: bool = False) -> Plans:
        assert theta is not None
        handed.append((beta, theta))
        return really(contexts, beta, theta, table)

    policy.plan = spy  # type: ignore[method-assign]
    own = Streams(5, "policy:thompson", R)
    for _ in range(25):
        own.normal(K * d)
    actions = policy.propose(patients).actions
    normals = own.normal(K * d).reshape(R, K, d)
    ((beta, drawn),) = handed
    assert beta == 0.0
    off = drawn - policy.estimator.theta
    weighed = np.einsum("rkd,rkde,rke->rk", off, np.linalg.inv(policy.estimator.A), off)
    np.testing.assert_allclose(weighed, (Thompson.SCALE * policy.beta) ** 2 * (normals**2).sum(axis=-1), rtol=1e-6)
    assert _same(actions, _planned(policy, patients, 0.0, drawn).actions)


@pytest.mark.parametrize(("plan_with", "share"), [("expected", 0.4), ("advised", 1.0)])
def test_a_change_is_planned_and_weighed_as_expected_or_as_advised(plan_with: str, share: float) -> None:
    policy, patients = _taught("glrb", PolicyConfig(alpha=1.0, plan_with=plan_with))  # type: ignore[arg-type]
    proposal, plans = policy.propose(patients), policy.plan(patients, policy.beta)
    actions, rows = proposal.actions, np.arange(6)
    x = patients.x.copy()
    x[:, -8:] += share * actions.delta
    assert (actions.delta != 0).any(axis=1).all()
    theta, A = policy.estimator.theta[rows, actions.arm], policy.estimator.A[rows, actions.arm]
    z, s = (theta * x).sum(axis=1), np.sqrt(np.einsum("rd,rde,re->r", x, A, x))
    np.testing.assert_allclose(np.stack(plans.chosen()), [z, s], atol=1e-9)
    np.testing.assert_allclose(proposal.mean, z, atol=1e-9)  # identity link
    np.testing.assert_allclose(proposal.ucb, z + policy.beta * s, atol=1e-9)
    mean, _, high = policy.credible(patients, actions)
    half = half_width(policy.estimator, actions.arm, x, 9.0, 1.0)  # at x as planned
    np.testing.assert_allclose(high - mean, half, atol=1e-9)
    np.testing.assert_allclose(policy.explain(patients, actions).sum(axis=1), z, atol=1e-9)
