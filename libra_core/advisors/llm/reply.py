"""Read a model's text as an answer from the menu, or say in one clause why it is not one."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from libra_core.advisors.llm.prompt import KEEP, Menu, level_code

MAX_RATIONALE = 600  # characters kept of the model's rationale
MAX_SCAN = 1_000_000  # characters of a reply that are searched for an answer

_THINKING = re.compile(r"<(think|thinking|reasoning)>.*?(</\1>|\Z)", re.DOTALL | re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]")


class UnusableError(ValueError):
    """A reply that is no answer; the message is one clause for the repair question and the audit row."""


class _Reply(BaseModel):
    model_config = ConfigDict(extra="ignore")

    arm: str
    changes: dict[str, str | int | float] = {}
    rationale: str = ""


@dataclass(frozen=True)
class Answer:
    """A valid choice from a menu: the arm's code, the level's code of each habit, and the model's own words."""

    arm: str
    changes: tuple[tuple[str, str], ...]
    rationale: str

    @property
    def plan(self) -> tuple[str, tuple[tuple[str, str], ...]]:
        return self.arm, self.changes

    def to_json(self) -> dict[str, Any]:
        return {"arm": self.arm, "changes": dict(self.changes), "rationale": self.rationale}


def read_answer(text: str, menu: Menu) -> Answer:
    """Validate a reply against the menu. Raises UnusableError."""
    return check(find_json(text), menu)


def check(value: Any, menu: Menu) -> Answer:
    """Validate a JSON value against the menu: arm and levels must be codes on offer. Raises UnusableError.

    A plan beyond the limits (too many habits, too large a change) passes: LIBRA projects it and shows by how much.
    """
    try:
        reply = _Reply.model_validate(value)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the reply"
        raise UnusableError(f"{_plain(where, 40)} is wrong ({first['msg'].lower()})") from None
    if reply.arm not in {arm.code for arm in menu.arms}:
        raise UnusableError(f'the treatment "{_plain(reply.arm, 40)}" is not on this patient\'s menu')
    changes = {}
    for change in sorted(menu.changes, key=lambda c: c.index):
        code = _code(reply.changes.get(change.name, KEEP))
        if code not in {level_code(level) for level in change.levels}:
            raise UnusableError(f'"{_plain(code, 40)}" is not a step on offer for {change.name}')
        changes[change.name] = code
    return Answer(reply.arm, tuple(changes.items()), _plain(reply.rationale, MAX_RATIONALE))


def _code(value: str | int | float) -> str:
    """A model may write -800 for "-800"; the same step is meant."""
    return value.strip() if isinstance(value, str) else level_code(float(value))


def find_json(text: str) -> Any:
    """The first JSON object of a reply, skipping think tags, code fences and prose. Raises UnusableError."""
    text = _THINKING.sub("", text[:MAX_SCAN]).strip()
    if not text:
        raise UnusableError("the reply was empty")
    decoder = json.JSONDecoder()
    start = text.find("{")
    for _ in range(20):  # a bound: prose full of braces must not cost quadratic time
        if start < 0:
            break
        try:
            value, _ = decoder.raw_decode(text, start)
        except (json.JSONDecodeError, RecursionError):
            start = text.find("{", start + 1)
            continue
        return value
    raise UnusableError("it held no complete JSON object")


def _plain(text: str, limit: int) -> str:
    """One line of printable text of bounded length: model text is data, never markup or control codes."""
    text = " ".join(_CONTROL.sub(" ", text).split())
    return text if len(text) <= limit else text[: limit - 1] + "…"
