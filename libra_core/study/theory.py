"""What the theory promises, as numbers to hold a run against. Assumptions are in each docstring."""

from __future__ import annotations

import math

from libra_core.policies.base import PolicyConfig
from libra_core.problem import Problem


def call_bound(rounds: int, problem: Problem, config: PolicyConfig, beta: float, linear: bool = False) -> float:
    """2 K d log(1 + T X^2/(lambda d)) max(1, 4 L^2 beta_T^2/Delta^2): questions LIBRA can ask in T rounds, O(log^2 T).

    In every round with a call the executed action is wide, s > Delta / (2 L beta_T) with L = sup mu', and V_a grows
    by its x x': elliptical potential lemma. `beta` is the radius at T; a practical radius will do, since the argument
    is about widths and not about coverage. Control rounds of a trial play GLRB's own proposal, which is wide too.
    Assumes |x'| <= X and adoption = "informative". Exact for the identity link. With a GLM, V grows by mu'(z) x x' only
    and a proof pays a further factor 1/kappa; runs are held against the smaller number given here.
    May exceed T: then it says nothing yet.
    """
    width = problem.default_width if config.width_threshold is None else config.width_threshold
    steepest = 1.0 if linear else problem.link.steepest
    potential = _potential(rounds, problem, config)
    bound = potential * max(1.0, (2.0 * steepest * beta / width) ** 2)
    return bound if config.max_calls is None else min(bound, float(config.max_calls))


def _potential(rounds: int, problem: Problem, config: PolicyConfig) -> float:
    """2 K d log(1 + T X^2/(lambda d))."""
    growth = math.log(1.0 + rounds * problem.x_bound**2 / (config.ridge * problem.d))
    return 2.0 * problem.n_arms * problem.d * growth


def regret_upper(rounds: int, problem: Problem, config: PolicyConfig, beta: float) -> float:
    """2 L beta_T sqrt(2 T K d log(1 + T X^2/(lambda d))) max(1, X/sqrt(lambda)): the optimistic regret bound.

    Holds with probability 1 - p if `beta` is the theoretical radius at T (which must cover), the inner problem is
    solved to its global maximum, and contexts are bounded by X. With a practical radius it is a curve to compare
    shapes with, not a guarantee.
    """
    widest = max(1.0, problem.x_bound / math.sqrt(config.ridge))
    return 2.0 * problem.link.steepest * beta * widest * math.sqrt(rounds * _potential(rounds, problem, config))


def regret_lower(rounds: int, d: int, scale: float = 1.0) -> float:
    """c d sqrt(T): the shape of the minimax lower bound for linear bandits (Dani, Hayes, Kakade 2008).

    c is not given by theory for this problem; `scale` is chosen for the plot. Worst-case over problems: on a
    benign instance (gaps bounded away from 0) a good policy may stay below.
    """
    return scale * d * math.sqrt(rounds)
