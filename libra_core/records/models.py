"""The tables. All but `heads` and `snapshots` are append-only: triggers refuse to change or remove a row.

One event of a session is one transaction: some rows that carry its number `seq`, and one row of the audit chain whose
`content` is the digest of them. Order is `seq`, never a clock. JSON is canonical text, so that it has one digest on
every database; times are UTC in ISO 8601.
"""

from __future__ import annotations

from typing import ClassVar

from sqlalchemy import BigInteger, Boolean, Float, ForeignKey, Index, Integer, String, Text, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

ALL = "*"  # the chain of the installation: sessions begun, exports made


class Base(DeclarativeBase):
    type_annotation_map: ClassVar = {str: Text, int: Integer, float: Float, bool: Boolean}


class Session(Base):
    """A sitting of one clinician with one policy: `spec` is SessionSpec as JSON."""

    __tablename__ = "sessions"
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    study: Mapped[str] = mapped_column(String(100), index=True)
    owner: Mapped[str] = mapped_column(String(200), index=True)
    name: Mapped[str]
    spec: Mapped[str]
    config_hash: Mapped[str] = mapped_column(String(12))
    versions: Mapped[str]
    created_at: Mapped[str] = mapped_column(String(32))
    seq: Mapped[int]


class _Event:
    """Key of every row that belongs to an event of a session."""

    session_id: Mapped[str] = mapped_column(String(32), ForeignKey("sessions.id"), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)


class Case(_Event, Base):
    """A patient was opened: cohort row, pseudonym."""

    __tablename__ = "cases"
    position: Mapped[int]
    row: Mapped[int]
    patient: Mapped[str] = mapped_column(String(100))
    opened_at: Mapped[str] = mapped_column(String(32))
    __table_args__ = (Index("one_case", "session_id", "position", unique=True),)


class Proposal(_Event, Base):
    """What one policy proposed, as shown. stage: "shown", or "answered" once the clinician's advice was weighed."""

    __tablename__ = "proposals"
    policy: Mapped[str] = mapped_column(String(40), primary_key=True)
    position: Mapped[int]
    stage: Mapped[str] = mapped_column(String(10))
    decision: Mapped[str]
    __table_args__ = (Index("one_proposal", "session_id", "position", "policy", "stage", unique=True),)


class AdviceGiven(_Event, Base):
    """What an advisor said in its own words, raw, for one policy's question."""

    __tablename__ = "advice"
    policy: Mapped[str] = mapped_column(String(40), primary_key=True)
    position: Mapped[int]
    source: Mapped[str] = mapped_column(String(100))
    advice: Mapped[str]


class Decided(_Event, Base):
    """What a person (or the policy by itself) decided. `key` is made by the page: the same key is the same decision.

    arm, delta: what was chosen, executed_*: what was done (null while deferred). closes: no further decision follows.
    seconds: from a clock that never goes back, so it may disagree with the two times. confidence: 1 to 5.
    """

    __tablename__ = "decisions"
    key: Mapped[str] = mapped_column(String(64), unique=True)
    position: Mapped[int]
    kind: Mapped[str] = mapped_column(String(10))
    closes: Mapped[bool]
    arm: Mapped[int]
    delta: Mapped[str]
    executed_arm: Mapped[int | None]
    executed_delta: Mapped[str | None]
    reason: Mapped[str] = mapped_column(String(40), default="")
    comment: Mapped[str] = mapped_column(default="")
    confidence: Mapped[int | None]
    shown_at: Mapped[str] = mapped_column(String(32))
    decided_at: Mapped[str] = mapped_column(String(32))
    seconds: Mapped[float | None]
    actor: Mapped[str] = mapped_column(String(200))
    versions: Mapped[str]
    seed: Mapped[int] = mapped_column(BigInteger)
    __table_args__ = (
        Index(
            "one_closing_decision",
            "session_id",
            "position",
            unique=True,
            sqlite_where=text("closes"),
            postgresql_where=text("closes"),
        ),
        Index(
            "one_first_choice",
            "session_id",
            "position",
            unique=True,
            sqlite_where=text("kind = 'first'"),
            postgresql_where=text("kind = 'first'"),
        ),
    )


class OutcomeSeen(_Event, Base):
    """What came back. source: simulated or entered. value: what a person typed, with `share` of the plan carried out.

    A batch of outcomes is one event: position is part of the key.
    """

    __tablename__ = "outcomes"
    position: Mapped[int] = mapped_column(primary_key=True)
    source: Mapped[str] = mapped_column(String(10))
    reward: Mapped[float]
    x: Mapped[str]
    value: Mapped[float | None]
    share: Mapped[float | None]
    recorded_at: Mapped[str] = mapped_column(String(32))
    __table_args__ = (Index("one_outcome", "session_id", "position", unique=True),)


class Scenario(_Event, Base):
    """A what-if that a clinician saved under a name."""

    __tablename__ = "scenarios"
    position: Mapped[int]
    name: Mapped[str]
    plan: Mapped[str]
    actor: Mapped[str] = mapped_column(String(200))
    saved_at: Mapped[str] = mapped_column(String(32))


class Audit(Base):
    """The chain: hash = SHA-256(previous, everything else in the row). One chain per session, and ALL."""

    __tablename__ = "audit"
    chain: Mapped[str] = mapped_column(String(32), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    event: Mapped[str] = mapped_column(String(20))
    actor: Mapped[str] = mapped_column(String(200))
    at: Mapped[str] = mapped_column(String(32))
    content: Mapped[str] = mapped_column(String(64))
    previous: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))


class Head(Base):
    """The end of each chain: shows that rows were cut off, and lets only one writer at a time go on."""

    __tablename__ = "heads"
    chain: Mapped[str] = mapped_column(String(32), primary_key=True)
    seq: Mapped[int]
    hash: Mapped[str] = mapped_column(String(64))


class Snapshot(Base):
    """The policies' state after event `seq`: only for speed, made again from the log at any time."""

    __tablename__ = "snapshots"
    session_id: Mapped[str] = mapped_column(String(32), ForeignKey("sessions.id"), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    state: Mapped[str]


EVENT_TABLES: tuple[type[Base], ...] = (Case, Proposal, AdviceGiven, Decided, OutcomeSeen, Scenario)
APPEND_ONLY = (*(t.__tablename__ for t in EVENT_TABLES), "sessions", "audit")
