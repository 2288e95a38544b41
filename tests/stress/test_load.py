"""Many clinicians at once: no error, no lost decision, and a bound on the processor time that a click costs."""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from benchmarks.dashboard import Client, Server, View, serving
from libra_core.records import LOCAL, Database, Repository, replay
from tests.support.kit import NHANES, apart, postgres, postgres_bin, spec

CPU_MS = 25.0  # processor time of one rerun, checked in the long form; wall clock is only reported


@dataclass
class Measured:
    seconds: list[float] = field(default_factory=list)
    bytes: list[int] = field(default_factory=list)
    decided: dict[str, int] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)


async def clinician(server: Server, session: str, think: float, until: asyncio.Event, out: Measured) -> None:
    """Accept a patient, think, accept the next."""
    async with Client(server.port, session) as client:
        view = await client.open()
        view = await client.click(view, "fb_accept_")  # imports and first looks are not measured
        until.begun.release()  # type: ignore[attr-defined]
        await until.start.wait()  # type: ignore[attr-defined]
        while not until.is_set():
            before = view.decided
            view = await client.click(view, "fb_accept_")
            note(view, before, out)
            out.decided[session] = view.decided
            await asyncio.sleep(think)


def note(view: View, before: int, out: Measured) -> None:
    out.seconds.append(view.seconds)
    out.bytes.append(view.bytes)
    out.errors += view.problems
    if view.decided != before + 1:
        out.errors.append(f"{before} decisions became {view.decided}")


async def crowd(server: Server, sessions: list[str], think: float, seconds: float) -> tuple[Measured, float]:
    """All clinicians for so many seconds; returns what was measured and the CPU-ms for each rerun."""
    out, until = Measured(), asyncio.Event()
    until.start, until.begun = asyncio.Event(), asyncio.Semaphore(0)  # type: ignore[attr-defined]
    tasks = [asyncio.create_task(clinician(server, s, think, until, out)) for s in sessions]
    for _ in tasks:
        await until.begun.acquire()  # type: ignore[attr-defined]
    cpu = server.cpu_ms()
    until.start.set()  # type: ignore[attr-defined]
    await asyncio.wait(tasks, timeout=seconds)
    until.set()
    await asyncio.gather(*tasks)
    return out, (server.cpu_ms() - cpu) / max(1, len(out.seconds))


def report(name: str, out: Measured, cpu: float) -> None:
    ms = sorted(1000 * s for s in out.seconds)
    print(
        f"\n{name}: {len(out.decided)} clinicians, {len(ms)} reruns, p50 {statistics.median(ms):.0f} ms, "
        f"p95 {ms[int(0.95 * len(ms)) - 1]:.0f} ms, max {ms[-1]:.0f} ms, "
        f"{statistics.mean(out.bytes) / 1000:.0f} kB and {cpu:.1f} CPU-ms each, {len(out.errors)} errors, "
        f"load {os.getloadavg()[0]:.1f}"
    )


def at_work(name: str, url: str, log: Path, clinicians: int, seconds: float, think: float) -> float:
    """Clinicians at work on a database: no error, nothing lost. Returns the CPU-ms of a rerun."""
    database = Database(url)
    repository = Repository(database, LOCAL)
    sessions = [repository.begin(spec(planned=400, seed=k), f"load {k}").id for k in range(clinicians)]
    with serving(log, url) as server:
        out, cpu = apart(crowd(server, sessions, think, seconds))
    report(name, out, cpu)
    assert out.errors == []
    assert "Traceback" not in log.read_text()
    for session in sessions:
        recorded = [e for e in repository.events(session) if "decision" in e.facts]
        assert len(recorded) == out.decided[session]
        assert repository.verify(session).ok
    assert replay(repository, sessions[0], NHANES).ok
    database.close()
    return cpu


LONG = pytest.param(20, 120, 1.0, marks=[pytest.mark.slow, pytest.mark.timeout(900)])


@pytest.mark.parametrize(("clinicians", "seconds", "think"), [(4, 6, 0.3), LONG])
def test_clinicians_at_work(tmp_path: Path, clinicians: int, seconds: float, think: float) -> None:
    """A few seconds on a busy machine measure nothing: the short form checks what is recorded, and not its cost."""
    url = f"sqlite:///{tmp_path / 'records.sqlite'}"
    cpu = at_work("SQLite", url, tmp_path / "server.log", clinicians, seconds, think)
    assert cpu <= CPU_MS or clinicians < 20


@pytest.mark.parametrize(("clinicians", "seconds", "think"), [LONG])
def test_clinicians_at_work_on_postgresql(tmp_path: Path, clinicians: int, seconds: float, think: float) -> None:
    if postgres_bin() is None:
        pytest.skip("PostgreSQL is missing: sudo apt-get install postgresql")
    with postgres() as server:
        assert at_work("PostgreSQL", server.url, tmp_path / "server.log", clinicians, seconds, think) <= CPU_MS


WRITER = """
import sys
from tests.support.kit import Database, begin, play
database = Database(sys.argv[1])
for seed in range(int(sys.argv[2])):
    play(begin(database, planned=20, seed=seed, companions=()))
"""


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_eight_processes_write_one_file(tmp_path: Path) -> None:
    """Eight programs on one SQLite file: none hears "database is locked", and nothing is missing."""
    url = f"sqlite:///{tmp_path / 'records.sqlite'}"
    started = time.perf_counter()
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, url, "10"],
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": "."},
        )
        for _ in range(8)
    ]
    said = [writer.communicate()[1] for writer in writers]
    assert [w.returncode for w in writers] == [0] * 8, said
    repository = Repository(Database(url), LOCAL)
    sessions = repository.sessions()
    decided = sum("decision" in e.facts for s in sessions for e in repository.events(s.id))
    print(f"\n8 processes, {len(sessions)} sessions, {decided} decisions in {time.perf_counter() - started:.0f} s")
    assert len(sessions) == 80
    assert all(repository.verify(s.id).ok for s in sessions)
