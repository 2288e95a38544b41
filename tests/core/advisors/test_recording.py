"""Recorded answers: committed with their provenance, read like live ones, and silent about whom they do not know."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from libra_core.advisors import kinds, make_advisor
from libra_core.advisors.recording import RecordedModel, read_recording, recording_for
from libra_core.cohort import load_cohort
from libra_core.report.wording import advisor as advisor_in_words
from libra_core.report.wording import label, short_label
from libra_core.study.live import LiveRun

NHANES = load_cohort("nhanes")
RUN = LiveRun.start(NHANES, "glrb")
FACTS = (
    'protocol = "p"\ncohort = "c"\nmodel = "m"\nasked_on = 2026-01-01\nprompt = "v"\nfingerprint = "f"\nsource = "s"\n'
)


def test_every_patient_of_the_simulation_has_an_answer_on_the_menu() -> None:
    advisor = make_advisor("recorded", RUN.environment, 0)
    assert isinstance(advisor, RecordedModel)
    for row in map(int, NHANES.arrivals):
        advice = advisor.advise(NHANES.case(row))
        assert advice.status == "cached"
        assert NHANES.patient(row).eligible[advice.arm]


def test_an_answer_is_what_the_file_says_in_the_protocols_units() -> None:
    said = json.loads(Path("data/advice/hypertension-nhanes.jsonl").read_text().splitlines()[0])
    advisor = make_advisor("recorded", RUN.environment, 0)
    row = NHANES.ids.index(said["id"])
    advice, protocol = advisor.advise(NHANES.case(row)), NHANES.protocol
    assert protocol.arm_codes[advice.arm] == said["arm"]
    change = dict(zip(protocol.mutable, protocol.change(advice.delta), strict=True))
    assert {name: round(v, 6) for name, v in change.items() if v} == said["changes"]
    assert advice.rationale == said["rationale"]


def test_its_title_says_recorded_which_model_and_when() -> None:
    recording = recording_for("hypertension", "nhanes")
    assert recording is not None
    assert (
        recording.title == "Claude (Anthropic), exact version not recorded, recorded 2026-11-24, prompt hypertension-3"
    )
    assert "recorded" in kinds()["recorded"].label
    assert len(recording.again) == 127


def test_an_answer_off_the_menu_is_no_advice() -> None:
    recording = recording_for("hypertension", "nhanes")
    assert recording is not None
    row = next(int(r) for r in NHANES.arrivals if not NHANES.patient(int(r)).eligible.all())
    out = int(np.flatnonzero(~NHANES.patient(row).eligible)[0])
    forbidden = {"arm": NHANES.protocol.arm_codes[out], "changes": {}, "rationale": ""}
    other = replace(recording, answers={NHANES.ids[row]: forbidden})
    assert RecordedModel(NHANES, other).advise(NHANES.case(row)).status == "invalid"
    assert RecordedModel(NHANES, replace(recording, answers={})).advise(NHANES.case(row)).status == "refused"


def test_without_a_recording_the_way_out_is_told() -> None:
    other = LiveRun.start(load_cohort("accord-like"), "glrb")
    with pytest.raises(ValueError, match="no language model's answers are recorded about the cohort accord-like"):
        make_advisor("recorded", other.environment, 0)


@pytest.mark.parametrize(
    ("facts", "lines", "problem"),
    [
        (FACTS.replace('model = "m"\n', ""), "", "model is missing"),
        ("= nonsense", "", "cannot be read"),
        (FACTS, "[" * 100_000, "line 1: expected a JSON object"),
        (FACTS, '{"arm": "rasi"}', "line 1: expected a JSON object"),
        (FACTS, '{"id": "a"}\n\n{"id": "a"}', "line 3: a second answer for a"),
    ],
)
def test_a_broken_file_is_refused_in_words(tmp_path: Path, facts: str, lines: str, problem: str) -> None:
    (tmp_path / "x.toml").write_text(facts)
    (tmp_path / "x.jsonl").write_text(lines)
    with pytest.raises(ValueError, match=problem):
        read_recording(tmp_path / "x.toml")


@pytest.mark.parametrize("name", sorted(kinds()))
def test_only_a_simulated_advisor_is_called_simulated(name: str) -> None:
    simulated = "simulated" in kinds()[name].label.lower()
    for shown in (label("advisor-only", name), short_label("advisor-only", name), advisor_in_words(name)):
        assert ("simulated" in shown) == simulated, shown
        assert "live" not in shown
    if name == "recorded":
        assert (
            label("advisor-only", "recorded:mine.toml")
            == label("advisor-only", name)
            == ("Language model only (recorded)")
        )
        assert advisor_in_words("recorded:mine.toml") == advisor_in_words(name)
