"""The advisor interface: it takes a case and returns advice; a failure is a status, never an exception.

An advisor may be a rule book, a simulated expert, a language model or a clinician. The policy treats them alike.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar, Literal, Protocol, TypeVar, runtime_checkable

import numpy as np

from libra_core.arrays import Bools, Floats, Ints
from libra_core.cases import Case
from libra_core.cohort import Cohort
from libra_core.problem import Actions, Contexts, Problem
from libra_core.recourse.plans import Plans

Status = Literal[
    "ok",
    "cached",
    "refused",
    "invalid",
    "truncated",
    "budget",
    "auth",
    "rate_limited",
    "unavailable",
    "bad_request",
    "off",
]


@dataclass(frozen=True)
class Advice:
    """An arm and a change of habits (standardised, d_M numbers), or the reason why there is none.

    `arm` is -1 without usable advice.
    """

    source: str
    status: Status
    arm: int = -1
    delta: tuple[float, ...] = ()
    rationale: str = ""
    vote_share: float = 1.0

    @property
    def given(self) -> bool:
        return self.arm >= 0 and self.status in ("ok", "cached")


@dataclass(frozen=True, eq=False)
class AdviceBatch:
    """Advice for n contexts: given (n,), arm (n,), delta (n, d_M). Rows with given = False hold zeros."""

    given: Bools
    arm: Ints
    delta: Floats

    def checked(self, contexts: Contexts, problem: Problem) -> AdviceBatch:
        """The same advice, with ineligible arms and non-finite numbers treated as no advice and every change projected
        onto the feasible set."""
        known = (self.arm >= 0) & (self.arm < problem.n_arms)
        arm = np.where(known, self.arm, 0)
        allowed = known & contexts.eligible[np.arange(len(arm)), arm]
        given = self.given & allowed & np.isfinite(self.delta).all(axis=1)
        delta = problem.feasible.project(np.where(given[:, None], self.delta, 0.0), contexts.lo, contexts.hi)
        return AdviceBatch(given, np.where(given, arm, 0), delta)

    @classmethod
    def silence(cls, n: int, d_mutable: int) -> AdviceBatch:
        """No advice for any of n contexts."""
        return cls(np.zeros(n, bool), np.zeros(n, np.int64), np.zeros((n, d_mutable)))

    def among(self, rows: Ints, n: int, others: AdviceBatch | None = None) -> AdviceBatch:
        """The same advice as rows `rows` of n, written into `others` if given; the other rows have none, or theirs."""
        out = others or AdviceBatch.silence(n, self.delta.shape[1])
        out.given[rows], out.arm[rows], out.delta[rows] = self.given, self.arm, self.delta
        return out


class World(Protocol):
    """The part of an environment that an advisor is made from; any `Environment` fits.

    problem; cohort, None without patients; theta (R, K, d), the truth, which only simulated advisors read; `first`, the
    number of the first replicate.
    """

    problem: Problem
    cohort: Cohort | None
    theta: Floats
    first: int


@dataclass(frozen=True, eq=False)
class Own:
    """What a policy would do without advice, for n patients: its upper bound and the width of its interval, as worth,
    each (n,)."""

    actions: Actions
    ucb: Floats
    width: Floats

    def take(self, subset: Ints) -> Own:
        return Own(self.actions.take(subset), self.ucb[subset], self.width[subset])


@runtime_checkable
class Asker(Protocol):
    """What an adversary reads of a policy that decides by a rule whether advice is adopted: LIBRA and its relatives.

    The methods are those of `policies.libra.Libra`: n contexts of the replicates `rows` (n,), any of them as often as
    needed. None draws a number or changes anything.
    """

    @property
    def beta(self) -> float: ...

    def own(self, contexts: Contexts, rows: Ints) -> Own: ...

    def would_adopt(self, contexts: Contexts, rows: Ints, own: Own, actions: Actions) -> Bools: ...

    def bounds(self, contexts: Contexts, actions: Actions, rows: Ints) -> tuple[Floats, Floats, Floats]: ...

    def plan(
        self, contexts: Contexts, beta: float, theta: None = None, table: bool = False, rows: Ints | None = None
    ) -> Plans: ...


class Advisor(ABC):
    """Gives advice on patients. A new advisor is one new file in this folder, with one `@register` line.

    An advisor that reads one patient at a time is a `CaseAdvisor`; this class answers whole batches.

    Not guaranteed: that advice is right, or even allowed. `AdviceBatch.checked` drops an ineligible arm and projects a
    change onto F, and every policy calls it. A failure is a status, never an exception.

    Examples
    --------
    >>> from libra_core.advisors import make_advisor
    >>> from libra_core.environments import EnvironmentSpec, make_environment
    >>> world = make_environment(EnvironmentSpec("synthetic"), seed=0)
    >>> expert = make_advisor("near-optimal", world, seed=0)
    >>> contexts = world.arrive()
    >>> advice = expert.advise_many(contexts, np.array([0])).checked(contexts, world.problem)
    >>> bool(advice.given[0]), advice.delta.shape
    (True, (1, 6))
    """

    name: str
    label: ClassVar[str]  # shown to clinicians
    needs_patients: ClassVar[bool] = False  # works over a cohort only
    takes_file: ClassVar[bool] = False  # name:FILE says where its answers lie
    provenance: str = ""  # where recorded words come from, for whoever reads them
    repeatable: ClassVar[bool] = False  # asking again gives the same answer, so a replay asks again

    @classmethod
    def make(cls, name: str, environment: World, seed: int) -> Advisor:
        """The advisor for one environment. Override it in a class that needs other arguments."""
        raise NotImplementedError(f"{cls.__name__} does not say how it is made: write its `make`")

    @abstractmethod
    def advise_many(self, contexts: Contexts, replicates: Ints) -> AdviceBatch:
        """Advice for every row of `contexts`; `replicates` says which replicate each row belongs to."""

    def meet(self, policy: object) -> None:  # noqa: B027 -- most advisors never look at who asks
        """The policy that will ask, once, as soon as it is made. Most advisors never look at it; adversaries do."""

    @property
    def members(self) -> tuple[Advisor, ...]:
        """Those who answer one by one: itself, unless it is a panel."""
        return (self,)

    def remembered(self, row: int) -> Advice | None:
        """Its last advice on a cohort row, with status and reason, if it keeps that; else None."""
        return None

    def state(self) -> Any:
        """What the advisor remembers, JSON-able; None for one that remembers nothing."""
        return None

    def restore(self, state: Any) -> None:  # noqa: B027 -- most advisors remember nothing
        """Restore a saved state()."""


CASES_KEPT = 4096  # some kilobytes each


class CaseAdvisor(Advisor):
    """An advisor that reads cases one by one. `cases(row)` makes the case of a cohort row; cases are
    cached, since a cohort never changes and a long simulation sees the same patients repeatedly."""

    needs_patients = True

    def __init__(self, cases: Callable[[int], Case], d_mutable: int) -> None:
        self.cases = lru_cache(maxsize=CASES_KEPT)(cases)
        self.d_mutable = d_mutable

    @classmethod
    def make(cls, name: str, environment: World, seed: int) -> CaseAdvisor:
        assert environment.cohort is not None  # make_advisor refuses an environment without patients
        return cls(environment.cohort.case, environment.problem.d_mutable)

    @abstractmethod
    def advise(self, case: Case) -> Advice:
        """Advice for one case. Must not raise: a failure is a status."""

    def advise_many(self, contexts: Contexts, replicates: Ints) -> AdviceBatch:
        out = AdviceBatch.silence(len(contexts), self.d_mutable)
        for i, row in enumerate(contexts.row):
            advice = self.advise(self.cases(int(row)))
            if advice.given:
                out.given[i], out.arm[i], out.delta[i] = True, advice.arm, advice.delta
        return out


@dataclass(frozen=True)
class AdvisorKind:
    """An advisor that can be chosen: `name` on the command line and in a study, `label` on a page.

    A name like "noisy:0.3" covers every noisy:SHARE; one that takes a file covers
    name:FILE. make: (name, environment, seed) -> the advisor. adversary: it means harm, and stands last on every list.
    """

    name: str
    label: str
    make: Callable[[str, World, int], Advisor]
    needs_patients: bool = False
    takes_file: bool = False
    adversary: bool = False

    def answers_to(self, name: str) -> bool:
        word, _, share = self.name.partition(":")
        return name == self.name or (bool(share or self.takes_file) and name.partition(":")[0] == word)


REGISTRY: dict[str, AdvisorKind] = {}
AnyAdvisor = TypeVar("AnyAdvisor", bound=Advisor)


def offer(kind: AdvisorKind) -> None:
    """Add an advisor to the list for pages, studies and the command line."""
    REGISTRY[kind.name] = kind


def register(advisor: type[AnyAdvisor]) -> type[AnyAdvisor]:
    """Class decorator: `offer` an advisor whose class has a name and a label."""
    offer(AdvisorKind(advisor.name, advisor.label, advisor.make, advisor.needs_patients, advisor.takes_file))
    return advisor
