"""One battery of checks for every registered policy, and the rules of LIBRA one by one."""

import json
from typing import Any, Literal, get_args, get_origin, get_type_hints

import numpy as np
import pytest

from libra_core.advisors.base import AdviceBatch, Advisor
from libra_core.arrays import Ints
from libra_core.cohort import load_cohort
from libra_core.environments import Environment, EnvironmentSpec, make_environment
from libra_core.policies import REASONS, REGISTRY, Policy, PolicyConfig, Reason
from libra_core.problem import Contexts
from libra_core.study import make_policy, run

SMALL = EnvironmentSpec(arms=4, d_immutable=3, d_mutable=4)
ON_COHORT = EnvironmentSpec("hypertension", cohort="accord-like", compliance="partial")
EVERYONE = sorted(REGISTRY)


def _world(name: str, replicates: int = 3, seed: int = 5) -> Environment:
    """The guideline needs patients; all others run on the small synthetic world."""
    return make_environment(ON_COHORT if REGISTRY[name].own_advisor else SMALL, seed, replicates)


def _policy(name: str, world: Environment, config: PolicyConfig | None = None, advisor: str = "noisy:0.3") -> Policy:
    return make_policy(name, world, config or PolicyConfig(), 5, advisor)


@pytest.mark.parametrize("name", EVERYONE)
def test_a_policy_says_what_it_is(name: str) -> None:
    kind = REGISTRY[name]
    assert kind.name == name
    assert kind.label
    assert kind.summary.endswith(".")
    assert kind.__doc__


@pytest.mark.parametrize("name", EVERYONE)
def test_every_action_is_eligible_and_feasible(name: str) -> None:
    world = make_environment(ON_COHORT, 3, 4)
    for now in run(world, [_policy(name, world)], 60):
        actions, contexts = now.steps[0].proposal.actions, now.contexts
        assert contexts.eligible[np.arange(4), actions.arm].all()
        assert world.problem.feasible.contains(actions.delta, contexts.lo, contexts.hi).all()
        assert (now.steps[0].regret >= -1e-6).all()


@pytest.mark.parametrize("name", EVERYONE)
def test_a_saved_state_makes_the_same_next_100_decisions(name: str) -> None:
    world, twin = _world(name), _world(name)
    policy = _policy(name, world)
    for _ in run(world, [policy], 70):
        pass
    saved = json.loads(json.dumps(policy.state()))
    for _ in range(70):  # the twin world moves on to the same patients and the same draws
        twin.arrive()
        twin.draws()
    copy = _policy(name, twin)
    copy.restore(saved)
    rest = zip(run(world, [policy], 100), run(twin, [copy], 100), strict=True)
    for ours, theirs in rest:
        a, b = ours.steps[0].proposal, theirs.steps[0].proposal
        np.testing.assert_array_equal(a.actions.arm, b.actions.arm)
        np.testing.assert_array_equal(a.actions.delta, b.actions.delta)
        np.testing.assert_array_equal(a.choice.asked, b.choice.asked)


@pytest.mark.parametrize("name", EVERYONE)
def test_more_replicates_do_not_change_earlier_ones(name: str) -> None:
    few, many = _world(name, 2), _world(name, 5)
    pairs = zip(run(few, [_policy(name, few)], 40), run(many, [_policy(name, many)], 40), strict=True)
    for a, b in pairs:
        np.testing.assert_array_equal(a.steps[0].proposal.actions.arm, b.steps[0].proposal.actions.arm[:2])
        np.testing.assert_allclose(a.steps[0].regret, b.steps[0].regret[:2], atol=1e-12)


@pytest.mark.parametrize("name", EVERYONE)
def test_one_patient_on_a_page_is_the_batch(name: str) -> None:
    """decide(patient) with R = 1 writes out what propose() chooses for the same replicate in a batch."""
    cohort = load_cohort("accord-like")
    worlds = [make_environment(ON_COHORT, 3, n) for n in (1, 3)]
    policies = [_policy(name, world) for world in worlds]
    pairs = zip(run(worlds[0], policies[:1], 30), run(worlds[1], policies[1:], 30), strict=True)
    for one, many in pairs:
        a, b = one.steps[0].proposal.actions, many.steps[0].proposal.actions
        assert a.arm[0] == b.arm[0]
        np.testing.assert_array_equal(a.delta[0], b.delta[0])
    patient = cohort.patient(int(cohort.arrivals[7]))
    decision, proposal = policies[0].decide(patient)
    assert decision.arm == proposal.actions.arm[0]
    assert decision.reason in REASONS
    assert patient.eligible[decision.arm]
    if decision.options:
        chosen = decision.options[decision.arm]
        assert chosen.eligible
        assert len(decision.options) == world_arms(worlds[0])
        for option in decision.options:
            assert option.lcb <= option.mean <= option.ucb
            assert option.low <= option.mean <= option.high
            assert option.eligible == patient.eligible[option.arm]
        assert sum(decision.contributions) == pytest.approx(decision.mean)  # identity link


def world_arms(world: Environment) -> int:
    return world.problem.n_arms


@pytest.mark.parametrize("name", EVERYONE)
def test_a_state_of_another_policy_is_refused_in_words(name: str) -> None:
    world = _world(name)
    policy = _policy(name, world)
    with pytest.raises(ValueError, match="this state belongs to 'other'"):
        policy.restore(policy.state() | {"policy": "other"})


@pytest.mark.parametrize(
    ("mine", "sentence"),
    [
        ({"alpha": 0.4}, "^this state was learned with alpha = 0.3, the policy has 0.4$"),
        ({"plan_with": "advised"}, "^this state was learned with plan_with = 'expected', the policy has 'advised'$"),
        ({"max_calls": 7}, "^this state was learned with max_calls = None, the policy has 7$"),
        ({"ridge": 2.0}, "^this state was learned with ridge = 1.0, the policy has 2.0$"),
    ],
)
def test_a_state_of_other_settings_is_refused_in_words(mine: dict[str, Any], sentence: str) -> None:
    world = make_environment(SMALL, 5, 3)
    saved, policy = _policy("libra", world).state(), _policy("libra", world, PolicyConfig(**mine))
    before = json.dumps(policy.state())
    with pytest.raises(ValueError, match=sentence):
        policy.restore(saved)
    assert json.dumps(policy.state()) == before  # nothing was taken over


def test_a_state_from_before_a_setting_existed_had_its_default() -> None:
    world = make_environment(SMALL, 5, 3)
    saved = _policy("glrb", world).state()
    del saved["config"]["min_gain"]
    _policy("glrb", world).restore(saved)
    with pytest.raises(ValueError, match=r"min_gain = 0\.0, the policy has 0\.1"):
        _policy("glrb", world, PolicyConfig(min_gain=0.1)).restore(saved)
    saved["config"]["novelty"] = 3  # a setting of a newer version
    with pytest.raises(ValueError, match="novelty = 3, the policy has None"):
        _policy("glrb", world).restore(saved)


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("ridge", -1, "ridge must be between"),
        ("plausibility", 2, "plausibility must be"),
        ("max_calls", -1, "max_calls"),
        ("radius", "practicle", "^radius must be one of practical, theory, got 'practicle'$"),
        ("adoption", "always", "^adoption must be one of informative, plausible, got 'always'$"),
        ("plan_with", "", "^plan_with must be one of advised, expected, got ''$"),
        ("estimator", None, "^estimator must be one of one-pass, refit, mle, got None$"),
    ],
)
def test_a_bad_setting_is_refused_in_words(field: str, value: object, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        PolicyConfig(**{field: value}).validate()  # type: ignore[arg-type]


def test_every_choice_of_a_setting_is_accepted() -> None:
    hints = get_type_hints(PolicyConfig).items()
    choices = {name: get_args(kind) for name, kind in hints if get_origin(kind) is Literal}
    assert set(choices) == {"radius", "adoption", "plan_with", "estimator"}
    for name, values in choices.items():
        for value in values:
            assert getattr(PolicyConfig(**{name: value}).validate(), name) == value


def test_unknown_names_are_refused_with_what_to_choose() -> None:
    world = make_environment(SMALL, 0, 1)
    with pytest.raises(ValueError, match="unknown policy 'nope': choose one of"):
        make_policy("nope", world, PolicyConfig(), 0)
    with pytest.raises(ValueError, match="unknown advisor 'noisy:7'"):
        make_policy("libra", world, PolicyConfig(), 0, "noisy:7")
    with pytest.raises(ValueError, match="needs patients"):
        make_policy("guideline", world, PolicyConfig(), 0)
    with pytest.raises(ValueError, match="needs an advisor"):
        make_policy("libra", world, PolicyConfig(), 0)


class Scripted(Advisor):
    """Says what it is told, and counts how often it is asked."""

    name = "scripted"

    def __init__(self, arm: int, delta: np.ndarray) -> None:
        self.arm, self.delta, self.asked = arm, delta, 0

    def advise_many(self, contexts: Contexts, replicates: Ints) -> AdviceBatch:
        n = len(contexts)
        self.asked += n
        return AdviceBatch(np.ones(n, bool), np.full(n, self.arm), np.tile(self.delta, (n, 1)))


@pytest.mark.parametrize("name", ["libra", "libra-trial", "hr-bandit", "advisor-only"])
def test_a_contraindicated_arm_is_never_adopted_and_a_wild_change_is_projected(name: str) -> None:
    world = make_environment(ON_COHORT, 1, 4)
    for arm in range(-1, 10):
        advisor = Scripted(arm, np.full(8, 1e6) * (1 if arm % 2 else np.nan))
        policy = make_policy(name, world, PolicyConfig(plausibility=1.0), 1, advisor)
        for now in run(world, [policy], 15):
            choice, contexts = now.steps[0].proposal.choice, now.contexts
            rows = np.arange(4)
            assert contexts.eligible[rows, choice.actions.arm].all()
            assert world.problem.feasible.contains(choice.actions.delta, contexts.lo, contexts.hi).all()
            adopted = choice.adopted
            assert (choice.actions.arm[adopted] == arm).all()


def test_libra_asks_only_when_unsure_and_adopts_by_the_rule() -> None:
    world = make_environment(SMALL, 2, 8)
    policy = _policy("libra", world)
    threshold, c = world.problem.default_width, policy.config.plausibility
    seen: set[Reason] = set()
    for now in run(world, [policy], 250):
        pass_ = now.steps[0].proposal
        choice = pass_.choice
        seen |= {REASONS[i] for i in choice.reason}
        assert ((pass_.ucb - pass_.lcb)[choice.asked] > threshold).all()  # every call is paid with a wide action
    assert {Reason.CERTAIN, Reason.ADOPTED, Reason.RULED_OUT} <= seen
    assert c == 0.5


def test_libra_with_a_silent_advisor_is_glrb() -> None:
    world, twin = make_environment(SMALL, 4, 3), make_environment(SMALL, 4, 3)
    a, b = _policy("libra", world, advisor="refuses"), _policy("glrb", twin)
    for x, y in zip(run(world, [a], 80), run(twin, [b], 80), strict=True):
        np.testing.assert_array_equal(x.steps[0].proposal.actions.arm, y.steps[0].proposal.actions.arm)
        np.testing.assert_array_equal(x.steps[0].proposal.actions.delta, y.steps[0].proposal.actions.delta)


def test_max_calls_is_a_hard_cap() -> None:
    world = make_environment(SMALL, 4, 5)
    policy = _policy("libra", world, PolicyConfig(max_calls=7))
    for _ in run(world, [policy], 120):
        pass
    assert (policy.calls == 7).all()


def test_plausible_adoption_drops_the_informative_condition() -> None:
    def uninformative(adoption: str) -> int:
        world = make_environment(SMALL, 6, 6)
        policy = _policy("libra", world, PolicyConfig(adoption=adoption), "near-optimal")  # type: ignore[arg-type]
        code = REASONS.index(Reason.UNINFORMATIVE)
        return sum(int((now.steps[0].proposal.choice.reason == code).sum()) for now in run(world, [policy], 200))

    assert uninformative("plausible") == 0 < uninformative("informative")


def test_hr_bandit_models_the_mean_linearly() -> None:
    world = make_environment(SMALL, 0, 1)
    assert _policy("hr-bandit", world).link.name == "identity"
    assert _policy("libra", world).link.name == "logistic"


@pytest.mark.parametrize("link", ["identity", "logistic"])
def test_the_interval_that_a_clinician_sees_covers_the_truth(link: str) -> None:
    """The 95 % range, frozen before each choice is learned. `test_intervals` holds the arms not chosen."""
    world = make_environment(EnvironmentSpec("hypertension", link=link, compliance="partial"), 9, 20)
    policy = _policy("glrb", world, PolicyConfig(shared=True))
    covered = []
    for _ in range(250):
        contexts = world.arrive()
        proposal = policy.propose(contexts)
        _, low, high = policy.credible(contexts, proposal.actions)
        truth = world.means(contexts, proposal.actions)
        covered.append(((low <= truth) & (truth <= high)).mean())
        policy.learn(proposal, world.respond(contexts, proposal.actions, world.draws()))
    assert np.mean(covered) >= 0.95


def test_a_former_name_finds_its_policy_and_is_on_no_list() -> None:
    assert "llm-only" in REGISTRY
    assert REGISTRY["llm-only"] is REGISTRY["advisor-only"]
    assert "llm-only" not in list(REGISTRY)
    with pytest.raises(KeyError, match="nobody"):
        REGISTRY["nobody"]


def test_a_session_recorded_under_a_former_name_keeps_it() -> None:
    world = make_environment(SMALL, 0)
    old, new = (make_policy(name, world, PolicyConfig(), 0, "near-optimal") for name in ("llm-only", "advisor-only"))
    assert (old.name, new.name) == ("llm-only", "advisor-only")
    new.restore(old.state())
