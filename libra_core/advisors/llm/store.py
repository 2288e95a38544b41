"""One SQLite file (WAL) with the cached answers, the spend of each day and person, and the hash-chained audit rows."""

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
CREATE TABLE IF NOT EXISTS spend_of_one
    (day TEXT, person TEXT, calls INTEGER, tokens INTEGER, cost REAL, PRIMARY KEY (day, person)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS audit
    (seq INTEGER PRIMARY KEY, body TEXT NOT NULL, previous TEXT NOT NULL, hash TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS head (one INTEGER PRIMARY KEY CHECK (one = 1), seq INTEGER NOT NULL, hash TEXT NOT NULL);
INSERT OR IGNORE INTO head VALUES (1, 0, '');
CREATE TRIGGER IF NOT EXISTS audit_no_update BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER IF NOT EXISTS audit_no_delete BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'append-only'); END;
"""

WHY = {  # SQLite's name for what is wrong -> in words
    "FULL": "the disk is full",
    "READONLY": "it cannot be written",
    "CANTOPEN": "it cannot be opened or created",
    "NOTADB": "it is not a database",
    "CORRUPT": "it is damaged",
    "BUSY": "another program holds it",
    "PERM": "permission is denied",
}

Amount = tuple[int, int, float]  # calls, tokens, USD


class StoreError(ValueError):
    """The store cannot be read or written; the message is for a person."""


class Store:
    """Thread-safe: one connection behind a lock; SQLite's own locks keep other processes in order.

    `path` None keeps everything in memory; `fault` then says why, where a file was wanted. Every method raises
    StoreError with a sentence. The chain shows edits, removals and reordering by anyone who does not rewrite the whole
    chain; against that, note `head()` somewhere else and pass it to verify().
    """

    def __init__(self, path: Path | None = None, fault: str = "") -> None:
        self.place, self.fault = str(path or ":memory:"), fault
        self._lock = threading.RLock()
        try:
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _told(self.place, error.strerror or "its folder cannot be made") from error
        with _in_words(self.place):
            self._db = sqlite3.connect(self.place, timeout=10, check_same_thread=False, isolation_level=None)
        with self._read() as db:
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("PRAGMA synchronous=NORMAL")
            db.executescript(_TABLES)

    def close(self) -> None:
        with self._lock:
            self._db.close()

    @contextmanager
    def _read(self) -> Iterator[sqlite3.Connection]:
        with self._lock, _in_words(self.place):
            yield self._db

    @contextmanager
    def _write(self) -> Iterator[sqlite3.Connection]:
        with self._read() as db:
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:  # a full disk has rolled back by itself
                    db.execute("ROLLBACK")
                raise

    # answers ------------------------------------------------------------------------------------------------------

    def get(self, key: str) -> dict[str, Any] | None:
        with self._read() as db:
            row = db.execute("SELECT value FROM answers WHERE key = ?", (key,)).fetchone()
        try:
            return dict(json.loads(row[0])) if row else None
        except (ValueError, TypeError):  # not written by us
            return None

    def put(self, key: str, value: dict[str, Any]) -> None:
        with self._write() as db:
            db.execute("INSERT OR REPLACE INTO answers VALUES (?, ?)", (key, canonical(value)))

    # spend --------------------------------------------------------------------------------------------------------

    def spend(self, person: str | None = None) -> Amount:
        """What one person has used today (UTC), over all sessions and processes; everybody without a name."""
        with self._read() as db:
            return _spend(db, today(), person)

    def add_spend(
        self, day: str, person: str, amount: Amount, caps: tuple[Amount, Amount] | None = None
    ) -> tuple[Amount, Amount]:
        """Add to what a person and everybody used on a day, in one step that no other process can interrupt, unless one
        of the `caps` (the person's, everybody's) would be passed. Returns both sums as they would be or are."""
        with self._write() as db:
            mine, all_ = (_plus(_spend(db, day, who), amount) for who in (person, None))
            if caps is None or not (passes(mine, caps[0]) or passes(all_, caps[1])):
                db.execute("INSERT OR REPLACE INTO spend VALUES (?, ?, ?, ?)", (day, *all_))
                db.execute("INSERT OR REPLACE INTO spend_of_one VALUES (?, ?, ?, ?, ?)", (day, person, *mine))
        return mine, all_

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
        with self._read() as db:
            found = db.execute(query, (-1 if last is None else last,)).fetchall()
        return [json.loads(body) | {"hash": stored} for _, body, stored in reversed(found)]

    def head(self) -> tuple[int, str]:
        """Number and hash of the last row: note it elsewhere to detect a chain rewritten as a whole."""
        with self._read() as db:
            seq, stored = db.execute("SELECT seq, hash FROM head").fetchone()
        return int(seq), str(stored)

    def verify(self, noted: tuple[int, str] | None = None) -> Verdict:
        """Walk the chain. Finds an edited, removed, inserted or reordered row, and with `noted` a rewritten chain."""
        with self._read() as db:
            rows = db.execute("SELECT seq, body, previous, hash FROM audit ORDER BY seq").fetchall()
            head = self.head()
        links, last = [], ""
        for seq, body, previous, stored in rows:
            whole = previous == last and json.loads(body).get("seq") == seq
            links.append((seq, (body,) if whole else (), stored))
            last = stored
        return walk(links, head, noted)


def open_store() -> Store:
    """The store of this installation, shared by all its sessions: LIBRA_ADVICE_DB, or data/local/advice.sqlite.

    Where that cannot be used the store is in memory and its `fault` says why; no model is asked then, since no limit
    could be kept.
    """
    try:
        return _opened(Path(os.environ.get("LIBRA_ADVICE_DB") or DEFAULT_PATH))
    except StoreError as error:
        return Store(fault=str(error))


_opened = cache(Store)


@contextmanager
def _in_words(place: str) -> Iterator[None]:
    """SQLite's errors as sentences, but for a broken rule of ours (an audit row that somebody would change)."""
    try:
        yield
    except sqlite3.IntegrityError:
        raise
    except sqlite3.Error as error:
        name = str(getattr(error, "sqlite_errorname", "")).removeprefix("SQLITE_").partition("_")[0]
        raise _told(place, WHY.get(name, "it cannot be read or written")) from error


def _told(place: str, why: str) -> StoreError:
    return StoreError(
        f"The store of answers and limits, {place}, cannot be used: {why}. No language model is asked without it, "
        "since no limit could be kept. Mend it, or name another file in LIBRA_ADVICE_DB."
    )


def _spend(db: sqlite3.Connection, day: str, person: str | None) -> Amount:
    if person is None:
        row = db.execute("SELECT calls, tokens, cost FROM spend WHERE day = ?", (day,)).fetchone()
    else:
        query = "SELECT calls, tokens, cost FROM spend_of_one WHERE day = ? AND person = ?"
        row = db.execute(query, (day, person)).fetchone()
    return row or (0, 0, 0.0)


def _plus(one: Amount, other: Amount) -> Amount:
    return one[0] + other[0], one[1] + other[1], one[2] + other[2]


def passes(amount: Amount, cap: Amount) -> bool:
    """Whether any part of an amount is beyond its cap."""
    return any(value > most for value, most in zip(amount, cap, strict=True))


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def today() -> str:
    return datetime.now(UTC).date().isoformat()
