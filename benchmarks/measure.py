"""How figures are taken, and the one table that they go into.

Times are CPU seconds of the measuring thread unless a row says "wall": other work on the machine then disturbs less.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import statistics
import subprocess
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VERSIONS = ("numpy", "scipy", "numba", "cvxpy", "clarabel", "pandas", "joblib")


@dataclass(frozen=True)
class Row:
    """One line of the table. met: whether the aim is reached, None where there is no aim."""

    what: str
    measured: str
    ratio: str = ""
    aim: str = ""
    met: bool | None = None


def cpu(work: Callable[[], object], repeats: int = 5) -> float:
    """Median CPU seconds of `work()` over repeats, after one call that is not counted."""
    work()
    return statistics.median(_once(work) for _ in range(repeats))


def _once(work: Callable[[], object]) -> float:
    started = time.thread_time()
    work()
    return time.thread_time() - started


def micro(seconds: float) -> str:
    """Microseconds, with three significant digits, in a unit fit to read."""
    us = seconds * 1e6
    if us < 1000:
        return f"{us:.3g} µs"
    return f"{us / 1e3:.3g} ms" if us < 1e6 else f"{us / 1e6:.3g} s"


def machine() -> str:
    """Processor, cores, system and versions, in one paragraph."""
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in VERSIONS)
    system = f"{platform.system()} on {platform.machine()}"
    return f"{_processor()}, {os.cpu_count()} cores, {system}, Python {platform.python_version()}, {versions}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "unknown processor"
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown processor")


def load() -> str:
    """Load averages over 1, 5 and 15 minutes."""
    return " / ".join(f"{value:.1f}" for value in os.getloadavg())


def revision() -> str:
    """The commit that is measured, and whether the library was changed since; empty outside a git checkout."""
    try:
        commit = _git("rev-parse", "--short", "HEAD")
        changed = _git("status", "--porcelain", "--", "libra_core")
    except (OSError, subprocess.CalledProcessError):
        return "unknown revision"
    return commit + (" with uncommitted changes in libra_core" if changed else "")


def _git(*words: str) -> str:
    return subprocess.run(["git", *words], cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()


def table(rows: Iterable[Row]) -> str:
    """The rows in Markdown."""
    marks = {None: "", True: "yes", False: "**no**"}
    lines = ["| What | Measured | Ratio | Aim | Met |", "|---|---|---|---|---|"]
    lines += [f"| {row.what} | {row.measured} | {row.ratio} | {row.aim} | {marks[row.met]} |" for row in rows]
    return "\n".join(lines)


def quartiles(values: Iterable[float]) -> tuple[float, float, float]:
    """(median, lowest, highest)."""
    sorted_ = sorted(values)
    return statistics.median(sorted_), sorted_[0], sorted_[-1]
