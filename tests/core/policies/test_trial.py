"""The trial of the advisor: its weights to the last digit, its fairness, and what it is fed by a run."""

from dataclasses import replace

import numpy as np
import pytest

from libra_core.environments import Environment, EnvironmentSpec, make_environment
from libra_core.policies import REASONS, PolicyConfig, Reason
from libra_core.policies.base import Policy
from libra_core.policies.decision import Proposal
from libra_core.policies.libra import LibraTrial
from libra_core.policies.trial import Trial
from libra_core.streams import Streams
from libra_core.study import make_policy, run
from libra_core.study.runner import play

SMALL = EnvironmentSpec(arms=4, d_immutable=3, d_mutable=4)


def _policy(world: Environment, config: PolicyConfig | None = None, advisor: str = "noisy:0.3") -> LibraTrial:
    policy = make_policy("libra-trial", world, config or PolicyConfig(), 5, advisor)
    assert isinstance(policy, LibraTrial)
    return policy


ROUNDS = (  # share e = 0.2, span B = 2, so that e / B = 0.1; wealth is the mean of 1 - b D / 10 over b = 0.5 and 0.95
    ("adopted", 0.8, 0.9275),  # D = 0.8 / 0.8 = 1
    ("adopted", -0.8, 1.0725),
    ("withheld", 0.8, 1.29),  # D = -0.8 / 0.2 = -4
    ("withheld", -0.8, 0.71),
    ("adopted", 10.0, 0.81875),  # clipped to 2: D = 2.5
    ("withheld", 10.0, 1.725),  # D = -10
    ("adopted", -10.0, 1.18125),
    ("neither", 0.8, 1.0),
)


def test_one_round_moves_the_wealth_by_the_formula() -> None:
    trial = Trial(len(ROUNDS), 0.2, 2.0)
    adopted, withheld = (np.array([who == group for who, _, _ in ROUNDS]) for group in ("adopted", "withheld"))
    trial.record(adopted, withheld, np.array([surplus for _, surplus, _ in ROUNDS]))
    np.testing.assert_allclose(trial.evidence(), [wealth for _, _, wealth in ROUNDS], rtol=1e-12)
    np.testing.assert_array_equal(trial.counts, np.stack([adopted, withheld], axis=1))
    assert trial.report(4).adopted_mean == 10.0  # means are of what was seen, unclipped


@pytest.mark.parametrize("share", [0.05, 0.2, 0.5])
@pytest.mark.parametrize("span", [0.7, 1.0, 5.0])
def test_the_bet_is_fair_when_following_and_withholding_are_equally_good(share: float, span: float) -> None:
    """(1 - e) wealth if adopted + e wealth if withheld = 1 - mean bet (e / B) (y_followed - y_withheld), exactly."""

    def wealth(adopted: bool, y: float) -> float:
        trial = Trial(1, share, span)
        trial.record(np.array([adopted]), np.array([not adopted]), np.array([y]))
        return float(trial.evidence()[0])

    def average(followed: float, withheld: float) -> float:
        return (1 - share) * wealth(True, followed) + share * wealth(False, withheld)

    for y in (-0.6, 0.0, 0.4):
        assert average(y, y) == pytest.approx(1.0, abs=1e-12)
        assert average(y - 0.1, y) == pytest.approx(1.0 + 0.725 * share / span * 0.1, abs=1e-12)


def test_an_advisor_is_dismissed_at_tenfold_evidence_and_stays_so() -> None:
    trial, wealth = Trial(1, 0.2, 1.0), np.ones(2)
    for _ in range(40):
        trial.record(np.array([True]), np.array([False]), np.array([-1.0]))
        wealth *= 1 + np.array([0.5, 0.95]) * 0.2 * 1.25
        assert trial.evidence()[0] == pytest.approx(wealth.mean())
        assert trial.dismissed[0] == (wealth.mean() >= 10)
    assert trial.report().needed == 10
    while trial.evidence()[0] >= 1:
        trial.record(np.array([True]), np.array([False]), np.array([1.0]))
    assert trial.dismissed[0]


@pytest.mark.parametrize("link", ["identity", "logistic"])
def test_a_run_feeds_the_trial_with_worth_less_the_forecast_for_its_own_plan(link: str) -> None:
    """Share, span, coin and surplus, followed round by round beside the policy, with declared values."""
    R, share = 6, 0.35
    world = make_environment(EnvironmentSpec(arms=4, d_immutable=3, d_mutable=4, link=link, noise=0.8), 8, R)
    policy = _policy(world, PolicyConfig(trial_share=share, plausibility=1.0))
    span = 1.0 if link == "logistic" else 2.4  # three times the noise
    coins, rng = Streams(5, "policy:libra-trial", R), np.random.default_rng(9)
    log_wealth, seen = np.zeros((R, 2)), np.zeros((R, 2), int)
    forecasts: list[np.ndarray] = []

    def watch(policy: Policy, proposal: Proposal) -> None:
        own = proposal.choice.own
        forecasts.append(proposal.contexts.worth(policy.bounds(proposal.contexts, own)[0], own.arm))

    for t in range(1, 121):
        weight, offset = rng.uniform(0.3, 1.0, R), 0.2 * rng.standard_normal((R, 4))
        contexts = replace(world.arrive(), weight=weight, offset=offset)
        step = play(world, [policy], contexts, t, watch).steps[0]
        choice, coin = step.proposal.choice, coins.uniform(1)[:, 0]
        control = choice.reason == REASONS.index(Reason.CONTROL)
        assert (coin[choice.adopted] >= share).all()
        assert (coin[control] < share).all()
        np.testing.assert_array_equal(choice.actions.delta[control], choice.own.delta[control])
        worth = weight * step.outcomes.reward + offset[np.arange(R), choice.actions.arm]
        y = np.clip(worth - forecasts[-1], -span, span)
        D = np.where(choice.adopted, y / (1 - share), np.where(control, -y / share, 0.0))
        log_wealth += np.log(1 - np.outer(D, [0.5, 0.95]) * share / span)
        seen += np.stack([choice.adopted, control], axis=1)
    assert (seen > 5).all()
    np.testing.assert_array_equal(policy.trial.counts, seen)
    np.testing.assert_allclose(policy.trial.log_wealth, log_wealth, atol=1e-9)


def test_the_trial_dismisses_the_harmful_and_rarely_the_harmless() -> None:
    """Ville: a harmless advisor is ever dismissed with probability at most 10 %. 400 trials, 600 rounds each."""
    rng = np.random.default_rng(0)
    n, share = 400, 0.2
    for effect, low, high in ((0.0, 0.0, 0.1), (0.1, 0.0, 0.02), (-0.3, 0.95, 1.0)):
        trial = Trial(n, share, 1.0)
        for _ in range(600):
            withheld = rng.random(n) < share
            reward = (rng.random(n) < 0.5 + np.where(withheld, 0.0, effect)).astype(float)
            trial.record(~withheld, withheld, reward - 0.5)
        assert low <= trial.dismissed.mean() <= high, effect
        report = trial.report(0)
        assert report.adopted + report.withheld == 600


def test_a_dismissed_advisor_is_not_asked_until_a_person_readmits_it() -> None:
    world = make_environment(SMALL, 8, 1)
    policy = _policy(world, advisor="adversarial")
    policy.trial.dismissed[:] = True
    before = policy.calls.copy()
    reasons = set()
    for now in run(world, [policy], 30):
        reasons |= set(now.steps[0].proposal.choice.reason)
    assert (policy.calls == before).all()
    assert REASONS.index(Reason.DISMISSED) in reasons
    policy.readmit()
    for _ in run(world, [policy], 30):
        pass
    assert (policy.calls > before).all()
