"""The command line about one patient: what must be read stands there, and what cannot be used is said in a sentence."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from libra_core.__main__ import main
from libra_core.cohort import load_cohort
from libra_core.policies import REGISTRY
from libra_core.report.wording import fact

SEVERE = 0  # a patient of nhanes with 180/120 or more
Capture = pytest.CaptureFixture[str]


def code(*words: str) -> int:
    """The exit code, whoever ends the program."""
    try:
        return main(list(words))
    except SystemExit as end:
        return int(end.code or 0)


@pytest.mark.parametrize(
    "words", ["recommend --cohort nhanes --row 0 --after 3 --policy glrb", "advise --cohort nhanes --row 0"]
)
def test_alerts_come_first_and_what_to_check_stands_below(words: str, tmp_path: Path, capsys: Capture) -> None:
    out = tmp_path / "out.json"
    assert main([*words.split(), "--json", str(out)]) == 0
    lines, content = capsys.readouterr().out.splitlines(), json.loads(out.read_text())
    cohort = load_cohort("nhanes")
    (urgent,) = cohort.alerts(SEVERE)
    assert lines[0] == f"URGENT: {urgent.reason}"
    assert content["alerts"] == [{"level": "urgent", "reason": urgent.reason}]
    decided = content["decision"]["arm"]
    arm = decided if isinstance(decided, int) else cohort.protocol.arm_codes.index(decided)
    unmeasured = cohort.unmeasured_safety(SEVERE, arm)
    assert unmeasured  # this drug rests on values that nobody measured
    assert content["check_before_starting"] == [item.text for item in unmeasured]
    (check,) = [line for line in lines if line.startswith("Check before starting (not recorded): ")]
    assert all(fact(cohort, item.feature) in check for item in unmeasured)


def test_the_cautions_of_the_plan_are_those_of_the_protocol(tmp_path: Path, capsys: Capture) -> None:
    out = tmp_path / "out.json"
    assert main(["recommend", "--cohort", "nhanes", "--row", "0", "--after", "20", "--json", str(out)]) == 0
    content = json.loads(out.read_text())
    cohort, decision = load_cohort("nhanes"), content["decision"]
    expected = cohort.frame.at[0, "sbp"] - decision["mean"]
    cautions = cohort.cautions(0, decision["arm"], np.array(decision["delta"]), expected)
    assert cautions
    assert content["cautions"] == list(cautions)
    said = capsys.readouterr().out
    assert [line for line in said.splitlines() if line.startswith("Watch:")] == [f"Watch:     {c}" for c in cautions]


@pytest.mark.parametrize(("row", "after", "foretold"), [(4, 0, False), (54, 60, True)])
def test_a_low_pressure_is_foretold_only_by_what_was_learned(
    row: int, after: int, foretold: bool, capsys: Capture
) -> None:
    """Row 4 has 116 mmHg, but nobody has had its treatment yet; row 54 has 132, and a fall of some 13 is known."""
    words = f"recommend --cohort accord-like --row {row} --after {after} --policy glrb"
    assert main(words.split()) == 0
    assert ("expected systolic pressure below 120" in capsys.readouterr().out) == foretold


def test_a_patient_without_alerts_has_none(capsys: Capture) -> None:
    assert main(["recommend", "--cohort", "accord-like", "--row", "3", "--after", "0", "--policy", "random"]) == 0
    alerts = [alert for alert in load_cohort("accord-like").alerts(3) if alert.level != "note"]
    assert alerts == []
    assert capsys.readouterr().out.startswith("Patient ")


def test_what_the_file_leaves_in_doubt_is_to_be_checked(tmp_path: Path, capsys: Capture) -> None:
    file = tmp_path / "doubt.csv"
    file.write_text("age,sex,sbp,dbp,serum_k\n50,m,150,90,<4.5\n")
    words = ["recommend", "--cohort", str(file), "--row", "0", "--after", "0", "--policy", "guideline"]
    assert main(words) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "Treatment: RAS inhibitor" in lines[1]
    (doubtful,) = [line for line in lines if line.startswith("Check before starting (in doubt): ")]
    assert "potassium in blood (the file says only: less than 4.5 mmol/L)." in doubtful
    assert not any("potassium in blood" in line for line in lines if "(not recorded)" in line)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("recommend --after -5", "--after: give a whole number from 0 to 100,000, not '-5'"),
        ("recommend --after ten", "--after: give a whole number from 0 to 100,000, not 'ten'"),
        ("recommend --seed -1", "--seed: give a whole number from 0 to"),
        ("advise --seed -1", "--seed: give a whole number from 0 to"),
        ("advise --seed 1e3", "--seed: give a whole number from 0 to"),
        ("recommend --advisor psychic", "unknown advisor 'psychic'"),
    ],
)
def test_numbers_out_of_range_end_in_a_sentence(words: str, sentence: str, capsys: Capture) -> None:
    command, *options = words.split()
    assert code(command, "--cohort", "accord-like", "--row", "3", *options) == 2
    said = capsys.readouterr()
    assert sentence in said.err
    assert len(said.err.strip().splitlines()) == 1
    assert said.out == ""


@pytest.mark.parametrize(
    "words",
    ["recommend --cohort accord-like --row 3", "advise --cohort accord-like --row 3", "cohort check accord-like"],
)
def test_a_file_that_cannot_be_written_is_told_before_the_work(words: str, tmp_path: Path, capsys: Capture) -> None:
    for target, sentence in (
        (tmp_path / "none" / "x.json", f"there is no folder {tmp_path / 'none'}"),
        (tmp_path, "it is a folder"),
    ):
        assert main([*words.split(), "--json", str(target)]) == 2
        said = capsys.readouterr()
        assert said.err.strip() == f"cannot write {target}: {sentence}"
        assert said.out == ""


def test_a_file_that_turns_out_unwritable_costs_only_the_file(capsys: Capture) -> None:
    """/dev/full takes the name and refuses every byte."""
    assert main(["cohort", "check", "accord-like", "--json", "/dev/full"]) == 2
    said = capsys.readouterr()
    assert "usable" in said.out
    assert said.err == "cannot write /dev/full: No space left on device\n"


@pytest.mark.parametrize("policy", sorted(REGISTRY))
def test_an_advisor_that_a_policy_never_asks_is_mentioned(policy: str, capsys: Capture) -> None:
    words = f"recommend --cohort accord-like --row 3 --after 0 --advisor random --policy {policy}"
    main(words.split())
    told = "Not used: --advisor." in capsys.readouterr().err
    assert told == (policy not in ("libra", "libra-trial", "libra-distil", "hr-bandit", "advisor-only"))


def test_the_default_advisor_is_nobodys_mistake(capsys: Capture) -> None:
    assert main(["recommend", "--cohort", "accord-like", "--row", "3", "--after", "0", "--policy", "glrb"]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("words", ["recommend --after 0", "advise", "report --format html --out {}/sheet.html"])
def test_a_patient_is_named_by_id_or_by_row(words: str, tmp_path: Path, capsys: Capture) -> None:
    said = []
    for patient in ("3", "A-00004"):
        assert main([*words.format(tmp_path).split(), "--cohort", "accord-like", "--row", patient]) == 0
        said.append(capsys.readouterr().out)
    assert said[0] == said[1]
    assert main([*words.format(tmp_path).split(), "--cohort", "accord-like", "--row", "N-00004"]) == 2
    assert "there is no patient 'N-00004' in accord-like: give an ID from A-00001 to " in capsys.readouterr().err


def test_advice_is_told_in_the_words_of_the_pages(capsys: Capture) -> None:
    assert main(["advise", "--cohort", "nhanes", "--row", "12"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("guideline (ok): RAS inhibitor + calcium channel blocker, single pill; ")
    assert "sodium in the diet −800 mg/day" in said
    assert "\nLIBRA before its first patient: " in said  # it has learned nothing: another plan than `recommend` gives
    assert "rasi_ccb" not in said


def test_advice_about_another_disease_is_in_its_own_unit(tmp_path: Path) -> None:
    out, root = tmp_path / "a.json", Path(__file__).resolve().parents[3]
    words = ["advise", "--cohort", "t2d-synthetic", "--row", "3", "--json", str(out)]
    environment = os.environ | {"LIBRA_PROTOCOL_DIR": str(root / "examples" / "type2_diabetes")}
    subprocess.run([sys.executable, "-m", "libra_core", *words], cwd=root, env=environment, check=True)
    assert json.loads(out.read_text())["decision"]["unit"] == "mmol/mol"


def test_a_reader_who_has_seen_enough_ends_it_quietly() -> None:
    """The reader is gone before the program writes: `| head`."""
    read, write = os.pipe()
    os.close(read)
    words = [sys.executable, "-m", "libra_core", "cohort", "check", "accord-like"]
    done = subprocess.run(words, stdout=write, stderr=subprocess.PIPE, text=True, check=False)
    os.close(write)
    assert (done.returncode, done.stderr) == (0, "")
