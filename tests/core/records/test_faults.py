"""When the disk, the database or the clock fails: a clear sentence, and nothing that was acknowledged is lost."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import event

from libra_core.records import LOCAL, Database, Repository, SessionLog, Unavailable, replay
from libra_core.records.errors import NOT_KEPT
from tests.support.kit import NHANES, begin, fails, other_plan, play, spec, stamp, whole


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    found = Database(f"sqlite:///{tmp_path / 'records.sqlite'}")
    yield found
    found.close()


def limited(database: Database, pragma: str) -> None:
    """Every connection from now on works under a limit that SQLite itself enforces."""
    database.engine.dispose()
    event.listen(database.engine, "connect", lambda connection, _: connection.execute(pragma))


def test_a_full_disk(database: Database) -> None:
    log = play(begin(database), 2)
    case = log.current()
    with closing(sqlite3.connect(database.path)) as c:
        pages = c.execute("PRAGMA page_count").fetchone()[0]
        limit = f"PRAGMA max_page_count = {pages}"
    database.engine.dispose()
    listener = lambda connection, _: connection.execute(limit)  # noqa: E731 -- it has to be removed again
    event.listen(database.engine, "connect", listener)
    until_full(log, case.position)
    fails(lambda: log.accept(case.position, stamp(comment="x" * 2000)), "disk is full")
    event.remove(database.engine, "connect", listener)
    database.engine.dispose()
    whole(log, 2)


def until_full(log: SessionLog, position: int) -> None:
    """Write small things until there is no room for another: each is either kept or refused with a sentence."""
    plan = other_plan(log.ledger.cases[position])

    def fill() -> None:
        for _ in range(10_000):
            log.save_scenario(position, "fills the disk", plan)

    fails(fill, "disk is full")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a disk of its own")
def test_a_disk_that_is_really_full(tmp_path: Path) -> None:
    """A file system of two megabytes, filled up by another program."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)], check=False).returncode:
        pytest.skip("this machine does not let a test mount a disk")
    try:
        database = Database(f"sqlite:///{disk / 'records.sqlite'}")
        log = play(begin(database, planned=4), 2)
        case = log.current()
        filler = disk / "filler"
        with contextlib.suppress(OSError), filler.open("wb", buffering=0) as f:
            while f.write(bytes(4096)):
                pass
        until_full(log, case.position)  # what the write-ahead log had room for is kept
        fails(lambda: log.accept(case.position, stamp(comment="x" * 2000)), "disk is full")
        filler.unlink()
        whole(log, 2)
        database.close()
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=False)


def test_a_read_only_database(database: Database) -> None:
    log = play(begin(database), 2)
    case = log.current()
    database.engine.dispose()
    listener = lambda connection, _: connection.execute("PRAGMA query_only = ON")  # noqa: E731
    event.listen(database.engine, "connect", listener)
    fails(lambda: log.accept(case.position, stamp()), "read-only")
    event.remove(database.engine, "connect", listener)
    database.engine.dispose()
    whole(log, 2)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs another user than root, who may write everything")
def test_a_read_only_folder_of_another_user(tmp_path: Path, database: Database) -> None:
    """A process of a user without rights reads the record, and says that it cannot write."""
    log = play(begin(database), 2)
    database.engine.dispose()
    folder = Path(shutil.copytree(tmp_path, "/tmp/libra-read-only", dirs_exist_ok=True))
    try:
        for path in folder.iterdir():
            path.chmod(0o444)
        folder.chmod(0o555)
        said = as_nobody(
            lambda: Repository(Database(f"sqlite:///{folder / 'records.sqlite'}"), LOCAL).append(
                log.id, log.ledger.seq, "closed", {}
            )
        )
        assert said.startswith("Unavailable")
        assert NOT_KEPT in said
    finally:
        shutil.rmtree(folder)


def as_nobody(step: Callable[[], object]) -> str:
    """What the step ends in when a user without rights does it, in a process of its own."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgid(65534)
            os.setuid(65534)
            step()
            said = "done"
        except BaseException as error:
            said = f"{type(error).__name__}: {error}"
        os.write(write, said.encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as answer:
        said = answer.read()
    os.waitpid(child, 0)
    return said


@pytest.mark.parametrize("how", ["removed", "replaced", "moved"])
def test_a_file_that_is_gone_in_mid_session(database: Database, tmp_path: Path, how: str) -> None:
    """SQLite would go on writing into a file that nobody can find any more; here it is noticed before."""
    log = play(begin(database), 2)
    case = log.current()
    away = tmp_path / "away"
    away.mkdir()
    database.engine.dispose()  # the write-ahead log is folded into the file
    for file in tmp_path.glob("records.sqlite*"):
        file.rename(away / file.name)
    if how == "replaced":
        (tmp_path / "records.sqlite").write_bytes(b"")
    with pytest.raises(Unavailable, match="removed or replaced"):
        log.accept(case.position, stamp())
    for file in away.glob("*"):
        os.replace(file, tmp_path / file.name)
    whole(log, 2)


def test_a_damaged_file_gets_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "records.sqlite"
    path.write_bytes(b"this is not a database " * 400)
    fails(lambda: Database(f"sqlite:///{path}"), "damaged")


@pytest.mark.parametrize("url", ["mysql://localhost/x", "oracle://h/x"])
def test_another_kind_of_database_gets_a_sentence(url: str) -> None:
    with pytest.raises(Unavailable, match="must begin with"):
        Database(url)


def test_a_clock_that_goes_backwards(database: Database) -> None:
    """The order is the log's; times are only read by people."""
    hours = iter(range(10_000, 0, -1))
    repository = Repository(database, LOCAL, clock=lambda: f"2026-01-01T00:00:00.{next(hours):06d}+00:00")
    log = SessionLog(repository, repository.begin(spec(), "backwards").id, NHANES)
    play(log)
    times = [e.at for e in repository.events(log.id)]
    assert times == sorted(times, reverse=True)
    whole(log, 6)
    assert SessionLog(repository, log.id, NHANES).engine.state() == log.engine.state()


def test_a_failed_write_is_tried_again_with_the_same_key(database: Database) -> None:
    """The database fails after it has recorded: the second try finds the decision and does not repeat it."""
    log = begin(database)
    case, key = log.current(), stamp()
    append, failed = log.repository.append, []

    def committed_but_not_heard(*args: object) -> object:
        done = append(*args)
        if not failed:
            failed.append(True)
            raise Unavailable("The database cannot be reached. " + NOT_KEPT)
        return done

    log.repository.append = committed_but_not_heard
    with pytest.raises(Unavailable):
        log.accept(case.position, key)
    log.sync()
    log.accept(case.position, key)
    assert log.ledger.decided == 1
    whole(log, 1)


def test_writers_side_by_side_wait_for_their_turn(tmp_path: Path) -> None:
    """Eight writers in eight connections on one file, each with a session of its own: nobody hears "locked"."""
    url = f"sqlite:///{tmp_path / 'records.sqlite'}"
    Database(url).close()
    errors: list[BaseException] = []
    ids: list[str] = []

    def write() -> None:
        try:
            database = Database(url)
            ids.append(play(begin(database, planned=5, companions=())).id)
            database.close()
        except BaseException as error:  # a thread's exception must reach the test
            errors.append(error)

    threads = [threading.Thread(target=write) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    repository = Repository(Database(url), LOCAL)
    assert len(ids) == 8
    for session_id in ids:
        assert repository.verify(session_id).ok
        assert replay(repository, session_id, NHANES).ok
