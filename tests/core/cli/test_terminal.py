"""What the command line imports for --help, how it writes, and what a closed, full or plain terminal and Ctrl-C get."""

import os
import resource
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from libra_core import files
from libra_core.advisors import kinds
from libra_core.cli import COMMANDS
from libra_core.clinical import default_protocol
from libra_core.environments import ENVIRONMENTS, EnvironmentSpec
from libra_core.policies import REGISTRY
from libra_core.study import StudySpec

PROGRAM = [sys.executable, "-m", "libra_core"]
CHECK = ["cohort", "check", "accord-like"]
STUDY = ["simulate", "--policies", "libra", "--rounds", "200000", "--replicates", "4", "--workers", "2"]
HEAVY = [
    "pandas",
    "scipy.stats",
    "numba",
    "alembic",
    "sqlalchemy",
    "cvxpy",
    "plotly",
    "openai",
    "pyarrow",
    "pydantic",
    "numpy",
]


def ran(*words: str, **options: object) -> subprocess.CompletedProcess[str]:
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | options
    return subprocess.run([*PROGRAM, *words], check=False, **streams)  # type: ignore[call-overload, no-any-return]


# ------------------------------------------------------------------------------------------------ --help


@pytest.mark.parametrize("words", [[], ["cohort", "check"], *([name] for name in COMMANDS)], ids=" ".join)
def test_no_help_imports_anything_of_the_work(words: list[str]) -> None:
    code = f"""
import sys
from libra_core.cli import main
try:
    main([*{words!r}, "--help"])
finally:
    print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "[]\n")
    assert "--help" in done.stdout


def test_the_help_of_a_command_lists_every_name() -> None:
    simulate, recommend = (" ".join(ran(name, "--help").stdout.split()) for name in ("simulate", "recommend"))
    for said in (simulate, recommend):
        assert ", ".join(REGISTRY) in said
        assert ", ".join(kinds()) in said
        assert ", ".join(spec.name for spec in default_protocol().cohorts) in said
    assert ", ".join(sorted(ENVIRONMENTS)) in simulate


def test_the_help_of_a_study_states_the_defaults_of_its_settings() -> None:
    told = " ".join(ran("simulate", "--help").stdout.partition("example:")[0].split())
    spec, world = StudySpec(), EnvironmentSpec()
    for option, default in {
        "--policies": ",".join(spec.policies),
        "--advisor": spec.advisor,
        "--rounds": spec.rounds,
        "--replicates": spec.replicates,
        "--seed": spec.seed,
        "--arms": world.arms,
        "--dimensions": f"{world.d_immutable},{world.d_mutable}",
        "--compliance": world.compliance,
        "--radius": spec.config.radius,
        "--plausibility": spec.config.plausibility,
        "--adoption": spec.config.adoption,
        "--estimator": spec.config.estimator,
    }.items():
        text = told.rpartition(f" {option} ")[2].partition(" --")[0].replace(" ", "")
        assert f"default:{default}" in text, option


# ------------------------------------------------------------------------------------------------ files


def test_a_file_is_replaced_as_a_whole_and_keeps_its_mode(tmp_path: Path) -> None:
    target, link = tmp_path / "result.json", tmp_path / "link.json"
    target.write_bytes(b"old")
    target.chmod(0o640)
    link.symlink_to(target)
    with target.open("rb") as reader:  # somebody who opened the old file reads the old file to its end
        files.write(link, b"new")
        assert reader.read() == b"old"
    assert (target.read_bytes(), stat.S_IMODE(target.stat().st_mode)) == (b"new", 0o640)
    assert link.is_symlink()
    files.write(tmp_path / "first.json", b"1")
    (tmp_path / "usual").touch()
    assert (tmp_path / "first.json").stat().st_mode == (tmp_path / "usual").stat().st_mode
    assert sorted(p.name for p in tmp_path.iterdir()) == ["first.json", "link.json", "result.json", "usual"]


@pytest.mark.parametrize(
    "words",
    [
        "recommend --cohort accord-like --row 3 --after 0 --policy random --json",
        "advise --cohort accord-like --row 3 --json",
        "cohort check accord-like --json",
        "report --cohort accord-like --row 3 --format html --out",
        "simulate --rounds 5 --replicates 2 --workers 1 --policies random --json",
    ],
)
def test_a_disk_that_fills_up_leaves_the_good_file(words: str, tmp_path: Path) -> None:
    """The limit on a file's size stands for the full disk: a write stops in the middle of it."""
    target = tmp_path / "result"
    target.write_text("good")

    def small_disk() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))

    done = ran(*words.split(), str(target), preexec_fn=small_disk)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == f"cannot write {target}: File too large"
    assert "Traceback" not in done.stderr
    assert target.read_text() == "good"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.skipif(os.geteuid() != 0 or sys.platform != "linux", reason="only root may mount a small disk")
def test_a_really_full_disk_leaves_the_good_file(tmp_path: Path) -> None:
    script = f"""
mount -t tmpfs -o size=8k none {tmp_path} || exit 77
echo good > {tmp_path}/sheet.html
{sys.executable} -m libra_core report --cohort accord-like --row 3 --format html --out {tmp_path}/sheet.html
echo $?; ls -A {tmp_path}; cat {tmp_path}/sheet.html
"""
    done = subprocess.run(["unshare", "-m", "sh", "-c", script], capture_output=True, text=True, check=False)
    if done.returncode == 77:
        pytest.skip("this machine lets nobody mount")
    assert done.stdout == "2\nsheet.html\ngood\n"
    assert done.stderr == f"cannot write {tmp_path}/sheet.html: No space left on device\n"


# ------------------------------------------------------------------------------------------------ terminals


@pytest.mark.parametrize("words", [CHECK, ["--help"], ["replay"]])
def test_a_closed_output_is_told_before_the_work(words: list[str]) -> None:
    done = ran(*words, preexec_fn=lambda: os.close(1))
    assert (done.returncode, done.stderr) == (2, "there is nowhere to print to: the standard output is closed\n")


def test_a_closed_error_output_changes_nothing() -> None:
    done = ran(*CHECK, preexec_fn=lambda: os.close(2))
    assert (done.returncode, done.stdout) == (0, ran(*CHECK).stdout)
    assert ran("simulate", "--rounds", "5", "--replicates", "2", preexec_fn=lambda: os.close(2)).returncode == 0


@pytest.mark.parametrize("words", [CHECK, ["simulate", "--help"]])
def test_a_full_output_is_told(words: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        done = ran(*words, stdout=full)
    assert (done.returncode, done.stderr) == (2, "cannot print the result: No space left on device\n")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_terminal_without_our_characters_reads_the_same(encoding: str) -> None:
    words = ("advise", "--cohort", "nhanes", "--row", "12")
    done = ran(*words, encoding=encoding, env=os.environ | {"LC_ALL": "C", "PYTHONIOENCODING": encoding})
    assert (done.returncode, done.stderr) == (0, "")
    assert "sodium in the diet -800 mg/day" in done.stdout  # a minus stays a minus
    assert "?" not in done.stdout
    wrong = ran("cohort", "check", "−→ü", encoding=encoding, env=os.environ | {"PYTHONIOENCODING": encoding})
    assert wrong.returncode == 2
    assert "Traceback" not in wrong.stderr


# ------------------------------------------------------------------------------------------------ Ctrl-C


@pytest.mark.parametrize("module", ["numpy._core", "pandas._libs", "numba.core.types", "scipy.special"])
def test_ctrl_c_during_an_import_ends_in_a_sentence(module: str) -> None:
    """The interpreter says what it has imported, so the moment does not depend on the machine."""
    process = subprocess.Popen(
        [sys.executable, "-X", "importtime", "-m", "libra_core", *STUDY], stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    while f" {module}" not in process.stderr.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=60)[1]
    assert process.returncode == 130
    assert said.splitlines()[-1] == "Stopped; nothing was written."
    assert "Traceback" not in said


def test_ctrl_c_during_the_work_ends_in_a_sentence(tmp_path: Path) -> None:
    out = tmp_path / "s.json"
    process = subprocess.Popen([*PROGRAM, *STUDY, "--json", str(out)], stderr=subprocess.PIPE)
    assert process.stderr is not None
    seen = b""
    while b"1%" not in seen:  # the bar moves: the work has begun
        seen += process.stderr.read1()
    process.send_signal(signal.SIGINT)
    said = (seen + process.communicate(timeout=60)[1]).decode()
    assert process.returncode == 130
    assert said.splitlines()[-1] == "Stopped; nothing was written."
    assert "Traceback" not in said
    assert list(tmp_path.iterdir()) == []


def test_the_module_and_the_command_share_one_main() -> None:
    import libra_core.__main__ as module
    from libra_core import cli

    assert module.main is cli.main
    assert 'libra = "libra_core.cli:main"' in (files.PACKAGE.parent / "pyproject.toml").read_text()
