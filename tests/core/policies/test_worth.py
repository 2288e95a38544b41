"""Declared values in the policies: LIBRA judges by worth, regret is counted in it, the reward itself is learned."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libra_core.clinical import Worth
from libra_core.cohort import load_cohort
from libra_core.environments import EnvironmentSpec, make_environment
from libra_core.policies import REASONS, Policy, PolicyConfig, Proposal, Reason
from libra_core.problem import Actions, Contexts
from libra_core.study import LiveRun, make_policy
from libra_core.study.runner import play
from libra_core.study.sensitivity import sensitivity

SMALL = EnvironmentSpec(arms=4, d_immutable=3, d_mutable=4)
NHANES = load_cohort("nhanes")
FACTORS = st.floats(0, 3)
WORTHS = st.builds(Worth, st.floats(0.01, 1), FACTORS, FACTORS, FACTORS, FACTORS)


def _valued(contexts: Contexts, rng: np.random.Generator) -> Contexts:
    """The same patients, to whom outcomes are worth more or less, and arms differ in what they cost."""
    weight, offset = rng.uniform(0.2, 1.0, len(contexts)), 0.3 * rng.standard_normal(contexts.eligible.shape)
    return replace(contexts, weight=weight, offset=offset)


@pytest.mark.parametrize("link", ["identity", "logistic"])
def test_questions_adoption_and_regret_are_judged_by_worth(link: str) -> None:
    """LIBRA's rule written down once more, from the bounds of both plans, with declared weights and offsets."""
    world, rng = make_environment(replace(SMALL, link=link), 2, 8), np.random.default_rng(3)
    policy = make_policy("libra", world, PolicyConfig(), 5, "noisy:0.5")
    code = {reason: REASONS.index(reason) for reason in Reason}
    asked = adopted = 0

    def watch(policy: Policy, proposal: Proposal) -> None:
        nonlocal asked, adopted
        contexts, choice = proposal.contexts, proposal.choice
        _, lcb, ucb = policy.bounds(contexts, choice.own)
        width = contexts.weight * (ucb - lcb)
        np.testing.assert_array_equal(choice.asked, width > policy.width_threshold)
        if choice.advice is None:
            return
        theirs = Actions(choice.advice.arm, choice.advice.delta)
        _, low, high = policy.bounds(contexts, theirs)
        plausible = contexts.worth(high, theirs.arm) >= contexts.worth(ucb, choice.own.arm) - 0.5 * width
        informative = contexts.weight * (high - low) > policy.width_threshold
        answered = choice.asked & choice.advice.given
        np.testing.assert_array_equal(choice.adopted, answered & plausible & informative)
        np.testing.assert_array_equal(choice.reason == code[Reason.RULED_OUT], answered & ~plausible)
        asked, adopted = asked + int(answered.sum()), adopted + int(choice.adopted.sum())

    for t in range(1, 151):
        contexts = _valued(world.arrive(), rng)
        now = play(world, [policy], contexts, t, watch)
        step = now.steps[0]
        z = np.einsum("rd,rd->r", world.theta[np.arange(8), step.proposal.actions.arm], step.outcomes.x)
        worth = contexts.weight * world.problem.link.mean(z) + contexts.offset[np.arange(8), step.proposal.actions.arm]
        np.testing.assert_allclose(step.regret, now.best - worth, atol=1e-9)
        assert (step.regret >= -1e-9).all()
    assert 100 < adopted < asked


def test_a_policy_learns_the_reward_whatever_it_is_worth() -> None:
    """The same actions and outcomes under other values leave the same state."""
    states = []
    for seed in (None, 5):
        world = make_environment(SMALL, 4, 3)
        policy = [make_policy(name, world, PolicyConfig(), 5) for name in ("random", "glrb")]
        rng = np.random.default_rng(seed)
        for _ in range(30):
            contexts = world.arrive()
            proposal = policy[0].propose(contexts if seed is None else _valued(contexts, rng))
            policy[1].learn(proposal, world.respond(contexts, proposal.actions, world.draws()))
        states.append(policy[1].state()["arrays"])
    assert states[0] == states[1]


@settings(deadline=None)
@given(st.integers(0, len(NHANES) - 1), WORTHS)
def test_values_never_change_who_may_have_what(row: int, worth: Worth) -> None:
    """The mask, the box and the context are the patient's; only weight and offsets follow the values."""
    declared, own = NHANES.contexts(np.array([row])), NHANES.contexts(np.array([row]), worth)
    for name in ("x", "lo", "hi", "eligible", "row"):
        np.testing.assert_array_equal(getattr(declared, name), getattr(own, name))
    assert (own.weight > 0).all()


def _learned(patients: int = 150) -> LiveRun:
    run = LiveRun.start(NHANES, "glrb", seed=3)
    for _ in range(patients):
        run.step()
    return run


RUN = _learned()


@settings(deadline=None, max_examples=40)
@given(st.sampled_from(NHANES.arrivals.tolist()), WORTHS)
def test_a_plan_under_other_values_is_eligible_and_teaches_nothing(row: int, worth: Worth) -> None:
    before = RUN.policy.state()
    RUN.worth = worth
    decision = RUN.decision_for(row)
    RUN.worth = None
    assert NHANES.patient(row).eligible[decision.arm]
    assert RUN.policy.state() == before


def test_what_is_said_to_keep_the_plan_keeps_it() -> None:
    """Ends and just beyond: inside the stretch the run's own plan stays, on the next grid point it does not."""
    rows = [row for row in NHANES.arrivals[:60].tolist() if not NHANES.due(row).now][:4] + NHANES.arrivals[:3].tolist()
    changed = 0
    for row in rows:
        own = RUN.decision_for(row)
        for line in sensitivity(RUN, row):
            assert all(a.high < b.low for a, b in itertools.pairwise(line.stretches))
            for stretch in line.stretches:
                for value in {stretch.low, stretch.high}:
                    RUN.worth = replace(NHANES.protocol.worth, **{line.name: value})
                    decision = RUN.decision_for(row)
                    assert decision.arm == stretch.arm
                    habits = np.array_equal(np.abs(decision.delta) > 1e-9, np.abs(own.delta) > 1e-9)
                    assert stretch.same == (decision.arm == own.arm and habits)
            changed += len(line.stretches) > 1
            assert line.stays[0] <= line.now <= line.stays[1]
    RUN.worth = None
    assert changed


def test_a_weight_counts_only_where_treatment_is_not_due() -> None:
    for row in NHANES.arrivals[:40].tolist():
        elsewhere = next(line for line in sensitivity(RUN, row) if line.name == "elsewhere")
        if NHANES.due(row).now:
            assert len(elsewhere.stretches) == 1


def test_a_method_without_a_model_has_no_sensitivity() -> None:
    run = LiveRun.start(NHANES, "guideline", seed=0)
    assert sensitivity(run, int(NHANES.arrivals[0])) == ()
