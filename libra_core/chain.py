"""A hash chain over a log: each row's hash covers its text and the hash before it.

An edited, removed, inserted or reordered row is found. A rewrite of the whole chain and its
stored end is found only with an end (number, hash) noted elsewhere.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

Row = tuple[int, Iterable[str], str]  # number, the text that was hashed (any of these), stored hash
End = tuple[int, str]  # number and hash of the last row
_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def canonical(value: Any) -> str:
    """JSON with sorted keys, shortest exact floats and null for nan: equal values give equal text, and a float read
    back is the same float."""
    try:
        return _ENCODER.encode(value)
    except (ValueError, TypeError):  # rarely: a nan, or a numpy number
        return _ENCODER.encode(_plain(value))


def _plain(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, np.generic):
        return _plain(value.item())
    return value


def digest(text: str) -> str:
    """SHA-256, 64 hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()


def link(previous: str, text: str) -> str:
    """The hash of a row: of the hash before it ("" for the first) and its own text."""
    return digest(f"{previous}\n{text}")


@dataclass(frozen=True)
class Verdict:
    """The result of walking a chain, with a sentence."""

    ok: bool
    message: str


def walk(rows: Iterable[Row], head: End, noted: End | None = None, what: str = "row") -> Verdict:
    """Walk a chain from its first row, number 1, to `head`, the end that is stored separately; `noted` is an end
    recorded elsewhere."""
    previous, seen, last = "", {0: ""}, 0
    for number, texts, stored in rows:
        last += 1
        if number != last:
            return Verdict(False, f"{what.capitalize()} {last} is missing.")
        if not any(link(previous, text) == stored for text in texts):
            return Verdict(False, f"{what.capitalize()} {number} was changed or moved after it was written.")
        previous = seen[number] = stored
    if head != (last, previous):
        return Verdict(False, f"The log ends at {what} {last}, but {head[0]} {what}s were written.")
    if noted is not None and seen.get(noted[0]) != noted[1]:
        return Verdict(False, f"{what.capitalize()} {noted[0]} is not the one that was noted: the log was rewritten.")
    return Verdict(True, f"{last} {what}s, unbroken.")
