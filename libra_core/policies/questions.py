"""How many questions LIBRA's rule can ask: before a run, and from what the run has learned.

In every round with a question the executed action is wide, v (mu(z + beta s) - mu(z - beta s)) > Delta with v <= 1, so
that s > s_0 = Delta / (2 L beta_T), L = sup mu', for a radius that never falls. V grows there by w x x', so log det V
by log(1 + w s^2), and it never falls in another round. So, with g a lower bound of w s^2 (`least_gain`),

    questions <= (log det V - log det V_0) / log(1 + g),

V block-diagonal over the arms, or the joint one of a shared estimator, where s^2 = x'A_a x is the joint form too.

g = s_0^2 for the identity link, where w = 1, and kappa_0 s_0^2 where only w >= kappa_0 is known. As 1 / log(1 + y) <= 2
max(1, 1/y) this is the bound 2 sum_a (log det V_a - d log lambda) max(1, 4 L^2 beta^2 / (kappa_0 Delta^2)) made
sharper. A logistic action that is wide is informative too: |mu''| <= mu', so log mu' is 1-Lipschitz, the width above is
at most 2 mu'(z) sinh(beta s), and w = mu'(y) >= mu'(z) exp(-|y - z|), where the one-pass step gives |y - z| <= s^2 for
rewards from 0 to 1. Hence g = inf over s >= s_0 of max(kappa_0, Delta exp(-s^2) / (2 sinh(beta s))) s^2.

The argument is about widths and not about coverage: a practical radius will do. The right side is O(log^2 T) for a
radius like sqrt(log T); it is an upper limit, and says nothing of the shape in which questions grow.
"""

from __future__ import annotations

import math
from typing import TypeVar

from scipy.optimize import brentq

from libra_core.arrays import Floats
from libra_core.glm.confidence import most_information
from libra_core.glm.link import SLOPE_FLOOR, Link
from libra_core.policies.config import PolicyConfig
from libra_core.problem import Problem

N = TypeVar("N", float, Floats)


def least_slope(link: Link) -> float:
    """kappa_0: V grows by at least kappa_0 x x' for each observation of a one-pass estimate; 1 for the identity."""
    return 1.0 if link.name == "identity" else SLOPE_FLOOR


def is_proven(problem: Problem, config: PolicyConfig, link: Link) -> bool:
    """Whether the bound above has a proof in this setting.

    It needs the rule that only informative advice is adopted; patients who make the whole advised change (V must
    grow at the x' whose width was judged); no change that is dropped after the choice because its arm became
    contraindicated; a finite sup mu'; and V that only grows: with another link a refit weighs all rounds anew, and V
    may shrink.
    """
    grows = link.name == "identity" or config.estimator == "one-pass"
    judged = all(share == 1.0 for share in problem.realised) and problem.eligible_after is None
    return config.adoption == "informative" and judged and grows and math.isfinite(link.steepest)


def least_gain(width: float, beta: float, link: Link) -> float:
    """g, the least w s^2 in a round whose executed action is wider than Delta = `width`, at radius beta > 0."""
    least, floor = width / (2.0 * link.steepest * beta), least_slope(link)
    if link.name != "logistic" or width == 0.0:
        return floor * least**2

    def surplus(s: float) -> float:
        """log of what wideness says of w, less log kappa_0: falls with s. log(2 sinh u) without overflow."""
        u = beta * s
        return math.log(width / floor) - s**2 - u - math.log1p(-math.exp(-2.0 * u))

    if surplus(least) <= 0.0:
        return floor * least**2
    # log of w s^2 is concave up to the crossing, where the floor takes over and it rises: the least is at an end
    crossing = float(brentq(surplus, least, least + 2.0 + math.sqrt(math.log(1.0 + width / floor))))
    return floor * min(math.exp(surplus(least)) * least**2, crossing**2)


def bound_from(information: N, width: float, beta: float, link: Link) -> N:
    """The bound above: from log det V - log det V_0 (nats), Delta, beta at the end, and the estimator's link."""
    if beta == 0.0:
        return 0.0 * information  # no interval is ever wide
    return information / math.log1p(least_gain(width, beta, link))


def call_bound(
    rounds: int, problem: Problem, config: PolicyConfig, width: float, beta: float, link: Link
) -> float | None:
    """The bound on questions in so many rounds, before the first: `bound_from` the most that they can tell.

    beta: the radius after `rounds`. None where nothing is proven and there is no `max_calls`. It may exceed the rounds,
    and then says nothing.
    """
    cap = math.inf if config.max_calls is None else float(config.max_calls)
    if not is_proven(problem, config, link):
        return None if math.isinf(cap) else cap
    sizes = (problem.n_arms, problem.d, config.ridge, problem.x_bound)
    told = most_information(rounds, *sizes, steepest=max(link.steepest, SLOPE_FLOOR), shared=config.shared)
    return min(cap, bound_from(told, width, beta, link))
