"""Confidence radii beta_t: |x'(theta_hat - theta)| <= beta_t sqrt(x'A x).

The practical radius carries no guarantee; the theoretical ones hold under the assumptions in their docstrings.
"""

from __future__ import annotations

import math


def practical_radius(t: int, alpha: float, noise: float) -> float:
    """alpha * noise * sqrt(log(2 + t)). A tuned default; no coverage is claimed."""
    return alpha * noise * math.sqrt(math.log(2 + t))


def linear_radius(
    t: int, d: int, noise: float, ridge: float, x_bound: float, norm_bound: float, failure: float
) -> float:
    """sigma sqrt(d log((1 + t X^2/(lambda d))/p)) + sqrt(lambda) S.

    Self-normalised bound for ridge regression (Abbasi-Yadkori, Pal, Szepesvari 2011). Assumes sigma-sub-Gaussian
    noise, |x| <= X and |theta| <= S; then it covers at all t at once with probability >= 1 - p.
    """
    growth = math.log((1 + t * x_bound**2 / (ridge * d)) / failure)
    return noise * math.sqrt(d * growth) + math.sqrt(ridge) * norm_bound


def glm_radius(
    t: int, d: int, noise: float, ridge: float, x_bound: float, norm_bound: float, failure: float, kappa: float
) -> float:
    """The linear radius divided by kappa = inf mu' over |z| <= X S (Li, Lu, Zhou 2017).

    Holds for the full maximum-likelihood estimate, where |theta_hat| <= S too, in the unweighted design norm, and so
    also in the Fisher-weighted one used here wherever mu' <= 1. For the one-pass estimate it is used without a proof.
    """
    smallest = 1e-9  # kappa > 0 always, but it underflows for wide ranges: the radius is then useless, not undefined
    return linear_radius(t, d, noise, ridge, x_bound, norm_bound, failure) / max(kappa, smallest)
