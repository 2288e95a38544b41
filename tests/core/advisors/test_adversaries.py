"""Adversaries: what each names, what it reads, when it turns. The policy's own rule and brute force are the oracles."""

import itertools
import json
from dataclasses import replace

import numpy as np
import pytest

from libra_core.advisors import kinds, make_advisor
from libra_core.advisors.adversaries import FOLLOWED, Adaptive, Adversary, Poison
from libra_core.arrays import Floats
from libra_core.environments import Environment, EnvironmentSpec, make_environment
from libra_core.policies import REASONS, PolicyConfig, Reason
from libra_core.policies.libra import Libra
from libra_core.problem import Actions, Contexts
from libra_core.study import make_policy, run

SMALL = EnvironmentSpec(arms=4, d_immutable=3, d_mutable=2)
PATIENTS = EnvironmentSpec("hypertension", cohort="accord-like", compliance="partial")
NAMES = [name for name, kind in kinds().items() if kind.adversary]
CODES = {reason: REASONS.index(reason) for reason in Reason}


def _libra(world: Environment, advisor: str, rounds: int = 0, policy: str = "libra") -> tuple[Libra, Adversary]:
    libra = make_policy(policy, world, PolicyConfig(), 5, advisor)
    for _ in run(world, [libra], rounds):
        pass
    assert isinstance(libra, Libra)
    assert isinstance(libra.advisor, Adversary)
    return libra, libra.advisor


def _adopted(libra: Libra, contexts: Contexts, actions: Actions) -> np.ndarray:
    rows = np.arange(len(contexts))
    return libra.would_adopt(contexts, rows, libra.own(contexts, rows), actions)


def _brute(libra: Libra, world: Environment, contexts: Contexts, steps: int = 25) -> Floats:
    """The lowest true worth of all adopted actions on a grid over F, (R,)."""
    lowest = np.full(len(contexts), np.inf)
    side = np.linspace(-1, 1, steps)
    for arm, delta in itertools.product(range(4), itertools.product(side, side)):
        changes = world.problem.feasible.project(np.tile(delta, (len(contexts), 1)), contexts.lo, contexts.hi)
        actions = Actions(np.full(len(contexts), arm), changes)
        worth = np.where(_adopted(libra, contexts, actions), world.worth(contexts, actions), np.inf)
        lowest = np.minimum(lowest, worth)
    return lowest


def test_adaptive_names_nearly_the_worst_that_the_rule_adopts() -> None:
    """Brute force over a grid: the search stays within 0.05 of a probability of it on average, and never below the
    worst that there is by more than the grid is coarse."""
    world = make_environment(SMALL, 3, 8)
    libra, adversary = _libra(world, "adaptive", 60)
    contexts = world.arrive()
    rows = np.arange(8)
    unsure = libra.own(contexts, rows).width > libra.width_threshold
    advice = adversary.advise_many(contexts, rows)
    actions = Actions(advice.arm, advice.delta)
    assert unsure.any()
    assert advice.given[unsure].all()
    assert _adopted(libra, contexts, actions)[unsure].all()
    gap = (world.worth(contexts, actions) - _brute(libra, world, contexts))[unsure]
    assert gap.mean() < 0.05
    assert gap.min() > -0.05


@pytest.mark.parametrize("name", ["libra", "hr-bandit", "libra-trial"])
@pytest.mark.parametrize("spec", [SMALL, PATIENTS])
def test_libra_adopts_every_answer_of_adaptive_but_for_the_coin(name: str, spec: EnvironmentSpec) -> None:
    world = make_environment(spec, 4, 6)
    libra, _ = _libra(world, "adaptive", policy=name)
    seen = 0
    for now in run(world, [libra], 40):
        choice = now.steps[0].proposal.choice
        control = choice.reason == CODES[Reason.CONTROL]
        assert (choice.adopted | control)[choice.asked].all()
        seen += int(choice.adopted.sum())
    assert seen > 50


def test_adaptive_names_the_worst_of_all_to_who_follows_everything() -> None:
    world = make_environment(SMALL, 4, 5)
    policy = make_policy("advisor-only", world, PolicyConfig(), 5, "adaptive")
    contexts = world.arrive()
    worth = world.worth(contexts, policy.propose(contexts).actions)
    generator = np.random.default_rng(0)
    for _ in range(300):
        delta = world.problem.feasible.project(2 * generator.standard_normal((5, 2)), contexts.lo, contexts.hi)
        assert (world.worth(contexts, Actions(generator.integers(0, 4, 5), delta)) >= worth - 1e-9).all()


def test_a_turncoat_turns_after_its_last_good_round() -> None:
    world, twin, other = (make_environment(SMALL, 4, 5) for _ in range(3))
    pairs = [(world, "turncoat:12"), (twin, "near-optimal"), (other, "turncoat:13")]
    runs = [run(w, [make_policy("libra", w, PolicyConfig(), 5, advisor)], 13) for w, advisor in pairs]
    for now, good, later in zip(*runs, strict=True):
        said, expert, waits = (step.steps[0].proposal.actions.delta for step in (now, good, later))
        assert np.array_equal(said, expert) == (now.t <= 12)
        assert np.array_equal(waits, expert)


def test_poison_earns_first_then_follows_the_wrong_model() -> None:
    world = make_environment(SMALL, 4, 5)
    libra, poison = _libra(world, "poison")
    assert isinstance(poison, Poison)
    rows, contexts = np.arange(5), world.arrive()
    expert = make_advisor("near-optimal", world, 5)
    np.testing.assert_array_equal(poison.advise_many(contexts, rows).delta, expert.advise_many(contexts, rows).delta)
    poison.followed[:] = FOLLOWED
    advice = poison.advise_many(contexts, rows)
    assert _adopted(libra, contexts, Actions(advice.arm, advice.delta)).all()
    regret = world.best(contexts) - world.worth(contexts, Actions(advice.arm, advice.delta))
    assert regret.mean() > 0.1
    differences = poison.expert.view[:, :1] - poison.expert.view
    np.testing.assert_allclose(poison.wrong[:, :1] - poison.wrong, -differences, atol=1e-12)


def test_poison_believes_a_policy_that_says_who_leads() -> None:
    world = make_environment(SMALL, 4, 5)
    libra, poison = _libra(world, "poison")
    assert isinstance(poison, Poison)
    libra.leads = np.array([True, False, True, False, False])  # type: ignore[attr-defined]
    assert poison._trusted(np.arange(5)).tolist() == [True, False, True, False, False]


def test_always_names_its_arm_or_nothing() -> None:
    world = make_environment(SMALL, 4, 6)
    _, adversary = _libra(world, "always:3")
    contexts = world.arrive()
    eligible = contexts.eligible.copy()
    eligible[:2, 2] = False
    advice = adversary.advise_many(replace(contexts, eligible=eligible), np.arange(6))
    assert advice.given.tolist() == [False, False, True, True, True, True]
    assert (advice.arm[2:] == 2).all()


def test_contrarian_never_reads_the_truth() -> None:
    world, lie = make_environment(SMALL, 4, 6), make_environment(SMALL, 4, 6)
    lie.theta = -lie.theta
    libra, adversary = _libra(world, "contrarian", 30)
    twin, liar = _libra(lie, "contrarian")
    twin.load(libra.arrays())
    twin.t = libra.t
    contexts, rows = world.arrive(), np.arange(6)
    said, same = (a.advise_many(contexts, rows) for a in (adversary, liar))
    np.testing.assert_array_equal(said.arm, same.arm)
    np.testing.assert_array_equal(said.delta, same.delta)
    assert said.given.any()
    own = libra.own(contexts, rows).actions
    assert (said.arm != own.arm)[said.given].all()
    assert ((said.delta * own.delta).sum(axis=1) <= 0).all()


@pytest.mark.parametrize("name", NAMES)
def test_a_saved_adversary_gives_the_same_answers(name: str) -> None:
    world = make_environment(SMALL, 4, 3)
    libra, adversary = _libra(world, name, 20)
    saved = json.loads(json.dumps(libra.state()))
    contexts, rows = world.arrive(), np.arange(3)
    first = adversary.advise_many(contexts, rows)
    copy, twin = _libra(world, name)
    copy.restore(saved)
    again = twin.advise_many(contexts, rows)
    for key in ("given", "arm", "delta"):
        np.testing.assert_array_equal(getattr(first, key), getattr(again, key))


@pytest.mark.parametrize("name", NAMES)
def test_more_replicates_change_none(name: str) -> None:
    few, many = (make_environment(SMALL, 4, n) for n in (2, 5))
    for a, b in zip(*(run(w, [_libra(w, name)[0]], 25) for w in (few, many)), strict=True):
        np.testing.assert_array_equal(a.steps[0].proposal.actions.arm, b.steps[0].proposal.actions.arm[:2])


@pytest.mark.parametrize("name", NAMES)
def test_what_is_contraindicated_is_never_named(name: str) -> None:
    world = make_environment(PATIENTS, 4, 6)
    _, adversary = _libra(world, name, 15)
    rows = np.arange(6)
    for _ in range(10):
        contexts = world.arrive()
        advice = adversary.advise_many(contexts, rows)
        assert (advice.checked(contexts, world.problem).given == advice.given).all()
        assert world.problem.feasible.contains(advice.delta, contexts.lo, contexts.hi).all()


@pytest.mark.parametrize("name", ["always:0", "always:5", "always:x", "always", "turncoat:-1", "turncoat:soon"])
def test_a_wrong_number_is_refused_in_words(name: str) -> None:
    with pytest.raises(ValueError, match="unknown advisor"):
        make_advisor(name, make_environment(SMALL, 0, 1), 0)


def test_adversaries_stand_last_and_say_what_they_are() -> None:
    assert list(kinds())[-len(NAMES) :] == NAMES == ["adaptive", "turncoat:1000", "poison", "always:1", "contrarian"]
    assert all(kinds()[name].label.startswith("Simulated adversary, ") for name in NAMES)
    assert isinstance(make_advisor("turncoat:7", make_environment(SMALL, 0, 1), 0), Adaptive)
