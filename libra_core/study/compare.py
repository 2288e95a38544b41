"""Several sources of advice over the same simulated patients: what each chose, and who was right in the simulation."""

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
    """One source's plan for one patient, held against the rules and against a model.

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
        """How much of the asked change is left, as a share of its length; 1 when nothing was asked."""
        asked = float(np.linalg.norm(self.asked))
        return float(np.linalg.norm(self.used)) / asked if asked else 1.0


def opinion(policy: Policy, patient: Patient, arm: int, delta: Sequence[float]) -> Opinion:
    """Judge a plan by the policy's rules and present model. Nothing is learned."""
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
    """n patients in the order in which they came. Each array is (n,), each mapping goes by source.

    arms: the chosen treatment, NO_ADVICE where the source was silent. regret: expected, in the reward's unit, nan where
    silent. width: how unsure the bandit was. rows: cohort rows. did: what LIBRA did, by reason. calls, bound: its
    questions and the theory's bound. n may be less than wished for when the run was cancelled.
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
    tape = _Tape(environment, list(policies))
    for now in run(environment, list(policies.values()), rounds):
        tape.add(now)
        progress(now.t / rounds)
        if cancel is not None and cancel.is_set():
            break
    libra = policies[LIBRA]
    assert isinstance(libra, Libra)
    bound = call_bound(max(1, tape.n), environment.problem, libra.config, libra.beta)
    return tape.comparison(bound)


class _Tape:
    """Collects the rounds of one run."""

    def __init__(self, environment: Environment, labels: list[str]) -> None:
        self.environment, self.labels, self.n = environment, labels, 0
        self.rows: list[int] = []
        self.arms: dict[str, list[int]] = {label: [] for label in labels}
        self.regret: dict[str, list[float]] = {label: [] for label in labels}
        self.width: list[float] = []
        self.groups: dict[str, list[bool]] = {}
        self.reasons: list[int] = []
        self.asked: list[bool] = []

    def add(self, now: Round) -> None:
        self.n += 1
        self.rows.append(int(now.contexts.row[0]))
        for name, member in self.environment.groups(now.contexts).items():
            self.groups.setdefault(name, []).append(bool(member[0]))
        for label, step in zip(self.labels, now.steps, strict=True):
            choice = step.proposal.choice
            silent = isinstance(step.policy, AdvisorOnly) and not choice.adopted[0]
            self.arms[label].append(NO_ADVICE if silent else int(choice.actions.arm[0]))
            self.regret[label].append(np.nan if silent else float(step.regret[0]))
            if label == BANDIT:
                self.width.append(float(step.proposal.ucb[0] - step.proposal.lcb[0]))
            if label == LIBRA:
                self.reasons.append(int(choice.reason[0]))
                self.asked.append(bool(choice.asked[0]))

    def comparison(self, bound: float) -> Comparison:
        counts = Counter(self.reasons)
        return Comparison(
            rows=np.array(self.rows, np.int64),
            arms={label: np.array(values, np.int64) for label, values in self.arms.items()},
            regret={label: np.array(values) for label, values in self.regret.items()},
            width=np.array(self.width),
            groups={name: np.array(values, bool) for name, values in self.groups.items()},
            did={str(REASONS[i].value): counts[i] for i in sorted(counts)},
            asked=np.array(self.asked, bool),
            calls=sum(self.asked),
            bound=bound,
            unit=self.environment.problem.reward_unit,
        )
