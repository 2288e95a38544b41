"""What a policy is, what it decides, and the registry that pages and the command line list.

A policy works on R replicates at once: `propose(contexts)`, then `learn(proposal, outcomes)`. A page holds a
policy with R = 1 and calls `decide(patient)`, which is the same computation with every arm written out.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any, ClassVar, Literal

import numpy as np

from libra_core.advisors.base import Advice, AdviceBatch, Advisor
from libra_core.glm.estimator import copy_into
from libra_core.problem import Actions, Bools, Contexts, Floats, Ints, Outcomes, Patient, Problem
from libra_core.streams import Streams


class Reason(StrEnum):
    """Why the executed action was chosen."""

    OPTIMISTIC = "largest optimistic value"
    CERTAIN = "the bandit is sure enough: nobody was asked"
    NO_ADVICE = "asked, but no usable advice came"
    RULED_OUT = "advice ruled out by what has been learned"
    UNINFORMATIVE = "advice plausible, but nothing to learn from it"
    ADOPTED = "advice adopted"
    CONTROL = "advice withheld: a control round of the advisor's trial"
    DISMISSED = "the advisor lost its trial and is no longer asked"
    BUDGET = "the call budget is spent"
    ADVISOR = "the advisor's own choice"
    SAMPLED = "best under a sampled model"
    RANDOM = "drawn at random"
    TRUTH = "best under the true model"


REASONS = tuple(Reason)


@dataclass(frozen=True)
class PolicyConfig:
    """Settings shared by all policies; each reads what concerns it.

    ridge: lambda of the ridge prior. alpha: scale of the practical radius alpha * noise * sqrt(log(2 + t)).
    radius: "practical" or "theory" (the theorem's, at level `failure` with |theta| <= `norm_bound`).
    width_threshold: Delta, the width on the mean scale above which LIBRA asks; None = the problem's default.
    plausibility: c in UCB_l >= UCB_b - c w_b. adoption: "informative" also wants w_l > Delta.
    max_calls: hard cap on questions. trial_share: share of adoptable rounds that are kept as control.
    effort_cost: c of the objective, in index units for each weighted SD moved. min_gain: a feature moves only if
    it adds more than this to the index. plan_with: plan for the change as advised or as expected to be realised.
    shared: one joint estimator theta_a = theta_0 + phi_a. estimator: "one-pass"; "refit" adds a full-MLE refit of an
    arm whenever its det V has doubled; "mle" refits after every observation (the slow reference).
    """

    ridge: float = 1.0
    alpha: float = 0.3
    radius: Literal["practical", "theory"] = "practical"
    failure: float = 0.05
    norm_bound: float = 1.0
    width_threshold: float | None = None
    plausibility: float = 0.5
    adoption: Literal["informative", "plausible"] = "informative"
    max_calls: int | None = None
    trial_share: float = 0.2
    effort_cost: float = 0.0
    min_gain: float = 0.0
    plan_with: Literal["advised", "expected"] = "expected"
    shared: bool = False
    estimator: Literal["one-pass", "refit", "mle"] = "one-pass"

    def validate(self) -> PolicyConfig:
        """Return self, or raise ValueError with a sentence for a person."""
        for name, low, high in (
            ("ridge", 1e-9, np.inf),
            ("alpha", 0, np.inf),
            ("failure", 1e-12, 0.5),
            ("norm_bound", 1e-9, np.inf),
            ("plausibility", 0, 1),
            ("trial_share", 0, 0.5),
            ("effort_cost", 0, np.inf),
            ("min_gain", 0, np.inf),
        ):
            value = getattr(self, name)
            if not (low <= value <= high):
                raise ValueError(f"{name} must be between {low:g} and {high:g}, got {value:g}")
        if self.width_threshold is not None and not self.width_threshold > 0:
            raise ValueError(f"width_threshold must be > 0, got {self.width_threshold:g}")
        if self.max_calls is not None and self.max_calls < 0:
            raise ValueError(f"max_calls must be >= 0, got {self.max_calls}")
        return self


@dataclass(frozen=True, eq=False)
class Choice:
    """What a policy chose for R contexts, before its bounds are worked out.

    `own` is what it would have played without advice, `advice` is projected onto F and checked already.
    """

    actions: Actions
    own: Actions
    reason: Ints
    asked: Bools
    adopted: Bools
    advice: AdviceBatch | None = None

    @classmethod
    def alone(cls, actions: Actions, reason: Reason) -> Choice:
        """The same reason for everybody, and nobody asked."""
        n = len(actions.arm)
        none = np.zeros(n, bool)
        return cls(actions, actions, np.full(n, REASONS.index(reason)), none, none)


@dataclass(frozen=True, eq=False)
class Proposal:
    """A choice for R contexts with its bounds: mean, lcb, ucb (R,) on the mean scale (reward units)."""

    contexts: Contexts
    choice: Choice
    mean: Floats
    lcb: Floats
    ucb: Floats

    @property
    def actions(self) -> Actions:
        return self.choice.actions


@dataclass(frozen=True)
class ArmOption:
    """One treatment for one patient: its best change, its value with that change and with no change at all.

    lcb, ucb: the policy's own confidence bounds. low, high: see `Decision`.
    """

    arm: int
    eligible: bool
    delta: tuple[float, ...]
    effort: float
    mean: float
    lcb: float
    ucb: float
    low: float
    high: float
    mean_unchanged: float
    low_unchanged: float
    high_unchanged: float


@dataclass(frozen=True)
class Decision:
    """The record of one choice for one patient; pages, log, tests and reports all read this and nothing else.

    delta is standardised (d_M numbers). mean, lcb, ucb and every option are on the mean scale, in the problem's
    reward unit. lcb and ucb are the bandit's confidence bounds at radius `beta` (`radius` says which kind), not an
    interval to show to a clinician; width = ucb - lcb. low and high are: a 95 % credible interval of the mean in the
    estimator's own Gaussian approximation (prior variance noise^2 / ridge for theta). `contributions` are
    theta_a[j] * x'[j], one for each entry of x', on the index scale, under the current estimate.
    """

    policy: str
    round: int
    patient: str
    row: int
    arm: int
    delta: tuple[float, ...]
    mean: float
    lcb: float
    ucb: float
    low: float
    high: float
    width: float
    beta: float
    radius: str
    options: tuple[ArmOption, ...]
    contributions: tuple[float, ...]
    asked: bool
    adopted: bool
    advice: Advice | None
    own_arm: int
    own_delta: tuple[float, ...]
    reason: Reason


State = dict[str, Any]


class Policy(ABC):
    """The interface. A new policy is one new file and one `@register` line.

    Parameters: the problem, the settings, the per-replicate random streams, and an advisor where
    `needs_advisor` says so. Learning happens only in `learn`.
    """

    name: ClassVar[str]
    label: ClassVar[str]  # what a clinician reads
    summary: ClassVar[str]  # one sentence for the About page and --help
    needs_advisor: ClassVar[bool] = False
    own_advisor: ClassVar[str | None] = None  # the advisor it always uses, whatever is chosen elsewhere

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

    @abstractmethod
    def choose(self, contexts: Contexts) -> Choice:
        """Choose for R contexts. Draws random numbers and asks the advisor, but learns nothing."""

    def propose(self, contexts: Contexts) -> Proposal:
        """choose(), with eligibility checked again at x' (a change that would break it is taken back) and bounds."""
        choice = self.choose(contexts)
        if self.problem.eligible_after is not None:
            fine = self.problem.eligible_after(contexts, choice.actions)
            if not fine.all():
                kept = np.where(fine[:, None], choice.actions.delta, 0.0)
                choice = replace(choice, actions=Actions(choice.actions.arm, kept))
        return Proposal(contexts, choice, *self.bounds(contexts, choice.actions))

    def learn(self, proposal: Proposal, outcomes: Outcomes) -> None:
        """Take in R outcomes. The base class counts the round and the questions."""
        self.t += 1
        self.calls += proposal.choice.asked

    def bounds(self, contexts: Contexts, actions: Actions) -> tuple[Floats, Floats, Floats]:
        """(mean, lcb, ucb), each (R,), on the mean scale; nan for a policy without a model."""
        unknown = np.full(len(contexts), np.nan)
        return unknown, unknown, unknown

    def credible(self, contexts: Contexts, actions: Actions) -> tuple[Floats, Floats, Floats]:
        """(mean, low, high), each (R,): the 95 % credible interval to show; nan for a policy without a model."""
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

    def decide(self, patient: Patient, advice: Advice | None = None) -> tuple[Decision, Proposal]:
        """Choose for one patient (a policy with one replicate): the full record, and the proposal to learn from.

        `advice` is only recorded: pass what the advisor said in its own words when there is more to keep of it.
        """
        contexts = Contexts.of(patient)
        proposal = self.propose(contexts)
        return self.record(patient, proposal, advice), proposal

    def record(self, patient: Patient, proposal: Proposal, advice: Advice | None = None) -> Decision:
        """Write a proposal out in full, as what a page shows and the log keeps."""
        contexts, choice, given = proposal.contexts, proposal.choice, proposal.choice.advice
        _, low, high = self.credible(contexts, proposal.actions)
        if advice is None and given is not None and choice.asked[0]:
            advice = self._heard(patient.row, given)
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
            width=float(proposal.ucb[0] - proposal.lcb[0]),
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
        )

    def _heard(self, row: int, given: AdviceBatch) -> Advice:
        """The advice as used (checked and projected), with the advisor's own status and reason if it has them."""
        assert self.advisor is not None
        said = self.advisor.remembered(row) or Advice(self.advisor.name, "ok" if given.given[0] else "refused")
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
        """Take over a saved state. Raises ValueError when it belongs to another policy, version or shape."""
        if state.get("schema") != 1 or state.get("policy") != self.name:
            raise ValueError(
                f"this state is of {state.get('policy')!r}, schema {state.get('schema')!r}, not {self.name}"
            )
        self.load({name: np.asarray(value) for name, value in state["arrays"].items()})
        self.t = int(state["t"])
        self.streams.restore(state["streams"])
        if self.advisor is not None:
            self.advisor.restore(state["advisor"])

    def load(self, saved: dict[str, np.ndarray]) -> None:
        """Take over saved arrays(). Extend it in a subclass that extends arrays()."""
        copy_into({"calls": self.calls}, saved)


REGISTRY: dict[str, type[Policy]] = {}


def register(policy: type[Policy]) -> type[Policy]:
    """Class decorator: put a policy on the list that pages and the command line show."""
    REGISTRY[policy.name] = policy
    return policy
