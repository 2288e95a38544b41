"""What the documents promise: examples that run as printed, commands that parse, tables and links that are whole."""

from __future__ import annotations

import importlib
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from libra_core import advisors
from libra_core.advisors.base import REGISTRY
from libra_core.cli import COMMANDS, command_line, main

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])
RESEARCHERS = (ROOT / "docs" / "researchers.md").read_text(encoding="utf-8")
Capture = pytest.CaptureFixture[str]


def printed(path: str) -> str:
    """The file that researchers.md prints under this path."""
    (found,) = re.findall(rf"```python\n# {re.escape(path)}\n(.*?)```", RESEARCHERS, re.DOTALL)
    return str(found)


def python(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *words], cwd=ROOT, env=os.environ | environment, capture_output=True, text=True, check=False
    )


# ------------------------------------------------------------------------------------------------ examples


def test_the_policy_as_printed_passes_the_tests_of_every_policy(tmp_path: Path) -> None:
    (tmp_path / "cautious.py").write_text(printed("libra_core/policies/cautious.py"))
    words = ["-m", "pytest", "-p", "cautious", "tests/core/policies/test_policies.py", "-k", "cautious"]
    done = python(*words, PYTHONPATH=str(tmp_path))
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-500:]
    assert "6 passed" in done.stdout  # the battery for every policy


@pytest.fixture
def first(tmp_path: Path) -> Iterator[None]:
    """The printed advisor, in a folder that counts as `libra_core/advisors`."""
    (tmp_path / "first.py").write_text(printed("libra_core/advisors/first.py"))
    advisors.__path__.append(str(tmp_path))
    importlib.invalidate_caches()
    advisors._import_all.cache_clear()
    yield
    advisors.__path__.remove(str(tmp_path))
    REGISTRY.pop("first", None)
    sys.modules.pop("libra_core.advisors.first", None)


@pytest.mark.usefixtures("first")
def test_the_advisor_as_printed_is_offered_everywhere(capsys: Capture) -> None:
    from pages.ui.session import advice

    assert advisors.kinds()["first"].label == "First on the menu"
    assert "first" in advice.choices()
    assert advice.label("first") == "First on the menu"
    for command in ("advise", "recommend", "simulate"):
        with pytest.raises(SystemExit):
            main([command, "--help"])
        assert "first, guideline" in " ".join(capsys.readouterr().out.split()).replace("llm, ", "")


@pytest.mark.usefixtures("first")
def test_the_advisor_as_printed_is_asked_by_every_command(capsys: Capture) -> None:
    assert main(["advise", "--cohort", "accord-like", "--row", "3", "--advisor", "first"]) == 0
    said = capsys.readouterr().out
    assert said.startswith(
        "first (ok): No new drug: habits only, current drugs kept; habits as they are\nIt stands first.\n"
    )
    assert main(["recommend", "--cohort", "accord-like", "--row", "3", "--advisor", "first", "--after", "2"]) == 0
    small = "--policies llm-only --advisor first --rounds 5 --replicates 2 --workers 1"
    assert main(f"simulate --environment hypertension --cohort accord-like {small}".split()) == 0
    capsys.readouterr()
    assert main(f"simulate {small}".split()) == 2
    said = capsys.readouterr().err
    assert said == "the first advisor needs patients: choose an environment over a cohort\n"  # and no bar before it


def test_the_disease_as_printed_is_the_example() -> None:
    assert printed("examples/gout/gout.py") == (ROOT / "examples" / "gout" / "gout.py").read_text()


@pytest.mark.parametrize(
    "words",
    [
        "cohort check gout-synthetic",
        "recommend --cohort gout-synthetic --row G-00004 --after 30",
        "advise --cohort gout-synthetic --row 3",
        "simulate --environment gout --policies glrb,libra --advisor guideline --rounds 30 --replicates 2",
    ],
)
def test_the_smallest_disease_runs(words: str) -> None:
    done = python("-m", "libra_core", *words.split(), LIBRA_PROTOCOL_DIR=str(ROOT / "examples" / "gout"))
    assert done.returncode == 0, done.stderr
    assert "mmHg" not in done.stdout


EVERY_PAGE = """
from streamlit.testing.v1 import AppTest
for page in ("cohort", "recommend", "compare", "regret", "feedback", "case_study", "settings", "about"):
    app = AppTest.from_file("pages/router.py", default_timeout=60).run()
    assert not app.exception
    app.switch_page(f"{page}.py").run()
    for key in {"recommend": ("step_ten",), "compare": ("compare_learn",), "feedback": ("fb_start",)}.get(page, ()):
        app.button(key=key).click().run()
    assert not app.exception, page
    assert not app.error, page
"""


def test_the_smallest_disease_has_every_page(tmp_path: Path) -> None:
    record = f"sqlite:///{tmp_path / 'record.sqlite'}"
    done = python("-c", EVERY_PAGE, LIBRA_PROTOCOL_DIR=str(ROOT / "examples" / "gout"), LIBRA_DATABASE_URL=record)
    assert done.returncode == 0, done.stderr[-3000:]


def test_a_disease_whose_names_differ_is_told_what_to_do(tmp_path: Path) -> None:
    for name in ("gout.toml", "gout.py"):
        text = (ROOT / "examples" / "gout" / name).read_text()
        (tmp_path / name).write_text(text.replace('name, label = "gout"', 'name, label = "podagra"'))
    words = ["recommend", "--cohort", "gout-synthetic", "--row", "3"]
    done = python("-m", "libra_core", *words, LIBRA_PROTOCOL_DIR=str(tmp_path))
    assert done.returncode == 2
    assert done.stderr == (
        "no simulated environment is registered for gout: put gout.py with a Disease named 'gout' beside gout.toml\n"
    )


# ------------------------------------------------------------------------------------------------ commands


def commands() -> list[str]:
    """Every command of the documents that stands on a line or between backticks of its own, and those of --help."""
    found = [f"python -m libra_core {command}" for _, command in COMMANDS.values()]
    for path in DOCUMENTS:
        text = path.read_text(encoding="utf-8")
        found += re.findall(r"(?m)^python -m libra_core .*$|(?<=`)python -m libra_core [^`\n|]*--[^`\n|.]*(?=`)", text)
    return found


@pytest.mark.parametrize("command", sorted(set(commands())))
def test_a_command_of_the_documents_can_be_read(command: str) -> None:
    words = re.sub(r"\[.*?\]", "", command).partition("#")[0]
    command_line().parse_args(shlex.split(words)[3:])


@pytest.mark.parametrize("command", [*COMMANDS, "cohort check"])
def test_every_help_ends_with_an_example(command: str, capsys: Capture) -> None:
    with pytest.raises(SystemExit):
        main([*command.split(), "--help"])
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith(f"  python -m libra_core {command}")


# ------------------------------------------------------------------------------------------------ form


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_table_is_whole(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines):
        if not re.fullmatch(r"\|(:?-+:?\|)+", line):
            continue
        width, row = line.count("|"), number - 1
        while row < len(lines) and lines[row]:
            cells = re.sub(r"`[^`]*`", "", lines[row]).replace("\\|", "")
            assert lines[row].startswith("|"), f"{path.name}:{row + 1}"
            assert cells.count("|") == width, f"{path.name}:{row + 1}"
            row += 1


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_leads_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", path.read_text(encoding="utf-8")):
        assert (path.parent / target).exists(), target
