"""One run: policies side by side on the same patients and the same draws. The only loop over rounds in the project."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from libra_core.advisors import make_advisor
from libra_core.advisors.base import Advisor
from libra_core.arrays import Floats
from libra_core.environments import Environment
from libra_core.policies import REGISTRY, Policy, PolicyConfig, Proposal
from libra_core.policies.baselines import Oracle
from libra_core.problem import Contexts, Outcomes
from libra_core.streams import Streams


@dataclass(frozen=True, eq=False)
class PolicyStep:
    """What one policy did in one round: regret (R,) is expected, in reward units; seconds is its CPU time."""

    policy: Policy
    proposal: Proposal
    outcomes: Outcomes
    regret: Floats
    seconds: float


@dataclass(frozen=True, eq=False)
class Round:
    """One round of all policies; t counts from 1."""

    t: int
    contexts: Contexts
    best: Floats
    steps: tuple[PolicyStep, ...]


def make_policy(
    name: str, environment: Environment, config: PolicyConfig, seed: int, advisor: str | Advisor | None = None
) -> Policy:
    """A policy of the registry for one environment. `advisor` is a name or an object.

    Raises ValueError for an unknown policy or advisor, or one that this environment cannot serve.

    >>> from libra_core.environments import EnvironmentSpec, make_environment
    >>> world = make_environment(EnvironmentSpec("synthetic"), seed=0)
    >>> make_policy("libra", world, PolicyConfig(), seed=0, advisor="near-optimal").label
    "LIBRA, the paper's rule"
    """
    if name not in REGISTRY:
        raise ValueError(f"unknown policy {name!r}: choose one of {', '.join(REGISTRY)}")
    kind = REGISTRY[name]
    streams = Streams(seed, f"policy:{name}", environment.replicates, environment.first)
    chosen: Advisor | None = None
    if kind.needs_advisor:
        wanted = kind.own_advisor or advisor
        chosen = make_advisor(wanted, environment, seed) if isinstance(wanted, str) else wanted
    policy = kind(environment.problem, config, streams, chosen)
    if isinstance(policy, Oracle):
        policy.truth = environment.theta
    policy.name = name  # a session recorded under a former name keeps it
    return policy


def play(
    environment: Environment,
    policies: Sequence[Policy],
    contexts: Contexts,
    t: int,
    watch: Callable[[Policy, Proposal], None] = lambda policy, proposal: None,
) -> Round:
    """One round: the same patients and draws for all policies. `watch` gets each choice before it is learned."""
    best, draws = environment.best(contexts), environment.draws()
    steps = []
    for policy in policies:
        started = time.thread_time()
        proposal = policy.propose(contexts)
        chosen = time.thread_time()
        watch(policy, proposal)
        outcomes = environment.respond(contexts, proposal.actions, draws)
        regret = best - environment.worth(contexts, proposal.actions)
        resumed = time.thread_time()
        policy.learn(proposal, outcomes)
        seconds = (chosen - started) + (time.thread_time() - resumed)
        steps.append(PolicyStep(policy, proposal, outcomes, regret, seconds))
    return Round(t, contexts, best, tuple(steps))


def run(environment: Environment, policies: Sequence[Policy], rounds: int) -> Iterator[Round]:
    """Rounds 1..rounds, one after another: progress bars, pages, files and tests all read this stream.

    >>> from libra_core.environments import EnvironmentSpec, make_environment
    >>> world = make_environment(EnvironmentSpec("synthetic"), seed=0)
    >>> glrb = make_policy("glrb", world, PolicyConfig(), seed=0)
    >>> [now.t for now in run(world, [glrb], 3)]
    [1, 2, 3]
    """
    for t in range(1, rounds + 1):
        yield play(environment, policies, environment.arrive(), t)
