"""Theoretical bounds to compare a run with. Each docstring states its assumptions."""

from __future__ import annotations

import math

from libra_core.policies.config import PolicyConfig
from libra_core.problem import Problem


def call_bound(rounds: int, problem: Problem, config: PolicyConfig, beta: float, linear: bool = False) -> float:
    """2 K d log(1 + T X^2/(lambda d)) max(1, 4 L^2 beta_T^2/Delta^2): calls of LIBRA in T rounds, O(log^2 T).

    In every round with a call the executed action is wide, s > Delta / (2 L beta_T) with L = sup mu', and V_a grows
    by its x x': elliptical potential lemma. `beta` is the radius at T; a practical radius is enough, since the argument
    is about widths and not about coverage. Control rounds of a trial play GLRB's own proposal, which is wide too.
    Assumes |x'| <= X, and that V grows at the x' that was planned for (full compliance). Exact for the identity
    link. With a GLM, V grows by mu'(z) x x' only and a proof needs a further factor 1/kappa; runs are compared with the
    smaller number given here. It may exceed T, and is then vacuous. With adoption = "plausible" only `max_calls` bounds
    the calls: inf without one.
    """
    cap = math.inf if config.max_calls is None else float(config.max_calls)
    if config.adoption != "informative":
        return cap
    width = problem.default_width if config.width_threshold is None else config.width_threshold
    steepest = 1.0 if linear else problem.link.steepest
    potential = _potential(rounds, problem, config)
    return min(cap, potential * max(1.0, (2.0 * steepest * beta / width) ** 2))


def _potential(rounds: int, problem: Problem, config: PolicyConfig) -> float:
    """2 K d log(1 + T X^2/(lambda d)): the bound on sum_t min(1, x'A x), arm by arm.

    With a shared block the joint feature is (x, 0 .. x .. 0), (K+1) d long and of squared length 2 |x|^2.
    """
    blocks = problem.n_arms + 1 if config.shared else 1
    d, length = problem.d * blocks, problem.x_bound**2 * (2.0 if config.shared else 1.0)
    growth = math.log(1.0 + rounds * length / (config.ridge * d))
    return 2.0 * d * (1 if config.shared else problem.n_arms) * growth


def radius_is_proven(config: PolicyConfig, linear: bool) -> bool:
    """Whether the radius provably covers, given |theta| <= norm_bound: ridge regression with an objective that is the
    optimistic value itself. Not for a GLM (V is Fisher-weighted), nor for the shared prior."""
    plain = not config.shared and config.effort_cost == 0.0 and config.min_gain == 0.0
    return config.radius == "theory" and linear and plain


def regret_upper(rounds: int, problem: Problem, config: PolicyConfig, beta: float) -> float:
    """2 L beta_T sqrt(2 T K d log(1 + T X^2/(lambda d))) max(1, X/sqrt(lambda)): the optimistic regret bound.

    Holds with probability 1 - p if `beta` is the theoretical radius at T (which must cover), the inner problem is
    solved to its global maximum, and contexts are bounded by X. With a GLM, V is Fisher-weighted and a proof needs a
    further factor 1/kappa. Unless `radius_is_proven` it is a curve to compare shapes with, not a guarantee.
    """
    widest = max(1.0, problem.x_bound * math.sqrt((2.0 if config.shared else 1.0) / config.ridge))
    return 2.0 * problem.link.steepest * beta * widest * math.sqrt(rounds * _potential(rounds, problem, config))


def regret_lower(rounds: int, d: int, scale: float = 1.0) -> float:
    """c d sqrt(T): the shape of the minimax lower bound for linear bandits (Dani, Hayes, Kakade 2008).

    c is not given by theory for this problem; `scale` is chosen for the plot. Worst-case over problems: on a
    benign instance (gaps bounded away from 0) a good policy may stay below.
    """
    return scale * d * math.sqrt(rounds)
