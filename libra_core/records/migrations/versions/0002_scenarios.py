"""Scenarios saved under a name, snapshots for speed, and the seconds that a decision took."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from libra_core.records.migrations.triggers import protect

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("decisions", sa.Column("seconds", sa.Float, nullable=True))
    op.create_table(
        "scenarios",
        sa.Column("session_id", sa.String(32), sa.ForeignKey("sessions.id"), primary_key=True),
        sa.Column("seq", sa.Integer, primary_key=True),
        sa.Column("position", sa.Integer, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("name", "plan")),
        sa.Column("actor", sa.String(200), nullable=False),
        sa.Column("saved_at", sa.String(32), nullable=False),
    )
    op.create_table(
        "snapshots",
        sa.Column("session_id", sa.String(32), sa.ForeignKey("sessions.id"), primary_key=True),
        sa.Column("seq", sa.Integer, primary_key=True),
        sa.Column("state", sa.Text, nullable=False),
    )
    protect(op.get_bind(), "scenarios")
