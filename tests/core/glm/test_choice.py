"""An answer as data: the tilt against the closed form, the score against finite differences, foresight by scipy."""

import numpy as np
import pytest
from scipy import stats

from libra_core.arrays import Floats
from libra_core.glm.choice import foresight, read_answers, step_along
from libra_core.glm.estimator import Estimator, OnePass, Shared
from libra_core.glm.link import link_named

R, K, D, D_M = 2, 3, 4, 2
ROWS = np.arange(R)


def _learned(kind: type[Estimator], link: str = "identity", rounds: int = 30) -> tuple[Estimator, list]:
    g = np.random.default_rng(3)
    estimator = kind(link_named(link), R, K, D, 2.0)  # type: ignore[call-arg]
    seen = []
    for _ in range(rounds):
        arm, x, reward = g.integers(K, size=R), g.standard_normal((R, D)), g.standard_normal(R)
        estimator.update(arm, x, (reward > 0).astype(float) if link == "logistic" else reward)
        seen.append((arm, x, reward))
    return estimator, seen


def test_the_tilt_is_the_ridge_estimate_with_another_right_hand_side() -> None:
    estimator, seen = _learned(OnePass)
    c = np.random.default_rng(4).standard_normal((R, K, D))
    tilted = estimator.theta + estimator.tilt(ROWS, c)
    for r in range(R):
        for k in range(K):
            mine = [(x[r], reward[r]) for arm, x, reward in seen if arm[r] == k]
            V = 2.0 * np.eye(D) + sum(np.outer(x, x) for x, _ in mine)
            expected = np.linalg.solve(V, sum(x * reward for x, reward in mine) + c[r, k])
            np.testing.assert_allclose(tilted[r, k], expected, atol=1e-9)


def test_a_shared_tilt_is_solved_in_the_joint_estimate() -> None:
    estimator, seen = _learned(Shared)
    c = np.random.default_rng(4).standard_normal((R, K, D))
    tilted = estimator.theta + estimator.tilt(ROWS, c)
    for r in range(R):
        V = np.linalg.inv(np.diag(np.concatenate([np.full(D, 0.9), np.full(D * K, 0.1)]) / 2.0))
        right = np.concatenate([c[r].sum(axis=0), c[r].ravel()])
        for arm, x, reward in seen:
            y = np.zeros(D * (K + 1))
            y[:D] = y[D * (1 + arm[r]) : D * (2 + arm[r])] = x[r]
            V, right = V + np.outer(y, y), right + y * reward[r]
        joint = np.linalg.solve(V, right)
        np.testing.assert_allclose(tilted[r], joint[:D] + joint[D:].reshape(K, D), atol=1e-9)


@pytest.mark.parametrize("kind", [OnePass, Shared])
def test_a_contrast_is_an_index_where_it_is_one_patient(kind: type[Estimator]) -> None:
    estimator, _ = _learned(kind)
    x = np.random.default_rng(5).standard_normal(D)
    one = np.zeros((R, K, D))
    one[:, 1] = x
    mean, s = estimator.contrast(ROWS, one)
    np.testing.assert_allclose(mean, estimator.theta[:, 1] @ x)
    np.testing.assert_allclose(s, np.sqrt(x @ estimator.A[:, 1] @ x))


def _answer(theta: Floats, tau: float) -> tuple[Floats, Floats, Floats, dict[str, Floats]]:
    """p, seen and pull of one answer by replicate 1 about one patient, arm 2 of three; and what it was made of."""
    g = np.random.default_rng(6)
    x, best = g.standard_normal((1, D)), g.standard_normal((1, K, D_M))
    delta, own_delta, realised = g.standard_normal((1, D_M)), g.standard_normal((1, D_M)), np.array([1.0, 0.4])
    at = np.repeat(x[:, None], K, axis=1)
    at[:, :, -D_M:] += realised * best
    liking, features, declared = np.zeros((R, K)), np.zeros((R, K, D)), np.zeros(R)
    offset = np.array([[0.3, 0.0, -0.2]])
    p, seen, pull = np.empty((1, K)), np.empty((1, K, D)), np.empty((1, K, D))
    read_answers(
        np.einsum("kd,nkd->nk", theta, at), offset, liking, x, np.ones((1, K), bool), np.array([0.5]), np.array([1]),
        np.array([2]), delta, best, np.array([0]), own_delta, realised, tau, 0.3, features, declared, p, seen, pull,
    )  # fmt: skip
    told = x[0].copy()
    told[-D_M:] += realised * delta[0]
    mine = x[0].copy()
    mine[-D_M:] += realised * own_delta[0]
    facts = {"at": at[0], "told": told, "mine": mine, "offset": offset[0], "liking": liking}
    return p[0], seen[0], pull[0], facts | {"features": features, "declared": declared}


def test_the_pull_is_the_score_of_the_choice() -> None:
    """log P(l) with the advised features in the place of the named arm's own, by central differences."""
    tau, theta = 0.7, np.random.default_rng(7).standard_normal((K, D))
    p, seen, pull, facts = _answer(theta, tau)
    np.testing.assert_allclose(seen, facts["at"])

    def log_p(at: Floats) -> float:
        u = (np.einsum("kd,kd->k", at, facts["at"]) + facts["offset"]) / tau
        named = (at[2] @ facts["told"] + facts["offset"][2]) / tau
        return float(named - np.log(np.exp(u).sum()))

    h = 1e-6
    for k in range(K):
        for j in range(D):
            step = np.zeros((K, D))
            step[k, j] = h
            assert (log_p(theta + step) - log_p(theta - step)) / (2 * h) * tau == pytest.approx(pull[k, j], abs=1e-6)
    assert p.sum() == pytest.approx(1.0)
    assert facts["liking"][1] == pytest.approx(0.3 * tau * (np.eye(K)[2] - p))
    assert not facts["liking"][0].any()


def test_the_contrast_of_an_answer_is_the_advised_less_the_own_plan_as_worth() -> None:
    _, _, _, facts = _answer(np.zeros((K, D)), 1.0)
    np.testing.assert_allclose(facts["features"][1, 2], 0.5 * facts["told"])
    np.testing.assert_allclose(facts["features"][1, 0], -0.5 * facts["mine"])
    assert facts["declared"][1] == pytest.approx(0.5 * (-0.2 - 0.3))
    assert not facts["features"][0].any()


def test_a_step_never_overshoots_and_a_small_one_is_plain() -> None:
    """Far less than a Newton step along the pull is taken as it is; more is damped below the Newton step."""
    p, seen, pull, _ = _answer(np.random.default_rng(7).standard_normal((K, D)), 0.7)
    move = 5.0 * pull  # A = 5 I
    rise = np.einsum("kd,kd->k", seen, move)
    newton = (pull * move).sum() * 0.7 / (p @ rise**2 - (p @ rise) ** 2)
    for weight in (1e-9, 1e9):
        c = np.zeros((R, K, D))
        step_along(np.array([1]), p[None], seen[None], pull[None], move[None], 0.7, weight, c)
        taken = c[1, 2, 0] / pull[2, 0]
        assert taken == pytest.approx(min(weight / 0.7, newton), rel=1e-3)


@pytest.mark.parametrize("link", ["identity", "logistic"])
def test_foresight_is_a_difference_of_log_densities(link: str) -> None:
    estimator, _ = _learned(OnePass, link)
    g, noise = np.random.default_rng(8), 1.3
    arm, x, tilt = np.array([0, 2]), g.standard_normal((R, D)), 0.2 * g.standard_normal((R, K, D))
    reward = np.array([1.0, 0.0])
    gain = np.array([0.5, 0.0])
    binary = link == "logistic"
    code = link_named(link).code
    foresight(code, binary, noise, estimator.theta, estimator.A, ROWS, tilt, arm, x, reward, gain)

    def log_density(theta: Floats, A: Floats, at: Floats, r: float) -> float:
        z, q = theta @ at, at @ A @ at
        if binary:
            mean = 1 / (1 + np.exp(-z / np.sqrt(1 + np.pi / 8 * q)))
            return float(np.log(mean if r else 1 - mean))
        return float(stats.norm(z, noise * np.sqrt(1 + q)).logpdf(r))

    for r in range(R):
        theta, A = estimator.theta[r, arm[r]], estimator.A[r, arm[r]]
        better = log_density(theta + tilt[r, arm[r]], A, x[r], reward[r]) - log_density(theta, A, x[r], reward[r])
        assert gain[r] == pytest.approx(better + (0.5 if r == 0 else 0.0), abs=1e-9)
