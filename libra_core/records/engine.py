"""The policies of one session, one patient at a time. Nothing here reads or writes the record: the same steps, fed
from the log, are a replay."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from libra_core.advisors import GUIDELINE, make_advisor
from libra_core.advisors.base import Advice, AdviceBatch, Advisor
from libra_core.advisors.clinician import Clinician, RecordedAdvisor
from libra_core.advisors.panel import JOIN, Panel
from libra_core.certainty import Estimate
from libra_core.cohort import Cohort
from libra_core.environments import ENVIRONMENTS, EnvironmentSpec, make_environment
from libra_core.policies import REASONS, REGISTRY, Decision, Policy, Proposal, Reason
from libra_core.policies.decision import Choice
from libra_core.problem import Actions, Contexts, Outcomes, Patient, moved
from libra_core.records.errors import Unreadable
from libra_core.records.events import Action, Entered
from libra_core.records.ledger import CaseFile
from libra_core.records.spec import CLINICIAN, SessionSpec
from libra_core.streams import Streams
from libra_core.study.runner import make_policy
from libra_core.study.spec import cohort_key, inputs_digest
from libra_core.study.theory import call_bound

WARM_UP, FIRST_DRAW = 1, 2  # replicates whose random streams the warm-up and the patients use


@dataclass(frozen=True)
class Effect:
    """The reward that a policy expects of a plan, with its 95 % range; effort: share of the feasible
    radius."""

    plan: Action
    expected: Estimate
    effort: float
    feasible: bool


class Engine:
    """Parameters: the spec, its cohort, and the advisor if its name is not enough to make it (a language model)."""

    def __init__(self, spec: SessionSpec, cohort: Cohort, advisor: Advisor | None = None) -> None:
        self.spec = spec.validate()
        self.current = inputs_digest(cohort) == spec.cohort_digest  # else the record is read, and nothing is learned
        if not self.current and spec.cohort not in cohort.keys:
            raise Unreadable(
                f"This session was recorded with the cohort {spec.cohort!r}, and another is loaded now. "
                "Load what was used then."
            )
        if spec.protocol not in ENVIRONMENTS:
            raise ValueError(f"no simulated environment is registered for {spec.protocol}")
        self.cohort = cohort
        self._named = EnvironmentSpec(spec.protocol, cohort=cohort_key(cohort))
        self.environment = make_environment(self._named, spec.seed, cohort=cohort)
        self.problem = self.environment.problem
        self.clinician = Clinician()
        self.policies: tuple[Policy, ...] = tuple(
            make_policy(name, self.environment, spec.config, spec.seed, self._advisor(name, advisor))
            for name in spec.policies
        )
        self._rows: list[int] = []
        self.given = [0] * self.problem.n_arms  # patients learned from, by treatment

    def _advisor(self, policy: str, given: Advisor | None) -> Advisor | None:
        kind = REGISTRY[policy]
        if not kind.needs_advisor:
            return None
        wanted = kind.own_advisor or self.spec.advisor
        if wanted == CLINICIAN:  # a companion cannot ask the same person
            return self.clinician if policy == self.spec.policy else RecordedAdvisor(CLINICIAN)
        if given is not None and wanted != GUIDELINE:
            return RecordedAdvisor(wanted, given)
        if JOIN in wanted:
            return Panel([self._recorded(name) for name in wanted.split(JOIN)])
        return self._recorded(wanted)

    def _recorded(self, name: str) -> RecordedAdvisor:
        try:
            return RecordedAdvisor(name, make_advisor(name, self.environment, self.spec.seed))
        except ValueError:
            return RecordedAdvisor(name)  # a language model that is not available: its answers are in the record

    def warm_up(self) -> None:
        """Let all policies learn from the same simulated patients, treated by GLRB. Deterministic."""
        if not (self.spec.warm_up and self.current):
            return
        world = make_environment(self._named, self.spec.seed, 1, WARM_UP, self.cohort)
        glrb = make_policy("glrb", world, self.spec.config, self.spec.seed)
        for _ in range(self.spec.warm_up):
            contexts, draws = world.arrive(), world.draws()
            proposal = glrb.propose(contexts)
            outcomes = world.respond(contexts, proposal.actions, draws)
            alone = replace(proposal, choice=Choice.alone(proposal.actions, Reason.OPTIMISTIC))
            for policy in (glrb, *self.policies):
                policy.learn(alone, outcomes)
            self.given[int(proposal.actions.arm[0])] += 1

    def row(self, position: int) -> int:
        """The cohort row of patient number `position` (from 1); the order is the seed's."""
        while len(self._rows) < position:
            self._rows.append(int(self.environment.arrive().row[0]))
        return self._rows[position - 1]

    def patient(self, position: int) -> Patient:
        """Patient number `position`, with what things are worth in this session."""
        return self.cohort.patient(self.row(position), self.spec.worth)

    def contexts(self, position: int) -> Contexts:
        return Contexts.of(self.patient(position))

    def propose(self, position: int, recorded: Mapping[str, Advice] | None = None) -> list[Decision]:
        """What every policy proposes, in the order of the spec. A replay repeats `recorded` advice, by policy."""
        patient, decisions = self.patient(position), []
        for policy in self.policies:
            advisor = policy.advisor
            before = policy.streams.state() if advisor is self.clinician else None
            answered, said = (recorded or {}).get(policy.name), _recorders(advisor)
            for one in said:
                alone = len(said) == 1 or (answered is not None and answered.source == one.name)
                one.said, one.repeat = None, answered if alone else None
            proposal = policy.propose(Contexts.of(patient))
            if before is not None and proposal.choice.asked[0]:
                policy.streams.restore(before)  # the same draws once the clinician has answered
            heard = [one.said for one in said if one.said is not None]
            decisions.append(policy.record(patient, proposal, heard[-1] if heard else None))
        return decisions

    def answer(self, position: int, advice: Advice) -> Decision:
        """The clinician has answered: the first policy applies its own rule to the answer and decides."""
        self.clinician.answer = advice
        try:
            proposal = self.policies[0].propose(self.contexts(position))
        finally:
            self.clinician.answer = None
        return self.policies[0].record(self.patient(position), proposal, advice if proposal.choice.asked[0] else None)

    def simulate(self, position: int, plan: Action) -> Outcomes:
        """The outcome of a plan for this patient. The draws depend on the patient, not on the order of events."""
        world, seed = self.environment, self.spec.seed
        world.noise = Streams(seed, "noise", 1, FIRST_DRAW + position)
        world.compliance = Streams(seed, "compliance", 1, FIRST_DRAW + position)
        return world.respond(self.contexts(position), _actions(plan), world.draws())

    def observed(self, plan: Action, entered: Entered) -> Outcomes:
        """An outcome that a person entered. Without a share, as much of the plan was carried out as is usual.

        Raises ValueError with a sentence for a value that cannot be.
        """
        share = np.asarray(self.problem.realised) if entered.share is None else entered.share
        reward = self._reward(plan, entered)
        return Outcomes(np.array([reward]), moved(self.contexts(entered.position).x, np.array([plan.delta]) * share))

    def _reward(self, plan: Action, entered: Entered) -> float:
        """The reward of an entered outcome: the fall."""
        protocol, values = self.cohort.protocol, self.cohort.values[self.row(entered.position)]
        who, outcome, value, share = f"Patient {entered.position}", protocol.outcome, entered.value, entered.share
        low, high = protocol.feature(outcome.name).range
        if not (math.isfinite(value) and low <= value <= high):
            raise ValueError(
                f"{who}: {outcome.label} must be between {low:g} and {high:g} {outcome.unit}, got {value:g}."
            )
        if share is not None and not 0 <= share <= 1:
            raise ValueError(f"{who}: the share carried out must be between 0 and 100 %, got {share:.0%}.")
        return float(values[protocol.index(outcome.name)]) - value

    def learn(self, case: CaseFile) -> None:
        """Every policy learns from what was done, whatever it proposed itself.

        Whether advice was adopted or withheld stays as randomised, whatever a person then did: the trial of an advisor
        compares the groups as allocated (intention to treat). Dropping a round because of what came after the
        allocation would undo the randomisation.
        """
        done, seen, proposed = case.executed, case.outcome, dict(case.shown)
        if done is None or seen is None or proposed.keys() != set(self.spec.policies):
            raise Unreadable(f"The record of patient {case.position} is incomplete. Restore it from a copy.")
        if case.answered is not None:
            proposed[self.spec.policy] = case.answered
        contexts, outcomes = self.contexts(case.position), Outcomes(np.array([seen.reward]), np.array([seen.x]))
        self.given[done.arm] += 1
        for policy in self.policies:
            policy.learn(_carried_out(policy, contexts, proposed[policy.name], done), outcomes)

    def check(self, position: int, plan: Action) -> Action:
        """The plan, or ValueError with a sentence: contraindicated, or a change that is not feasible."""
        contexts = self.contexts(position)
        if not (0 <= plan.arm < self.problem.n_arms) or not contexts.eligible[0, plan.arm]:
            raise ValueError("This treatment is contraindicated for this patient. Choose another one.")
        delta = np.array([plan.delta], float)
        if delta.shape[1] != self.problem.d_mutable or not np.isfinite(delta).all():
            raise ValueError("This change of habits cannot be read.")
        if not self.problem.feasible.contains(delta, contexts.lo, contexts.hi, 1e-6)[0]:
            raise ValueError("This change of habits is more than is feasible for this patient. Ask for less.")
        after = self.problem.eligible_after
        if after is not None and not after(contexts, _actions(plan))[0]:
            raise ValueError("With this change of habits the treatment would be contraindicated. Ask for less.")
        return plan

    def effect(self, position: int, plan: Action) -> Effect:
        """What the first policy now expects of a plan; nothing is learned or drawn."""
        contexts, actions = self.contexts(position), _actions(plan)
        net = Estimate(*(float(v[0]) for v in self.policies[0].credible(contexts, actions)))
        share = float(self.problem.feasible.norm(actions.delta)[0]) / max(self.problem.feasible.gamma, 1e-12)
        feasible = bool(self.problem.feasible.contains(actions.delta, contexts.lo, contexts.hi, 1e-6)[0])
        return Effect(plan, net, share, feasible)

    def truth(self, position: int, plan: Action) -> float:
        """What a plan is truly worth: known only because the response is simulated."""
        return float(self.environment.worth(self.contexts(position), _actions(plan))[0])

    def best(self, position: int) -> float:
        return float(self.environment.best(self.contexts(position))[0])

    def call_bound(self, rounds: int) -> float:
        """The bound on questions in so many rounds; one above the number of rounds says nothing yet."""
        main = self.policies[0]
        return call_bound(max(rounds, 1), self.problem, self.spec.config, main.beta, getattr(main, "linear", False))

    def state(self) -> dict[str, Any]:
        """What the policies have learned, JSON-able."""
        return {"policies": [policy.state() for policy in self.policies], "given": list(self.given)}

    def restore(self, state: dict[str, Any]) -> None:
        for policy, saved in zip(self.policies, state["policies"], strict=True):
            policy.restore(saved)
        self.given = list(state["given"])


def _actions(plan: Action) -> Actions:
    return Actions(np.array([plan.arm], np.int64), np.array([plan.delta], float))


def _recorders(advisor: Advisor | None) -> list[RecordedAdvisor]:
    """The advisor, or the members of a panel, whose answers are recorded."""
    return [one for one in (advisor.members if advisor else ()) if isinstance(one, RecordedAdvisor)]


def _carried_out(policy: Policy, contexts: Contexts, proposed: Decision, done: Action) -> Proposal:
    """A recorded proposal with what was done in its place, and the bounds that the policy now has for that."""
    actions, own, said = _actions(done), _actions(Action(proposed.own_arm, proposed.own_delta)), proposed.advice
    heard = None
    if said is not None and said.given:
        heard = AdviceBatch(np.array([True]), np.array([said.arm]), np.array([said.delta], float))
    names = [one.name for one in policy.advisor.members] if policy.advisor else []
    whom = names.index(said.source) if said is not None and said.source in names else 0
    choice = Choice(
        actions,
        own,
        np.array([REASONS.index(proposed.reason)], np.int64),
        np.array([proposed.asked]),
        np.array([proposed.adopted]),
        heard and heard.checked(contexts, policy.problem),
        np.array([whom if proposed.asked else -1]),
    )
    return Proposal(contexts, choice, *policy.bounds(contexts, actions))
