"""One table of events in place of six tables and the audit chain. Every event keeps its number and its hash."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from alembic import op

from libra_core.chain import canonical
from libra_core.records.events import guards
from libra_core.records.migrations.legacy import payloads_of, unread
from libra_core.records.migrations.triggers import protect

revision = "0003"
down_revision = "0002"

ALL = "*"
ROWS = ("cases", "proposals", "advice", "decisions", "outcomes", "scenarios")
ONCE = {
    "one_opening": "kind IN ('opened', 'automatic')",
    "one_first_choice": "kind = 'first'",
    "one_closing_decision": "closes = 1",
    "one_outcome": "outcome = 1",
}


def upgrade() -> None:
    for name in ("one_first_choice", "one_closing_decision", "one_outcome"):
        op.drop_index(name)  # the names are used again
    events = op.create_table(
        "events",
        sa.Column("session", sa.String(32), primary_key=True),
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
        *(sa.Column(name, sa.String(n), nullable=False) for name, n in (("kind", 20), ("actor", 200), ("at", 32))),
        sa.Column("payload", sa.Text, nullable=False),
        *(sa.Column(name, sa.Integer, nullable=False) for name in ("closes", "outcome")),
        sa.Column("key", sa.String(64), unique=True),
        sa.Column("hash", sa.String(64), nullable=False),
    )
    for name, where in ONCE.items():
        only = sa.text(where)
        op.create_index(name, "events", ["session", "position"], unique=True, sqlite_where=only, postgresql_where=only)
    _move(op.get_bind(), events)
    for table in (*ROWS, "audit"):
        op.drop_table(table)
    protect(op.get_bind(), "events")


def _move(bind: sa.Connection, events: sa.Table) -> None:
    """Chain by chain, in the order of the events."""
    tables = {t: sa.Table(t, sa.MetaData(), autoload_with=bind) for t in (*ROWS, "audit", "sessions")}
    audit = tables["audit"]
    chains = {row[0] for row in bind.execute(sa.select(audit.c.chain).distinct())}
    for table in ROWS:
        chains |= {row[0] for row in bind.execute(sa.select(tables[table].c.session_id).distinct())}
    for chain in sorted(chains):
        found: dict[int, dict[str, list[Mapping[str, Any]]]] = defaultdict(lambda: defaultdict(list))
        for name in ("sessions",) if chain == ALL else ROWS:
            query = sa.select(tables[name])
            if chain != ALL:
                query = query.where(tables[name].c.session_id == chain)
            for row in bind.execute(query).mappings():
                found[row["seq"]][name].append(dict(row))
        links = bind.execute(sa.select(audit).where(audit.c.chain == chain)).mappings()
        signed: dict[int, Mapping[str, Any]] = {row["seq"]: dict(row) for row in links}
        for seq in sorted(found.keys() | signed.keys()):
            unsigned = {"event": "unknown", "actor": "", "at": "", "hash": ""}  # rows that no chain ever covered
            written = _events(chain, seq, signed.get(seq, unsigned), found.get(seq, {}))
            bind.execute(sa.insert(events), written)


def _events(chain: str, seq: int, link: Mapping[str, Any], rows: Mapping[str, Any]) -> list[dict[str, Any]]:
    found, kind = payloads_of(rows), link["event"]
    opens, first = "case" in found[0], found[0].get("decision", {}).get("kind") == "first"
    if opens != (kind in ("opened", "automatic")) or first != (kind == "first"):
        found = [unread(rows, seq)]  # changed before it came here: it must not stand in the way of the others
    known = {"session": chain, "seq": seq, "kind": kind, "actor": link["actor"], "at": link["at"], "hash": link["hash"]}
    return [known | {"payload": canonical(facts)} | guards(facts) for facts in found]


def downgrade() -> None:
    raise NotImplementedError("A record is never moved back to an earlier schema: restore a copy made before.")
