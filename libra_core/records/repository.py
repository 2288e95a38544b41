"""The only module that reads and writes the tables. Every query is made for a person, and limited to what that
person may read."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Row, Select, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from libra_core import chain
from libra_core.chain import Verdict, canonical, digest
from libra_core.records.database import Database
from libra_core.records.errors import Denied, Stale
from libra_core.records.events import Event, guards, plain_text, versions
from libra_core.records.migrations import legacy
from libra_core.records.schema import ALL, EVENTS, HEADS, SESSIONS, SNAPSHOTS
from libra_core.records.spec import Actor, SessionSpec

NOT_YOURS = "There is no such session among those you may open."
WENT_ON = "This session went on in another window."


def utc_now() -> str:
    """For people to read; no order depends on it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


@dataclass(frozen=True)
class SessionInfo:
    """One session as the list shows it. `seq` is the number of its last event."""

    id: str
    owner: str
    name: str
    spec: SessionSpec
    created_at: str
    seq: int


class Repository:
    """Parameters: the database, the person who acts, and a clock for the time stamps."""

    def __init__(self, database: Database, actor: Actor, clock: Callable[[], str] = utc_now) -> None:
        self.database = database
        self.actor = actor
        self.clock = clock

    def _mine(self, query: Select[Any]) -> Select[Any]:
        """Only what this person may read: own sessions, or the whole study."""
        if self.actor.reads_study:
            return query.where(SESSIONS.c.study == self.actor.study)
        if self.actor.decides:
            return query.where(SESSIONS.c.study == self.actor.study, SESSIONS.c.owner == self.actor.id)
        return query.where(SESSIONS.c.id.is_(None))

    def _session(self, connection: Connection, session_id: str, to_write: bool = False) -> Row[Any]:
        """The session's row, or Denied with the same sentence whether it is not there or not this person's."""
        found = connection.execute(self._mine(select(SESSIONS)).where(SESSIONS.c.id == session_id)).first()
        if found is None or (to_write and (found.owner != self.actor.id or not self.actor.decides)):
            raise Denied(NOT_YOURS)
        return found

    def begin(self, spec: SessionSpec, name: str) -> SessionInfo:
        """Start a session of one's own. Raises Denied for a person who may not decide."""
        if not self.actor.decides:
            raise Denied("Your role reads results; it does not start sessions.")
        spec.validate()
        with self.database.write() as connection:
            seq = _end(connection, ALL, lock=True)[0]
            row = {
                "id": uuid.uuid4().hex,
                "study": self.actor.study,
                "owner": self.actor.id,
                "name": plain_text(name, 200) or f"Session {self.clock()[:16].replace('T', ' ')}",
                "spec": spec.text,
                "config_hash": spec.hash,
                "versions": versions(),
                "created_at": self.clock(),
                "seq": seq + 1,
            }
            connection.execute(insert(SESSIONS), [row])
            self._extend(connection, ALL, seq, "session", [{"session": row}])
            connection.execute(insert(HEADS), [{"chain": row["id"], "seq": 0, "hash": ""}])
        return self.session(str(row["id"]))

    def sessions(self) -> list[SessionInfo]:
        """The sessions that this person may read, the newest first; not those of `unreadable`."""
        return [found for found in self._listed() if isinstance(found, SessionInfo)]

    def unreadable(self) -> list[str]:
        """Names of sessions with settings or methods that this version of the program does not know."""
        return [found for found in self._listed() if isinstance(found, str)]

    def _listed(self) -> list[SessionInfo | str]:
        query = select(SESSIONS, HEADS.c.seq.label("last")).join(HEADS, HEADS.c.chain == SESSIONS.c.id)
        with self.database.read() as connection:
            rows = connection.execute(self._mine(query).order_by(SESSIONS.c.seq.desc())).all()
        return [_readable(row) or str(row.name) for row in rows]

    def decided(self) -> dict[str, int]:
        """How many patients are decided in each session that this person may read; 0 is left out."""
        mine = self._mine(select(SESSIONS.c.id)).scalar_subquery()
        query = select(EVENTS.c.session, func.count()).where(EVENTS.c.closes == 1, EVENTS.c.session.in_(mine))
        with self.database.read() as connection:
            return {row[0]: int(row[1]) for row in connection.execute(query.group_by(EVENTS.c.session))}

    def session(self, session_id: str) -> SessionInfo:
        """One session. Raises Denied."""
        with self.database.read() as connection:
            return _info(self._session(connection, session_id), _end(connection, session_id)[0])

    def append(self, session_id: str, after: int, kind: str, *facts: Mapping[str, Any]) -> list[Event]:
        """Write one event for each of `facts` as one transaction. `after` is the last event that the writer knows of.

        Raises Stale when another window was faster (read what it wrote, then decide again), Denied, Unavailable.
        """
        try:
            with self.database.write() as connection:
                self._session(connection, session_id, to_write=True)
                return self._extend(connection, session_id, after, kind, facts)
        except IntegrityError as error:
            raise Stale("This was recorded already, in another window.") from error

    def exported(self, form: str, sessions: Iterable[str]) -> None:
        """Record in the installation's chain that this person exported these sessions, and in which format. Raises
        Denied for a role that may not read them row by row."""
        if not self.actor.decides:
            raise Denied(NOT_YOURS)
        with self.database.write() as connection:
            facts = {"export": {"form": form, "study": self.actor.study, "sessions": sorted(sessions)}}
            self._extend(connection, ALL, _end(connection, ALL, lock=True)[0], "export", [facts])

    def _extend(
        self, connection: Connection, chain_id: str, after: int, kind: str, written: Sequence[Mapping[str, Any]]
    ) -> list[Event]:
        """Write events after number `after`. Raises Stale when that is not the last one."""
        (seq, last), events, rows = _end(connection, chain_id, lock=True), [], []
        if seq != after:
            raise Stale(WENT_ON)
        for facts in written:
            seq += 1
            event = Event(chain_id, seq, kind, canonical(facts), self.actor.id, self.clock())
            last = chain.link(last, _signed(event, digest(event.payload)))
            rows.append(vars(event) | guards(facts) | {"hash": last})
            events.append(event)
        connection.execute(insert(EVENTS), rows)
        head = update(HEADS).where(HEADS.c.chain == chain_id, HEADS.c.seq == after)
        if connection.execute(head.values(seq=seq, hash=last)).rowcount != 1:
            raise Stale(WENT_ON)
        return events

    def events(self, session_id: str, after: int = 0) -> list[Event]:
        """The events that follow number `after`, in order. Raises Denied."""
        c = EVENTS.c
        query = select(c.session, c.seq, c.kind, c.payload, c.actor, c.at).where(c.session == session_id, c.seq > after)
        with self.database.read() as connection:
            self._session(connection, session_id)
            return [Event(*row) for row in connection.execute(query.order_by(c.seq, c.position))]

    def snapshot(self, session_id: str) -> tuple[int, str] | None:
        """The newest saved state of the policies: the number of the last event in it, and JSON if it is undamaged."""
        query = select(SNAPSHOTS.c.seq, SNAPSHOTS.c.state).where(SNAPSHOTS.c.session_id == session_id)
        with self.database.read() as connection:
            self._session(connection, session_id)
            row = connection.execute(query.order_by(SNAPSHOTS.c.seq.desc())).first()
        return (row.seq, row.state) if row else None

    def save_snapshot(self, session_id: str, seq: int, state: Mapping[str, Any]) -> None:
        """Replace the saved state. Only speed depends on it."""
        try:
            with self.database.write() as connection:
                self._session(connection, session_id, to_write=True)
                connection.execute(delete(SNAPSHOTS).where(SNAPSHOTS.c.session_id == session_id))
                connection.execute(insert(SNAPSHOTS).values(session_id=session_id, seq=seq, state=json.dumps(state)))
        except IntegrityError:
            return  # another window saved one at the same moment

    def head(self, session_id: str) -> tuple[int, str]:
        """Number and hash of the last event: write it down elsewhere to notice a log rewritten as a whole."""
        with self.database.read() as connection:
            self._session(connection, session_id)
            return _end(connection, session_id)

    def verify(self, session_id: str, noted: tuple[int, str] | None = None) -> Verdict:
        """Walk the chain of the installation, which holds the session's own line, and that of the session."""
        with self.database.read() as connection:
            self._session(connection, session_id)
            whole = _verify_all(connection)
            return _walk(connection, session_id, noted) if whole.ok else whole

    def verify_installation(self) -> Verdict:
        """Walk the chain of the installation: which sessions were ever begun, and which exports were made."""
        with self.database.read() as connection:
            return _verify_all(connection)


def _end(connection: Connection, chain_id: str, lock: bool = False) -> tuple[int, str]:
    query = select(HEADS.c.seq, HEADS.c.hash).where(HEADS.c.chain == chain_id)
    if lock:
        query = query.with_for_update()  # PostgreSQL; SQLite's writer is alone anyway
    row = connection.execute(query).first()
    return (int(row.seq), str(row.hash)) if row else (0, "")


def _signed(event: Any, content: str) -> str:
    """The text under an event's hash."""
    return canonical([event.session, event.seq, event.kind, event.actor, event.at, content])


def _walk(connection: Connection, chain_id: str, noted: tuple[int, str] | None = None) -> Verdict:
    query = select(EVENTS).where(EVENTS.c.session == chain_id).order_by(EVENTS.c.seq, EVENTS.c.position)
    found = (list(group) for _, group in groupby(connection.execute(query), key=lambda row: row.seq))
    rows = ((same[0].seq, _texts(same), same[0].hash) for same in found)
    return chain.walk(rows, _end(connection, chain_id), noted, "event")


def _texts(rows: Sequence[Row[Any]]) -> Iterator[str]:
    """What an event's hash may cover: its payload, or the rows in which an earlier schema kept it."""
    first = rows[0]
    try:
        read = [json.loads(row.payload) for row in rows]
        guarded = all(guards(facts).items() <= row._mapping.items() for facts, row in zip(read, rows, strict=True))
        if not guarded or len({(row.kind, row.actor, row.at, row.hash) for row in rows}) > 1:
            return
        if len(rows) == 1:
            yield _signed(first, digest(first.payload))
        yield _signed(first, legacy.content(legacy.rows_of(first.session, first.seq, read)))
    except (ValueError, KeyError, TypeError, AttributeError):
        return  # LIBRA never writes such a payload


def _verify_all(connection: Connection) -> Verdict:
    verdict = _walk(connection, ALL)
    query = select(EVENTS.c.payload).where(EVENTS.c.session == ALL, EVENTS.c.kind == "session").order_by(EVENTS.c.seq)
    if verdict.ok:
        begun = [json.loads(payload)["session"] for payload in connection.scalars(query)]
        listed = connection.execute(select(SESSIONS).order_by(SESSIONS.c.seq)).mappings()
        if begun != [dict(row) for row in listed]:
            return Verdict(False, "The list of sessions was changed, shortened or added to after it was written.")
    return verdict


def _info(row: Row[Any], seq: int) -> SessionInfo:
    return SessionInfo(row.id, row.owner, row.name, SessionSpec.read(row.spec), row.created_at, seq)


def _readable(row: Row[Any]) -> SessionInfo | None:
    try:
        info = _info(row, row.last)
        info.spec.validate()
    except ValueError:
        return None
    return info
