"""The policies of one session, one patient at a time. Nothing here reads or writes the record: fed from the log, the
same steps are the replay."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from libra_core.advisors import GUIDELINE, make_advisor
from libra_core.advisors.base import Advice, AdviceBatch, Advisor
from libra_core.advisors.clinician import Clinician, RecordedAdvisor
from libra_core.cohort import Cohort
from libra_core.environments import ENVIRONMENTS, EnvironmentSpec, make_environment
from libra_core.policies import REGISTRY, Decision, Policy, Proposal, Reason
from libra_core.policies.decision import Choice
from libra_core.problem import Actions, Contexts, Outcomes, moved
from libra_core.records.errors import Unreadable
from libra_core.records.events import Action, Entered, OutcomeSeen
from libra_core.records.spec import CLINICIAN, SessionSpec
from libra_core.streams import Streams
from libra_core.study.runner import make_policy
from libra_core.study.spec import cohort_key, inputs_digest
from libra_core.study.theory import call_bound
from libra_core.summary import Price

WARM_UP, FIRST_DRAW = 1, 2  # numbers of the replicates whose streams the warm-up and the patients' draws use


@dataclass(frozen=True)
class Shown:
    """What the policies proposed for one patient, in the order of the spec, and what their advisors said."""

    decisions: tuple[Decision, ...]
    advice: dict[str, Advice]

    @property
    def main(self) -> Decision:
        return self.decisions[0]


@dataclass(frozen=True)
class Effect:
    """What a policy expects of a plan: mean with its 95 % credible interval, reward units.

    effort: share of the feasible radius.
    """

    plan: Action
    mean: float
    low: float
    high: float
    effort: float
    feasible: bool


class Engine:
    """Parameters: the spec, its cohort, and the advisor if it is not one that a name makes (a language model)."""

    def __init__(self, spec: SessionSpec, cohort: Cohort, advisor: Advisor | None = None) -> None:
        self.spec = spec.validate()
        self.current = inputs_digest(cohort) == spec.cohort_digest  # else the record is read, and nothing is learned
        if not self.current and cohort_key(cohort) != spec.cohort:
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
        self.policies = tuple(self._policy(name, advisor) for name in spec.policies)
        self._rows: list[int] = []
        self._pending: dict[int, tuple[Proposal, ...]] = {}
        self._executed: dict[int, Action] = {}
        self.given = [0] * self.problem.n_arms  # patients learned from, by treatment

    def _policy(self, name: str, advisor: Advisor | None) -> Policy:
        spec, kind = self.spec, REGISTRY[name]
        chosen: Advisor | None = None
        if kind.needs_advisor:
            wanted = kind.own_advisor or spec.advisor
            if wanted != CLINICIAN:
                chosen = self._voice(wanted, advisor)
            else:  # a companion cannot ask the same person
                chosen = self.clinician if name == spec.policy else RecordedAdvisor(CLINICIAN, None)
        return make_policy(name, self.environment, spec.config, spec.seed, chosen)

    def _voice(self, wanted: str, given: Advisor | None) -> RecordedAdvisor:
        if given is not None and wanted != GUIDELINE:
            return RecordedAdvisor(wanted, given)
        try:
            return RecordedAdvisor(wanted, make_advisor(wanted, self.environment, self.spec.seed))
        except ValueError:
            return RecordedAdvisor(wanted, None)  # a language model that is not at hand: what it said is in the record

    def warm_up(self) -> None:
        """Let all policies learn from the same simulated patients, treated by GLRB. Deterministic."""
        if not (self.spec.warm_up and self.current):
            return
        world = make_environment(self._named, self.spec.seed, 1, WARM_UP, self.cohort)
        scout = make_policy("glrb", world, self.spec.config, self.spec.seed)
        for _ in range(self.spec.warm_up):
            contexts, draws = world.arrive(), world.draws()
            proposal = scout.propose(contexts)
            outcomes = world.respond(contexts, proposal.actions, draws)
            alone = replace(proposal, choice=Choice.alone(proposal.actions, Reason.OPTIMISTIC))
            for policy in (scout, *self.policies):
                policy.learn(alone, outcomes)
            self.given[int(proposal.actions.arm[0])] += 1

    def row(self, position: int) -> int:
        """The cohort row of patient number `position` (from 1); the order is the seed's."""
        while len(self._rows) < position:
            self._rows.append(int(self.environment.arrive().row[0]))
        return self._rows[position - 1]

    def contexts(self, position: int) -> Contexts:
        return Contexts.of(self.cohort.patient(self.row(position)))

    def propose(self, position: int, recorded: dict[str, Advice] | None = None) -> Shown:
        """What every policy proposes for this patient. `recorded` is advice to repeat (in a replay)."""
        patient, decisions, advice, proposals = self.cohort.patient(self.row(position)), [], {}, []
        self.clinician.answer = None
        for policy in self.policies:
            before = policy.streams.state() if policy.advisor is self.clinician else None
            proposal, said = self._ask(policy, Contexts.of(patient), (recorded or {}).get(policy.name))
            if before is not None and proposal.choice.asked[0]:
                policy.streams.restore(before)  # the same draws once the clinician has answered
            if said is not None:
                advice[policy.name] = said
            decisions.append(policy.record(patient, proposal, said))
            proposals.append(proposal)
        self._pending[position] = tuple(proposals)
        return Shown(tuple(decisions), advice)

    @staticmethod
    def _ask(policy: Policy, contexts: Contexts, recorded: Advice | None) -> tuple[Proposal, Advice | None]:
        voice = policy.advisor
        if not isinstance(voice, RecordedAdvisor):
            return policy.propose(contexts), None
        voice.said, voice.repeat = None, recorded
        proposal = policy.propose(contexts)
        return proposal, voice.said

    def answer(self, position: int, advice: Advice) -> Decision:
        """The clinician has answered: the first policy weighs it by its own rule and settles what is done."""
        patient, policy = self.cohort.patient(self.row(position)), self.policies[0]
        self.clinician.answer = advice
        proposal = policy.propose(Contexts.of(patient))
        self.clinician.answer = None
        self._pending[position] = (proposal, *self._pending[position][1:])
        return policy.record(patient, proposal, advice if proposal.choice.asked[0] else None)

    def execute(self, position: int, plan: Action) -> None:
        """Remember what was done: its outcome is learned from whenever it comes."""
        self._executed[position] = plan

    def simulate(self, position: int, plan: Action) -> Outcomes:
        """The outcome of a plan for this patient. The draws belong to the patient, whatever the order of events."""
        world, seed = self.environment, self.spec.seed
        world.noise = Streams(seed, "noise", 1, FIRST_DRAW + position)
        world.compliance = Streams(seed, "compliance", 1, FIRST_DRAW + position)
        return world.respond(self.contexts(position), self._actions(plan), world.draws())

    def observed(self, position: int, plan: Action, reward: float, share: float | None) -> Outcomes:
        """An outcome that a person entered: `share` of the plan was carried out (None: as is usual)."""
        delta = np.array([plan.delta]) * (np.asarray(self.problem.realised) if share is None else share)
        return Outcomes(np.array([reward]), moved(self.contexts(position).x, delta))

    def reward(self, plan: Action, entered: Entered) -> float:
        """What an entered outcome is worth: the fall, less the burden of the drug, plus its indication: reward units.

        Raises ValueError with a sentence for a value that cannot be.
        """
        protocol, values = self.cohort.protocol, self.cohort.values[self.row(entered.position)]
        who, outcome, value, share = f"Patient {entered.position}", protocol.outcome, entered.value, entered.share
        low, high = protocol.feature(outcome.name).range
        if not (math.isfinite(value) and low <= value <= high):
            raise ValueError(
                f"{who}: {outcome.label} must be between {low:g} and {high:g} {outcome.unit}, got {value:g}."
            )
        if share is not None and not 0 <= share <= 1:
            raise ValueError(f"{who}: the share carried out must be between 0 and 100 %, got {share:.0%}.")
        fall = float(values[protocol.index(outcome.name)]) - value
        return fall - Price.of(self.cohort, self.row(entered.position), plan.arm).taken

    def learn(self, position: int, seen: OutcomeSeen) -> None:
        """Every policy learns from what was done, whatever it proposed itself.

        Whether advice was adopted or held back stays as the coin fell, whatever a person then did: the trial of an
        advisor compares the groups as allocated (intention to treat), for dropping a round by what came after the
        coin would undo the randomisation.
        """
        plan, outcomes = self._executed.pop(position), Outcomes(np.array([seen.reward]), np.array([seen.x]))
        self.given[plan.arm] += 1
        for policy, proposal in zip(self.policies, self._pending.pop(position), strict=True):
            done = replace(proposal.choice, actions=self._actions(plan))
            policy.learn(replace(proposal, choice=done), outcomes)

    @staticmethod
    def _actions(plan: Action) -> Actions:
        return Actions(np.array([plan.arm], np.int64), np.array([plan.delta], float))

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
        if after is not None and not after(contexts, self._actions(plan))[0]:
            raise ValueError("With this change of habits the treatment would be contraindicated. Ask for less.")
        return plan

    def effect(self, position: int, plan: Action) -> Effect:
        """What the first policy now expects of a plan; nothing is learned or drawn."""
        contexts, actions = self.contexts(position), self._actions(plan)
        mean, low, high = (float(v[0]) for v in self.policies[0].credible(contexts, actions))
        share = float(self.problem.feasible.norm(actions.delta)[0]) / max(self.problem.feasible.gamma, 1e-12)
        feasible = bool(self.problem.feasible.contains(actions.delta, contexts.lo, contexts.hi, 1e-6)[0])
        return Effect(plan, mean, low, high, share, feasible)

    def truth(self, position: int, plan: Action) -> float:
        """The true expected reward of a plan: known only because the response is simulated."""
        return float(self.environment.means(self.contexts(position), self._actions(plan))[0])

    def best(self, position: int) -> float:
        return float(self.environment.best(self.contexts(position))[0])

    @property
    def calls(self) -> int:
        """Questions asked and learned from by the first policy."""
        return int(self.policies[0].calls[0])

    def call_bound(self, rounds: int) -> float:
        """The bound on questions in so many rounds; may exceed them, then it says nothing yet."""
        main = self.policies[0]
        return call_bound(max(rounds, 1), self.problem, self.spec.config, main.beta, getattr(main, "linear", False))

    def state(self) -> dict[str, Any]:
        """Everything that the next step depends on, JSON-able."""
        return {
            "policies": [policy.state() for policy in self.policies],
            "pending": {str(p): [choice_state(q.choice) for q in found] for p, found in self._pending.items()},
            "executed": {str(p): [plan.arm, list(plan.delta)] for p, plan in self._executed.items()},
            "given": list(self.given),
        }

    def restore(self, state: dict[str, Any]) -> None:
        for policy, saved in zip(self.policies, state["policies"], strict=True):
            policy.restore(saved)
        self._pending = {
            int(p): tuple(proposal_from(choice, self.contexts(int(p))) for choice in found)
            for p, found in state["pending"].items()
        }
        self._executed = {int(p): Action(arm, tuple(delta)) for p, (arm, delta) in state["executed"].items()}
        self.given = list(state["given"])


def choice_state(choice: Choice) -> dict[str, Any]:
    """A choice for one patient, JSON-able and exact: kept while its outcome is awaited."""
    advice = choice.advice
    return {
        **{name: value.tolist() for name, value in vars(choice.actions).items()},
        **{f"own_{name}": value.tolist() for name, value in vars(choice.own).items()},
        **{name: getattr(choice, name).tolist() for name in ("reason", "asked", "adopted")},
        "advice": None if advice is None else {name: value.tolist() for name, value in vars(advice).items()},
    }


def proposal_from(saved: dict[str, Any], contexts: Contexts) -> Proposal:
    """A proposal to learn from; its bounds are not needed for that and come back as nan."""

    def actions(arm: list[int], delta: list[list[float]]) -> Actions:
        return Actions(np.asarray(arm, np.int64), np.asarray(delta, float))

    given = saved["advice"]
    if given is not None:
        said = actions(given["arm"], given["delta"])
        given = AdviceBatch(np.asarray(given["given"], bool), said.arm, said.delta)
    choice = Choice(
        actions(saved["arm"], saved["delta"]),
        actions(saved["own_arm"], saved["own_delta"]),
        np.asarray(saved["reason"], np.int64),
        np.asarray(saved["asked"], bool),
        np.asarray(saved["adopted"], bool),
        given,
    )
    nothing = np.full(len(contexts), np.nan)
    return Proposal(contexts, choice, nothing, nothing, nothing)
