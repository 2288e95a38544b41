"""Estimators against batch formulas, finite differences and the full maximum-likelihood fit."""

import numpy as np
import pytest

from libra_core.glm.confidence import glm_radius, linear_radius
from libra_core.glm.estimator import OnePass, Shared, implicit_index
from libra_core.glm.link import LINKS, SLOPE_FLOOR, link_named
from libra_core.glm.refit import Refitting, fit_mle


@pytest.mark.parametrize("name", LINKS)
def test_the_slope_is_the_derivative_of_the_mean(name: str) -> None:
    link, z, h = LINKS[name], np.linspace(-4, 4, 41), 1e-6
    np.testing.assert_allclose(link.slope(z), (link.mean(z + h) - link.mean(z - h)) / (2 * h), atol=1e-7, rtol=1e-6)
    assert (link.slope(z) <= link.steepest + 1e-12).all()
    assert link.flattest(3.0) == pytest.approx(link.slope(np.linspace(-3, 3, 101)).min(), rel=1e-6)


def test_an_unknown_link_is_refused_in_words() -> None:
    with pytest.raises(ValueError, match="choose one of identity"):
        link_named("cauchy")


@pytest.mark.parametrize("name", ["identity", "logistic", "probit"])
def test_the_implicit_index_solves_its_equation(name: str) -> None:
    link, rng = LINKS[name], np.random.default_rng(0)
    for _ in range(500):
        z, q, r = 4 * rng.normal(), rng.gamma(1.0) * 10, float(rng.random() < 0.5)
        y = implicit_index(link.code, z, q, r)
        assert y - z + q * (float(link.mean(y)) - r) == pytest.approx(0.0, abs=1e-9)


def _stream(n: int, R: int, K: int, d: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.integers(0, K, (n, R)), rng.normal(size=(n, R, d)), rng.normal(size=(n, R))


def test_one_pass_with_the_identity_link_is_ridge_regression() -> None:
    n, R, K, d, ridge = 400, 3, 2, 5, 0.7
    arm, x, reward = _stream(n, R, K, d)
    one = OnePass(LINKS["identity"], R, K, d, ridge)
    for t in range(n):
        one.update(arm[t], x[t], reward[t])
    for r in range(R):
        for k in range(K):
            mine = arm[:, r] == k
            X, y = x[mine, r], reward[mine, r]
            V = ridge * np.eye(d) + X.T @ X
            np.testing.assert_allclose(one.A[r, k], np.linalg.inv(V), atol=1e-10)
            np.testing.assert_allclose(one.theta[r, k], np.linalg.solve(V, X.T @ y), atol=1e-10)
            assert one.log_det[r, k] == pytest.approx(np.linalg.slogdet(V)[1])


def test_the_shared_estimator_is_one_joint_ridge_regression() -> None:
    n, R, K, d, ridge = 300, 2, 3, 4, 0.5
    arm, x, reward = _stream(n, R, K, d, 1)
    shared = Shared(LINKS["identity"], R, K, d, ridge)
    for t in range(n):
        shared.update(arm[t], x[t], reward[t])
    common = Shared.COMMON
    prior = np.diag(np.concatenate([np.full(d, common), np.full(d * K, 1 - common)]) / ridge)
    for r in range(R):
        phi = np.zeros((n, d * (K + 1)))
        for t in range(n):
            phi[t, :d] = phi[t, d * (1 + arm[t, r]) : d * (2 + arm[t, r])] = x[t, r]
        P = np.linalg.inv(np.linalg.inv(prior) + phi.T @ phi)
        joint = P @ phi.T @ reward[:, r]
        for k in range(K):
            pick = np.zeros((d, d * (K + 1)))
            pick[:, :d] = pick[:, d * (1 + k) : d * (2 + k)] = np.eye(d)
            np.testing.assert_allclose(shared.theta[r, k], pick @ joint, atol=1e-9)
            np.testing.assert_allclose(shared.A[r, k], pick @ P @ pick.T, atol=1e-9)


@pytest.mark.parametrize("make", [OnePass, Shared])
def test_an_unseen_arm_has_the_prior_width(make: type) -> None:
    x = np.array([1.0, 2.0, -1.0])
    A = make(LINKS["identity"], 1, 2, 3, 4.0).A[0, 1]
    assert np.sqrt(x @ A @ x) == pytest.approx(np.linalg.norm(x) / np.sqrt(4.0))


def test_a_general_link_adds_its_weight() -> None:
    """V grows by mu'(y) x x' at the implicit index, floored: incremental against batch."""
    d, R = 4, 2
    arm, x, _ = _stream(200, R, 1, d, 2)
    reward = (np.random.default_rng(3).random((200, R)) < 0.5).astype(float)
    link = LINKS["logistic"]
    one = OnePass(link, R, 1, d, 1.0)
    V = np.tile(np.eye(d), (R, 1, 1))
    for t in range(200):
        for r in range(R):
            z, q = one.theta[r, 0] @ x[t, r], x[t, r] @ one.A[r, 0] @ x[t, r]
            y = implicit_index(link.code, z, q, reward[t, r])
            V[r] += max(float(link.slope(y)), SLOPE_FLOOR) * np.outer(x[t, r], x[t, r])
        one.update(arm[t], x[t], reward[t])
    np.testing.assert_allclose(one.A[:, 0], np.linalg.inv(V), atol=1e-10)


def test_the_inverse_does_not_drift_in_100_000_updates() -> None:
    rng = np.random.default_rng(4)
    d, one = 6, OnePass(LINKS["identity"], 1, 1, 6, 1.0)
    X = rng.normal(size=(100_000, d))
    arm = np.zeros(1, np.int64)
    for x in X:
        one.update(arm, x[None], np.zeros(1))
    V = np.eye(d) + X.T @ X
    drift = np.abs(one.A[0, 0] @ V - np.eye(d)).max()
    assert drift < 1e-8
    np.testing.assert_array_equal(one.A[0, 0], one.A[0, 0].T)


@pytest.mark.parametrize("name", ["logistic", "probit", "poisson"])
def test_the_full_fit_has_no_gradient_left(name: str) -> None:
    link, rng = LINKS[name], np.random.default_rng(5)
    x = rng.normal(size=(300, 4))
    mean = link.mean(x @ np.array([0.5, -0.3, 0.2, 0.0]))
    reward = rng.poisson(mean) if name == "poisson" else (rng.random(300) < mean)
    theta, inverse = fit_mle(link, x, reward.astype(float), 1.0, np.zeros(4))
    score = x.T @ (link.mean(x @ theta) - reward) + theta
    assert np.abs(score).max() < 1e-7
    hessian = (x.T * link.slope(x @ theta)) @ x + np.eye(4)
    np.testing.assert_allclose(inverse @ hessian, np.eye(4), atol=1e-9)


def test_refitting_every_round_is_the_full_fit_and_one_pass_comes_near() -> None:
    link, rng, d = LINKS["logistic"], np.random.default_rng(6), 5
    truth = rng.normal(size=d) / 2
    slow, fast = Refitting(link, 1, 1, d, 1.0, growth=1.0), OnePass(link, 1, 1, d, 1.0)
    X = rng.normal(size=(1500, d))
    R = (rng.random(1500) < link.mean(X @ truth)).astype(float)
    for x, r in zip(X, R, strict=True):
        for one in (slow, fast):
            one.update(np.zeros(1, np.int64), x[None], np.array([r]))
    theta, _ = fit_mle(link, X, R, 1.0, np.zeros(d))
    np.testing.assert_allclose(slow.theta[0, 0], theta, atol=1e-6)
    assert np.linalg.norm(fast.theta[0, 0] - theta) < 0.1


def _covers(name: str, seed: int) -> bool:
    """Whether |theta_hat - theta|_V <= beta_t at every t of one run with the theoretical radius."""
    link, rng = LINKS[name], np.random.default_rng([seed, 11])
    d, T, ridge, p = 4, 120, 1.0, 0.1
    theta = rng.normal(size=d)
    theta /= np.linalg.norm(theta)
    X = rng.normal(size=(T, d))
    X /= np.maximum(1.0, np.linalg.norm(X, axis=1, keepdims=True))
    mean = link.mean(X @ theta)
    reward = mean + 0.5 * rng.normal(size=T) if name == "identity" else (rng.random(T) < mean).astype(float)
    for t in range(5, T + 1, 5):
        estimate, _ = fit_mle(link, X[:t], reward[:t], ridge, np.zeros(d))
        V = ridge * np.eye(d) + X[:t].T @ X[:t]
        known = (t, d, 0.5, ridge, 1.0, 1.0, p)
        beta = linear_radius(*known) if name == "identity" else glm_radius(*known, kappa=link.flattest(1.0))
        error = estimate - theta
        if np.sqrt(error @ V @ error) > beta:
            return False
    return True


@pytest.mark.parametrize("name", ["identity", "logistic"])
def test_theoretical_confidence_sets_cover(name: str) -> None:
    """At least 1 - p = 90 % of 200 runs are covered at all times."""
    assert sum(_covers(name, seed) for seed in range(200)) >= 180
