"""Compare sources of advice on the same simulated patients: the choice of each, and its regret."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from libra_core.advisors.agreement import NO_ADVICE
from libra_core.advisors.base import Advisor
from libra_core.arrays import Bools, Floats, Ints
from libra_core.environments import Environment
from libra_core.policies import PolicyConfig
from libra_core.policies.base import Policy
from libra_core.policies.baselines import AdvisorOnly
from libra_core.policies.decision import REASONS
from libra_core.policies.libra import Libra
from libra_core.problem import Actions, Contexts, Patient
from libra_core.study.runner import Round, make_policy, run
from libra_core.study.theory import call_bound

BANDIT, LIBRA = "Bandit (GLRB)", "LIBRA"


@dataclass(frozen=True)
class Opinion:
    """One source's plan for one patient, checked against the rules and valued by a model.

    asked: the change as the source gave it; used: after projection onto the feasible set (standardised, d_M).
    size, limit: the length of `asked` and the radius, in effort-weighted standard deviations. mean, low, high: expected
    reward of (arm, used) under the model, with its confidence bounds.
    """

    arm: int
    asked: tuple[float, ...]
    used: tuple[float, ...]
    size: float
    limit: float
    contraindicated: bool
    mean: float
    low: float
    high: float

    @property
    def projected(self) -> bool:
        return not np.allclose(self.asked, self.used, atol=1e-9)

    @property
    def share(self) -> float:
        """The share of the requested change that remains, by length; 1 when none was requested."""
        asked = float(np.linalg.norm(self.asked))
        return float(np.linalg.norm(self.used)) / asked if asked else 1.0


def opinion(policy: Policy, patient: Patient, arm: int, delta: Sequence[float]) -> Opinion:
    """Check and value a plan under the policy's current model. Nothing is learned."""
    contexts, feasible = Contexts.of(patient), policy.problem.feasible
    asked = np.asarray(delta, dtype=float)[None]
    used = feasible.project(asked, contexts.lo, contexts.hi)
    mean, low, high = policy.credible(contexts, Actions(np.array([arm]), used))
    return Opinion(
        arm=arm,
        asked=tuple(map(float, asked[0])),
        used=tuple(map(float, used[0])),
        size=float(feasible.norm(asked)[0]),
        limit=feasible.gamma,
        contraindicated=not bool(patient.eligible[arm]),
        mean=float(mean[0]),
        low=float(low[0]),
        high=float(high[0]),
    )


@dataclass(frozen=True, eq=False)
class Comparison:
    """n patients in order of arrival. Each array is (n,), each mapping is by source.

    arms: the chosen treatment, NO_ADVICE where the source gave none. regret: expected, reward unit, nan without
    advice. width: of the bandit's confidence interval. rows: cohort rows. did: LIBRA's decisions by reason. calls,
    bound: its calls and their theoretical bound. n is smaller than asked for if the run was cancelled.
    """

    rows: Ints
    arms: Mapping[str, Ints]
    regret: Mapping[str, Floats]
    width: Floats
    groups: Mapping[str, Bools]
    did: Mapping[str, int]
    asked: Bools
    calls: int
    bound: float
    unit: str

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def lost(self) -> dict[str, Floats]:
        """The regret of every source, over the patients on whom it gave advice."""
        return {name: lost[np.isfinite(lost)] for name, lost in self.regret.items() if np.isfinite(lost).any()}


def compare(
    environment: Environment,
    sources: Mapping[str, Advisor],
    libra_asks: str | Advisor,
    rounds: int,
    config: PolicyConfig | None = None,
    seed: int = 0,
    progress: Callable[[float], None] = lambda _: None,
    cancel: threading.Event | None = None,
) -> Comparison:
    """Run every source, GLRB and LIBRA over the same `rounds` patients of an environment with one replicate.

    A source is asked about every patient and does not learn; GLRB and LIBRA learn as they go. Raises ValueError for
    an environment with more replicates.
    """
    if environment.replicates != 1:
        raise ValueError(f"a comparison follows one run of patients, not {environment.replicates}")
    config = config or PolicyConfig()
    policies: dict[str, Policy] = {
        label: make_policy(AdvisorOnly.name, environment, config, seed, advisor) for label, advisor in sources.items()
    }
    policies[BANDIT] = make_policy("glrb", environment, config, seed)
    policies[LIBRA] = make_policy("libra", environment, config, seed, libra_asks)
    done: list[Round] = []
    for now in run(environment, list(policies.values()), rounds):
        done.append(now)
        progress(now.t / rounds)
        if cancel is not None and cancel.is_set():
            break
    libra = policies[LIBRA]
    assert isinstance(libra, Libra)
    bound = call_bound(max(1, len(done)), environment.problem, libra.config, libra.beta)
    return _comparison(environment, list(policies), done, bound)


def _comparison(environment: Environment, labels: list[str], rounds: list[Round], bound: float) -> Comparison:
    """The rounds of one run, source by source."""
    steps = {label: [now.steps[k] for now in rounds] for k, label in enumerate(labels)}
    silent = {
        label: np.array([isinstance(s.policy, AdvisorOnly) and not s.proposal.choice.adopted[0] for s in of], bool)
        for label, of in steps.items()
    }
    members = [environment.groups(now.contexts) for now in rounds]
    libra = [step.proposal.choice for step in steps[LIBRA]]
    counts = Counter(int(choice.reason[0]) for choice in libra)
    asked = np.array([choice.asked[0] for choice in libra], bool)
    return Comparison(
        rows=np.array([now.contexts.row[0] for now in rounds], np.int64),
        arms={
            label: np.where(silent[label], NO_ADVICE, [s.proposal.choice.actions.arm[0] for s in of]).astype(np.int64)
            for label, of in steps.items()
        },
        regret={label: np.where(silent[label], np.nan, [s.regret[0] for s in of]) for label, of in steps.items()},
        width=np.array([float(s.proposal.ucb[0] - s.proposal.lcb[0]) for s in steps[BANDIT]]),
        groups={name: np.array([m[name][0] for m in members], bool) for name in (members[0] if members else ())},
        did={str(REASONS[i].value): counts[i] for i in sorted(counts)},
        asked=asked,
        calls=int(asked.sum()),
        bound=bound,
        unit=environment.problem.reward_unit,
    )
