"""Simulated advisors: experts of known quality, built from the true model of a simulation. None is an LLM.

Two seeded parameters: how often the arm is replaced by a random one (noise), and how often by the advisor's preferred
arm (systematic bias, which is worse). Also the extreme cases to test first: random, adversarial, silent.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from libra_core.advisors.base import AdviceBatch, Advisor, AdvisorKind, World, offer
from libra_core.arrays import Floats, Ints
from libra_core.problem import Actions, Contexts, Problem
from libra_core.recourse.optimistic import plan
from libra_core.recourse.plans import evaluate

BLUR = 0.3  # a near-optimal advisor knows theta up to noise of this share of its spread


@dataclass(frozen=True)
class Quality:
    """How a simulated advisor chooses: with probability `flip` a random arm, with probability `bias` its preferred arm,
    otherwise the best one under its noisy view of the truth. `blur`: noise on theta, in units of theta's own spread."""

    flip: float = 0.0
    bias: float = 0.0
    blur: float = BLUR
    worst: bool = False  # the worst arm, no change of habits
    silent: bool = False


def parse_quality(spec: str) -> Quality:
    """near-optimal | noisy:SHARE | biased:SHARE | random | adversarial | refuses. Raises ValueError with the list."""
    name, _, number = spec.partition(":")
    try:
        share = float(number) if number else 1.0
        if not 0.0 <= share <= 1.0:
            raise ValueError
        plain = {
            "near-optimal": Quality(),
            "random": Quality(flip=1.0),
            "adversarial": Quality(worst=True),
            "refuses": Quality(silent=True),
        }
        if name in plain and not number:
            return plain[name]
        return {"noisy": Quality(flip=share), "biased": Quality(bias=share)}[name]
    except (KeyError, ValueError):
        raise ValueError(
            f"unknown advisor {spec!r}: choose near-optimal, noisy:SHARE, biased:SHARE, random, adversarial or refuses,"
            " with SHARE between 0 and 1"
        ) from None


class SimulatedAdvisor(Advisor):
    """Parameters: problem; truth theta (R, K, d); quality; seed; `first`, the number of the first replicate.

    Each replicate has its own view, preferred arm and random draws: adding replicates leaves earlier ones unchanged.
    """

    repeatable = True

    def __init__(self, problem: Problem, truth: Floats, spec: str, seed: int, first: int = 0) -> None:
        self.name = f"simulated:{spec}"
        self.quality = parse_quality(spec)
        self.problem = problem
        self.truth = truth
        self.generators = [np.random.default_rng([seed, first + r, 7]) for r in range(len(truth))]
        spread = truth.std(axis=(1, 2), keepdims=True)
        noise = np.stack([g.standard_normal(truth.shape[1:]) for g in self.generators])
        self.view = truth + self.quality.blur * spread * noise
        self.preference = np.array([g.permutation(problem.n_arms) for g in self.generators])  # preferred arm first
        self.no_doubt = np.zeros((*truth.shape, truth.shape[2]))

    @classmethod
    def make(cls, name: str, environment: World, seed: int) -> SimulatedAdvisor:
        return cls(environment.problem, environment.theta, name, seed, environment.first)

    def advise_many(self, contexts: Contexts, replicates: Ints) -> AdviceBatch:
        n = len(contexts)
        if self.quality.silent:
            return AdviceBatch.silence(n, self.problem.d_mutable)
        if self.quality.worst:
            return self._worst(contexts, replicates)
        draws = np.array([self.generators[r].random(2) for r in replicates])
        named = self._named(contexts, replicates, draws)
        only = contexts.eligible & ((named < 0)[:, None] | (np.arange(self.problem.n_arms) == named[:, None]))
        best = plan(
            self.problem.feasible,
            self.view[replicates],
            self.no_doubt[replicates],
            replace(contexts, eligible=only),
            0.0,
            np.asarray(self.problem.realised),
            link=self.problem.link,
        )
        return AdviceBatch(np.ones(n, bool), best.actions.arm, best.actions.delta)

    def _named(self, contexts: Contexts, replicates: Ints, draws: Floats) -> Ints:
        """The eligible arm that noise or bias selects, -1 where the advisor follows its own view."""
        order = self.preference[replicates]
        allowed = np.take_along_axis(contexts.eligible, order, axis=1)
        favourite = np.take_along_axis(order, allowed.argmax(axis=1)[:, None], axis=1)[:, 0]
        count = np.cumsum(contexts.eligible, axis=1)
        pick = 1 + np.floor(draws[:, 1:] * count[:, -1:])
        anyone = (count >= pick).argmax(axis=1)
        quality = self.quality
        return np.select(
            [draws[:, 0] < quality.flip, draws[:, 0] < quality.flip + quality.bias], [anyone, favourite], -1
        )

    def _worst(self, contexts: Contexts, replicates: Ints) -> AdviceBatch:
        n, K = contexts.eligible.shape
        still = np.zeros_like(contexts.lo)
        values = np.full((n, K), np.inf)
        for k in range(K):
            arm = np.full(n, k)
            z, _ = evaluate(self.truth[replicates], self.no_doubt[replicates], contexts, Actions(arm, still))
            worth = contexts.worth(self.problem.link.mean(z), arm)
            values[:, k] = np.where(contexts.eligible[:, k], worth, np.inf)
        return AdviceBatch(np.ones(n, bool), values.argmin(axis=1), still)

    def state(self) -> Any:
        return [g.bit_generator.state for g in self.generators]

    def restore(self, state: Any) -> None:
        for generator, saved in zip(self.generators, state, strict=True):
            generator.bit_generator.state = saved


for _name, _label in {
    "near-optimal": "Simulated expert, nearly always right",
    "noisy:0.3": "Simulated advisor, random choice in 30 %",
    "biased:0.5": "Simulated advisor, biased in 50 %",
    "random": "Simulated advisor, always random",
    "adversarial": "Simulated advisor, always the worst",
    "refuses": "Simulated advisor, never answers",
}.items():
    offer(AdvisorKind(_name, _label, SimulatedAdvisor.make))
