"""The chain finds any row that was edited, removed, added or moved; people see what is theirs; old schemas move on."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import inspect, text
from sqlalchemy.exc import DatabaseError

from libra_core.policies.glrb import Greedy
from libra_core.records import LOCAL, Actor, Database, Denied, Repository, Role, SessionLog, Unavailable, replay
from libra_core.records.schema import APPEND_ONLY, METADATA
from tests.support.kit import NHANES, begin, other_plan, play, stamp


@pytest.fixture
def database(tmp_path: Path) -> Database:
    found = Database(f"sqlite:///{tmp_path / 'records.sqlite'}")
    yield found
    found.close()


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A session on disk, recorded once: each test works on a copy."""
    path = tmp_path_factory.mktemp("recorded") / "records.sqlite"
    database = Database(f"sqlite:///{path}")
    log = begin(database, planned=8, blinded=True)
    log.save_scenario(1, "later", other_plan(log.current()))
    play(log)
    assert log.repository.verify(log.id).ok
    database.close()
    return path, log.id


@pytest.fixture
def session(recorded: tuple[Path, str], tmp_path: Path) -> SessionLog:
    path = tmp_path / "copy.sqlite"
    shutil.copy(recorded[0], path)
    database = Database(f"sqlite:///{path}")
    yield SessionLog(Repository(database, LOCAL), recorded[1], NHANES)
    database.close()


@contextmanager
def intruder(session: SessionLog) -> Iterator[sqlite3.Connection]:
    """Somebody who has the file, and drops the triggers."""
    with closing(sqlite3.connect(session.repository.database.path)) as connection:
        for table in APPEND_ONLY:
            for verb in ("update", "delete"):
                connection.execute(f"DROP TRIGGER IF EXISTS {table}_no_{verb}")
        yield connection
        connection.commit()


@pytest.mark.parametrize("table", APPEND_ONLY)
def test_the_database_refuses_to_change_a_row(session: SessionLog, table: str) -> None:
    for statement in (f"DELETE FROM {table}", f"UPDATE {table} SET seq = seq + 1"):
        with pytest.raises(DatabaseError, match="append-only"), session.repository.database.engine.begin() as c:
            c.execute(text(statement))


COLUMNS = [(t.name, c.name) for t in METADATA.sorted_tables if t.name in APPEND_ONLY for c in t.columns]


@pytest.mark.parametrize(("table", "column"), COLUMNS)
def test_an_edit_of_any_column_is_found(session: SessionLog, table: str, column: str) -> None:
    """One column of one row, in the middle of the table, is given another value."""
    kind = METADATA.tables[table].columns[column].type.python_type
    new = f"COALESCE({column}, 0) + 1000" if kind in (int, float) else f"COALESCE({column}, '') || 'x'"
    new = f"1 - {column}" if kind is bool else new
    middle = f"(SELECT rowid FROM {table} ORDER BY rowid LIMIT 1 OFFSET (SELECT COUNT(*) / 2 FROM {table}))"
    with intruder(session) as c:
        c.execute(f"UPDATE {table} SET {column} = {new} WHERE rowid = {middle}")
    try:
        assert not session.repository.verify(session.id).ok
    except Denied:
        assert table == "sessions"  # its id, study or owner is another: the session is not there any more
        assert not session.repository.verify_installation().ok


@pytest.mark.parametrize("table", APPEND_ONLY)
@pytest.mark.parametrize("which", ["MIN", "MAX"])
def test_a_removed_row_is_found(session: SessionLog, table: str, which: str) -> None:
    with intruder(session) as c:
        c.execute(f"DELETE FROM {table} WHERE rowid = (SELECT {which}(rowid) FROM {table})")
    if table == "sessions":
        assert not session.repository.verify_installation().ok
    else:
        assert not session.repository.verify(session.id).ok


@pytest.mark.parametrize("kind", ["opened", "first", "decided"])
def test_reordered_rows_are_found(session: SessionLog, kind: str) -> None:
    with intruder(session) as c:
        found = c.execute(
            "SELECT rowid, seq FROM events WHERE session = ? AND kind = ? ORDER BY seq LIMIT 2", [session.id, kind]
        )
        (a, s), (b, t) = found.fetchall()
        for rowid, seq in ((a, -1), (b, s), (a, t)):
            c.execute(f"UPDATE events SET seq = {seq} WHERE rowid = {rowid}")
    assert not session.repository.verify(session.id).ok


@pytest.mark.parametrize("seq", ["seq", "seq + 1000"])
def test_an_added_row_is_found(session: SessionLog, seq: str) -> None:
    """Beside an event that is there, and after the last."""
    columns = f"session, {seq}, position + 100, kind, actor, at, payload, closes, outcome, NULL, hash"
    with intruder(session) as c:
        c.execute(f"INSERT INTO events SELECT {columns} FROM events WHERE kind = 'scenario'")
    assert not session.repository.verify(session.id).ok


def test_a_guard_of_another_type_is_found(session: SessionLog) -> None:
    """SQLite keeps a word in a column of numbers, and a word is true."""
    with intruder(session) as c:
        c.execute("UPDATE events SET closes = 'no' WHERE closes = 1")
    assert not session.repository.verify(session.id).ok


def test_a_log_cut_off_at_its_end_is_found(session: SessionLog) -> None:
    with intruder(session) as c:
        c.execute("DELETE FROM snapshots")
        c.execute("DELETE FROM events WHERE session = ? AND seq = ?", [session.id, session.ledger.seq])
    assert not session.repository.verify(session.id).ok


def test_a_log_rewritten_as_a_whole_is_found_with_a_noted_end(session: SessionLog) -> None:
    noted = session.repository.head(session.id)
    assert session.repository.verify(session.id, noted).ok
    assert not session.repository.verify(session.id, (noted[0], "0" * 64)).ok


def test_a_forged_snapshot_is_found_by_the_replay(session: SessionLog) -> None:
    """A snapshot is only speed: what was shown because of a false one does not recompute."""
    one = begin(session.repository.database, planned=8)
    play(one, 3)
    state = one.engine.state()
    state["policies"][0]["arrays"]["theta"][0][0][0] = 50.0
    one.repository.save_snapshot(one.id, one.ledger.seq, state)
    forged = play(SessionLog(one.repository, one.id, NHANES))
    found = replay(forged.repository, forged.id, NHANES)
    assert not found.ok
    assert "is not the recomputed one" in found.sentence


def test_a_session_of_a_policy_whose_rule_has_changed_is_told_apart_from_a_forged_one(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Greedy started without random rounds once. The chain holds, and the difference has its innocent explanation."""
    monkeypatch.setattr(Greedy, "START", 0)
    old = play(begin(database, companions=("glrb", "greedy"), planned=2, blinded=False))
    monkeypatch.undo()
    assert old.repository.verify(old.id).ok
    found = replay(old.repository, old.id, NHANES)
    assert not found.ok
    assert all("the proposal of greedy" in difference for difference in found.differences)
    assert all("expected if an earlier version of LIBRA made it" in difference for difference in found.differences)


# ------------------------------------------------------------------------------------------------ whose is what

ANN, BEN = Actor("ann", Role.CLINICIAN), Actor("ben", Role.CLINICIAN)
LEAD, VIEWER = Actor("lea", Role.LEAD), Actor("vic", Role.VIEWER)
OTHER_LEAD, NOBODY = Actor("otto", Role.LEAD, "another study"), Actor("nick", Role.NONE)
PEOPLE = (ANN, BEN, LEAD, VIEWER, OTHER_LEAD, NOBODY)
READS = {"ann": True, "ben": False, "lea": True, "vic": False, "otto": False, "nick": False}


@pytest.mark.parametrize("who", PEOPLE, ids=lambda a: f"{a.role}-{a.id}")
def test_a_session_is_read_by_its_owner_and_the_lead_of_its_study(database: Database, who: Actor) -> None:
    log = play(begin(database, ANN, planned=2), 1)
    repository = Repository(database, who)
    assert [s.id for s in repository.sessions()] == ([log.id] if READS[who.id] else [])
    readings = (
        lambda: repository.session(log.id),
        lambda: repository.events(log.id),
        lambda: repository.snapshot(log.id),
        lambda: repository.head(log.id),
        lambda: repository.verify(log.id),
        lambda: SessionLog(repository, log.id, NHANES),
    )
    for reading in readings:
        if READS[who.id]:
            reading()
        else:
            with pytest.raises(Denied, match="no such session"):
                reading()


@pytest.mark.parametrize("who", PEOPLE[1:], ids=lambda a: f"{a.role}-{a.id}")
def test_a_session_is_written_by_its_owner_alone(database: Database, who: Actor) -> None:
    log = begin(database, ANN)
    log.current()
    repository = Repository(database, who)
    for writing in (
        lambda: repository.append(log.id, log.ledger.seq, "closed", {}),
        lambda: repository.save_snapshot(log.id, 1, {}),
        lambda: SessionLog(repository, log.id, NHANES).accept(1, stamp()),
        lambda: SessionLog(repository, log.id, NHANES).close(),
    ):
        with pytest.raises(Denied):
            writing()
    assert Repository(database, ANN).head(log.id)[0] == log.ledger.seq


@pytest.mark.parametrize("who", [VIEWER, NOBODY], ids=lambda a: a.id)
def test_who_may_not_decide_cannot_begin(database: Database, who: Actor) -> None:
    with pytest.raises(Denied, match="does not start sessions"):
        begin(database, who)


def test_an_export_leaves_an_entry_in_the_installation_s_chain(database: Database) -> None:
    log = begin(database, ANN)
    log.repository.exported("CSV", [log.id])
    with database.read() as c:
        kind, actor, payload = c.execute(
            text("SELECT kind, actor, payload FROM events WHERE session = '*' ORDER BY seq DESC LIMIT 1")
        ).one()
    assert (kind, actor) == ("export", "ann")
    assert json.loads(payload)["export"] == {"form": "CSV", "study": "study", "sessions": [log.id]}
    assert log.repository.verify_installation().message == "2 events, unbroken."
    for who in (VIEWER, NOBODY):
        with pytest.raises(Denied):
            Repository(database, who).exported("CSV", [log.id])


def test_an_unknown_session_and_another_s_sound_the_same(database: Database) -> None:
    log = begin(database, ANN)
    said = []
    for session_id in (log.id, "0" * 32, "' OR 1=1 --", ""):
        with pytest.raises(Denied) as error:
            Repository(database, BEN).session(session_id)
        said.append(str(error.value))
    assert len(set(said)) == 1


# ------------------------------------------------------------------------------------------------ schemas


def test_the_newest_schema_is_the_models(database: Database) -> None:
    found = inspect(database.engine)
    for table in METADATA.sorted_tables:
        assert {c["name"] for c in found.get_columns(table.name)} == {c.name for c in table.columns}


def test_a_schema_of_the_future_gets_a_sentence(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'records.sqlite'}")
    with database.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    database.close()
    with pytest.raises(Unavailable, match="newer version of LIBRA"):
        Database(f"sqlite:///{tmp_path / 'records.sqlite'}")
