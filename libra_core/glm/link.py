"""Link functions: E[reward] = mu(z), z = theta' x.

Python uses a `Link` object, compiled kernels its integer code; both use the formulas below.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from libra_core.arrays import Floats
from libra_core.kernels import kernel

IDENTITY, LOGISTIC, PROBIT, POISSON = 0, 1, 2, 3
SLOPE_FLOOR = 0.02  # kappa: the smallest mu'(z) that a one-pass update counts as information (our choice)


@kernel
def mean_at(code: int, z: float) -> float:
    """mu(z)."""
    if code == IDENTITY:
        return z
    if code == LOGISTIC:
        if z >= 0:
            return 1.0 / (1.0 + math.exp(-z))
        e = math.exp(z)
        return e / (1.0 + e)
    if code == PROBIT:
        return 0.5 * math.erfc(-z / math.sqrt(2.0))
    return math.exp(min(z, 30.0))


@kernel
def slope_at(code: int, z: float) -> float:
    """mu'(z)."""
    if code == IDENTITY:
        return 1.0
    if code == LOGISTIC:
        m = mean_at(LOGISTIC, z)
        return m * (1.0 - m)
    if code == PROBIT:
        return math.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi)
    return math.exp(min(z, 30.0))


@kernel
def predictive_mean(code: int, z: float, variance: float) -> float:
    """E[mu(Z)] for an index Z ~ N(z, variance): exact for the identity and probit, MacKay's for the logistic; others
    take mu(z)."""
    if code == LOGISTIC:
        return mean_at(code, z / math.sqrt(1.0 + variance * math.pi / 8.0))
    if code == PROBIT:
        return mean_at(code, z / math.sqrt(1.0 + variance))
    return mean_at(code, z)


@kernel
def _means(code: int, z: Floats) -> Floats:
    out = np.empty_like(z)
    for i in range(z.size):
        out[i] = mean_at(code, z[i])
    return out


@kernel
def _between(code: int, z: Floats, half: Floats, out: Floats) -> None:
    for i in range(z.size):
        out[0, i] = mean_at(code, z[i])
        out[1, i] = mean_at(code, z[i] - half[i])
        out[2, i] = mean_at(code, z[i] + half[i])


@kernel
def _slopes(code: int, z: Floats) -> Floats:
    out = np.empty_like(z)
    for i in range(z.size):
        out[i] = slope_at(code, z[i])
    return out


@dataclass(frozen=True)
class Link:
    """An increasing mean function mu.

    `low`, `high`: range of the mean. `steepest` is sup mu' (the Lipschitz constant L of the call bound).
    `binary`: rewards are 0 or 1.
    """

    name: str
    code: int
    low: float
    high: float
    steepest: float
    binary: bool = False

    def mean(self, z: Floats | float) -> Floats:
        flat = np.asarray(z, dtype=float)
        return np.asarray(_means(self.code, flat.ravel()).reshape(flat.shape))

    def between(self, z: Floats, half: Floats) -> tuple[Floats, Floats, Floats]:
        """(mu(z), mu(z - half), mu(z + half)), each (n,)."""
        out = np.empty((3, z.size))
        _between(self.code, z, half, out)
        return out[0], out[1], out[2]

    def slope(self, z: Floats | float) -> Floats:
        flat = np.asarray(z, dtype=float)
        return np.asarray(_slopes(self.code, flat.ravel()).reshape(flat.shape))

    def index(self, mean: float) -> float:
        """The inverse of mu; -inf below its range, inf above it."""
        if not self.low < mean < self.high:
            return -math.inf if mean <= self.low else math.inf
        if self.code == LOGISTIC:
            return math.log(mean / (1.0 - mean))
        if self.code == PROBIT:
            return NormalDist().inv_cdf(mean)
        return math.log(mean) if self.code == POISSON else mean

    def flattest(self, z_max: float) -> float:
        """kappa = inf of mu' over |z| <= z_max."""
        return float(np.min(self.slope(np.array([-z_max, 0.0, z_max]))))


LINKS = {
    link.name: link
    for link in (
        Link("identity", IDENTITY, -math.inf, math.inf, 1.0),
        Link("logistic", LOGISTIC, 0.0, 1.0, 0.25, binary=True),
        Link("probit", PROBIT, 0.0, 1.0, 1.0 / math.sqrt(2.0 * math.pi), binary=True),
        Link("poisson", POISSON, 0.0, math.inf, math.inf),
    )
}


def link_named(name: str) -> Link:
    """The link of that name. Raises ValueError with the names on offer."""
    if name not in LINKS:
        raise ValueError(f"unknown link {name!r}: choose one of {', '.join(LINKS)}")
    return LINKS[name]
