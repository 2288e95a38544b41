"""What the tests of the record share: sessions that decide by a fixed rule, and a PostgreSQL of their own."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest

from benchmarks.dashboard import free_port
from libra_core.cohort import Cohort, load_cohort
from libra_core.records import (
    LOCAL,
    Action,
    Actor,
    Database,
    Repository,
    SessionLog,
    SessionSpec,
    Stamp,
    Unavailable,
    replay,
)
from libra_core.records.errors import NOT_KEPT
from libra_core.records.ledger import CaseFile
from libra_core.study.spec import inputs_digest

T = TypeVar("T")
STILL = (0.0,) * 8
NHANES = load_cohort("nhanes")


def spec(cohort: Cohort = NHANES, **changes: object) -> SessionSpec:
    """A short session that shows its card at once."""
    settings = {"planned": 6, "blinded": False, "worth": cohort.protocol.worth} | changes
    return SessionSpec(cohort.name, inputs_digest(cohort), cohort.protocol.name, **settings)  # type: ignore[arg-type]


def stamp(key: str | None = None, **more: object) -> Stamp:
    return Stamp(key or uuid.uuid4().hex, "2026-01-01T00:00:00+00:00", 1.0, **more)  # type: ignore[arg-type]


def begin(database: Database, actor: Actor = LOCAL, cohort: Cohort = NHANES, **changes: object) -> SessionLog:
    repository = Repository(database, actor)
    return SessionLog(repository, repository.begin(spec(cohort, **changes), "a test").id, cohort)


def other_plan(case: CaseFile, policy: str = "libra") -> Action:
    """Another eligible treatment than the proposed one, habits as they are."""
    eligible = NHANES.patient(case.row).eligible
    return Action(
        next(k for k in range(len(eligible) - 1, -1, -1) if eligible[k] and k != case.shown[policy].arm), STILL
    )


def decide(log: SessionLog, case: CaseFile) -> None:
    """Decide by a rule of the position: every third patient otherwise than proposed, every fourth put off once."""
    policy = log.info.spec.policy
    if log.info.spec.mode == "unsure":
        log.answer(case.position, other_plan(case, policy) if case.position % 2 else None, stamp())
        return
    if log.info.spec.blinded and case.first is None:
        log.first_choice(case.position, other_plan(case, policy), stamp())
    if case.position % 4 == 0 and not case.deferred:
        log.defer(case.position, stamp(reason="need-more-info"))
    elif case.position % 3 == 0:
        log.override(case.position, other_plan(case, policy), stamp(reason="too-costly-uncovered"))
    else:
        log.accept(case.position, stamp())


def play(log: SessionLog, patients: int = 10_000) -> SessionLog:
    for _ in range(patients):
        case = log.current()
        if case is None:
            break
        if not case.decided:
            decide(log, case)
    return log


def again(log: SessionLog) -> SessionLog:
    """The same session in another window."""
    return SessionLog(Repository(log.repository.database, log.repository.actor), log.id, NHANES)


def proven(log: SessionLog) -> None:
    assert (check := log.repository.verify(log.id)).ok, check.message
    found = replay(log.repository, log.id, NHANES)
    assert found.ok, found.sentence
    assert found.exact == found.proposals > 0


def fails(step: Callable[[], object], words: str) -> None:
    """The step ends in a sentence that says what happened, that nothing of it was kept, and what to do."""
    with pytest.raises(Unavailable, match=words) as error:
        step()
    said = str(error.value)
    assert NOT_KEPT in said
    assert "sqlite3" not in said.lower()
    assert "psycopg" not in said.lower()


def whole(log: SessionLog, decided: int) -> None:
    """The record has exactly so many decisions, replays, and the same SessionLog goes on to the end."""
    fresh = SessionLog(Repository(log.repository.database, LOCAL), log.id, NHANES)
    assert fresh.ledger.decided == decided
    play(log)
    assert log.finished
    assert log.repository.verify(log.id).ok
    assert (found := replay(log.repository, log.id, NHANES)).ok, found.sentence


# ------------------------------------------------------------------------------------------------ PostgreSQL


def postgres_bin() -> Path | None:
    """Where Debian keeps PostgreSQL's programs, or None."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    return Path(on_path).parent if on_path else None


def apart(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in a thread of its own: a browser that is open in this one occupies its event loop."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


class Postgres:
    """A server on loopback with its data in `folder`; it refuses to run as root, so there it runs as postgres."""

    def __init__(self, folder: Path) -> None:
        self.bin, self.folder, self.port = postgres_bin(), folder, free_port()
        self.user = "postgres" if os.geteuid() == 0 else None
        folder.mkdir(parents=True, exist_ok=True)
        if self.user:
            shutil.chown(folder, self.user)
        options = ["-D", str(folder / "data"), "-U", "libra", "-A", "trust", "-E", "UTF8", "--no-sync"]
        self._call("initdb", *options)
        self.process: subprocess.Popen | None = None

    def _call(self, program: str, *args: str) -> None:
        subprocess.run([str(self.bin / program), *args], check=True, user=self.user, cwd="/", stdout=subprocess.DEVNULL)

    @property
    def url(self) -> str:
        return f"postgresql://libra@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        command = [str(self.bin / "postgres"), "-D", str(self.folder / "data"), "-p", str(self.port)]
        with (self.folder / "log").open("a") as log:
            self.process = subprocess.Popen(
                [*command, "-h", "127.0.0.1", "-k", ""], user=self.user, cwd="/", stdout=log, stderr=log
            )
        deadline = time.monotonic() + 30
        ready = [str(self.bin / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        while subprocess.run(ready, check=False).returncode != 0:
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise RuntimeError((self.folder / "log").read_text()[-2000:])
            time.sleep(0.05)  # between two polls of a server that does not answer yet

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)  # PostgreSQL's fast shutdown
            self.process.wait(30)


@contextmanager
def postgres() -> Iterator[Postgres]:
    """Its folder is not pytest's, which only root may enter."""
    with tempfile.TemporaryDirectory(prefix="libra-postgres-") as folder:
        server = Postgres(Path(folder))
        server.start()
        try:
            yield server
        finally:
            server.stop()
