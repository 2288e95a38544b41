"""The full maximum-likelihood estimator: the slow reference, and refits that correct a one-pass estimate."""

from __future__ import annotations

import math

import numpy as np

from libra_core.arrays import Floats, Ints
from libra_core.glm.estimator import OnePass
from libra_core.glm.link import Link


def fit_mle(
    link: Link, x: Floats, reward: Floats, ridge: float, start: Floats, tolerance: float = 1e-10, steps: int = 50
) -> tuple[Floats, Floats]:
    """Ridge-penalised maximum likelihood by damped Newton: (theta (d,), inverse Hessian (d, d)).

    x (n, d), reward (n,). Minimises sum_i [m(z_i) - r_i z_i] + ridge/2 |theta|^2 with m' = mu; for a non-canonical
    link (probit) this is the quasi-likelihood with the same score mu(z) - r.
    """
    theta = start.copy()
    for _ in range(steps):
        z = x @ theta
        score = x.T @ (link.mean(z) - reward) + ridge * theta
        hessian = (x.T * link.slope(z)) @ x + ridge * np.eye(x.shape[1])
        step = np.linalg.solve(hessian, score)
        size = 1.0
        while size > 1e-4:  # the score must not grow; a full step nearly always passes
            new = theta - size * step
            if np.linalg.norm(x.T @ (link.mean(x @ new) - reward) + ridge * new) <= np.linalg.norm(score):
                break
            size /= 2
        theta = theta - size * step
        if np.abs(size * step).max() < tolerance:
            break
    hessian = (x.T * link.slope(x @ theta)) @ x + ridge * np.eye(x.shape[1])
    return theta, np.asarray(np.linalg.inv(hessian), dtype=float)


class Refitting(OnePass):
    """One-pass updates, and a warm-started full refit of an arm whenever its det V has grown `growth`-fold.

    growth = 2 gives O(d log t) refits an arm; growth = 1 refits after every observation: the full-MLE reference.
    Keeps all observations: O(R T d) memory.
    """

    def __init__(self, link: Link, replicates: int, arms: int, d: int, ridge: float, growth: float = 2.0) -> None:
        super().__init__(link, replicates, arms, d, ridge)
        self.ridge = ridge
        self.log_growth = math.log(growth)
        self.fitted = self.log_det.copy()
        self.n = np.zeros(1, np.int64)
        self.x = np.zeros((64, replicates, d))
        self.reward = np.zeros((64, replicates))
        self.arm = np.zeros((64, replicates), np.int64)

    def update(self, arm: Ints, x: Floats, reward: Floats) -> None:
        super().update(arm, x, reward)
        n = int(self.n[0])
        if n == len(self.x):
            self._grow(2 * n)
        self.x[n], self.reward[n], self.arm[n] = x, reward, arm
        self.n += 1
        rows = np.arange(len(arm))
        due = self.log_det[rows, arm] - self.fitted[rows, arm] >= self.log_growth
        for r in np.flatnonzero(due):
            self._refit(int(r), int(arm[r]))

    def _refit(self, r: int, k: int) -> None:
        n = int(self.n[0])
        mine = self.arm[:n, r] == k
        self.theta[r, k], self.A[r, k] = fit_mle(
            self.link, self.x[:n, r][mine], self.reward[:n, r][mine], self.ridge, self.theta[r, k]
        )
        self.log_det[r, k] = self.fitted[r, k] = -np.linalg.slogdet(self.A[r, k])[1]

    def _grow(self, size: int) -> None:
        for name in ("x", "reward", "arm"):
            old = getattr(self, name)
            setattr(self, name, np.concatenate([old, np.zeros((size - len(old), *old.shape[1:]), old.dtype)]))

    def arrays(self) -> dict[str, np.ndarray]:
        n = int(self.n[0])
        log = {"fitted": self.fitted, "n": self.n, "x": self.x[:n], "reward": self.reward[:n], "arm": self.arm[:n]}
        return super().arrays() | log

    def load(self, saved: dict[str, np.ndarray]) -> None:
        size = int(np.asarray(saved["n"]).reshape(-1)[0])
        self.n[0] = size
        while size > len(self.x):
            self._grow(2 * len(self.x))
        super().load(saved)
