"""`simulate`: settings that cannot act are refused or mentioned, and an hour's work is not lost to a wrong path."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from libra_core.__main__ import main
from libra_core.study.spec import StudySpec, hash_of

Capture = pytest.CaptureFixture[str]
TINY = ["simulate", "--rounds", "5", "--replicates", "2", "--workers", "1"]


def ran(*options: str) -> int:
    return main([*TINY, *options])


def errors(capsys: Capture) -> str:
    """What stderr said besides the progress bar."""
    return "\n".join(line for line in capsys.readouterr().err.splitlines() if "|" not in line)


def config_of(tmp_path: Path, *options: str) -> dict[str, Any]:
    out = tmp_path / "s.json"
    assert ran(*options, "--json", str(out)) == 0
    return json.loads(out.read_text())["config"]  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ("--workers -1", "--workers: give a whole number from 1 to 256, not '-1'"),
        ("--workers 0", "--workers: give a whole number from 1 to 256, not '0'"),
        ("--workers 100000", "--workers: give a whole number from 1 to 256, not '100000'"),
        ("--gamma 1e200", "--gamma: give a number from 0 to 1000, not '1e200'"),
        ("--gamma nan", "--gamma: give a number from 0 to 1000, not 'nan'"),
        ("--gamma -1", "--gamma: give a number from 0 to 1000, not '-1'"),
        ("--noise 0", "--noise: give a number from 1e-06 to 1e+06, not '0'"),
        ("--noise inf", "--noise: give a number from 1e-06 to 1e+06, not 'inf'"),
    ],
)
def test_a_number_out_of_range_ends_in_one_sentence(options: str, sentence: str, capsys: Capture) -> None:
    with pytest.raises(SystemExit) as end:
        ran(*options.split())
    assert end.value.code == 2
    said = capsys.readouterr().err.strip()
    assert sentence in said
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ("--seed -1", "seed must be between 0 and"),
        ("--min-gain nan", "min_gain must be between 0 and inf, got nan"),
        ("--plausibility nan", "plausibility must be between 0 and 1, got nan"),
        ("--plausibility 2", "plausibility must be between 0 and 1, got 2"),
        ("--alpha -1", "alpha must be between 0 and inf, got -1"),
        ("--alpha nan", "alpha must be between 0 and inf, got nan"),
        ("--ridge 0", "ridge must be between 1e-09 and inf, got 0"),
        ("--width 0", "width_threshold must be > 0, got 0"),
        ("--trial-share 0.6", "trial_share must be between 0 and 0.5, got 0.6"),
        ("--effort-cost -1", "effort_cost must be between 0 and inf, got -1"),
        ("--spread nan", "spread must be a number from 0 to 1,000, got nan"),
        ("--contrast -1", "contrast must be a number from 0 to 1,000, got -1"),
        ("--cohort accord-like", "the environment synthetic invents its patients, so --cohort cannot be used"),
        ("--compliance partial", "the environment synthetic has full compliance only"),
        ("--shared --estimator mle", "the shared estimator is one-pass only"),
    ],
)
def test_what_would_mislead_is_refused(options: str, sentence: str, capsys: Capture) -> None:
    assert ran(*options.split()) == 2
    said = capsys.readouterr()
    assert sentence in said.err
    assert said.out == ""


@pytest.mark.parametrize(
    ("options", "unused"),
    [
        ("--environment hypertension --cohort accord-like --arms 3 --dimensions 2,2", ["--arms, --dimensions"]),
        ("--environment hypertension --cohort accord-like --noise 3", []),
        ("--environment hypertension --cohort accord-like --compliance partial", []),
        ("--environment hypertension --cohort accord-like --link logistic --noise 3", ["--noise"]),
        ("--noise 3", ["--noise"]),
        ("--noise 3 --link identity --arms 3 --dimensions 2,2", []),
        ("--policies glrb --advisor random --max-calls 3 --shared", ["--advisor", "--max-calls"]),
        ("--policies llm-only --advisor random --plausibility 0 --adoption plausible", ["--plausibility, --adoption"]),
        (
            "--policies random,oracle --shared --estimator one-pass --radius theory --min-gain 1",
            ["--shared, --estimator, --radius, --min-gain"],
        ),
        ("--spread 2 --alpha 0.1 --ridge 2 --width 0.3 --effort-cost 0.1", []),
        ("--policies libra-trial --trial-share 0.1", []),
        ("--trial-share 0.1 --contrast 2", ["--contrast", "--trial-share"]),
        ("--radius theory --alpha 0.1", ["--alpha"]),
        ("--policies glrb --width 0.3", ["--width"]),
        ("--policies random --alpha 0.1 --ridge 2 --effort-cost 1", ["--alpha, --ridge, --effort-cost"]),
        ("--environment hypertension --cohort accord-like --contrast 2 --spread 2", ["--spread"]),
        ("--advisor random --max-calls 3 --plausibility 1 --adoption plausible --radius theory", []),
    ],
)
def test_an_option_that_changes_nothing_is_mentioned(options: str, unused: list[str], capsys: Capture) -> None:
    assert ran(*options.split()) == 0
    told = [line for line in errors(capsys).splitlines() if line]
    assert [line.removeprefix("Not used: ").partition(".")[0] for line in told] == unused
    assert all(line.endswith(".") for line in told)


def test_the_settings_reach_the_study(tmp_path: Path) -> None:
    config = config_of(tmp_path, "--radius", "theory", "--min-gain", "0.25", "--max-calls", "4", "--gamma", "0.5")
    assert config["config"]["radius"] == "theory"
    assert config["config"]["min_gain"] == 0.25
    assert config["config"]["max_calls"] == 4
    assert config["environment"]["gamma"] == 0.5
    options = "--alpha 0.1 --ridge 2 --width 0.3 --plausibility 0.4 --trial-share 0.1 --effort-cost 0.2 --spread 2"
    config = config_of(tmp_path, *options.split(), "--policies", "libra-trial")
    names = ("alpha", "ridge", "width_threshold", "plausibility", "trial_share", "effort_cost")
    assert [config["config"][name] for name in names] == [0.1, 2, 0.3, 0.4, 0.1, 0.2]
    assert config["environment"]["spread"] == 2
    people = ("--environment", "hypertension", "--cohort", "accord-like")
    assert config_of(tmp_path, *people, "--contrast", "2")["environment"]["contrast"] == 2


def test_what_is_left_out_keeps_the_defaults_of_a_study(tmp_path: Path) -> None:
    spec = StudySpec(rounds=5, replicates=2)
    config = config_of(tmp_path)
    assert config["hash"] == spec.hash
    asked = {name: value for name, value in config.items() if name not in ("hash", "unit", "link")}
    assert hash_of(asked) == spec.hash  # what is written is what the hash is of


@pytest.mark.parametrize(
    ("options", "link"),
    [
        ("", "logistic"),
        ("--link identity", "identity"),
        ("--environment hypertension --cohort accord-like", "identity"),
        ("--environment hypertension --cohort accord-like --link logistic", "logistic"),
    ],
)
def test_the_json_says_that_outcomes_are_simulated_and_with_which_link(options: str, link: str, tmp_path: Path) -> None:
    out = tmp_path / "s.json"
    assert ran(*options.split(), "--json", str(out)) == 0
    content = json.loads(out.read_text())
    assert content["outcomes"] == "simulated"
    assert content["config"]["link"] == link


def test_a_wrong_path_is_told_before_anything_is_computed(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def computed(*_: object, **__: object) -> None:
        raise AssertionError("the study was started")

    monkeypatch.setattr("libra_core.study.run_study", computed)
    locked = tmp_path / "none" / "s.json"
    assert ran("--json", str(locked)) == 2
    assert capsys.readouterr().err == f"cannot write {locked}: there is no folder {locked.parent}\n"
    assert ran("--json", str(tmp_path)) == 2
    assert capsys.readouterr().err == f"cannot write {tmp_path}: it is a folder\n"
    monkeypatch.setattr("os.access", lambda *_: False)
    assert ran("--json", str(tmp_path / "s.json")) == 2
    assert capsys.readouterr().err == f"cannot write {tmp_path / 's.json'}: permission denied\n"
    assert list(tmp_path.iterdir()) == []


def test_the_table_is_printed_even_when_the_file_fails(capsys: Capture) -> None:
    assert ran("--policies", "random", "--json", "/dev/full") == 2
    said = capsys.readouterr()
    assert "random" in said.out
    assert said.err.splitlines()[-1] == "cannot write /dev/full: No space left on device"


def test_the_program_itself_exits_2_without_a_traceback() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "libra_core", *TINY, "--gamma", "1e200"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.startswith("argument --gamma: give a number")
    assert "Traceback" not in done.stderr
