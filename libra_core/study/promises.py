"""The theoretical curves for one study, on its own grid of rounds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from libra_core.arrays import Floats
from libra_core.cohort import Cohort
from libra_core.environments import make_environment
from libra_core.policies.model import ModelPolicy
from libra_core.study.batch import StudyResult
from libra_core.study.runner import make_policy
from libra_core.study.theory import radius_is_proven, regret_upper

BOUNDED = "glrb"  # the policy whose regret bound is drawn


@dataclass(frozen=True, eq=False)
class Promises:
    """Theoretical curves to draw with a study's results.

    calls: policy -> the largest possible number of calls after each round of the grid (G,), where theory bounds it.
    upper (G,): GLRB's regret bound. lower (G,): what no policy's mean regret stays below, with its constant; None
    where no lower bound is known for this instance. proven: the radius is the theorem's and patients make the whole
    change, so that `upper` is a bound and not only a shape.
    """

    calls: Mapping[str, Floats]
    upper: Floats
    lower: Floats | None
    proven: bool


def promises(result: StudyResult, cohort: Cohort | None = None) -> Promises:
    """The curves for a study. `cohort` replaces the one that its spec names, as in `run_study`."""
    spec, t = result.spec, result.t
    environment = make_environment(spec.environment, spec.seed, cohort=cohort, rounds=spec.rounds)
    problem, config = environment.problem, spec.config
    calls: dict[str, Floats] = {}
    for name in spec.policies:
        policy = make_policy(name, environment, config, spec.seed, "near-optimal")
        bounds = [policy.call_bound(n) for n in t]
        if None not in bounds:
            calls[name] = np.array(bounds)
    glrb = make_policy(BOUNDED, environment, config, spec.seed)
    assert isinstance(glrb, ModelPolicy)
    lower = [environment.lower_bound(n) for n in t]
    return Promises(
        calls=calls,
        upper=np.array([regret_upper(n, problem, config, glrb.beta_at(n)) for n in t]),
        lower=None if None in lower else np.array(lower),
        proven=radius_is_proven(config, glrb.link.name == "identity")
        and spec.environment.compliance == "full"
        and not spec.environment.limits
        and float(np.linalg.norm(environment.theta, axis=-1).max()) <= config.norm_bound,
    )
