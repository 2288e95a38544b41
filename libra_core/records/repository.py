"""The only module that reads and writes the tables. Every question is asked in somebody's name, and scoped to it."""

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
        """Open a session of one's own. Raises Denied for a person who may not decide."""
        if not self.actor.decides:
            raise Denied("Your role reads results; it does not hold sessions.")
        spec.validate()
        with self.database.write() as connection:
            seq, previous = _end(connection, ALL, lock=True)
            row = {
                "id": uuid.uuid4().hex,
                "study": self.actor.study,
                "owner": self.actor.id,
                "name": plain_text(name, 200) or f"Session {self.clock()[:16].replace('T', ' ')}",
                "spec": canonical(spec.as_dict()),
                "config_hash": spec.hash,
                "versions": versions(),
                "created_at": self.clock(),
                "seq": seq + 1,
            }
            connection.execute(insert(SESSIONS), [row])
            self._extend(connection, ALL, (seq, previous), "session", [{"session": row}])
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
        mine = self._mine(select(SESSIONS.c.id)).scalar_subquery()
        query = select(EVENTS.c.session, func.count()).where(EVENTS.c.closes == 1, EVENTS.c.session.in_(mine))
        with self.database.read() as connection:
            return {row[0]: int(row[1]) for row in connection.execute(query.group_by(EVENTS.c.session))}

    def session(self, session_id: str) -> SessionInfo:
        """One session. Raises Denied."""
        with self.database.read() as connection:
            row = self._session(connection, session_id)
            seq, _ = _end(connection, session_id)
        return _info(dict(row._mapping), SessionSpec.from_dict(json.loads(row.spec)), seq)

    def append(self, session_id: str, after: int, kind: str, *facts: Mapping[str, Any]) -> list[Event]:
        """Write one event for each of `facts` as one transaction. `after` is the last event that the writer knows of.

        Raises Stale when somebody else was faster (read on, and decide again whether to write), Denied, Unavailable.
        """
        try:
            with self.database.write() as connection:
                self._session(connection, session_id, to_write=True)
                seq, previous = _end(connection, session_id, lock=True)
                if seq != after:
                    raise Stale(WENT_ON)
                return self._extend(connection, session_id, (seq, previous), kind, facts)
        except IntegrityError as error:
            raise Stale("This was recorded already, in another window.") from error

    def exported(self, form: str, sessions: Iterable[str]) -> None:
        """Put into the installation's chain that this person took these sessions out, and in which form. Raises Denied
        for a role that may not read them row by row."""
        if not self.actor.decides:
            raise Denied(NOT_YOURS)
        with self.database.write() as connection:
            facts = {"export": {"form": form, "study": self.actor.study, "sessions": sorted(sessions)}}
            self._extend(connection, ALL, _end(connection, ALL, lock=True), "export", [facts])

    def _extend(
        self,
        connection: Connection,
        chain_id: str,
        end: tuple[int, str],
        kind: str,
        written: Sequence[Mapping[str, Any]],
    ) -> list[Event]:
        (first, last), events, rows = end, [], []
        for seq, facts in enumerate(written, first + 1):
            event = Event(chain_id, seq, kind, canonical(facts), self.actor.id, self.clock())
            last = chain.link(last, _signed(event, digest(event.payload)))
            rows.append(vars(event) | guards(facts) | {"hash": last})
            events.append(event)
        connection.execute(insert(EVENTS), rows)
        here = update(HEADS).where(HEADS.c.chain == chain_id, HEADS.c.seq == first)
        if connection.execute(here.values(seq=first + len(rows), hash=last)).rowcount != 1:
            raise Stale(WENT_ON)
        return events

    def last(self, session_id: str) -> int:
        """Number of the last event. Raises Denied."""
        return self.head(session_id)[0]

    def events(self, session_id: str, after: int = 0) -> list[Event]:
        """The events that follow number `after`, in order. Raises Denied."""
        c = EVENTS.c
        query = select(c.session, c.seq, c.kind, c.payload, c.actor, c.at).where(c.session == session_id, c.seq > after)
        with self.database.read() as connection:
            self._session(connection, session_id)
            return [Event(*row) for row in connection.execute(query.order_by(c.seq, c.position))]

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
                row = {"session_id": session_id, "seq": seq, "state": json.dumps(state)}
                connection.execute(insert(SNAPSHOTS), [row])
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
    found = groupby(connection.execute(query), key=lambda row: row.seq)
    rows = ((seq, _texts(same := list(group)), same[0].hash) for seq, group in found)
    return chain.walk(rows, _end(connection, chain_id), noted, "event")


def _texts(rows: Sequence[Row[Any]]) -> Iterator[str]:
    """What may stand under an event's hash: its payload, or the rows as which an earlier schema kept it."""
    first = rows[0]
    try:
        read = [json.loads(row.payload) for row in rows]
        whole = all(
            (row.kind, row.actor, row.at, row.hash) == (first.kind, first.actor, first.at, first.hash)
            and guards(facts).items() <= row._mapping.items()
            for row, facts in zip(rows, read, strict=True)
        )
        if whole and len(rows) == 1:
            yield _signed(first, digest(first.payload))
        if whole:
            yield _signed(first, legacy.content(legacy.rows_of(first.session, first.seq, read)))
    except (ValueError, KeyError, TypeError, AttributeError):
        return  # no program of ours writes such a payload


def _verify_all(connection: Connection) -> Verdict:
    verdict = _walk(connection, ALL)
    query = select(EVENTS.c.payload).where(EVENTS.c.session == ALL, EVENTS.c.kind == "session").order_by(EVENTS.c.seq)
    if verdict.ok:
        begun = [json.loads(payload)["session"] for (payload,) in connection.execute(query)]
        listed = [dict(row) for row in connection.execute(select(SESSIONS).order_by(SESSIONS.c.seq)).mappings()]
        if begun != listed:
            return Verdict(False, "The list of sessions was changed, shortened or added to after it was written.")
    return verdict


def _readable(row: Row[Any]) -> SessionInfo | None:
    try:
        return _info(dict(row._mapping), SessionSpec.from_dict(json.loads(row.spec)).validate(), row.last)
    except ValueError:
        return None


def _info(row: Mapping[str, Any], spec: SessionSpec, seq: int) -> SessionInfo:
    return SessionInfo(row["id"], row["study"], row["owner"], row["name"], spec, row["created_at"], seq)
