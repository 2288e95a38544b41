"""The record of clinicians' sessions: an append-only log from which everything else is rebuilt.

`Database` is where it lives, `Repository` reads and writes it in one person's name, `SessionLog` is a session at work,
`replay` proves what was shown. See docs/records.md.
"""

from libra_core.records.database import Database
from libra_core.records.engine import Effect
from libra_core.records.errors import AlreadyDecided, Denied, RecordsError, Stale, Unavailable, Unreadable
from libra_core.records.events import Action, Entered, Stamp
from libra_core.records.replay import replay
from libra_core.records.repository import Repository, SessionInfo
from libra_core.records.session_log import SessionLog
from libra_core.records.spec import LOCAL, REASONS, Actor, DecisionKind, Role, SessionSpec

__all__ = [
    "LOCAL",
    "REASONS",
    "Action",
    "Actor",
    "AlreadyDecided",
    "Database",
    "DecisionKind",
    "Denied",
    "Effect",
    "Entered",
    "RecordsError",
    "Repository",
    "Role",
    "SessionInfo",
    "SessionLog",
    "SessionSpec",
    "Stale",
    "Stamp",
    "Unavailable",
    "Unreadable",
    "replay",
]
