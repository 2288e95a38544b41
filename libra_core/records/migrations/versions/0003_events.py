"""One table of events in place of six tables and the audit chain. Every event keeps its number and its hash."""

from __future__ import annotations

from collections import defaultdict

import sqlalchemy as sa
from alembic import op

from libra_core.chain import canonical
from libra_core.records.events import guards
from libra_core.records.migrations.legacy import payloads_of
from libra_core.records.schema import ALL, EVENTS, protect

revision = "0003"
down_revision = "0002"

ROWS = ("cases", "proposals", "advice", "decisions", "outcomes", "scenarios")
UNSIGNED = {"event": "unknown", "actor": "", "at": "", "hash": ""}  # of rows that no chain ever covered


def upgrade() -> None:
    for name in ("one_first_choice", "one_closing_decision", "one_outcome"):
        op.drop_index(name)  # the names are used again
    EVENTS.create(op.get_bind())  # a later schema must keep a copy of this one here
    former = [name for name in ROWS if sa.inspect(op.get_bind()).has_table(name)]  # the first schema has no scenarios
    _move(op.get_bind(), former)
    for table in (*former, "audit"):
        op.drop_table(table)
    protect(op.get_bind(), "events")


def _move(bind: sa.Connection, former: list[str]) -> None:
    """Chain by chain, in the order of the events."""
    *tables, sessions, audit = (sa.Table(t, sa.MetaData(), autoload_with=bind) for t in (*former, "sessions", "audit"))
    chains = [audit.c.chain, *(table.c.session_id for table in tables)]
    for chain in sorted({name for column in chains for name in bind.scalars(sa.select(column).distinct())}):
        rows = defaultdict(list)
        for table in [sessions] if chain == ALL else tables:
            query = sa.select(table) if chain == ALL else sa.select(table).where(table.c.session_id == chain)
            for row in bind.execute(query).mappings():
                rows[row["seq"]].append((table.name, dict(row)))
        links = {row["seq"]: row for row in bind.execute(sa.select(audit).where(audit.c.chain == chain)).mappings()}
        for seq in sorted(rows.keys() | links.keys()):
            link = links.get(seq, UNSIGNED)
            same = {"session": chain, "seq": seq, "kind": link["event"]} | {k: link[k] for k in ("actor", "at", "hash")}
            payloads = payloads_of(chain, seq, link["event"], rows[seq])
            written = [same | {"payload": canonical(facts)} | guards(facts) for facts in payloads]
            bind.execute(sa.insert(EVENTS), written)


def downgrade() -> None:
    raise NotImplementedError("A record is never moved back to an earlier schema: restore a copy made before.")
