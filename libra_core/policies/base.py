"""The policy interface, and the registry that pages and the command line list.

A policy works on R replicates at once: `propose(contexts)`, then `learn(proposal, outcomes)`. A page holds a
policy with R = 1 and calls `decide(patient)`, which is the same computation with every arm written out.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import asdict, replace
from typing import Any, ClassVar

import numpy as np

from libra_core.advisors.base import Advice, AdviceBatch, Advisor
from libra_core.arrays import Floats
from libra_core.glm.estimator import copy_into
from libra_core.policies.config import PolicyConfig
from libra_core.policies.decision import REASONS, ArmOption, Choice, Decision, Proposal
from libra_core.problem import Actions, Contexts, Outcomes, Patient, Problem
from libra_core.streams import Streams

State = dict[str, Any]


class Policy(ABC):
    """Chooses treatments and changes for R replicates at once. A new policy is one new file and one `@register` line.

    A subclass writes `choose`; one that learns also writes `learn`, `arrays` and `load`. `make_policy` makes one.

    Parameters
    ----------
    problem : what is known before the first patient.
    config : settings, checked here.
    streams : random numbers, one stream for each replicate.
    advisor : needed where `needs_advisor` says so.

    Raises
    ------
    ValueError : settings out of range, or no advisor where one is needed.

    Guaranteed: a proposed arm is eligible, a proposed change lies in F, and only `learn` learns. Not guaranteed: low
    regret; each class says what is known about its own.

    Examples
    --------
    >>> from libra_core.environments import EnvironmentSpec, make_environment
    >>> from libra_core.study import make_policy
    >>> world = make_environment(EnvironmentSpec("synthetic"), seed=0)
    >>> glrb = make_policy("glrb", world, PolicyConfig(), seed=0)
    >>> contexts = world.arrive()
    >>> proposal = glrb.propose(contexts)
    >>> glrb.learn(proposal, world.respond(contexts, proposal.actions, world.draws()))
    >>> glrb.t
    1
    """

    name: str
    label: ClassVar[str]  # shown to clinicians
    summary: ClassVar[str]  # one sentence for the About page and --help
    needs_advisor: ClassVar[bool] = False
    own_advisor: ClassVar[str | None] = None  # the advisor it always uses, whichever is chosen elsewhere
    revised: ClassVar[str] = ""  # since when its rule is another one: proposals recorded before do not recompute

    def __init__(
        self, problem: Problem, config: PolicyConfig, streams: Streams, advisor: Advisor | None = None
    ) -> None:
        if self.needs_advisor and advisor is None:
            raise ValueError(f"the policy {self.name} needs an advisor: choose one, for instance near-optimal")
        self.problem = problem
        self.config = config.validate()
        self.streams = streams
        self.advisor = advisor
        self.t = 0
        self.calls = np.zeros(streams.n, np.int64)
        if advisor is not None:
            advisor.meet(self)

    @abstractmethod
    def choose(self, contexts: Contexts) -> Choice:
        """Choose for R contexts. Draws random numbers and asks the advisor, but learns nothing."""

    def propose(self, contexts: Contexts) -> Proposal:
        """choose(), then bounds; a change that would make its arm ineligible at x' is dropped."""
        choice = self.choose(contexts)
        if self.problem.eligible_after is not None:
            fine = self.problem.eligible_after(contexts, choice.actions)
            if not fine.all():
                kept = np.where(fine[:, None], choice.actions.delta, 0.0)
                choice = replace(choice, actions=Actions(choice.actions.arm, kept))
        return Proposal(contexts, choice, *self.bounds(contexts, choice.actions))

    def learn(self, proposal: Proposal, outcomes: Outcomes) -> None:
        """Learn from R outcomes. The base class counts rounds and calls of the advisor."""
        self.t += 1
        self.calls += proposal.choice.asked

    def bounds(self, contexts: Contexts, actions: Actions) -> tuple[Floats, Floats, Floats]:
        """(mean, lcb, ucb), each (R,), on the mean scale; nan for a policy without a model."""
        unknown = np.full(len(contexts), np.nan)
        return unknown, unknown, unknown

    def credible(self, contexts: Contexts, actions: Actions) -> tuple[Floats, Floats, Floats]:
        """(mean, low, high), each (R,): the 95 % range to show; nan for a policy without a model."""
        return self.bounds(contexts, actions)

    def options(self, contexts: Contexts) -> tuple[ArmOption, ...]:
        """For a batch of one: every arm with and without its best change; empty for a policy without a model."""
        return ()

    def explain(self, contexts: Contexts, actions: Actions) -> Floats:
        """theta_a * x' for each context (R, d); zeros for a policy without a model."""
        return np.zeros((len(contexts), self.problem.d))

    @property
    def beta(self) -> float:
        """The current confidence radius; 0 for a policy that has none."""
        return 0.0

    def call_bound(self, rounds: int) -> float | None:
        """The most questions in so many rounds, where a proof bounds them; None where none does. Extend it in a policy
        that asks by a rule of its own."""
        return None

    def run_call_bound(self) -> Floats | None:
        """The same from what this run has learned so far, (R,): at least `calls`, and sharper than `call_bound`."""
        return None

    def decide(self, patient: Patient, advice: Advice | None = None) -> tuple[Decision, Proposal]:
        """Choose for one patient (a policy with one replicate): the full record, and the proposal to learn from.

        `advice` is only recorded: the advisor's full answer, with its rationale.
        """
        contexts = Contexts.of(patient)
        proposal = self.propose(contexts)
        return self.record(patient, proposal, advice), proposal

    def record(self, patient: Patient, proposal: Proposal, advice: Advice | None = None) -> Decision:
        """The full record of a proposal, as pages show it and the log stores it."""
        contexts, choice, given = proposal.contexts, proposal.choice, proposal.choice.advice
        _, low, high = self.credible(contexts, proposal.actions)
        if advice is None and given is not None and choice.asked[0]:
            advice = self._heard(patient.row, given, 0 if choice.whom is None else int(choice.whom[0]))
        return Decision(
            policy=self.name,
            round=self.t + 1,
            patient=patient.id,
            row=patient.row,
            arm=int(proposal.actions.arm[0]),
            delta=tuple(map(float, proposal.actions.delta[0])),
            mean=float(proposal.mean[0]),
            lcb=float(proposal.lcb[0]),
            ucb=float(proposal.ucb[0]),
            low=float(low[0]),
            high=float(high[0]),
            width=float(contexts.weight[0] * (proposal.ucb[0] - proposal.lcb[0])),
            beta=float(self.beta),
            radius=self.config.radius,
            options=self.options(contexts),
            contributions=tuple(map(float, self.explain(contexts, proposal.actions)[0])),
            asked=bool(choice.asked[0]),
            adopted=bool(choice.adopted[0]),
            advice=advice,
            own_arm=int(choice.own.arm[0]),
            own_delta=tuple(map(float, choice.own.delta[0])),
            reason=REASONS[int(choice.reason[0])],
            weight=float(contexts.weight[0]),
            offsets=tuple(map(float, contexts.offset[0])),
        )

    def _heard(self, row: int, given: AdviceBatch, member: int) -> Advice:
        """The advice as used (checked and projected), with the advisor's own status and reason if it has them."""
        assert self.advisor is not None
        asked = self.advisor.members[member]
        said = asked.remembered(row) or Advice(asked.name, "ok" if given.given[0] else "refused")
        if given.given[0]:
            return replace(said, arm=int(given.arm[0]), delta=tuple(map(float, given.delta[0])))
        return replace(said, arm=-1, delta=(), status="invalid" if said.given else said.status)

    def arrays(self) -> dict[str, np.ndarray]:
        """The learned arrays, by name; restore() writes into them in place. Extend it in a subclass."""
        return {"calls": self.calls}

    def state(self) -> State:
        """One versioned, JSON-able value: everything needed to make the same next decision."""
        return {
            "schema": 1,
            "policy": self.name,
            "config": asdict(self.config),
            "t": self.t,
            "streams": self.streams.state(),
            "advisor": self.advisor.state() if self.advisor is not None else None,
            "arrays": {name: value.tolist() for name, value in self.arrays().items()},
        }

    def restore(self, state: State) -> None:
        """Restore a saved state. Raises ValueError when it belongs to another policy, version, setting or shape."""
        if state.get("schema") != 1 or current_name(state.get("policy", "")) != current_name(self.name):
            raise ValueError(
                f"this state belongs to {state.get('policy')!r}, schema {state.get('schema')!r}, not to {self.name}"
            )
        mine = asdict(self.config)
        for name, value in (asdict(PolicyConfig()) | state["config"]).items():  # a setting added later had its default
            if value != mine.get(name):
                raise ValueError(f"this state was learned with {name} = {value!r}, the policy has {mine.get(name)!r}")
        self.load({name: np.asarray(value) for name, value in state["arrays"].items()})
        self.t = int(state["t"])
        self.streams.restore(state["streams"])
        if self.advisor is not None:
            self.advisor.restore(state["advisor"])

    def load(self, saved: dict[str, np.ndarray]) -> None:
        """Restore saved arrays(). Extend it in a subclass that extends arrays()."""
        copy_into({"calls": self.calls}, saved)


FORMER_NAMES = {"llm-only": "advisor-only"}  # still accepted, and still used in the hashes of stored studies
STORED_NAMES = {name: former for former, name in FORMER_NAMES.items()}


def current_name(name: str) -> str:
    """The current name of a policy; any other name unchanged."""
    return FORMER_NAMES.get(name, name)


def stored_name(name: str) -> str:
    """The name of a policy in the hash, digest and file of a study, which never changes."""
    return STORED_NAMES.get(name, name)


class Registry(dict[str, type[Policy]]):
    """Policies by name, in the order of every list. A former name also finds its policy, but is not listed."""

    def __missing__(self, name: str) -> type[Policy]:
        if name not in self:
            raise KeyError(name)
        return self[FORMER_NAMES[name]]

    def __contains__(self, name: object) -> bool:
        return super().__contains__(FORMER_NAMES.get(name, name) if isinstance(name, str) else name)


REGISTRY = Registry()


def register(policy: type[Policy]) -> type[Policy]:
    """Class decorator: add a policy to the list for pages and the command line."""
    REGISTRY[policy.name] = policy
    return policy
