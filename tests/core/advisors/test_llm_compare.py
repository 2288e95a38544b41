"""Judging plans, comparing sources over one run of patients, and the advise command."""

from __future__ import annotations

import json

import numpy as np
import pytest

from libra_core.advisors.agreement import NO_ADVICE, discord
from libra_core.advisors.guideline import GuidelineAdvisor
from libra_core.advisors.llm import StoredAnswers, llm_advisor
from libra_core.advisors.llm.store import Store
from libra_core.cli import command_line
from libra_core.cohort import load_cohort
from libra_core.problem import Actions, Contexts
from libra_core.study.compare import chosen, opinion, survey
from libra_core.study.live import LiveRun
from tests.support.llm_server import LLMServer

ROUNDS = 60


@pytest.fixture(scope="module")
def cohort():
    return load_cohort("accord-like")


@pytest.fixture(scope="module")
def server():
    with LLMServer() as running:
        yield running


@pytest.fixture
def model(cohort, server):
    environment = {"OPENAI_BASE_URL": server.base_url, "LIBRA_MODEL": "good"}
    return llm_advisor(cohort, environment=environment, store=Store())


@pytest.fixture(scope="module")
def runs(cohort):
    """The two methods after some patients."""
    found = {"Bandit": LiveRun.start(cohort, "glrb"), "LIBRA": LiveRun.start(cohort, "libra", "guideline")}
    for run in found.values():
        for _ in range(ROUNDS):
            run.step()
    return found


def test_a_survey_asks_everybody_about_every_patient(cohort, model, runs):
    guideline = GuidelineAdvisor(cohort.case, len(cohort.protocol.mutable))
    for row in cohort.arrivals[::2]:
        case = cohort.case(int(row))
        for sample in range(3):
            menu, _, key = model.question(case, sample)
            answer = {"arm": menu.arms[0].code, "changes": {}, "rationale": ""}
            model.store.put(key, {"answer": answer, "model": "m", "asked_at": "2026-01-01T00:00:00+00:00"})
    found = survey(runs, {"Guideline": guideline, "Model": StoredAnswers(model)})
    n = len(cohort.arrivals)
    assert len(found) == n
    assert list(found.plans) == ["Guideline", "Model", "Bandit", "LIBRA"]
    for row, arm in zip(found.rows, found.arms["Guideline"], strict=True):
        assert arm == guideline.advise(cohort.case(int(row))).arm
    silent = found.arms["Model"] == NO_ADVICE
    assert silent.sum() == n // 2
    assert np.isnan(found.plans["Model"].lost[silent]).all()
    assert len(found.lost["Model"]) == n - silent.sum()
    assert all(len(mask) == n for mask in found.groups.values())
    eligible = cohort.contexts(found.rows).eligible
    assert eligible[np.arange(n), found.arms["LIBRA"]].all()
    assert (found.plans["LIBRA"].adopted <= found.plans["LIBRA"].asked).all()
    apart = discord(found.arms)
    assert (np.diff(apart[np.searchsorted(found.rows, found.most_apart())]) <= 0).all()


def test_losses_are_the_environments_own_worth_against_its_best(cohort, runs):
    run, guideline = runs["LIBRA"], GuidelineAdvisor(cohort.case, len(cohort.protocol.mutable))
    found = survey(runs, {"Guideline": guideline})
    for name, plans in found.plans.items():
        assert (plans.lost >= -1e-9).all(), name
        for i in range(0, len(found), 97):  # one patient at a time, by the run's own environment
            contexts = Contexts.of(cohort.patient(int(found.rows[i])))
            worth = run.environment.worth(contexts, Actions(plans.arm[[i]], plans.delta[[i]]))
            assert plans.lost[i] == pytest.approx(float((run.environment.best(contexts) - worth)[0]), abs=1e-9)
            judged = opinion(run, int(found.rows[i]), int(plans.arm[i]), plans.delta[i])
            assert judged.lost == pytest.approx(plans.lost[i], abs=1e-9), "one patient and the cohort say the same"


def test_looking_changes_nothing(cohort, runs):
    before = {name: json.dumps(run.policy.state()) for name, run in runs.items()}
    first, second = survey(runs, {}), survey(runs, {})
    assert all(np.array_equal(first.plans[name].delta, second.plans[name].delta) for name in runs)
    assert {name: json.dumps(run.policy.state()) for name, run in runs.items()} == before
    for i in range(0, len(first), 131):
        decision = runs["LIBRA"].decision_for(int(first.rows[i]))
        assert (decision.arm, decision.asked) == (first.arms["LIBRA"][i], first.plans["LIBRA"].asked[i])


def test_plans_that_a_person_made_are_judged_where_there_are_any(cohort, runs):
    rows = np.asarray(cohort.arrivals)[:6]
    patient = cohort.patient(int(rows[2]))
    arm = int(np.flatnonzero(patient.eligible)[-1])
    found = chosen(runs["LIBRA"], rows, {int(rows[2]): (arm, tuple(50 * patient.lo))})
    assert list(np.flatnonzero(found.given)) == [2]
    assert np.isfinite(found.lost[2])
    feasible = runs["LIBRA"].policy.problem.feasible
    assert feasible.contains(found.delta[[2]], patient.lo[None], patient.hi[None]).all()


def test_an_opinion_says_what_was_cut_and_what_is_forbidden(cohort):
    run = LiveRun.start(cohort, "libra", "guideline")
    row = next(int(r) for r in cohort.arrivals if not cohort.patient(int(r)).eligible.all())
    patient = cohort.patient(row)
    blocked = int(np.flatnonzero(~patient.eligible)[0])
    far = opinion(run, row, blocked, patient.lo * 50)
    assert far.contraindicated
    assert far.projected
    assert 0 < far.share < 1
    assert far.size > far.limit
    used = np.array([far.used])
    assert run.policy.problem.feasible.contains(used, patient.lo[None], patient.hi[None]).all()
    assert np.isnan(far.lost)
    still = opinion(run, row, int(np.flatnonzero(patient.eligible)[0]), np.zeros(len(patient.lo)))
    assert (still.projected, still.contraindicated, still.share) == (False, False, 1.0)


# The command ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def advise(monkeypatch, tmp_path, server):
    monkeypatch.setenv("LIBRA_ADVICE_DB", str(tmp_path / "advice.sqlite"))
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "LIBRA_MODEL", "LIBRA_MAX_CALLS", "LIBRA_ALLOW_REMOTE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("openai._base_client.INITIAL_RETRY_DELAY", 0.01)
    parser = command_line()
    target = tmp_path / "advice.json"

    def call(*arguments: str) -> tuple[int, dict]:
        parsed = parser.parse_args(["advise", "--cohort", "accord-like", *arguments, "--json", str(target)])
        code = parsed.run(parsed)
        return code, json.loads(target.read_text()) if target.exists() else {}

    return call


def check_shape(result: dict, cohort) -> None:
    codes = cohort.protocol.arm_codes
    assert result["schema"] == 1
    assert result["decision"]["arm"] in codes
    for part in (result, result["decision"]):
        assert part["arm"] is None or part["arm"] in codes
        for name, change in part["changes"].items():
            assert name in cohort.protocol.mutable
            assert set(change) == {"delta", "unit"}


@pytest.mark.parametrize("advisor", ["guideline", "near-optimal"])
def test_advise_without_a_model(advise, cohort, advisor, capsys):
    code, result = advise("--row", "3", "--advisor", advisor)
    assert code == 0
    assert result["status"] == "ok"
    check_shape(result, cohort)
    assert "no language model" in capsys.readouterr().out


def test_advise_by_a_model_and_by_one_that_fails(advise, cohort, monkeypatch, server):
    monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
    for model, status in (
        ("good", "ok"),
        ("fault:401", "auth"),
        ("fault:refusal", "refused"),
        ("fault:cut", "unavailable"),
    ):
        monkeypatch.setenv("LIBRA_MODEL", model)
        code, result = advise("--row", "3", "--advisor", "llm")
        assert code == 0, "a decision was made all the same"
        assert result["status"] == status
        assert (result["arm"] is None) == (status != "ok")
        check_shape(result, cohort)


def test_advise_sends_nothing_away_without_a_yes(advise, cohort, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-none")
    monkeypatch.setenv("OPENAI_BASE_URL", "https://models.example/v1")
    code, result = advise("--row", "3", "--advisor", "llm")
    assert (code, result["status"]) == (0, "off")
    assert "agreed" in result["message"]


@pytest.mark.parametrize("row", ["-1", "99999"])
def test_a_row_that_does_not_exist_is_said(advise, row):
    with pytest.raises(IndexError, match="there is no row"):
        advise("--row", row)


def test_a_study_under_a_models_name_needs_a_model(cohort, monkeypatch):
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ValueError, match="No API key"):
        LiveRun.start(cohort, "libra", "llm")
