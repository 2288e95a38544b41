"""Environments: their truth against the clinical text, their draws, their optimum."""

import itertools

import numpy as np
import pytest

from libra_core.cohort import load_cohort
from libra_core.environments import EnvironmentSpec, make_environment
from libra_core.environments.disease import REALISED
from libra_core.environments.hypertension import EFFECTS, HABITS
from libra_core.problem import Actions
from tests.support import by_hand


def _pressure_fall(
    columns: dict[str, np.ndarray], i: int, code: str, change: dict[str, float], adherence: float
) -> float:
    """Section 5 of the clinical model, written down once more in clinical units."""
    v = {name: float(column[i]) for name, column in columns.items()}
    sodium, diet = v["sodium_mg_day"] + change["sodium_mg_day"], v["diet_quality"] + change["diet_quality"]

    def effect(part: str) -> float:
        e = EFFECTS[part]
        return (
            e.base
            + e.s * (v["sbp"] - 154) / 10
            + e.g * (v["age"] - 55) / 10
            + e.B * v["black"]
            + e.n * (sodium - 3200) / 1000
            + e.q * (diet - 4)
            + e.b * (v["bmi"] - 30) / 5
            + e.c * (v["egfr"] < 45)
            + e.r * (v["n_bp_classes"] >= 3)
        )

    parts = {"rasi_ccb": ("rasi", "ccb"), "rasi_thiazide": ("rasi", "thiazide"), "lifestyle": ()}.get(code, (code,))
    drug = (0.9 if len(parts) > 1 else 1.0) * sum(effect(p) for p in parts)
    habits = sum(HABITS[name] * moved for name, moved in change.items())
    return 0.15 * (v["sbp"] - 138) + adherence * drug - habits


@pytest.mark.parametrize("compliance", ["full", "partial"])
def test_the_truth_is_the_clinical_model(compliance: str) -> None:
    cohort = load_cohort("accord-like")
    spec = EnvironmentSpec("hypertension", cohort="accord-like", compliance=compliance)  # type: ignore[arg-type]
    world = make_environment(spec, 0, 1)
    protocol, columns = cohort.protocol, cohort.protocol.columns(cohort.values)
    rng = np.random.default_rng(0)
    share = REALISED if compliance == "partial" else 1.0
    for row in cohort.arrivals[:40]:
        contexts = cohort.contexts(np.array([row]))
        for k, treatment in enumerate(protocol.treatments):
            delta = contexts.lo + rng.random(contexts.lo.shape) * (contexts.hi - contexts.lo)
            change = dict(zip(protocol.mutable, share * protocol.change(delta[0]), strict=True))
            fall = _pressure_fall(columns, int(row), treatment.code, change, treatment.adherence)
            actions, worth = Actions(np.array([k]), delta), by_hand.net(cohort, int(row), k, fall)
            assert world.means(contexts, actions)[0] == pytest.approx(fall, abs=1e-9)
            assert world.worth(contexts, actions)[0] == pytest.approx(worth, abs=1e-9)


def test_the_logistic_reward_is_the_chance_of_reaching_the_goal() -> None:
    world = make_environment(EnvironmentSpec("hypertension", cohort="accord-like", link="logistic"), 0, 1)
    cohort = load_cohort("accord-like")
    columns = cohort.protocol.columns(cohort.values)
    row = int(cohort.arrivals[3])
    contexts = cohort.contexts(np.array([row]))
    still = Actions(np.array([3]), np.zeros_like(contexts.lo))
    treatment = cohort.protocol.treatments[3]
    change = dict.fromkeys(cohort.protocol.mutable, 0.0)
    after = columns["sbp"][row] - _pressure_fall(columns, row, treatment.code, change, treatment.adherence)
    assert world.means(contexts, still)[0] == pytest.approx(1 / (1 + np.exp(-0.19 * (130 - after))))


def test_partial_compliance_is_beta_2_3() -> None:
    world = make_environment(EnvironmentSpec("hypertension", cohort="accord-like", compliance="partial"), 0, 50)
    shares = np.concatenate([world.realised_shares().ravel() for _ in range(200)])
    assert shares.mean() == pytest.approx(0.4, abs=0.005)
    assert shares.var() == pytest.approx(0.04, abs=0.002)


@pytest.mark.parametrize("link", ["identity", "logistic"])
def test_rewards_have_the_mean_that_regret_is_measured_with(link: str) -> None:
    world = make_environment(EnvironmentSpec(link=link, arms=3, d_immutable=2, d_mutable=2), 1, 200)
    contexts = world.arrive()
    actions = Actions(np.zeros(200, np.int64), np.zeros_like(contexts.lo))
    rewards = np.mean([world.respond(contexts, actions, world.draws()).reward for _ in range(400)], axis=0)
    assert np.abs(rewards - world.means(contexts, actions)).max() < 0.15
    assert rewards.mean() == pytest.approx(world.means(contexts, actions).mean(), abs=0.01)


def test_the_optimum_is_the_best_of_a_grid() -> None:
    world = make_environment(EnvironmentSpec(arms=3, d_immutable=2, d_mutable=2), 2, 6)
    contexts = world.arrive()
    best = world.best(contexts)
    axis = np.linspace(-1, 1, 41)
    values = []
    for a, b, k in itertools.product(axis, axis, range(3)):
        if a * a + b * b <= 1:
            values.append(world.means(contexts, Actions(np.full(6, k), np.tile([a, b], (6, 1)))))
    reached = np.max(values, axis=0)
    assert (best >= reached - 1e-9).all()
    np.testing.assert_allclose(best, reached, atol=0.01)


def test_bad_settings_are_refused_in_words() -> None:
    with pytest.raises(ValueError, match="unknown environment 'mars': choose one of"):
        make_environment(EnvironmentSpec("mars"), 0)
    with pytest.raises(ValueError, match="arms must be between 2 and 200, got 1"):
        make_environment(EnvironmentSpec(arms=1), 0)


@pytest.mark.parametrize("value", [-1.0, 1e200, float("nan"), float("inf")])
@pytest.mark.parametrize("name", ["noise", "gamma", "spread", "contrast"])
def test_a_number_that_cannot_be_used_is_refused(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{name} must be a number from 0 to"):
        EnvironmentSpec(**{name: value}).validate()


def test_negative_drug_effects_are_counted() -> None:
    world = make_environment(EnvironmentSpec("hypertension", cohort="nhanes"), 0, 1)
    assert 0 <= world.negative_effects() < 0.15 * len(load_cohort("nhanes").arrivals)  # type: ignore[attr-defined]
