"""Declared values: arms compete by v mu(index) + offset, and one arm's own problem stays what it was."""

from dataclasses import replace

import numpy as np
import pytest

from libra_core.feasible import FeasibleSet, LinearConstraint
from libra_core.glm.link import LINKS, Link
from libra_core.problem import Actions, Contexts
from libra_core.recourse.certificate import certify
from libra_core.recourse.optimistic import plan
from libra_core.recourse.plans import Plans, evaluate
from tests.support.instances import batch

R, K = 60, 6
IDENTITY, LOGISTIC = LINKS["identity"], LINKS["logistic"]
both_links = pytest.mark.parametrize("link", [IDENTITY, LOGISTIC], ids=lambda link: link.name)


def _valued(rng: np.random.Generator, contexts: Contexts, link: Link) -> Contexts:
    """The same patients with weights from 0.1 to 1 and offsets as large as the arms differ."""
    size = 0.2 if link.binary else 2.0
    n = len(contexts)
    return replace(contexts, weight=rng.uniform(0.1, 1.0, n), offset=size * rng.standard_normal((n, K)))


def _worth(contexts: Contexts, plans: Plans, link: Link) -> np.ndarray:
    """v mu(index) + offset of every arm that was solved, (R, K)."""
    worth = contexts.weight[:, None] * link.mean(plans.value) + contexts.offset
    return np.where(np.isfinite(plans.value), worth, -np.inf)


@both_links
@pytest.mark.parametrize("beta", [0.0, 0.8, 5.0])
def test_the_arm_is_the_best_of_the_arms_solved_one_by_one(beta: float, link: Link) -> None:
    rng = np.random.default_rng(11)
    feasible, theta, A, contexts = batch(rng, R, K, 3)
    contexts = _valued(rng, contexts, link)
    found = plan(feasible, theta, A, contexts, beta, link=link)
    alone = np.full((R, K), -np.inf)
    for k in range(K):
        only = replace(contexts, eligible=contexts.eligible & (np.arange(K) == k) | ~contexts.eligible[:, [k]])
        alone[:, k] = np.where(contexts.eligible[:, k], plan(feasible, theta, A, only, beta).value[:, k], -np.inf)
    worth = np.where(np.isfinite(alone), contexts.weight[:, None] * link.mean(alone) + contexts.offset, -np.inf)
    np.testing.assert_array_equal(found.arm, worth.argmax(axis=1))
    assert contexts.eligible[np.arange(R), found.arm].all()
    assert (found.arm != plan(feasible, theta, A, replace(contexts, offset=None, weight=None), beta).arm).any()


@both_links
def test_skipping_arms_and_taking_patients_one_by_one_change_nothing(link: Link) -> None:
    rng = np.random.default_rng(12)
    feasible, theta, A, contexts = batch(rng, R, K, None)
    contexts = _valued(rng, contexts, link)
    pruned, full = (plan(feasible, theta, A, contexts, 1.5, table=table, link=link) for table in (False, True))
    np.testing.assert_array_equal(pruned.arm, full.arm)
    np.testing.assert_array_equal(full.arm, _worth(contexts, full, link).argmax(axis=1))
    for r in range(0, R, 7):
        one = np.array([r])
        alone = plan(feasible, theta[one], A[one], contexts.take(one), 1.5, link=link)
        assert alone.arm[0] == pruned.arm[r]
        np.testing.assert_array_equal(alone.actions.delta[0], pruned.actions.delta[r])


def test_a_weight_of_one_and_level_offsets_change_no_digit() -> None:
    feasible, theta, A, contexts = batch(np.random.default_rng(13), R, K, 3)
    plain = plan(feasible, theta, A, contexts, 1.5)
    for link in (IDENTITY, LOGISTIC):
        level = replace(contexts, offset=np.full((R, K), -0.7))
        found = plan(feasible, theta, A, level, 1.5, link=link)
        for name in ("arm", "delta", "z", "s", "value"):
            np.testing.assert_array_equal(getattr(found, name), getattr(plain, name))


def test_effort_cost_and_smallest_gain_are_stated_as_worth() -> None:
    """At weight v they count 1/v times as much on the index: the plan at v = 1 with both divided by v."""
    feasible, theta, A, contexts = batch(np.random.default_rng(14), R, K, 3)
    for v in (0.25, 0.5):
        light = replace(contexts, weight=np.full(R, v))
        found = plan(feasible, theta, A, light, 0.8, cost=0.05, min_gain=0.02)
        same = plan(feasible, theta, A, contexts, 0.8, cost=0.05 / v, min_gain=0.02 / v)
        np.testing.assert_array_equal(found.arm, same.arm)
        np.testing.assert_array_equal(found.actions.delta, same.actions.delta)


@both_links
def test_the_certificate_bounds_brute_force_as_worth(link: Link) -> None:
    """Random feasible plans of every arm: none is worth more than the bound; the plan itself comes close to it."""
    rng = np.random.default_rng(15)
    feasible, theta, A, contexts = batch(rng, 8, K, 3)
    contexts, beta = _valued(rng, contexts, link), 1.5
    found = plan(feasible, theta, A, contexts, beta, link=link)
    z, s = found.chosen()
    reached = contexts.worth(link.mean(z + beta * s), found.arm)
    for r in range(8):
        one = contexts.take(np.array([r]))
        seen = certify(feasible, theta[r], A[r], one, beta, float(reached[r]), seconds=2.0, link=link)
        assert seen.gap <= 1e-2 * max(1.0, abs(seen.value))
        for k in np.flatnonzero(one.eligible[0]):
            wishes = rng.uniform(2 * one.lo, 2 * one.hi, (400, one.lo.shape[1]))
            many = one.take(np.zeros(400, np.int64))
            delta = feasible.project(wishes, many.lo, many.hi)
            shape = (400, *theta.shape[1:])
            models = np.broadcast_to(theta[r], shape), np.broadcast_to(A[r], (*shape, shape[-1]))
            z, s = evaluate(*models, many, Actions(np.full(400, k), delta))
            assert (one.weight[0] * link.mean(z + beta * s) + one.offset[0, k]).max() <= seen.upper + 1e-6


def test_under_further_limits_arms_compete_by_worth_too() -> None:
    rng = np.random.default_rng(16)
    free, theta, A, contexts = batch(rng, 6, K, 3)
    contexts = _valued(rng, contexts, IDENTITY)
    tight = FeasibleSet(free.weights, 1.0, 2.0, 3, (LinearConstraint("all", (1.0,) * 6, 0.3, absolute=True),))
    some, every = (plan(tight, theta, A, contexts, 1.0, table=table, cost=0.02) for table in (False, True))
    np.testing.assert_array_equal(some.arm, every.arm)
    np.testing.assert_array_equal(every.arm, _worth(contexts, every, IDENTITY).argmax(axis=1))


@pytest.mark.parametrize("name", ["identity", "logistic", "probit", "poisson"])
def test_the_inverse_of_the_mean_function(name: str) -> None:
    link = LINKS[name]
    for z in (-2.5, -0.3, 0.0, 1.7):
        assert link.index(float(link.mean(z))) == pytest.approx(z, abs=1e-9)
    if link.binary:
        assert (link.index(0.0), link.index(1.0)) == (-np.inf, np.inf)
