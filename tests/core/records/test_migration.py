"""Records that the version before the table of events wrote: they open, verify and export, on both databases.

`data/schema-0002.sqlite.gz` was written by that version: blinded and open sessions, put-off patients, overrides, a
mistake, a what-if, outcomes entered late and in batches, a clinician as the advisor, an export; three people, two
studies. `schema-0002.json` and `.csv` are what that version said about it.
"""

from __future__ import annotations

import gzip
import io
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, nullcontext
from pathlib import Path

import pandas as pd
import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, MetaData, Table, create_engine, inspect, text
from sqlalchemy.exc import DatabaseError, IntegrityError

from libra_core.chain import canonical
from libra_core.records import Actor, Database, Repository, Role, SessionLog, Unreadable, replay
from libra_core.records.database import MIGRATIONS
from libra_core.records.errors import OTHER_VALUES
from libra_core.records.export import fhir_bundle
from libra_core.records.results import collect
from libra_core.records.schema import protect
from tests.support.kit import NHANES, postgres, postgres_bin, stamp

DATA = Path(__file__).parent / "data"
TOLD = json.loads((DATA / "schema-0002.json").read_text())
TABLES = ("sessions", "cases", "proposals", "advice", "decisions", "outcomes", "scenarios", "audit", "heads")


def old_file(folder: Path) -> Path:
    path = folder / "old.sqlite"
    path.write_bytes(gzip.decompress((DATA / "schema-0002.sqlite.gz").read_bytes()))
    return path


def fill(connection: Connection, source: Path, revision: str) -> None:
    """The tables of an old schema, as the version before made them, with the rows of the old file."""
    left_out = {"0001": ("scenarios", "snapshots"), "0002": ()}[revision]
    with closing(sqlite3.connect(source)) as old:
        old.row_factory = sqlite3.Row
        made = old.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'").fetchall()
        made += old.execute(
            "SELECT tbl_name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
        ).fetchall()
        if connection.dialect.name == "sqlite":
            made += old.execute("SELECT tbl_name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, statement in made:
            if name not in left_out:
                connection.execute(text(statement))
        if revision == "0001":
            connection.execute(text("ALTER TABLE decisions DROP COLUMN seconds"))
        connection.execute(text(f"INSERT INTO alembic_version VALUES ('{revision}')"))
        for name in (name for name in TABLES if name not in left_out):
            table = Table(name, MetaData(), autoload_with=connection)
            rows = [dict(row) for row in old.execute(f"SELECT * FROM {name}")]
            rows = [row | {"closes": bool(row.get("closes"))} for row in rows]
            connection.execute(table.insert(), [{c.name: row[c.name] for c in table.columns} for row in rows])
    if connection.dialect.name == "postgresql":
        protect(connection, *(name for name in TABLES if name != "heads"))


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    if postgres_bin() is None:
        pytest.skip("PostgreSQL is missing: sudo apt-get install postgresql")
    with postgres() as running:
        yield running.url


@pytest.fixture(params=["sqlite", "postgresql"])
def moved(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """The old record, opened by this version."""
    path = old_file(tmp_path)
    url = f"sqlite:///{path}"
    if request.param == "postgresql":
        url = request.getfixturevalue("server")
        engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
        with engine.begin() as connection:
            connection.execute(text("DROP SCHEMA public CASCADE"))
            connection.execute(text("CREATE SCHEMA public"))
            fill(connection, path, "0002")
        engine.dispose()
    database = Database(url)
    yield database
    database.close()


def repository_of(database: Database, session: str) -> Repository:
    told = TOLD["sessions"][session]
    return Repository(database, Actor(told["owner"], Role.LEAD, told["study"]))


def test_an_old_record_opens_verifies_and_replays(moved: Database) -> None:
    tables = {"alembic_version", "sessions", "events", "heads", "snapshots"}
    assert set(inspect(moved.engine).get_table_names()) == tables
    for session, told in TOLD["sessions"].items():
        repository = repository_of(moved, session)
        assert repository.head(session) == tuple(told["head"])
        verdict = repository.verify(session, tuple(told["head"]))  # an end noted before the move still counts
        assert (verdict.ok, verdict.message) == (True, told["verified"])
        found = replay(repository, session, NHANES)  # made under the protocol's first values: read, not recomputed
        assert found.ok, found.sentence
        assert (found.events, found.proposals) == (told["head"][0], 0)
        assert found.sentence == f"{told['head'][0]} events read, no proposal recomputed. {OTHER_VALUES}"
        stored = [len(e.facts.get("proposals", ())) + ("answered" in e.facts) for e in repository.events(session)]
        assert sum(stored) == told["proposals"]
        ledger = SessionLog(repository, session, NHANES).ledger
        known = [c for f in ledger.files for c in (f.first, f.final, f.mistake, *f.deferred) if c]
        assert sorted({c.kind.value for c in known}) == told["kinds"]
        assert ledger.decided == told["decided"] == repository.decided()[session]
        assert len(fhir_bundle(repository.session(session), ledger, NHANES)["entry"]) == 2 * told["decided"]
    assert repository.verify_installation().message == TOLD["installation"]


def test_an_old_record_exports_what_it_exported(moved: Database) -> None:
    told = pd.read_csv(DATA / "schema-0002.csv", keep_default_na=False)
    table = collect(Repository(moved, Actor("lea", Role.LEAD)), lambda _: NHANES).table
    again = pd.read_csv(io.StringIO(table[told.columns].to_csv(index=False)), keep_default_na=False)
    pd.testing.assert_frame_equal(again, told)
    assert table[["gain", "lost"]].isna().all(axis=None)  # the simulation of that time is not at hand


def test_an_old_session_takes_no_new_decision(moved: Database) -> None:
    for session in (s for s, told in TOLD["sessions"].items() if told["owner"] in ("lea", "local")):
        repository = repository_of(moved, session)
        log, before = SessionLog(repository, session, NHANES), repository.head(session)
        log.current()
        with nullcontext() if log.ledger.closed else pytest.raises(Unreadable, match="under other values"):
            log.close()
        for case in [] if log.ledger.closed else log.ledger.open_cases:
            with pytest.raises(Unreadable, match="under other values"):
                log.defer(case.position, stamp())
        assert (log.mine, repository.head(session)) == (False, before)


def test_the_database_guards_what_was_moved(moved: Database) -> None:
    """No event can be changed, and no patient gets a second opening, decision or outcome, batches included."""
    with pytest.raises(DatabaseError, match="append-only"), moved.engine.begin() as c:
        c.execute(text("UPDATE events SET seq = seq + 1"))
    with moved.read() as c:
        events = c.execute(text("SELECT * FROM events WHERE session <> '*'")).mappings().all()
    guarded = [e for e in events if e["closes"] or e["outcome"] or e["kind"] in ("opened", "first") or e["key"]]
    assert {e["kind"] for e in guarded} >= {
        "opened",
        "first",
        "decided",
        "answered",
        "automatic",
        "outcomes",
        "mistake",
    }
    names = ", ".join(guarded[0])
    for event in guarded:
        again = dict(event) | {"seq": 1000}
        with pytest.raises(IntegrityError), moved.engine.begin() as c:
            c.execute(text(f"INSERT INTO events ({names}) VALUES ({', '.join(f':{n}' for n in event)})"), again)


def columns() -> list[tuple[str, str]]:
    """Every column of the old log; digests that were made anew by the move, and keys to another table, say nothing."""
    spared = {"session_id", "chain", "content", "previous"}
    with closing(sqlite3.connect(":memory:")) as c:
        c.deserialize(gzip.decompress((DATA / "schema-0002.sqlite.gz").read_bytes()))
        names = [(t, row[1]) for t in TABLES if t != "heads" for row in c.execute(f"PRAGMA table_info({t})")]
    return [(table, column) for table, column in names if column not in spared]


def found(database: Database) -> bool:
    """Whether some chain of the record says that it was changed, as the installation itself sees it."""
    with database.read() as connection:
        owners = connection.execute(text("SELECT id, owner, study FROM sessions")).all()
    people = [(row.id, Repository(database, Actor(row.owner, Role.LEAD, row.study))) for row in owners]
    return not all(repository.verify(session).ok for session, repository in people)


@pytest.mark.parametrize(("table", "column"), columns())
def test_what_was_changed_before_the_move_is_found_after_it(tmp_path: Path, table: str, column: str) -> None:
    path = old_file(tmp_path)
    with closing(sqlite3.connect(path)) as c:
        c.executescript(
            "".join(
                f"DROP TRIGGER {row[0]};"
                for row in c.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
            )
        )
        kind = c.execute(f"SELECT type FROM pragma_table_info('{table}') WHERE name = ?", [column]).fetchone()[0]
        new = f"COALESCE({column}, '') || 'x'" if "CHAR" in kind or kind == "TEXT" else f"COALESCE({column}, 0) + 1000"
        new = f"1 - {column}" if kind == "BOOLEAN" else new
        middle = f"(SELECT rowid FROM {table} ORDER BY rowid LIMIT 1 OFFSET (SELECT COUNT(*) / 2 FROM {table}))"
        c.execute(f"UPDATE {table} SET {column} = {new} WHERE rowid = {middle}")
        c.commit()
    database = Database(f"sqlite:///{path}")
    assert found(database)
    database.close()


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("which", ["MIN", "MAX"])
def test_what_was_removed_before_the_move_is_found_after_it(tmp_path: Path, table: str, which: str) -> None:
    path = old_file(tmp_path)
    with closing(sqlite3.connect(path)) as c:
        c.executescript(f"DROP TRIGGER IF EXISTS {table}_no_delete")
        c.execute(f"DELETE FROM {table} WHERE rowid = (SELECT {which}(rowid) FROM {table})")
        c.commit()
    database = Database(f"sqlite:///{path}")
    assert found(database)
    database.close()


@pytest.mark.parametrize("kind", ["opened", "decided", "outcomes", "automatic", "answered", "scenario", "session"])
def test_what_is_changed_after_the_move_is_found(moved: Database, kind: str) -> None:
    """Every fact of an old event."""
    with moved.engine.begin() as c:
        for drop in ("DROP TRIGGER IF EXISTS events_no_update", "DROP TRIGGER events_append_only ON events"):
            if drop.endswith("update") == (moved.path is not None):
                c.execute(text(drop))
        row = c.execute(text("SELECT * FROM events WHERE kind = :kind ORDER BY session, seq"), {"kind": kind}).first()
    facts = json.loads(row.payload)
    where = "WHERE session = :session AND seq = :seq AND position = :position"
    here = {"session": row.session, "seq": row.seq, "position": row.position}
    for changed in changes(facts):
        with moved.engine.begin() as c:
            c.execute(text(f"UPDATE events SET payload = :payload {where}"), here | {"payload": canonical(changed)})
        assert found(moved), changed
    with moved.engine.begin() as c:
        c.execute(text(f"UPDATE events SET payload = :payload {where}"), here | {"payload": row.payload})
    assert not found(moved)


def changes(facts: object) -> Iterator[object]:
    """The same facts with one leaf changed."""
    if isinstance(facts, dict):
        for name, value in facts.items():
            for changed in changes(value):
                yield facts | {name: changed}
    elif isinstance(facts, list):
        for i, value in enumerate(facts[:2]):
            for changed in changes(value):
                yield [*facts[:i], changed, *facts[i + 1 :]]
    elif isinstance(facts, str):
        yield f"{facts}x"
    else:
        yield 1000 + (facts or 0)  # type: ignore[operator]


def test_a_session_that_was_damaged_before_the_move_says_so(tmp_path: Path) -> None:
    path = old_file(tmp_path)
    with closing(sqlite3.connect(path)) as c:
        c.execute("DROP TRIGGER advice_no_update")
        (session,) = c.execute("UPDATE advice SET source = 'x' RETURNING session_id").fetchone()
        c.commit()
    database = Database(f"sqlite:///{path}")
    with pytest.raises(Unreadable, match="was changed after it was written"):
        SessionLog(repository_of(database, session), session, NHANES)


def test_a_first_schema_with_data_moves_on(tmp_path: Path) -> None:
    """A session as the very first version kept it, without seconds: read and proven."""
    path, session = tmp_path / "first.sqlite", TOLD["first schema"]
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        fill(connection, old_file(tmp_path), "0001")
        assert "snapshots" not in inspect(connection).get_table_names()
    engine.dispose()
    database = Database(f"sqlite:///{path}")
    repository = repository_of(database, session)
    assert repository.verify(session).ok
    read = SessionLog(repository, session, NHANES)
    assert (read.ledger.decided, read.mine) == (TOLD["sessions"][session]["decided"], False)
    assert repository.verify(session).ok
    assert replay(repository, session, NHANES).ok


def test_a_moved_record_has_the_tables_of_a_new_one(tmp_path: Path) -> None:
    new, moved = tmp_path / "new.sqlite", old_file(tmp_path)
    made = []
    for path in (new, moved):
        Database(f"sqlite:///{path}").close()
        with closing(sqlite3.connect(path)) as c:
            made.append(c.execute("SELECT type, name, sql FROM sqlite_master ORDER BY type, name").fetchall())
    assert made[0] == made[1]


def test_a_record_is_not_moved_back(moved: Database) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    with moved.write() as connection:
        config.attributes["connection"] = connection
        with pytest.raises(NotImplementedError, match="restore a copy made before"):
            command.downgrade(config, "0002")
