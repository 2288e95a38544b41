"""The audit chain: each event's row holds the digest of what it wrote, and the hash of the row before."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from libra_core.records.codec import canonical, digest

Rows = Mapping[str, Sequence[Mapping[str, Any]]]  # table name -> rows


@dataclass(frozen=True)
class Link:
    """One row of the chain."""

    chain: str
    seq: int
    event: str
    actor: str
    at: str
    content: str
    previous: str

    @property
    def hash(self) -> str:
        text = canonical([self.chain, self.seq, self.event, self.actor, self.at, self.content])
        return hashlib.sha256(f"{self.previous}\n{text}".encode()).hexdigest()


@dataclass(frozen=True)
class Check:
    """What was found: `ok`, and a sentence."""

    ok: bool
    message: str


def content_of(rows: Rows) -> str:
    """One digest of the rows of one event, whatever order a database returns them in."""
    texts = sorted(f"{table}:{canonical(_filled(row))}" for table, found in rows.items() for row in found)
    return digest("\n".join(texts))


def _content(rows: Rows) -> str:
    try:
        return content_of(rows)
    except (TypeError, ValueError):  # no program of ours writes a value that cannot be written as JSON
        return ""


def _filled(row: Mapping[str, Any]) -> dict[str, Any]:
    """Without empty columns: a column that a later schema adds does not change what was signed before."""
    return {name: value for name, value in row.items() if value is not None}


def verify(
    links: Iterable[tuple[Link, str]],
    head: tuple[int, str] | None,
    rows: Mapping[int, Rows],
    noted: tuple[int, str] | None = None,
) -> Check:
    """Walk one chain. `links` are rows with their stored hash, in order; `rows` is what each event wrote.

    Finds an edited, removed, inserted or reordered row of the chain or of any table it covers. A person who rewrites
    the whole chain is found only with `noted`, a (seq, hash) written down elsewhere.
    """
    previous, seen, expected = "", {0: ""}, 0
    for link, stored in links:
        expected += 1
        if link.seq != expected:
            return Check(False, f"Event {expected} is missing from the audit log.")
        if link.previous != previous or link.hash != stored:
            return Check(False, f"Event {link.seq} was changed or moved after it was written.")
        if link.content != _content(rows.get(link.seq, {})):
            return Check(False, f"What event {link.seq} ({link.event}) recorded was changed, removed or added to.")
        previous = seen[link.seq] = stored
    if extra := sorted(set(rows) - set(seen)):
        return Check(False, f"There are rows of event {extra[0]}, which the audit log does not know.")
    if head != (expected, previous):
        return Check(False, f"The audit log ends at event {expected}, but {head[0] if head else 0} were written.")
    if noted is not None and seen.get(noted[0]) != noted[1]:
        return Check(False, f"Event {noted[0]} is not the one that was noted: the log was rewritten.")
    return Check(True, f"{expected} events, unbroken.")
