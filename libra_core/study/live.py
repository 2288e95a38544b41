"""One interactive run: one replicate, one patient at a time, every step recorded."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

from libra_core.advisors.base import Advisor
from libra_core.arrays import Floats, Ints
from libra_core.certainty import Evidence
from libra_core.clinical import Protocol, Worth
from libra_core.cohort import Cohort
from libra_core.environments import ENVIRONMENTS, Environment, EnvironmentSpec, make_environment
from libra_core.policies import RECOMMENDED, Decision, Policy, PolicyConfig, Proposal
from libra_core.policies.check import CheckReport
from libra_core.policies.counsel import Trust
from libra_core.policies.distil import LibraDistil
from libra_core.policies.libra import LibraTrial
from libra_core.policies.model import ModelPolicy
from libra_core.policies.trial import TrialReport
from libra_core.problem import Contexts, Patient
from libra_core.study.runner import make_policy, play
from libra_core.study.spec import StudySpec, cohort_key
from libra_core.summary import PlanSummary, summarise

if TYPE_CHECKING:
    from libra_core.recourse.certificate import Certificate


@dataclass(frozen=True)
class LiveRow:
    """The record of one round, simulated. outcome: the reward. expected, best, regret: what the plan and the best plan
    are worth, and their difference; cumulative: regret so far. worth: the values used, None for the declared ones."""

    t: int
    row: int
    decision: Decision
    outcome: float
    expected: float
    best: float
    regret: float
    cumulative: float
    calls: int
    worth: Worth | None = None


@dataclass(frozen=True, eq=False)
class Course:
    """What a run did, patient by patient, without the details: each array is (T,).

    row: of the cohort. arm: the treatment. reason: a place in `policies.decision.REASONS`. asked: 1 where the advisor
    was. lost: expected, simulated, in the reward's unit.
    """

    row: Ints
    arm: Ints
    reason: Ints
    asked: Ints
    lost: Floats

    def __len__(self) -> int:
        return len(self.row)


_NONE = np.zeros(0, np.int64)
NOBODY = Course(_NONE, _NONE, _NONE, _NONE, np.zeros(0))


def live_config(protocol: Protocol, link: str | None = None) -> PolicyConfig:
    """The default settings of a page: treatments share information, and negligible changes are dropped.

    A shared estimate is sure of habits too soon: at alpha 0.3 some runs never move one, and then never learn what it
    would bring. Measured: docs/decisions/policies.md.
    """
    return PolicyConfig(alpha=0.5, shared=True, min_gain=0.0 if link == "logistic" else protocol.feasible.min_gain)


@dataclass(eq=False)
class LiveRun:
    """A policy running on a cohort. Not shared between users; `rows` grows by one with each step.

    worth: what things are worth from now on, None for what the protocol declares; it changes plans and what is counted
    as lost, and nothing that was learned. readmitted: the numbers of patients after which a dismissed advisor was
    re-admitted. earlier: the patients before `rows`, if the policy was restored from a stored state (`study.learned`).
    """

    spec: StudySpec
    environment: Environment
    policy: Policy
    worth: Worth | None = None
    rows: list[LiveRow] = field(default_factory=list)
    readmitted: list[int] = field(default_factory=list)
    earlier: Course = NOBODY

    @classmethod
    def start(
        cls,
        cohort: Cohort,
        policy: str = RECOMMENDED,
        advisor: str | Advisor = "near-optimal",
        seed: int = 0,
        config: PolicyConfig | None = None,
        link: str | None = None,
        compliance: Literal["full", "partial"] = "partial",
        limits: tuple[str, ...] = (),
    ) -> LiveRun:
        """A fresh run over a cohort. Raises ValueError with a sentence when it cannot start."""
        protocol = cohort.protocol.name
        if protocol not in ENVIRONMENTS:
            raise ValueError(
                f"no simulated environment is registered for {protocol}: put {protocol}.py with a Disease named "
                f"{protocol!r} beside {protocol}.toml"
            )
        config = config or live_config(cohort.protocol, link)
        named = EnvironmentSpec(protocol, cohort=cohort_key(cohort), link=link, compliance=compliance, limits=limits)
        spec = StudySpec(named, (policy,), advisor if isinstance(advisor, str) else advisor.name, 1, 1, seed, config)
        environment = make_environment(named, seed, cohort=cohort)
        return cls(spec, environment, make_policy(policy, environment, config, seed, advisor))

    def certificate(self, row: int, seconds: float = 0.4) -> Certificate | None:
        """How much more than the policy's own plan any other feasible plan could be worth under the current model; None
        for a policy whose plan is not the one with the largest optimistic worth."""
        from libra_core.recourse.certificate import certify  # here: its solvers take a second to import

        policy = self.policy
        if not isinstance(policy, ModelPolicy) or not (policy.recourse and policy.optimistic):
            return None
        contexts, beta, link = self.contexts(row), policy.beta, policy.link
        plans = policy.plan(contexts, beta)
        z, s = plans.chosen()
        theta, A = policy.estimator.theta[0], policy.estimator.A[0]
        value = float(contexts.worth(link.mean(z + beta * s), plans.arm)[0])
        return certify(policy.problem.feasible, theta, A, contexts, beta, value, policy.realised, seconds, link)

    def evidence(self, besides: LiveRow | None = None) -> Evidence:
        """The outcomes learned from, except `besides`, the row on display; and the values that count."""
        problem, worth = self.environment.problem, self.worth if besides is None else besides.worth
        arms = [*self.earlier.arm, *(row.decision.arm for row in self.rows if row is not besides)]
        given = np.bincount(np.array(arms, np.int64), minlength=problem.n_arms)
        return Evidence(tuple(map(int, given)), problem.reward_unit, problem.noise, worth)

    def summary(self, row: int, treated: LiveRow | None = None) -> PlanSummary:
        """The plan for a cohort row: the policy's current one, or the one it made in a round of this run."""
        assert self.environment.cohort is not None
        decision = self.decision_for(row) if treated is None else treated.decision
        return summarise(self.environment.cohort, decision, self.evidence(treated))

    @property
    def trial(self) -> TrialReport | None:
        """The advisor's trial so far; None for a method without one."""
        return self.policy.trial.report() if isinstance(self.policy, LibraTrial) else None

    @property
    def trusts(self) -> tuple[Trust, ...]:
        """What each advisor has earned so far; empty for a method that keeps no account of it."""
        return self.policy.trusts() if isinstance(self.policy, LibraDistil) else ()

    @property
    def check(self) -> CheckReport | None:
        """Whether outcomes fit the model so far; None for a method without one."""
        return self.policy.check.report() if isinstance(self.policy, ModelPolicy) else None

    def readmit(self) -> None:
        """Ask the advisor again and restart its trial; a clinician's decision, recorded in `readmitted`."""
        if isinstance(self.policy, LibraTrial):
            self.policy.readmit()
            self.readmitted.append(len(self.rows))

    def outside(self, row: int, learned: int | None = None) -> tuple[str, ...]:
        """Context entries in which a patient lies outside the first `learned` patients of the run (None: all)."""
        assert self.environment.cohort is not None
        return self.environment.cohort.outside(row, [*self.earlier.row, *(seen.row for seen in self.rows[:learned])])

    @property
    def unit(self) -> str:
        return self.environment.problem.reward_unit

    @property
    def config_hash(self) -> str:
        return self.spec.hash

    def patient(self, row: int, worth: Worth | None = None) -> Patient:
        """A patient of the cohort; worth: other values than those of now."""
        assert self.environment.cohort is not None
        return self.environment.cohort.patient(row, worth or self.worth, self.environment.problem.link.binary)

    def contexts(self, row: int, worth: Worth | None = None) -> Contexts:
        """The same as a batch of one."""
        return Contexts.of(self.patient(row, worth))

    def decision_for(self, row: int) -> Decision:
        """The policy's current decision for one patient: nothing is learned, the random streams do not advance.

        An uncertain policy asks its advisor here too: a language model without a stored answer for this patient is
        asked, and the question counts against its budget.
        """
        return self.policy.record(self.patient(row), self.proposal_for(row))

    def proposal_for(self, row: int) -> Proposal:
        """`decision_for` without the record: what a whole cohort is asked for."""
        policy, advisor = self.policy, self.policy.advisor
        drawn, told = policy.streams.state(), advisor.state() if advisor is not None else None
        proposal = policy.propose(self.contexts(row))
        policy.streams.restore(drawn)
        if advisor is not None:
            advisor.restore(told)
        return proposal

    def step(self, row: int | None = None) -> LiveRow:
        """Treat the next patient (or the given row), see a simulated outcome, learn."""
        patient = self.patient(int(self.environment.arrive().row[0]) if row is None else row)
        contexts = Contexts.of(patient)
        decisions: list[Decision] = []
        now = play(
            self.environment,
            (self.policy,),
            contexts,
            len(self.earlier) + len(self.rows) + 1,
            watch=lambda policy, proposal: decisions.append(policy.record(patient, proposal)),
        )
        step = now.steps[0]
        regret, best = float(step.regret[0]), float(now.best[0])
        self.rows.append(
            LiveRow(
                t=now.t,
                row=patient.row,
                decision=decisions[0],
                outcome=float(step.outcomes.reward[0]),
                expected=best - regret,
                best=best,
                regret=regret,
                cumulative=regret + (self.rows[-1].cumulative if self.rows else 0.0),
                calls=int(self.policy.calls[0]),
                worth=self.worth,
            )
        )
        return self.rows[-1]
