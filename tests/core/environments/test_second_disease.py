"""A second disease is a TOML and an environment beside it: every page and every report, with no edit anywhere else."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
EXAMPLE = ROOT / "examples" / "type2_diabetes"


def other_process(folder: Path, *command: str, **more_env: str) -> str:
    """Run Python on the example's protocol; its output, and its errors where it fails."""
    env = (
        os.environ
        | {
            "LIBRA_PROTOCOL_DIR": str(EXAMPLE),
            "LIBRA_STUDIES": str(folder / "studies"),
            "LIBRA_ADVICE_DB": str(folder / "advice.sqlite"),
            "LIBRA_DATABASE_URL": f"sqlite:///{folder / 'record.sqlite'}",
        }
        | more_env
    )
    done = subprocess.run([sys.executable, *command], cwd=ROOT, env=env, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr[-3000:] + done.stdout[-500:]
    return done.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A place with a small case study of the example in it."""
    made = tmp_path_factory.mktemp("diabetes")
    said = other_process(made, "data/build_case_study.py", "--rounds", "200", "--replicates", "3")
    assert said.count("not stored before") == 4
    return made


def test_every_page_works(folder: Path) -> None:
    assert "every page works" in other_process(folder, "-m", "tests.support.second_disease")


def test_every_report_works(folder: Path) -> None:
    study, sheet = folder / "study.html", folder / "sheet.html"
    other_process(
        folder, "-m", "libra_core", "report", "--study", "case-study", "--format", "html", "--out", str(study)
    )
    text = study.read_text()
    assert "HbA1c" in text
    assert "mmHg" not in text.split("</style>")[1].split("<script")[0]
    arguments = ["--cohort", "t2d-synthetic", "--row", "3", "--format", "html", "--out", str(sheet)]
    other_process(folder, "-m", "libra_core", "report", *arguments)
    assert "Your HbA1c is" in sheet.read_text()


def test_building_it_twice_gives_the_same_numbers(folder: Path) -> None:
    said = other_process(folder, "data/build_case_study.py", "--rounds", "200", "--replicates", "3")
    assert said.count("the same numbers as before") == 4


def test_without_a_text_for_it_the_language_model_stays_off(folder: Path, tmp_path: Path) -> None:
    for name in ("type2_diabetes.toml", "type2_diabetes.py"):
        shutil.copy(EXAMPLE / name, tmp_path / name)
    script = (
        "from streamlit.testing.v1 import AppTest\n"
        "app = AppTest.from_file('pages/router.py', default_timeout=60).run().switch_page('settings.py').run()\n"
        "assert not app.exception\n"
        "print([i.value.replace(chr(92), '') for i in app.info], [t.key for t in app.toggle])\n"
    )
    said = other_process(folder, "-c", script, LIBRA_PROTOCOL_DIR=str(tmp_path))
    assert "write type2_diabetes.toml" in said.replace("\\", "")  # names are drawn as text
    assert "llm_on" not in said
