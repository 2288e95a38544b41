"""What one person waits for: a decision, the first decision of a process, and a study of twelve policies."""

from __future__ import annotations

import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.measure import ROOT, Row, micro, quartiles
from libra_core.cohort import load_cohort
from libra_core.environments import EnvironmentSpec
from libra_core.study import LiveRun, StudySpec, run_study

TWELVE = (
    "random", "guideline", "advisor-only", "linucb", "linucb-posthoc", "rlinucb",
    "greedy", "thompson", "glrb", "hr-bandit", "libra", "libra-trial",
)  # fmt: skip
FIRST = (
    "from libra_core.cohort import load_cohort; from libra_core.study import LiveRun\n"
    "LiveRun.start(load_cohort('nhanes'), 'libra').step()"
)


def one_decision() -> list[Row]:
    """LIBRA on NHANES after 50 patients: the whole record of a decision, every treatment written out."""
    arms, spent, wall = _decisions((), 200)
    what = f"one decision, {arms} treatments written out, NHANES, shared estimator"
    rows = [
        Row(what + ", CPU", micro(spent)),
        Row(what + ", wall", micro(wall), "", "<= 5 ms", wall <= 5e-3),
    ]
    limits = ("gentle_start", "weight_with_activity")
    _, limited, _ = _decisions(limits, 30)
    return [
        *rows,
        Row("the same with two further convex limits, CPU", micro(limited), f"{limited / spent:.0f} x"),
    ]


def _decisions(limits: tuple[str, ...], patients: int) -> tuple[int, float, float]:
    """(treatments, median CPU seconds, median wall seconds) of one decision."""
    live = LiveRun.start(load_cohort("nhanes"), "libra", limits=limits)
    for _ in range(50):
        live.step()
    cohort = live.environment.cohort
    assert cohort is not None
    rows = [int(row) for row in cohort.arrivals[: patients + 1]]
    arms = len(live.decision_for(rows[0]).options)
    wall, spent = [], []
    for row in rows[1:]:
        started, at = time.perf_counter(), time.thread_time()
        live.decision_for(row)
        wall.append(time.perf_counter() - started)
        spent.append(time.thread_time() - at)
    return arms, statistics.median(spent), statistics.median(wall)


def first_decision() -> list[Row]:
    """A new process until its first decision on NHANES. The library is copied away, so that nothing is compiled yet."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        shutil.copytree(ROOT / "libra_core", home / "libra_core", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copytree(ROOT / "data", home / "data", ignore=shutil.ignore_patterns("local"))
        cold = _fresh(home)
        warm = quartiles(_fresh(home) for _ in range(3))[0]
    return [
        Row("first decision of a process, kernels compiled before, wall", micro(warm), "", "<= 3 s", warm <= 3.0),
        Row(
            "first decision of a process, nothing compiled, wall",
            micro(cold),
            f"{cold / warm:.1f} x",
            "<= 3 s",
            cold <= 3.0,
        ),
    ]


def _fresh(home: Path) -> float:
    started = time.perf_counter()
    environment = {**os.environ, "PYTHONPATH": str(home)}
    subprocess.run([sys.executable, "-c", FIRST], cwd=home, env=environment, check=True)
    return time.perf_counter() - started


def twelve_policies() -> list[Row]:
    """The study that a paper's figure needs, on all cores."""
    world = EnvironmentSpec("hypertension", cohort="nhanes")
    before, started = time.process_time(), time.perf_counter()
    run_study(StudySpec(world, TWELVE, "near-optimal", 2_000, 50, 7))
    wall, spent = time.perf_counter() - started, time.process_time() - before
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    what = "12 policies x 50 replicates x 2,000 rounds, hypertension on NHANES"
    return [
        Row(what + ", wall", micro(wall), f"{spent / wall:.2f} cores used", "<= 60 s", wall <= 60.0),
        Row(what + ", CPU of all threads", micro(spent)),
        Row("peak memory of the benchmark's process", f"{peak:,.0f} MB"),
    ]
