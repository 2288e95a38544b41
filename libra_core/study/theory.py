"""The bound on regret to compare a run with. Bounds on questions are in `policies.questions`, lower bounds on regret in
the environments that they are proven for."""

from __future__ import annotations

import math

from libra_core.glm.confidence import most_information
from libra_core.policies.config import PolicyConfig
from libra_core.policies.questions import least_slope
from libra_core.problem import Problem


def radius_is_proven(config: PolicyConfig, linear: bool) -> bool:
    """Whether the radius provably covers, given |theta| <= norm_bound: ridge regression with an objective that is the
    optimistic value itself. Not for a GLM (V is Fisher-weighted), nor for the shared prior."""
    plain = not config.shared and config.effort_cost == 0.0 and config.min_gain == 0.0
    return config.radius == "theory" and linear and plain


def regret_upper(rounds: int, problem: Problem, config: PolicyConfig, beta: float) -> float:
    """2 L beta_T sqrt(2 T K d log(1 + T X^2/(lambda K d)) / kappa_0) max(1, X/sqrt(lambda)): the optimistic bound.

    A round costs at most 2 L beta s. The squared widths s^2 sum to twice the information at most (elliptical
    potential), whose T observations the K arms share: so regret is O(d sqrt(K T) log T) for the identity link, where
    L = kappa_0 = 1. A GLM pays kappa^(-3/2) here: 1/kappa in the theoretical radius, and 1/sqrt(kappa_0), since its V
    grows by mu' x x', of which kappa_0 x x' is certain. An analysis in the unweighted metric pays 1/kappa only (Li,
    Lu, Zhou 2017); the algorithm here is another.

    Holds with probability 1 - p if `beta` is the theoretical radius at T and covers (p/K for each arm is inside it),
    arms are estimated separately, patients make the whole change, the inner problem is solved to its global maximum,
    and |x'| <= X. Unless `radius_is_proven` it is a curve to compare shapes with, not a guarantee.
    """
    told = most_information(
        rounds, problem.n_arms, problem.d, config.ridge, problem.x_bound, shared=config.shared
    )  # fmt: skip
    widest = max(1.0, problem.x_bound / math.sqrt(config.ridge))
    potential = 2.0 * told / least_slope(problem.link)
    return 2.0 * problem.link.steepest * beta * widest * math.sqrt(rounds * potential)
