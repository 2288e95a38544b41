"""Rows of the record as events and back: what repository.py reads and writes, without asking in whose name."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Float, select

from libra_core.records.chain import Link
from libra_core.records.models import EVENT_TABLES, Base

_ALL = Base.metadata.tables
TABLES = {t.__tablename__: _ALL[t.__tablename__] for t in EVENT_TABLES}
AUDIT, HEADS, SESSIONS, SNAPSHOTS = (_ALL[name] for name in ("audit", "heads", "sessions", "snapshots"))


@dataclass(frozen=True)
class Event:
    """One event of a session, and the rows that it wrote: table name -> rows as dicts."""

    seq: int
    event: str
    actor: str
    at: str
    rows: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)


def as_kept(table: Any, row: Mapping[str, Any]) -> dict[str, Any]:
    """The row as a database gives it back, so that its digest is the same later: a float where the column holds
    floats, no negative zero, and no NUL in a text. Raises ValueError for a number that is none."""
    out: dict[str, Any] = dict(row)
    for name, value in row.items():
        if isinstance(value, str):
            out[name] = value.replace("\0", "")
    for name in (c.name for c in table.columns if isinstance(c.type, Float) and row.get(c.name) is not None):
        out[name] = float(row[name]) + 0.0
        if not math.isfinite(out[name]):
            raise ValueError(f"{name} must be a number, got {row[name]}")
    return out


def events_of(connection: Connection, session_id: str, after: int, unknown: bool = False) -> list[Event]:
    found: dict[int, dict[str, list[Mapping[str, Any]]]] = defaultdict(lambda: defaultdict(list))
    for name, table in TABLES.items():
        query = select(table).where(table.c.session_id == session_id, table.c.seq > after)
        for row in connection.execute(query.order_by(table.c.seq)).mappings():
            found[row["seq"]][name].append(dict(row))
    query = select(AUDIT).where(AUDIT.c.chain == session_id, AUDIT.c.seq > after).order_by(AUDIT.c.seq)
    audit = {row["seq"]: row for row in connection.execute(query).mappings()}
    numbers: Iterable[int] = sorted(set(audit) | set(found)) if unknown else sorted(audit)
    return [
        Event(seq, audit[seq]["event"], audit[seq]["actor"], audit[seq]["at"], found.get(seq, {}))
        if seq in audit
        else Event(seq, "?", "?", "?", found[seq])
        for seq in numbers
    ]


def links_of(connection: Connection, chain: str) -> list[tuple[Link, str]]:
    query = select(AUDIT).where(AUDIT.c.chain == chain).order_by(AUDIT.c.seq)
    return [
        (Link(**{k: v for k, v in row.items() if k != "hash"}), row["hash"])
        for row in connection.execute(query).mappings()
    ]


def head_of(connection: Connection, chain: str) -> tuple[int, str] | None:
    row = connection.execute(select(HEADS.c.seq, HEADS.c.hash).where(HEADS.c.chain == chain)).first()
    return (int(row.seq), str(row.hash)) if row else None
