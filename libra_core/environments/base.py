"""The environment interface: draws patients, simulates outcomes, and knows the true model."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from libra_core.arrays import Bools, Floats
from libra_core.cohort import Cohort
from libra_core.problem import Actions, Contexts, Outcomes, Problem, moved
from libra_core.recourse.optimistic import plan
from libra_core.recourse.plans import evaluate
from libra_core.streams import Streams


@dataclass(frozen=True)
class EnvironmentSpec:
    """Settings of an environment; each kind uses those that apply to it. None = that kind's own default.

    link: "identity" or "logistic". noise: SD of a reward with the identity link. gamma: radius of the feasible ball.
    arms, d_immutable (without the intercept), d_mutable, spread: size of the synthetic one, and the scale of its
    theta, N(0, spread^2 / d). contrast: how much treatment effects differ between patients (1 = realistic).
    compliance: patients make the whole advised change (the paper's setting), or a random share of it.
    limits: names of the protocol's further limits that are switched on.
    """

    name: str = "synthetic"
    cohort: str | None = None
    link: str | None = None
    noise: float | None = None
    gamma: float | None = None
    arms: int = 6
    d_immutable: int = 6
    d_mutable: int = 6
    spread: float = 1.5
    contrast: float = 1.0
    compliance: Literal["full", "partial"] = "full"
    limits: tuple[str, ...] = ()

    def validate(self) -> EnvironmentSpec:
        """Return self, or raise ValueError with a sentence for a person."""
        for name, low, high in (("arms", 2, 200), ("d_immutable", 0, 200), ("d_mutable", 1, 60)):
            value = getattr(self, name)
            if not low <= value <= high:
                raise ValueError(f"{name} must be between {low} and {high}, got {value}")
        for name, most in (("noise", 1e6), ("gamma", 1000), ("spread", 1000), ("contrast", 1000)):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= most:
                raise ValueError(f"{name} must be a number from 0 to {most:,.0f}, got {value:g}")
        if self.compliance not in ("full", "partial"):
            raise ValueError(f"compliance must be full or partial, got {self.compliance!r}")
        if self.link not in (None, "identity", "logistic"):
            raise ValueError(f"link must be identity or logistic, got {self.link!r}")
        return self


@dataclass(frozen=True, eq=False)
class RoundDraws:
    """One round's draws, the same for every policy of a run: noise (R,) and realised shares (R, d_M)."""

    noise: Floats
    realised: Floats


class Environment(ABC):
    """R replicates of one simulated world; theta (R, K, d) is its true model. A new one is one file, beside its TOML.

    Parameters
    ----------
    spec : settings; each environment uses those that apply to it.
    seed, first : replicate r draws from the streams of (seed, first + r), whatever else runs.
    replicates : R.
    cohort : replaces the one that `spec` names.

    Raises
    ------
    ValueError : settings out of range.

    Not guaranteed: that real patients respond as simulated; no environment here is calibrated to a trial's outcome.

    Examples
    --------
    >>> world = make_environment(EnvironmentSpec("synthetic", arms=3), seed=0, replicates=2)
    >>> contexts = world.arrive()
    >>> best = world.best(contexts)
    >>> plain = Actions(np.zeros(2, int), np.zeros_like(contexts.lo))
    >>> bool((world.worth(contexts, plain) <= best).all())
    True
    """

    name: ClassVar[str]
    label: ClassVar[str]
    cohort: Cohort | None = None
    problem: Problem
    theta: Floats

    def __init__(
        self, spec: EnvironmentSpec, seed: int, replicates: int, first: int = 0, cohort: Cohort | None = None
    ) -> None:
        self.spec = spec.validate()
        self.seed, self.first, self.replicates = seed, first, replicates
        self.arrivals = Streams(seed, "arrivals", replicates, first)
        self.noise = Streams(seed, "noise", replicates, first)
        self.compliance = Streams(seed, "compliance", replicates, first)

    @abstractmethod
    def arrive(self) -> Contexts:
        """The next R patients."""

    def realised_shares(self) -> Floats:
        """(R, d_M): the share of an advised change that each patient actually makes."""
        return np.ones((self.replicates, self.problem.d_mutable))

    def groups(self, contexts: Contexts) -> dict[str, Bools]:
        """Subgroups for reporting: name -> membership (R,)."""
        return {}

    def draws(self) -> RoundDraws:
        draw = self.noise.uniform(1) if self.problem.link.binary else self.noise.normal(1)
        return RoundDraws(draw[:, 0], self.realised_shares())

    def means(self, contexts: Contexts, actions: Actions) -> Floats:
        """Expected reward (R,) of actions, at the expected realised change: a fact, not what it is worth."""
        z, _ = evaluate(self.theta, self.no_doubt, contexts, actions, np.asarray(self.problem.realised))
        return self.problem.link.mean(z)

    def worth(self, contexts: Contexts, actions: Actions) -> Floats:
        """What the expected reward of actions is worth, (R,): regret is best() less this."""
        return contexts.worth(self.means(contexts, actions), actions.arm)

    def best(self, contexts: Contexts) -> Floats:
        """The largest worth (R,) over eligible arms and feasible changes: the reference for regret."""
        problem, realised = self.problem, np.asarray(self.problem.realised)
        plans = plan(problem.feasible, self.theta, self.no_doubt, contexts, 0.0, realised, link=problem.link)
        return contexts.worth(problem.link.mean(plans.chosen()[0]), plans.arm)

    @property
    def no_doubt(self) -> Floats:
        """A = 0, (R, K, d, d): the true model has no uncertainty."""
        if not hasattr(self, "_no_doubt"):
            self._no_doubt = np.zeros((*self.theta.shape, self.theta.shape[2]))
        return self._no_doubt

    def respond(self, contexts: Contexts, actions: Actions, draws: RoundDraws) -> Outcomes:
        """Simulated outcomes: the patient makes a share of the change; the reward is noisy."""
        x = moved(contexts.x, actions.delta * draws.realised)
        index = np.einsum("rd,rd->r", self.theta[np.arange(len(x)), actions.arm], x)
        mean = self.problem.link.mean(index)
        if self.problem.link.binary:
            return Outcomes((draws.noise < mean).astype(float), x)
        return Outcomes(mean + self.problem.noise * draws.noise, x)


ENVIRONMENTS: dict[str, type[Environment]] = {}
TWISTS: dict[str, type[Environment]] = {}  # filled by `environments.twists`


def register(environment: type[Environment]) -> type[Environment]:
    """Class decorator: add an environment to the list for pages and the command line."""
    ENVIRONMENTS[environment.name] = environment
    return environment


def make_environment(
    spec: EnvironmentSpec, seed: int, replicates: int = 1, first: int = 0, cohort: Cohort | None = None
) -> Environment:
    """`cohort` replaces the one that the spec names, for instance by an uploaded one. A name may end in a twist that
    breaks the model, with a number of its own: "hypertension~drift:1500" (`environments.twists`).

    Raises ValueError for an unknown name or unusable settings, with what to do.
    """
    name, _, twisted = spec.name.partition("~")
    if name not in ENVIRONMENTS:
        raise ValueError(f"unknown environment {name!r}: choose one of {', '.join(ENVIRONMENTS)}")
    kind = _twisted(ENVIRONMENTS[name], twisted) if twisted else ENVIRONMENTS[name]
    return kind(spec, seed, replicates, first, cohort)


def _twisted(base: type[Environment], spec: str) -> type[Environment]:
    """The class of a base environment with a twist before it. Raises ValueError with the twists on offer."""
    name, _, number = spec.partition(":")
    if name not in TWISTS:
        raise ValueError(f"unknown twist {name!r}: choose one of {', '.join(TWISTS)}")
    try:
        value = float(number) if number else None
    except ValueError:
        value = -1.0
    if value is not None and not 0 < value < 1e9:
        raise ValueError(f"the number of the twist {name} must be above 0, got {number!r}")
    return type(f"{TWISTS[name].__name__}{base.__name__}", (TWISTS[name], base), {"number": value})


def recheck_of(cohort: Cohort) -> Callable[[Contexts, Actions], Bools] | None:
    """The check of eligibility at x', or None when no contraindication depends on a habit that a plan can change."""
    protocol = cohort.protocol
    moving = {f.name for f in protocol.mutable_features}
    moving |= {f.floor_ratio.feature for f in protocol.mutable_features if f.floor_ratio is not None}
    if not any(moving & set(protocol.safety_features(k)) for k in range(len(protocol.treatments))):
        return None
    values = cohort.values
    return lambda contexts, actions: protocol.eligible_after(values[contexts.row], actions.arm, actions.delta)
