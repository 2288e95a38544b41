"""The tables. One append-only table of events holds what happened; the others make reading it faster or writing safer.

`sessions` lists who holds which session, as the installation's own events (session ALL) say it. `heads` keeps the end
of each chain apart: it shows that a log was cut off, and lets one writer at a time go on. `snapshots` only saves time.
Triggers refuse to change or remove a row of an append-only table. Order is `seq`, never a clock; times are UTC in ISO
8601; JSON is canonical text, so that it has one digest on every database.
"""

from __future__ import annotations

from sqlalchemy import Column, Connection, ForeignKey, Index, Integer, MetaData, String, Table, Text, insert, text

ALL = "*"  # in place of a session: the events of the installation, sessions begun and exports made
METADATA = MetaData()

SESSIONS = Table(
    "sessions",
    METADATA,
    Column("id", String(32), primary_key=True),
    Column("study", String(100), nullable=False, index=True),
    Column("owner", String(200), nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("spec", Text, nullable=False),  # SessionSpec as JSON
    Column("config_hash", String(12), nullable=False),
    Column("versions", Text, nullable=False),
    Column("created_at", String(32), nullable=False),
    Column("seq", Integer, nullable=False),  # of the event under ALL that begins it
)

# position: the patient's number in the session, 0 for none. The columns from `closes` to `key` repeat what the payload
# says, for the indexes below; `verify` compares them.
EVENTS = Table(
    "events",
    METADATA,
    Column("session", String(32), primary_key=True),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("kind", String(20), nullable=False),
    Column("actor", String(200), nullable=False),
    Column("at", String(32), nullable=False),
    Column("payload", Text, nullable=False),
    Column("closes", Integer, nullable=False),  # 1: the patient's closing decision
    Column("outcome", Integer, nullable=False),  # 1: holds the patient's outcome
    Column("key", String(64), unique=True),  # made by the page: the same key is the same decision
    Column("hash", String(64), nullable=False),
)

# A patient has at most one event of each of these.
for name, where in (
    ("one_opening", "kind IN ('opened', 'automatic')"),
    ("one_first_choice", "kind = 'first'"),
    ("one_closing_decision", "closes = 1"),
    ("one_outcome", "outcome = 1"),
):
    only = text(where)
    Index(name, EVENTS.c.session, EVENTS.c.position, unique=True, sqlite_where=only, postgresql_where=only)

HEADS = Table(
    "heads",
    METADATA,
    Column("chain", String(32), primary_key=True),
    Column("seq", Integer, nullable=False),
    Column("hash", String(64), nullable=False),
)

SNAPSHOTS = Table(
    "snapshots",
    METADATA,
    Column("session_id", String(32), ForeignKey("sessions.id"), primary_key=True),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("state", Text, nullable=False),
)

APPEND_ONLY = ("sessions", "events")
FUNCTION = """
CREATE OR REPLACE FUNCTION append_only() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'append-only: rows of % are never changed', TG_TABLE_NAME; END $$
"""
POSTGRESQL = (
    "CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION append_only()",
)
SQLITE = tuple(
    f"CREATE TRIGGER {{table}}_no_{verb.lower()} BEFORE {verb} ON {{table}} "
    "BEGIN SELECT RAISE(ABORT, 'append-only'); END"
    for verb in ("UPDATE", "DELETE")
)


def create(connection: Connection) -> None:
    """The tables of a new record, with its empty chain of the installation."""
    METADATA.create_all(connection)
    connection.execute(insert(HEADS), [{"chain": ALL, "seq": 0, "hash": ""}])
    protect(connection, *APPEND_ONLY)


def protect(connection: Connection, *tables: str) -> None:
    """Refuse UPDATE and DELETE on these tables."""
    postgresql = connection.dialect.name == "postgresql"
    if postgresql:
        connection.execute(text(FUNCTION))
    for table in tables:
        for statement in POSTGRESQL if postgresql else SQLITE:
            connection.execute(text(statement.format(table=table)))
