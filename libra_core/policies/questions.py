"""How many questions LIBRA's rule can ask: before a run, and from what the run has learned.

In every round with a question the executed action is wide: v (mu(z + beta s) - mu(z - beta s)) > Delta with v <= 1, so
s > Delta / (2 L beta_T), L = sup mu', for a radius that never falls. If V grows at that action by at least kappa_0 x
x', log det V grows by at least log(1 + kappa_0 s^2) in that round, and never falls in another. So

    questions <= (log det V - log det V_0) / log(1 + kappa_0 Delta^2 / (4 L^2 beta_T^2)),

V block-diagonal over the arms, or the joint one of a shared estimator, where s^2 = x'A_a x is the joint form too. As
1 / log(1 + y) <= 2 max(1, 1/y) this is the bound 2 sum_a (log det V_a - d log lambda) max(1, 4 L^2 beta^2 / (kappa_0
Delta^2)) made sharper. The argument is about widths and not about coverage: a practical radius will do. The right side
is O(log^2 T) for a radius like sqrt(log T); it is an upper limit, and says nothing of the shape in which questions
grow.
"""

from __future__ import annotations

import math
from typing import TypeVar

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


def bound_from(information: N, width: float, beta: float, link: Link) -> N:
    """The bound above: from log det V - log det V_0 (nats), Delta, beta at the end, and the estimator's link."""
    if beta == 0.0:
        return 0.0 * information  # no interval is ever wide
    return information / math.log1p(least_slope(link) * (width / (2.0 * link.steepest * beta)) ** 2)


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
