"""Estimators of theta_a for all replicates and arms: theta (R, K, d) and precision inverses A (R, K, d, d).

All learn from one observation at a time: the proximal step argmin l_t(theta) + 1/2 |theta - theta_t|^2_V depends on
x'theta only, so it is a root in one dimension. For the identity link this is recursive ridge regression
(Sherman-Morrison), exactly. Cost O(d^2) for each observation, whatever t.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import numpy as np

from libra_core.arrays import Floats, Ints
from libra_core.glm.link import IDENTITY, SLOPE_FLOOR, Link, mean_at, slope_at
from libra_core.kernels import kernel


@kernel
def index_and_variance(theta: Floats, A: Floats, x: Floats) -> tuple[float, float]:
    """(theta'x, x'A x) of one estimate, the second at least 0."""
    z, q = 0.0, 0.0
    for i in range(x.size):
        row = 0.0
        for j in range(x.size):
            row += A[i, j] * x[j]
        q += row * x[i]
        z += theta[i] * x[i]
    return z, max(q, 0.0)


@kernel
def implicit_index(link: int, z: float, q: float, reward: float) -> float:
    """The root of h(y) = y - z + q (mu(y) - reward), by Newton safeguarded with bisection."""
    if link == IDENTITY:
        return (z + q * reward) / (1.0 + q)
    edge = z - q * (mean_at(link, z) - reward)
    low, high = min(z, edge), max(z, edge)  # h changes sign between z and a fixed-point step from it
    y = 0.5 * (low + high)
    for _ in range(60):
        h = y - z + q * (mean_at(link, y) - reward)
        if h > 0.0:
            high = y
        else:
            low = y
        new = y - h / (1.0 + q * slope_at(link, y))
        if not low < new < high:
            new = 0.5 * (low + high)
        if abs(new - y) <= 1e-13 * max(1.0, abs(y)):
            return new
        y = new
    return y


@kernel
def _learn_one(link, theta, P, x, reward, u):
    """One-pass update of one estimator, in place: theta (d,), P = V^-1 (d, d). Returns the growth of log det V."""
    d = x.size
    z, q = 0.0, 0.0
    for i in range(d):
        row = 0.0
        for j in range(d):
            row += P[i, j] * x[j]
        u[i] = row
        q += row * x[i]
        z += theta[i] * x[i]
    y = implicit_index(link, z, q, reward)
    residual = mean_at(link, y) - reward
    weight = max(slope_at(link, y), SLOPE_FLOOR)
    shrink = weight / (1.0 + weight * q)
    for i in range(d):
        theta[i] -= u[i] * residual
        for j in range(d):
            P[i, j] -= shrink * (u[i] * u[j])
    return math.log1p(weight * q)


@kernel
def _learn(link, theta, P, arm, x, reward, log_det):
    u = np.empty(x.shape[1])
    for r in range(x.shape[0]):
        k = arm[r]
        log_det[r, k] += _learn_one(link, theta[r, k], P[r, k], x[r], reward[r], u)


@kernel
def _tilt(A, rows, c, out):
    n, K, d = c.shape
    for i in range(n):
        for k in range(K):
            for a in range(d):
                row = 0.0
                for b in range(d):
                    row += A[rows[i], k, a, b] * c[i, k, b]
                out[i, k, a] = row


class Estimator(ABC):
    """The estimate: theta (R, K, d) and the inverse precision A (R, K, d, d). Policies read nothing else.

    A subclass writes `update` and `arrays`, and changes theta and A in place.

    Not guaranteed: that sqrt(x'A x) times a radius covers the truth; `glm.confidence` says which radius does. The
    one-pass estimate is the maximum-likelihood one for the identity link only; `Refitting` keeps it close for others.

    References
    ----------
    Zhang, Xu, Zhao, Sugiyama 2025, "Generalized linear bandits: almost optimal regret with one-pass update"
    (arXiv 2507.11847), on one-pass estimation by online mirror descent; the implicit step here is this project's.

    Examples
    --------
    One replicate, one arm, an intercept; rewards 1 and 1 with ridge 1 leave the ridge estimate 2 / 3.

    >>> from libra_core.glm.link import link_named
    >>> learned = OnePass(link_named("identity"), replicates=1, arms=1, d=1, ridge=1.0)
    >>> for _ in range(2):
    ...     learned.update(np.array([0]), np.array([[1.0]]), np.array([1.0]))
    >>> round(float(learned.theta[0, 0, 0]), 6), round(float(learned.A[0, 0, 0, 0]), 6)
    (0.666667, 0.333333)
    """

    theta: Floats
    A: Floats

    @property
    @abstractmethod
    def information(self) -> Floats:
        """(R,): log det V - log det V_0 of all that is estimated, in nats: how much the observations told so far."""

    @abstractmethod
    def update(self, arm: Ints, x: Floats, reward: Floats) -> None:
        """Learn R observations: arm (R,), realised features x (R, d), reward (R,)."""

    @abstractmethod
    def tilt(self, rows: Ints, c: Floats) -> Floats:
        """A c, (n, K, d): how far theta of the replicates `rows` moves if c (n, K, d) is added to V theta."""

    def contrast(self, rows: Ints, features: Floats) -> tuple[Floats, Floats]:
        """(sum_a theta_a'S_a, its standard width), each (n,), of features S (n, K, d) added up over many patients."""
        square = np.einsum("nkd,nkd->n", features, self.tilt(rows, features))
        return np.einsum("nkd,nkd->n", self.theta[rows], features), np.sqrt(np.maximum(square, 0.0))

    @abstractmethod
    def arrays(self) -> dict[str, np.ndarray]:
        """The learned arrays, by name, to save and to restore in place."""

    def load(self, saved: dict[str, np.ndarray]) -> None:
        """Restore saved arrays(), in place. Raises ValueError when a shape does not fit."""
        copy_into(self.arrays(), saved)


def copy_into(arrays: dict[str, np.ndarray], saved: dict[str, np.ndarray]) -> None:
    """Write each saved array into the array of the same name. Raises ValueError when a shape does not fit."""
    for name, array in arrays.items():
        if np.shape(saved[name]) != array.shape:
            raise ValueError(f"the saved {name} has shape {np.shape(saved[name])}, {array.shape} is needed")
        array[...] = saved[name]


class OnePass(Estimator):
    """One estimator an arm, nothing shared. ridge = lambda: V starts as lambda I."""

    def __init__(self, link: Link, replicates: int, arms: int, d: int, ridge: float) -> None:
        self.link = link
        self.theta = np.zeros((replicates, arms, d))
        self.A = np.tile(np.eye(d) / ridge, (replicates, arms, 1, 1))
        self.log_det = np.full((replicates, arms), d * math.log(ridge))
        self._prior = arms * d * math.log(ridge)

    @property
    def information(self) -> Floats:
        return np.asarray(self.log_det.sum(axis=1) - self._prior)

    def update(self, arm: Ints, x: Floats, reward: Floats) -> None:
        _learn(self.link.code, self.theta, self.A, arm, np.ascontiguousarray(x), reward, self.log_det)

    def tilt(self, rows: Ints, c: Floats) -> Floats:
        out = np.empty_like(c)
        _tilt(self.A, rows, c, out)
        return out

    def arrays(self) -> dict[str, np.ndarray]:
        return {"theta": self.theta, "A": self.A, "log_det": self.log_det}


@kernel
def _learn_joint(link, theta, P, arm, x, reward, d, theta_arm, A):
    R, K = x.shape[0], theta_arm.shape[1]
    D = theta.shape[1]
    u = np.empty(D)
    for r in range(R):
        start = (1 + arm[r]) * d
        z, q = 0.0, 0.0
        for j in range(d):
            z += (theta[r, j] + theta[r, start + j]) * x[r, j]
        for i in range(D):
            row = 0.0
            for j in range(d):
                row += (P[r, i, j] + P[r, i, start + j]) * x[r, j]
            u[i] = row
        for j in range(d):
            q += (u[j] + u[start + j]) * x[r, j]
        y = implicit_index(link, z, q, reward[r])
        residual = mean_at(link, y) - reward[r]
        weight = max(slope_at(link, y), SLOPE_FLOOR)
        shrink = weight / (1.0 + weight * q)
        for i in range(D):
            theta[r, i] -= u[i] * residual
            for j in range(D):
                P[r, i, j] -= shrink * (u[i] * u[j])
        _marginals(theta[r], P[r], d, K, theta_arm[r], A[r])


@kernel
def _marginals(theta, P, d, K, theta_arm, A):
    """theta_a = theta_0 + phi_a and A_a = P_00 + P_0a + P_a0 + P_aa."""
    for k in range(K):
        s = (1 + k) * d
        for i in range(d):
            theta_arm[k, i] = theta[i] + theta[s + i]
            for j in range(d):
                A[k, i, j] = P[i, j] + P[i, s + j] + P[s + i, j] + P[s + i, s + j]


class Shared(Estimator):
    """theta_a = theta_0 + phi_a in one joint one-pass estimator of dimension d (K + 1).

    Prior variances COMMON / lambda and (1 - COMMON) / lambda: each theta_a has the prior variance 1/lambda of
    `OnePass`, and any two arms the prior correlation COMMON. Cost O(d^2 K^2) for each observation.
    """

    COMMON = 0.9  # our choice: treatments of one disease resemble each other far more than they differ

    def __init__(self, link: Link, replicates: int, arms: int, d: int, ridge: float) -> None:
        self.link = link
        self.d = d
        self.joint = np.zeros((replicates, d * (arms + 1)))
        prior = np.concatenate([np.full(d, self.COMMON), np.full(d * arms, 1.0 - self.COMMON)]) / ridge
        self.P = np.tile(np.diag(prior), (replicates, 1, 1))
        self.theta = np.zeros((replicates, arms, d))
        self.A = np.zeros((replicates, arms, d, d))
        self._prior = float(np.log(prior).sum())
        self.refresh()

    @property
    def information(self) -> Floats:
        return np.asarray(self._prior - np.linalg.slogdet(self.P)[1])

    def update(self, arm: Ints, x: Floats, reward: Floats) -> None:
        x = np.ascontiguousarray(x)
        _learn_joint(self.link.code, self.joint, self.P, arm, x, reward, self.d, self.theta, self.A)

    def tilt(self, rows: Ints, c: Floats) -> Floats:
        joint = np.concatenate([c.sum(axis=1, keepdims=True), c], axis=1)
        moved = (self.P[rows] @ joint.reshape(len(rows), -1, 1)).reshape(joint.shape)
        return np.asarray(moved[:, :1] + moved[:, 1:])

    def arrays(self) -> dict[str, np.ndarray]:
        return {"joint": self.joint, "P": self.P}

    def load(self, saved: dict[str, np.ndarray]) -> None:
        super().load(saved)
        self.refresh()

    def refresh(self) -> None:
        """Derive theta and A from the joint estimate."""
        for r in range(len(self.joint)):
            _marginals(self.joint[r], self.P[r], self.d, self.theta.shape[1], self.theta[r], self.A[r])
