"""The first schema: sessions, cases, proposals, advice, decisions, outcomes, and the audit chain."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from libra_core.records.migrations.triggers import protect

revision = "0001"
down_revision = None

ID = sa.String(32)


def _event(*columns: sa.schema.SchemaItem, name: str, keys: tuple[str, ...] = ()) -> None:
    op.create_table(
        name,
        sa.Column("session_id", ID, sa.ForeignKey("sessions.id"), nullable=False),
        sa.Column("seq", sa.Integer, nullable=False),
        *columns,
        sa.PrimaryKeyConstraint("session_id", "seq", *keys),
    )


def _text(name: str, length: int | None = None, nullable: bool = False) -> sa.Column:
    return sa.Column(name, sa.String(length) if length else sa.Text, nullable=nullable)


def _int(name: str, nullable: bool = False) -> sa.Column:
    return sa.Column(name, sa.Integer, nullable=nullable)


def upgrade() -> None:
    op.create_table(
        "sessions",
        sa.Column("id", ID, primary_key=True),
        sa.Column("study", sa.String(100), nullable=False, index=True),
        sa.Column("owner", sa.String(200), nullable=False, index=True),
        *(_text("name"), _text("spec"), _text("config_hash", 12), _text("versions"), _text("created_at", 32)),
        _int("seq"),
    )
    _event(_int("position"), _int("row"), _text("patient", 100), _text("opened_at", 32), name="cases")
    _event(
        *(_text("policy", 40), _int("position"), _text("stage", 10), _text("decision")),
        name="proposals",
        keys=("policy",),
    )
    _event(
        *(_text("policy", 40), _int("position"), _text("source", 100), _text("advice")), name="advice", keys=("policy",)
    )
    _event(
        sa.Column("key", sa.String(64), nullable=False, unique=True),
        *(_int("position"), _text("kind", 10), sa.Column("closes", sa.Boolean, nullable=False)),
        *(_int("arm"), _text("delta"), _int("executed_arm", True), _text("executed_delta", nullable=True)),
        *(_text("reason", 40), _text("comment"), _int("confidence", True)),
        *(_text("shown_at", 32), _text("decided_at", 32), _text("actor", 200), _text("versions")),
        sa.Column("seed", sa.BigInteger, nullable=False),
        name="decisions",
    )
    _event(
        *(_int("position"), _text("source", 10), sa.Column("reward", sa.Float, nullable=False), _text("x")),
        *(sa.Column("value", sa.Float), sa.Column("share", sa.Float), _text("recorded_at", 32)),
        name="outcomes",
        keys=("position",),
    )
    op.create_table(
        "audit",
        *(_text("chain", 32), _int("seq"), _text("event", 20), _text("actor", 200), _text("at", 32)),
        *(_text("content", 64), _text("previous", 64), _text("hash", 64)),
        sa.PrimaryKeyConstraint("chain", "seq"),
    )
    op.create_table("heads", sa.Column("chain", ID, primary_key=True), _int("seq"), _text("hash", 64))
    op.execute("INSERT INTO heads (chain, seq, hash) VALUES ('*', 0, '')")
    op.create_index("one_case", "cases", ["session_id", "position"], unique=True)
    op.create_index("one_proposal", "proposals", ["session_id", "position", "policy", "stage"], unique=True)
    op.create_index("one_outcome", "outcomes", ["session_id", "position"], unique=True)
    for name, where in (("one_closing_decision", "closes"), ("one_first_choice", "kind = 'first'")):
        op.create_index(
            name,
            "decisions",
            ["session_id", "position"],
            unique=True,
            sqlite_where=sa.text(where),
            postgresql_where=sa.text(where),
        )
    protect("sessions", "cases", "proposals", "advice", "decisions", "outcomes", "audit")
