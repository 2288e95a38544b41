"""The theoretical curves for one study, on its own grid of rounds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from libra_core.arrays import Floats
from libra_core.cohort import Cohort
from libra_core.environments import make_environment
from libra_core.policies import REGISTRY
from libra_core.policies.distil import LibraDistil
from libra_core.policies.model import ModelPolicy
from libra_core.study.batch import PolicyResult, StudyResult
from libra_core.study.runner import make_policy
from libra_core.study.theory import call_bound, radius_is_proven, regret_lower, regret_upper

BOUNDED = "glrb"  # the policy whose regret bound is drawn


@dataclass(frozen=True, eq=False)
class Promises:
    """Theoretical curves to draw with a study's results.

    calls: policy -> the largest possible number of calls after each round of the grid (G,), where theory bounds it.
    upper (G,): GLRB's regret bound. lower (G,): the shape c d sqrt(t) of the lower bound, c chosen so that the curve
    ends at the final regret of `anchor`, the best of the policies that learn. proven: the radius is the theorem's and
    patients make the whole change, so that `upper` is a bound and not only a shape.
    """

    calls: Mapping[str, Floats]
    upper: Floats
    lower: Floats
    anchor: str
    proven: bool


def promises(result: StudyResult, cohort: Cohort | None = None) -> Promises:
    """The curves for a study. `cohort` replaces the one that its spec names, as in `run_study`."""
    spec, t = result.spec, result.t
    environment = make_environment(spec.environment, spec.seed, cohort=cohort)
    problem, config = environment.problem, spec.config
    calls: dict[str, Floats] = {}
    for name in spec.policies:
        policy = make_policy(
            name, environment, config, spec.seed, spec.advisor if name == LibraDistil.name else "near-optimal"
        )
        if isinstance(policy, ModelPolicy) and policy.needs_advisor:
            bound = [
                policy.call_bound(n)
                if isinstance(policy, LibraDistil)
                else call_bound(n, problem, config, policy.beta_at(n), policy.linear)
                for n in t
            ]
            if np.isfinite(bound[-1]):
                calls[name] = np.array(bound)
    glrb = make_policy(BOUNDED, environment, config, spec.seed)
    assert isinstance(glrb, ModelPolicy)
    learners = [p for p in result.policies if issubclass(REGISTRY[p.name], ModelPolicy)]
    anchor = min(learners or result.policies, key=_final)
    return Promises(
        calls=calls,
        upper=np.array([regret_upper(n, problem, config, glrb.beta_at(n)) for n in t]),
        lower=np.array([regret_lower(n, problem.d) for n in t]) * _final(anchor) / regret_lower(t[-1], problem.d),
        anchor=anchor.name,
        proven=radius_is_proven(config, glrb.link.name == "identity")
        and spec.environment.compliance == "full"
        and not spec.environment.limits
        and float(np.linalg.norm(environment.theta, axis=-1).max()) <= config.norm_bound,
    )


def _final(policy: PolicyResult) -> float:
    return float(policy.regret[:, -1].mean())
