"""Judging plans, comparing sources over one run of patients, and the advise command."""

from __future__ import annotations

import json
import threading
from collections import Counter

import numpy as np
import pytest

from libra_core.advisors.agreement import NO_ADVICE
from libra_core.advisors.guideline import GuidelineAdvisor
from libra_core.advisors.llm import StoredAnswers, llm_advisor
from libra_core.advisors.llm.store import Store
from libra_core.cli import command_line
from libra_core.cohort import load_cohort
from libra_core.study.compare import BANDIT, LIBRA, compare, opinion
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


def environment(cohort):
    return LiveRun.start(cohort, "libra", "guideline").environment


def test_comparison_is_the_same_patients_for_everybody(cohort, model):
    guideline = GuidelineAdvisor(cohort.case, len(cohort.protocol.mutable))
    heard = [int(row) for row in cohort.arrivals[::2]]
    for row in heard:
        case = cohort.case(row)
        for sample in range(3):
            menu, _, key = model.question(case, sample)
            answer = {"arm": menu.arms[0].code, "changes": {}, "rationale": ""}
            model.store.put(key, {"answer": answer, "model": "m", "asked_at": "2026-01-01T00:00:00+00:00"})
    found = compare(environment(cohort), {"Guideline": guideline, "Model": StoredAnswers(model)}, "guideline", ROUNDS)
    assert len(found) == ROUNDS
    assert list(found.arms) == ["Guideline", "Model", BANDIT, LIBRA]
    for row, arm in zip(found.rows, found.arms["Guideline"], strict=True):
        assert arm == guideline.advise(cohort.case(int(row))).arm
    silent = found.arms["Model"] == NO_ADVICE
    assert 0 < silent.sum() < ROUNDS
    assert np.isnan(found.regret["Model"][silent]).all()
    for label in ("Guideline", BANDIT, LIBRA):
        assert (found.regret[label] >= -1e-9).all()
    assert sum(found.did.values()) == ROUNDS
    assert found.calls == found.asked.sum() <= found.bound
    assert all(len(mask) == ROUNDS for mask in found.groups.values())
    eligible = cohort.contexts(found.rows).eligible
    assert eligible[np.arange(ROUNDS), found.arms[LIBRA]].all()


def test_comparison_repeats_and_can_be_cancelled(cohort):
    guideline = GuidelineAdvisor(cohort.case, len(cohort.protocol.mutable))
    first, second = (compare(environment(cohort), {"G": guideline}, "near-optimal", 20, seed=3) for _ in range(2))
    assert Counter(first.did) == Counter(second.did)
    assert np.array_equal(first.regret[LIBRA], second.regret[LIBRA])
    cancel = threading.Event()
    cancel.set()
    assert len(compare(environment(cohort), {"G": guideline}, "guideline", 20, cancel=cancel)) == 1


def test_an_opinion_says_what_was_cut_and_what_is_forbidden(cohort):
    run = LiveRun.start(cohort, "libra", "guideline")
    row = next(int(r) for r in cohort.arrivals if not cohort.patient(int(r)).eligible.all())
    patient = cohort.patient(row)
    blocked = int(np.flatnonzero(~patient.eligible)[0])
    far = opinion(run.policy, patient, blocked, patient.lo * 50)
    assert far.contraindicated
    assert far.projected
    assert 0 < far.share < 1
    assert far.size > far.limit
    used = np.array([far.used])
    assert run.policy.problem.feasible.contains(used, patient.lo[None], patient.hi[None]).all()
    still = opinion(run.policy, patient, int(np.flatnonzero(patient.eligible)[0]), np.zeros(len(patient.lo)))
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
