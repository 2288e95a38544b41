"""The only module that reads and writes the tables. Every question is asked in somebody's name, and scoped to it."""

from __future__ import annotations

import json
import uuid
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from libra_core import __version__
from libra_core.records.chain import Check, Link, content_of, verify
from libra_core.records.codec import canonical
from libra_core.records.database import Database
from libra_core.records.errors import NOT_KEPT, Denied, Stale
from libra_core.records.models import ALL, Decided
from libra_core.records.spec import Actor, SessionSpec
from libra_core.records.tables import (
    AUDIT,
    HEADS,
    SESSIONS,
    SNAPSHOTS,
    TABLES,
    Event,
    as_kept,
    events_of,
    head_of,
    links_of,
)

NOT_YOURS = "There is no such session among those you may open."


def utc_now() -> str:
    """For people to read; nothing is ever ordered by it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


@dataclass(frozen=True)
class SessionInfo:
    """One session as the list shows it. `seq` is the number of its last event."""

    id: str
    study: str
    owner: str
    name: str
    spec: SessionSpec
    created_at: str
    seq: int


class Repository:
    """Parameters: the database, the person in whose name everything happens, and a clock for the time stamps."""

    def __init__(self, database: Database, actor: Actor, clock: Callable[[], str] = utc_now) -> None:
        self.database = database
        self.actor = actor
        self.clock = clock

    # ------------------------------------------------------------------------------------------------ scope

    def _mine(self, query: Select[Any], table: Any = SESSIONS) -> Select[Any]:
        """Only what this person may read: own sessions, or the whole study."""
        if self.actor.reads_study:
            return query.where(table.c.study == self.actor.study)
        if self.actor.decides:
            return query.where(table.c.study == self.actor.study, table.c.owner == self.actor.id)
        return query.where(table.c.id.is_(None))

    def _session(self, connection: Connection, session_id: str, to_write: bool = False) -> Row[Any]:
        """The session's row, or Denied with the same sentence whether it is not there or not this person's."""
        found = connection.execute(self._mine(select(SESSIONS)).where(SESSIONS.c.id == session_id)).first()
        if found is None or (to_write and (found.owner != self.actor.id or not self.actor.decides)):
            raise Denied(NOT_YOURS)
        return found

    # ------------------------------------------------------------------------------------------------ sessions

    def begin(self, spec: SessionSpec, name: str) -> SessionInfo:
        """Open a session of one's own. Raises Denied for a person who may not decide."""
        if not self.actor.decides:
            raise Denied("Your role reads results; it does not hold sessions.")
        spec.validate()
        with self.database.write() as connection:
            seq, previous = self._end(connection, ALL)
            row = {
                "id": uuid.uuid4().hex,
                "study": self.actor.study,
                "owner": self.actor.id,
                "name": name.strip()[:200] or f"Session {self.clock()[:16].replace('T', ' ')}",
                "spec": canonical(spec.as_dict()),
                "config_hash": spec.hash,
                "versions": versions(),
                "created_at": self.clock(),
                "seq": seq + 1,
            }
            connection.execute(insert(SESSIONS), [row])
            self._link(connection, ALL, seq, previous, "session", {"sessions": [row]})
            connection.execute(insert(HEADS), [{"chain": row["id"], "seq": 0, "hash": ""}])
        return _info(row, spec, 0)

    def sessions(self) -> list[SessionInfo]:
        """The sessions that this person may read, the newest first; not those of `unreadable`."""
        return [info for row in self._listed() if (info := _readable(row)) is not None]

    def unreadable(self) -> list[str]:
        """Names of sessions with settings or methods that this version of the program does not know."""
        return [str(row.name) for row in self._listed() if _readable(row) is None]

    def _listed(self) -> Sequence[Row[Any]]:
        query = select(SESSIONS, HEADS.c.seq.label("last")).join(HEADS, HEADS.c.chain == SESSIONS.c.id)
        with self.database.read() as connection:
            return connection.execute(self._mine(query).order_by(SESSIONS.c.seq.desc())).all()

    def decided(self) -> dict[str, int]:
        """How many patients are decided in each session that this person may read; 0 is left out."""
        table = TABLES[Decided.__tablename__]
        mine = self._mine(select(SESSIONS.c.id)).scalar_subquery()
        query = select(table.c.session_id, func.count()).where(table.c.closes, table.c.session_id.in_(mine))
        with self.database.read() as connection:
            return {row[0]: int(row[1]) for row in connection.execute(query.group_by(table.c.session_id))}

    def session(self, session_id: str) -> SessionInfo:
        """One session. Raises Denied."""
        with self.database.read() as connection:
            row = self._session(connection, session_id)
            seq, _ = self._end(connection, session_id)
        return _info(dict(row._mapping), SessionSpec.from_dict(json.loads(row.spec)), seq)

    # ------------------------------------------------------------------------------------------------ events

    def append(self, session_id: str, after: int, event: str, rows: Mapping[str, Sequence[Mapping[str, Any]]]) -> Event:
        """Write one event as one transaction. `after` is the last event that the writer knows of.

        Raises Stale when somebody else was faster (read on, and decide again whether to write), Denied, Unavailable.
        """
        full = {
            t: [{"session_id": session_id, "seq": after + 1, **as_kept(TABLES[t], row)} for row in found]
            for t, found in rows.items()
        }
        try:
            with self.database.write() as connection:
                self._session(connection, session_id, to_write=True)
                seq, previous = self._end(connection, session_id, lock=True)
                if seq != after:
                    raise Stale("This session went on in another window.")
                for table, found in full.items():
                    if found:
                        connection.execute(insert(TABLES[table]), found)
                at = self._link(connection, session_id, seq, previous, event, full)
        except IntegrityError as error:
            raise Stale("This was recorded already, in another window.") from error
        return Event(after + 1, event, self.actor.id, at, full)

    def last(self, session_id: str) -> int:
        """Number of the last event. Raises Denied."""
        with self.database.read() as connection:
            self._session(connection, session_id)
            return self._end(connection, session_id)[0]

    def events(self, session_id: str, after: int = 0) -> list[Event]:
        """The events that follow number `after`, in order. Raises Denied."""
        with self.database.read() as connection:
            self._session(connection, session_id)
            return events_of(connection, session_id, after)

    def decision(self, session_id: str, key: str) -> dict[str, Any] | None:
        """The decision that was recorded under this key, if any."""
        table = TABLES[Decided.__tablename__]
        with self.database.read() as connection:
            self._session(connection, session_id)
            found = connection.execute(select(table).where(table.c.session_id == session_id, table.c.key == key))
            row = found.mappings().first()
        return dict(row) if row else None

    def note(self, event: str) -> None:
        """Put something into the installation's own chain, for instance that an export was made."""
        with self.database.write() as connection:
            seq, previous = self._end(connection, ALL, lock=True)
            self._link(connection, ALL, seq, previous, event, {})

    def _end(self, connection: Connection, chain: str, lock: bool = False) -> tuple[int, str]:
        query = select(HEADS.c.seq, HEADS.c.hash).where(HEADS.c.chain == chain)
        if lock or chain == ALL:
            query = query.with_for_update()  # PostgreSQL; SQLite's writer is alone anyway
        row = connection.execute(query).first()
        return (int(row.seq), str(row.hash)) if row else (0, "")

    def _link(
        self,
        connection: Connection,
        chain: str,
        seq: int,
        previous: str,
        event: str,
        rows: Mapping[str, Sequence[Mapping[str, Any]]],
    ) -> str:
        link = Link(chain, seq + 1, event, self.actor.id, self.clock(), content_of(rows), previous)
        connection.execute(insert(AUDIT), [{**link.__dict__, "hash": link.hash}])
        moved = connection.execute(
            update(HEADS).where(HEADS.c.chain == chain, HEADS.c.seq == seq).values(seq=seq + 1, hash=link.hash)
        )
        if moved.rowcount != 1:
            raise Stale("This session went on in another window.")
        return link.at

    # ------------------------------------------------------------------------------------------------ snapshots

    def snapshot(self, session_id: str) -> tuple[int, str] | None:
        """The newest saved state of the policies as text, JSON if it is whole, and the event it stands after."""
        query = select(SNAPSHOTS.c.seq, SNAPSHOTS.c.state).where(SNAPSHOTS.c.session_id == session_id)
        with self.database.read() as connection:
            self._session(connection, session_id)
            row = connection.execute(query.order_by(SNAPSHOTS.c.seq.desc()).limit(1)).first()
        return (int(row.seq), str(row.state)) if row else None

    def save_snapshot(self, session_id: str, seq: int, state: Mapping[str, Any]) -> None:
        """Replace the saved state. Only speed depends on it."""
        try:
            with self.database.write() as connection:
                self._session(connection, session_id, to_write=True)
                connection.execute(delete(SNAPSHOTS).where(SNAPSHOTS.c.session_id == session_id))
                connection.execute(
                    insert(SNAPSHOTS), [{"session_id": session_id, "seq": seq, "state": json.dumps(state)}]
                )
        except IntegrityError:
            return  # another window saved one at the same moment

    # ------------------------------------------------------------------------------------------------ audit

    def head(self, session_id: str) -> tuple[int, str]:
        """Number and hash of the last event: write it down elsewhere to notice a log rewritten as a whole."""
        with self.database.read() as connection:
            self._session(connection, session_id)
            return self._end(connection, session_id)

    def verify(self, session_id: str, noted: tuple[int, str] | None = None) -> Check:
        """Walk the chain of a session, with every row that it covers, and the session's own line."""
        with self.database.read() as connection:
            self._session(connection, session_id)
            whole = self._verify_all(connection)
            if not whole.ok:
                return whole
            events = {event.seq: event.rows for event in events_of(connection, session_id, 0, unknown=True)}
            return verify(links_of(connection, session_id), head_of(connection, session_id), events, noted)

    def verify_installation(self) -> Check:
        """Walk the chain of the installation: which sessions were ever begun."""
        with self.database.read() as connection:
            return self._verify_all(connection)

    @staticmethod
    def _verify_all(connection: Connection) -> Check:
        begun: dict[int, dict[str, list[Mapping[str, Any]]]] = defaultdict(lambda: {"sessions": []})
        for row in connection.execute(select(SESSIONS)).mappings():
            begun[row["seq"]]["sessions"].append(dict(row))
        return verify(links_of(connection, ALL), head_of(connection, ALL), begun)


def _readable(row: Row[Any]) -> SessionInfo | None:
    try:
        return _info(dict(row._mapping), SessionSpec.from_dict(json.loads(row.spec)).validate(), row.last)
    except ValueError:
        return None


def _info(row: Mapping[str, Any], spec: SessionSpec, seq: int) -> SessionInfo:
    return SessionInfo(row["id"], row["study"], row["owner"], row["name"], spec, row["created_at"], seq)


def versions() -> str:
    """The programs that numbers depend on, as canonical JSON."""
    import numba
    import numpy

    return canonical({"libra": __version__, "numpy": numpy.__version__, "numba": numba.__version__})


__all__ = ["NOT_KEPT", "Event", "Repository", "SessionInfo", "utc_now", "versions"]
