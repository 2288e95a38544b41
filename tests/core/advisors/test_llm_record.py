"""A recording of one's own: made from a live server under its limits, resumed, and worth what a live answer is."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from libra_core.advisors import make_advisor
from libra_core.advisors.llm import LLMAdvisor, LLMSettings, Prompt, Store, precompute
from libra_core.advisors.llm import record as file
from libra_core.advisors.recording import RecordedModel, read_recording
from libra_core.cli import main
from libra_core.cohort import Cohort, load_cohort, read_table
from libra_core.study.live import LiveRun
from tests.support.hostile import HOSTILE

ROWS = 40


def small(name: str = "clinic.csv", first: int = 0) -> bytes:
    lines = [f"{40 + (n + first) % 40},{'FM'[n % 2]},{135 + n % 30}" for n in range(ROWS)]
    return ("age,sex,sbp\n" + "\n".join(lines) + "\n").encode()


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    path = tmp_path / "clinic.csv"
    path.write_bytes(small())
    return path


@pytest.fixture
def cohort(csv: Path) -> Cohort:
    return load_cohort(str(csv))


def model(cohort: Cohort, settings: LLMSettings, store: Store | None = None) -> LLMAdvisor:
    prompt = Prompt.load(cohort.protocol.name)
    return LLMAdvisor(cohort.case, len(cohort.protocol.mutable), settings, prompt, store)


@pytest.fixture
def recorded(csv, server, monkeypatch, tmp_path) -> Callable[..., int]:
    monkeypatch.setenv("LIBRA_ADVICE_DB", str(tmp_path / "advice.sqlite"))
    monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
    monkeypatch.setenv("LIBRA_MODEL", "good")
    for name in ("OPENAI_API_KEY", "LIBRA_MAX_CALLS", "LIBRA_ALLOW_REMOTE"):
        monkeypatch.delenv(name, raising=False)
    server.seen.clear()
    return lambda *more: main(["advise", "--cohort", str(csv), "--record", str(tmp_path / "mine"), *more])


@pytest.mark.parametrize("mode", ["good", "first", "fault:too-many"])
def test_a_recorded_answer_is_worth_what_the_live_one_is(cohort, settings, tmp_path, mode):
    """Treatment, projected change, reason and vote share, patient by patient; and so is a decision made with it."""
    live = model(cohort, replace(settings, model=mode, max_calls=10**6))
    precompute(live, file.rows_of(cohort))
    file.write_recording(file.recording_of(live, cohort), tmp_path / "mine.toml")
    run = LiveRun.start(cohort, "libra", live)
    again = make_advisor(f"recorded:{tmp_path / 'mine.toml'}", run.environment, 0)
    assert isinstance(again, RecordedModel)
    for row in file.rows_of(cohort):
        one, other = live.advise(cohort.case(row)), again.advise(cohort.case(row))
        assert other.given
        assert (one.arm, one.rationale) == (other.arm, other.rationale)
        assert other.delta == pytest.approx(one.delta, abs=1e-6)
        assert other.vote_share == pytest.approx(one.vote_share, abs=1e-3)
        mine, theirs = (LiveRun.start(cohort, "libra", who).decision_for(row) for who in (live, again))
        assert (mine.arm, mine.reason) == (theirs.arm, theirs.reason)
        assert theirs.delta == pytest.approx(mine.delta, abs=1e-6)


def test_the_command_writes_what_read_recording_reads(recorded, cohort, tmp_path, capsys, server):
    assert recorded("--again", "5") == 0
    made = read_recording(tmp_path / "mine.toml")
    everybody = file.rows_of(cohort)
    assert list(made.answers) == [cohort.ids[row] for row in everybody]
    assert len(made.again) == 5
    assert (made.model, made.cohort, made.prompt) == ("good", cohort.key, Prompt.load(cohort.protocol.name).version)
    assert made.fingerprint == Prompt.load(cohort.protocol.name).fingerprint
    assert "127.0.0.1" in made.source
    assert "served-model" in made.source
    assert "good, recorded 20" in capsys.readouterr().out
    patient = ["advise", "--cohort", str(tmp_path / "clinic.csv"), "--row", "0"]
    assert main([*patient, "--advisor", f"recorded:{tmp_path / 'mine.toml'}"]) == 0
    said = capsys.readouterr().out
    assert made.title in said
    assert "recorded (cached)" in said
    asked = server.seen["good"]
    assert recorded("--again", "5") == 0
    assert server.seen["good"] == asked, "what is recorded is not asked again"


def test_second_answers_come_from_other_questions(cohort, settings):
    advisor = model(cohort, settings)
    row = file.rows_of(cohort)[0]
    case, other = cohort.case(row), advisor.second()
    keys = {who.question(case, sample)[2] for who in (advisor, other) for sample in who.samples}
    assert len(keys) == 2 * settings.samples
    other.consult(case)
    assert advisor.recall(case).advice.status == "off"
    assert other.recall(case).advice.given
    assert advisor.budget.mine.calls == settings.samples, "limits are shared"


def test_a_limit_ends_it_and_the_next_run_goes_on(recorded, cohort, tmp_path, monkeypatch, capsys, server):
    n = len(file.rows_of(cohort))
    monkeypatch.setenv("LIBRA_MAX_CALLS", "7")
    assert recorded() == 1
    assert "Your limit for today is reached" in capsys.readouterr().out
    assert server.seen["good"] == 7
    before = read_recording(tmp_path / "mine.toml").answers
    assert 0 < len(before) < n
    monkeypatch.setenv("LIBRA_MAX_CALLS", "5000")
    assert recorded() == 0
    made = read_recording(tmp_path / "mine.toml")
    assert len(made.answers) == n
    assert before.items() <= made.answers.items()


def test_a_run_that_is_killed_loses_nothing(csv, recorded, cohort, tmp_path, server):
    """What was answered is in the store: the next run asks only about the others, and half a file is never there."""
    command = [sys.executable, "-m", "libra_core", "advise", "--cohort", str(csv), "--record", str(tmp_path / "mine")]
    running = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        while server.seen["good"] < 10 and running.poll() is None:
            pass
    finally:
        running.kill()
        running.wait()
    assert not (tmp_path / "mine.toml").exists()
    assert recorded() == 0
    made = read_recording(tmp_path / "mine.toml")
    assert len(made.answers) == len(file.rows_of(cohort))
    assert server.seen["good"] <= 3 * len(made.answers) + 4, "at most the four that were under way are asked again"


def test_another_models_answers_are_not_mixed_in(recorded, monkeypatch, tmp_path, capsys, server):
    assert recorded() == 0
    before = (tmp_path / "mine.jsonl").read_bytes(), (tmp_path / "mine.toml").read_bytes()
    monkeypatch.setenv("LIBRA_MODEL", "first")
    server.seen.clear()
    assert recorded() == 2
    assert "holds other answers (good, recorded" in capsys.readouterr().err
    assert server.seen.total() == 0
    assert before == ((tmp_path / "mine.jsonl").read_bytes(), (tmp_path / "mine.toml").read_bytes())


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"OPENAI_BASE_URL": "https://models.example/v1", "OPENAI_API_KEY": "sk-x"}, "agreed yet"),
        ({"LIBRA_MODEL": "fault:401"}, "does not accept the API key"),
        ({"LIBRA_ADVICE_DB": "/dev/full"}, "cannot be used"),
    ],
)
def test_what_stops_a_live_answer_stops_a_recording(recorded, monkeypatch, tmp_path, capsys, change, says):
    for name, value in change.items():
        monkeypatch.setenv(name, value)
    assert recorded() == 2
    assert says in capsys.readouterr().err
    assert not (tmp_path / "mine.toml").exists()


def test_every_question_of_a_recording_is_in_the_log_and_holds_no_identifier(recorded, cohort, server, tmp_path):
    before = len(server.received)
    assert recorded() == 0
    store = Store(tmp_path / "advice.sqlite")
    assert len(store.rows()) == len(file.rows_of(cohort))
    assert store.verify().ok
    sent = b"".join(head + body for head, body in server.received[before:])
    assert not any(name.encode() in sent for name in cohort.ids)


def test_a_recording_is_about_its_own_cohort(recorded, tmp_path):
    assert recorded() == 0
    for other in (load_cohort("accord-like"), read_table(small(first=1), "clinic.csv")):
        run = LiveRun.start(other, "glrb")
        with pytest.raises(ValueError, match="the recording is about"):
            make_advisor(f"recorded:{tmp_path / 'mine.toml'}", run.environment, 0)


def test_hostile_words_are_written_as_words(cohort, settings, server, tmp_path):
    server.words = [word.replace("zqx", 'zqx"\x7f\\') for word in HOSTILE]
    try:
        advisor = model(cohort, replace(settings, model='fault:hostile#"\n[x]\x7f', samples=1))
        precompute(advisor, file.rows_of(cohort)[:3])
    finally:
        server.words = list(HOSTILE)
    file.write_recording(file.recording_of(advisor, cohort), tmp_path / "mine.toml")
    made = read_recording(tmp_path / "mine.toml")
    assert made.model == 'fault:hostile#" [x]'
    assert {cohort.ids[row] for row in file.rows_of(cohort)[:3]} <= set(made.answers)
    assert all(set(json.loads(line)) >= {"id", "arm", "changes"} for line in (tmp_path / "mine.jsonl").open())


def test_only_a_language_models_answers_are_recorded(recorded, capsys):
    assert recorded("--advisor", "guideline") == 2
    assert "only a language model's" in capsys.readouterr().err


def test_without_a_recording_the_command_is_named(cohort):
    with pytest.raises(ValueError, match=r"advise --cohort .* --record"):
        make_advisor("recorded", LiveRun.start(cohort, "glrb").environment, 0)
