"""One SQLite file (WAL) with the cached answers, the spend of each day, and the hash-chained audit rows."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from libra_core.chain import Verdict, canonical, link, walk
from libra_core.files import home

DEFAULT_PATH = home() / "advice.sqlite"

_TABLES = """
CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS spend (day TEXT PRIMARY KEY, calls INTEGER, tokens INTEGER, cost REAL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS audit
    (seq INTEGER PRIMARY KEY, body TEXT NOT NULL, previous TEXT NOT NULL, hash TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS head (one INTEGER PRIMARY KEY CHECK (one = 1), seq INTEGER NOT NULL, hash TEXT NOT NULL);
INSERT OR IGNORE INTO head VALUES (1, 0, '');
CREATE TRIGGER IF NOT EXISTS audit_no_update BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER IF NOT EXISTS audit_no_delete BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'append-only'); END;
"""


class Store:
    """Thread-safe: one connection behind a lock; SQLite's own locks keep other processes in order.

    `path` None keeps everything in memory. The chain shows edits, removals and reordering by anyone who does not
    rewrite the whole chain; against that, note `head()` somewhere else and pass it to verify().
    """

    def __init__(self, path: Path | None = None) -> None:
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path or ":memory:", timeout=10, check_same_thread=False, isolation_level=None)
        self.durable = path is not None
        self._lock = threading.RLock()
        with self._lock:
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=NORMAL")
            self._db.executescript(_TABLES)

    def close(self) -> None:
        with self._lock:
            self._db.close()

    @contextmanager
    def _write(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    # answers ------------------------------------------------------------------------------------------------------

    def get(self, key: str) -> dict[str, Any] | None:
        with self._lock:
            row = self._db.execute("SELECT value FROM answers WHERE key = ?", (key,)).fetchone()
        return json.loads(row[0]) if row else None

    def put(self, key: str, value: dict[str, Any]) -> None:
        with self._write() as db:
            db.execute("INSERT OR REPLACE INTO answers VALUES (?, ?)", (key, canonical(value)))

    # spend --------------------------------------------------------------------------------------------------------

    def spend(self) -> tuple[int, int, float]:
        """Calls, tokens and USD of today (UTC)."""
        with self._lock:
            row = self._db.execute("SELECT calls, tokens, cost FROM spend WHERE day = ?", (_today(),)).fetchone()
        return row or (0, 0, 0.0)

    def add_spend(self, calls: int, tokens: int, cost: float, caps: tuple[float, float, float] | None = None) -> bool:
        """Add to today's spend; False, and nothing added, when a cap would be passed."""
        with self._write() as db:
            day = _today()
            now = db.execute("SELECT calls, tokens, cost FROM spend WHERE day = ?", (day,)).fetchone() or (0, 0, 0.0)
            after = (now[0] + calls, now[1] + tokens, now[2] + cost)
            if caps and any(value > cap for value, cap in zip(after, caps, strict=True)):
                return False
            db.execute("INSERT OR REPLACE INTO spend VALUES (?, ?, ?, ?)", (day, *after))
        return True

    # audit --------------------------------------------------------------------------------------------------------

    def append(self, body: dict[str, Any]) -> int:
        """Write one audit row and return its number. Rows are ordered by number, so clock changes do no harm."""
        with self._write() as db:
            seq, previous = db.execute("SELECT seq, hash FROM head").fetchone()
            text = canonical({"seq": seq + 1, "time": datetime.now(UTC).isoformat(timespec="milliseconds")} | body)
            stored = link(previous, text)
            db.execute("INSERT INTO audit VALUES (?, ?, ?, ?)", (seq + 1, text, previous, stored))
            db.execute("UPDATE head SET seq = ?, hash = ?", (seq + 1, stored))
        return int(seq) + 1

    def rows(self, last: int | None = None) -> list[dict[str, Any]]:
        """Audit rows in order, with seq and hash; only the `last` ones if given."""
        query = "SELECT seq, body, hash FROM audit ORDER BY seq DESC LIMIT ?"
        with self._lock:
            found = self._db.execute(query, (-1 if last is None else last,)).fetchall()
        return [json.loads(body) | {"hash": stored} for _, body, stored in reversed(found)]

    def head(self) -> tuple[int, str]:
        """Number and hash of the last row: note it elsewhere to detect a chain rewritten as a whole."""
        with self._lock:
            seq, stored = self._db.execute("SELECT seq, hash FROM head").fetchone()
        return int(seq), str(stored)

    def verify(self, noted: tuple[int, str] | None = None) -> Verdict:
        """Walk the chain. Finds an edited, removed, inserted or reordered row, and with `noted` a rewritten chain."""
        with self._lock:
            rows = self._db.execute("SELECT seq, body, previous, hash FROM audit ORDER BY seq").fetchall()
            head = self.head()
        links, last = [], ""
        for seq, body, previous, stored in rows:
            whole = previous == last and json.loads(body).get("seq") == seq
            links.append((seq, (body,) if whole else (), stored))
            last = stored
        return walk(links, head, noted)


@cache
def open_store() -> Store:
    """The store of this installation, shared by all its sessions: LIBRA_ADVICE_DB, or data/local/advice.sqlite.

    Where that cannot be written the store is in memory, and `durable` is False so that a page can say so.
    """
    path = Path(os.environ.get("LIBRA_ADVICE_DB") or DEFAULT_PATH)
    try:
        return Store(path)
    except (OSError, sqlite3.Error):
        return Store(None)


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _today() -> str:
    return datetime.now(UTC).date().isoformat()
