"""Confidence radii beta_t: |x'(theta_hat - theta)| <= beta_t sqrt(x'A x).

The practical radius carries no guarantee; the theoretical ones hold under the assumptions in their docstrings.
"""

from __future__ import annotations

import math


def practical_radius(t: int, alpha: float, noise: float) -> float:
    """alpha * noise * sqrt(log(2 + t)). A tuned default; no coverage is claimed."""
    return alpha * noise * math.sqrt(math.log(2 + t))


def linear_radius(
    t: int, d: int, noise: float, ridge: float, x_bound: float, norm_bound: float, failure: float, sets: int = 1
) -> float:
    """sigma sqrt(d log(1 + t X^2/(lambda d)) + 2 log(K/p)) + sqrt(lambda) S, for K = `sets` estimates at once.

    Self-normalised bound for ridge regression (Abbasi-Yadkori, Pal, Szepesvari 2011, theorem 2, with the determinant
    bounded by its trace) at level p/K for each arm. Assumes sigma-sub-Gaussian noise, |x| <= X and |theta_a| <= S; then
    all K sets cover at all t at once with probability >= 1 - p.
    """
    growth = d * math.log(1 + t * x_bound**2 / (ridge * d)) + 2 * math.log(sets / failure)
    return noise * math.sqrt(growth) + math.sqrt(ridge) * norm_bound


def glm_radius(
    t: int,
    d: int,
    noise: float,
    ridge: float,
    x_bound: float,
    norm_bound: float,
    failure: float,
    kappa: float,
    sets: int = 1,
) -> float:
    """The linear radius divided by kappa = inf mu' over |z| <= X S (Li, Lu, Zhou 2017).

    Holds for the full maximum-likelihood estimate, where |theta_hat| <= S too, in the unweighted design norm, and so
    also in the Fisher-weighted one used here wherever mu' <= 1. For the one-pass estimate it is used without a proof.
    """
    smallest = 1e-9  # kappa > 0 always, but it underflows for wide ranges: the radius is then useless, not undefined
    return linear_radius(t, d, noise, ridge, x_bound, norm_bound, failure, sets) / max(kappa, smallest)


def most_information(
    rounds: int, arms: int, d: int, ridge: float, x_bound: float, steepest: float = 1.0, shared: bool = False
) -> float:
    """The largest sum_a log det V_a - log det V_0 that `rounds` observations can bring: K d log(1 + T L X^2/(lambda
    K d)).

    Each observation adds at most L x x', L = sup mu', |x| <= X, to one arm; determinant by trace, and the arms share
    T by concavity. A shared block is one estimate of (K + 1) d numbers whose prior gives x'theta_a the same variance
    |x|^2/lambda.
    By the elliptical potential lemma sum_t min(1, w_t x'A x) is at most twice this, w_t the weight that V grew with.
    """
    size = (arms + 1) * d if shared else arms * d
    return size * math.log(1 + rounds * steepest * x_bound**2 / (ridge * size))
