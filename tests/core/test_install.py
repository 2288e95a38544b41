"""`pip install .`: a wheel made from the source distribution works where there is no source tree."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
WORDS = ("recommend", "--cohort", "nhanes", "--row", "12", "--after", "20", "--json")


def ran(*command: object, cwd: Path, **environment: str) -> str:
    env = {name: value for name, value in os.environ.items() if not name.startswith(("LIBRA_", "PYTHONPATH"))}
    done = subprocess.run(
        [str(word) for word in command], cwd=cwd, env=env | environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds the installed package and its command, beside the environment's own packages."""
    folder = tmp_path_factory.mktemp("install")
    kept = shutil.ignore_patterns("__pycache__", "local")
    for name in ("libra_core", "data"):
        shutil.copytree(ROOT / name, folder / "source" / name, ignore=kept)
    for name in ("pyproject.toml", "setup.py", "requirements.txt", "README.md"):
        shutil.copy(ROOT / name, folder / "source" / name)
    make = "import sys; from setuptools import build_meta as b; b.{}(sys.argv[1])"
    ran(sys.executable, "-c", make.format("build_sdist"), folder, cwd=folder / "source")
    shutil.rmtree(folder / "source")
    (archive,) = folder.glob("*.tar.gz")
    shutil.unpack_archive(archive, folder, filter="data")
    (source,) = (path for path in folder.glob("libra_core-*") if path.is_dir())
    ran(sys.executable, "-c", make.format("build_wheel"), folder, cwd=source)
    shutil.rmtree(source)
    (wheel,) = folder.glob("*.whl")
    pip = (sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target")
    ran(*pip, folder / "site", wheel, cwd=folder)
    return folder


def test_the_command_gives_the_same_answer_as_the_source_tree(installed: Path, tmp_path: Path) -> None:
    home = {"LIBRA_HOME": str(tmp_path / "home"), "PYTHONPATH": str(installed / "site")}
    here, there = tmp_path / "here.json", tmp_path / "there.json"
    said = ran(installed / "site" / "bin" / "libra", *WORDS, there, cwd=tmp_path, **home)
    assert ran(sys.executable, "-m", "libra_core", *WORDS, here, cwd=ROOT) == said
    assert here.read_bytes() == there.read_bytes()
    assert any((tmp_path / "home" / "kernels").iterdir())


def test_the_data_comes_along(installed: Path, tmp_path: Path) -> None:
    site, home = installed / "site" / "libra_core", str(tmp_path / "home")
    for file in (ROOT / "data").rglob("*"):
        name = file.relative_to(ROOT / "data")
        if file.is_file() and name.parts[0] not in ("local", "__pycache__"):
            assert (site / "data" / name).read_bytes() == file.read_bytes()
    assert (site / "report" / "template.html.j2").is_file()
    assert (site / "records" / "migrations" / "env.py").is_file()
    script = "import libra_core.files as f, libra_core.study.store as s; print(f.home()); s.load_case_study()"
    places = {"PYTHONPATH": str(site.parent), "XDG_DATA_HOME": home}
    if sys.platform == "linux":
        assert ran(sys.executable, "-c", script, cwd=tmp_path, **places).strip() == str(Path(home) / "libra")


def test_the_dependencies_are_those_of_the_one_list(installed: Path) -> None:
    (metadata,) = (installed / "site").glob("libra_core-*.dist-info/METADATA")
    needed = [
        line.removeprefix("Requires-Dist: ") for line in metadata.read_text().splitlines() if "Requires-Dist" in line
    ]
    listed = [line for line in (ROOT / "requirements.txt").read_text().splitlines() if line and line[0] != "#"]
    assert [n.replace(" ", "") for n in needed] == listed
