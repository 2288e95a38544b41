"""The text that leaves the machine: banded, allow-listed facts and a menu of codes, built only from a `Case`.

A Case holds only fields that the protocol allows to be shared, with labels from the protocol. No id, no free text and
no header of an uploaded file can reach a message, because none of them is in a Case.
"""

from __future__ import annotations

import hashlib
import json
import math
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from libra_core.cases import Case, CaseField, MenuArm, MenuChange
from libra_core.clinical import PROTOCOL_DIR
from libra_core.files import DATA

KEEP = "keep"
OLDEST = 90  # ages from here on are one band, as in public-use health data
PROMPT_DIR = DATA / "prompts"

Messages = list[dict[str, str]]


@dataclass(frozen=True)
class Prompt:
    """One versioned text. `fingerprint` changes with every character, whether or not the version was raised."""

    version: str
    source: str
    system: str
    case: str
    repair: str

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256("\0".join((self.version, self.system, self.case, self.repair)).encode()).hexdigest()[:16]

    @classmethod
    def load(cls, protocol: str, folder: Path | None = None) -> Prompt:
        """The text for a protocol, from `prompts` beside it. Raises ValueError with a sentence when there is none or it
        lacks a part."""
        path = (folder or PROTOCOL_DIR / "prompts") / f"{protocol}.toml"
        try:
            parts = tomllib.loads(path.read_text(encoding="utf-8"))
            return cls(**{name: parts[name].strip() for name in ("version", "source", "system", "case", "repair")})
        except FileNotFoundError:
            raise ValueError(f"there is no prompt for {protocol}: write {path.name}") from None
        except (tomllib.TOMLDecodeError, KeyError) as error:
            raise ValueError(f"{path.name} cannot be used as a prompt: {error}") from None


def facts(case: Case) -> list[str]:
    """The case as the model reads it: banded; an assumed value is named as unknown, not passed off as measured."""
    known = [f for f in case.fields if not f.imputed and math.isfinite(f.value)]
    lines = [f"- {f.label}: {_shown(f)}" for f in known]
    unknown = [f.label for f in case.fields if f not in known]
    return lines + ([f"- Not measured or not recorded: {', '.join(unknown)}"] if unknown else [])


def _shown(field: CaseField) -> str:
    if field.band <= 0:
        # Only yes/no flags carry no band; rounding keeps anything else from being exact.
        whole = round(field.value)
        return {0: "no", 1: "yes"}.get(whole, str(whole))
    if field.band == 1 and field.value == round(field.value):
        return f"{round(field.value)} {field.unit}".rstrip()
    if field.name == "age" and field.value >= OLDEST:
        return f"{OLDEST} or older"
    low = math.floor(field.value / field.band + 1e-9) * field.band
    return f"{_short(low)} to under {_short(low + field.band)} {field.unit}".rstrip()


def _short(value: float) -> str:
    return f"{value:.6g}"


def level_code(level: float) -> str:
    """The code of one step of a habit: "keep", or the signed change."""
    return KEEP if level == 0 else f"{level:+.6g}"


@dataclass(frozen=True)
class Menu:
    """The options of one case in one order. Codes mean the same whatever the order, so a reply maps back by itself."""

    arms: tuple[MenuArm, ...]
    changes: tuple[MenuChange, ...]
    max_changes: int

    @classmethod
    def of(cls, case: Case) -> Menu:
        return cls(case.arms, case.changes, case.max_changes)

    def shuffled(self, seed: int, sample: int) -> Menu:
        """The same options in another order: arms, habits, and the levels of each habit."""
        rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence((seed, sample))))
        changes = []
        for i in rng.permutation(len(self.changes)):
            change = self.changes[i]
            levels = tuple(change.levels[j] for j in rng.permutation(len(change.levels)))
            changes.append(MenuChange(change.index, change.name, change.label, change.unit, levels, change.scale))
        return Menu(tuple(self.arms[i] for i in rng.permutation(len(self.arms))), tuple(changes), self.max_changes)

    def schema(self) -> dict[str, Any]:
        """The JSON schema of an answer; every field is required and nothing else is allowed (OpenAI's strict mode)."""
        changes = {c.name: {"type": "string", "enum": [level_code(v) for v in c.levels]} for c in self.changes}
        return _object(
            {
                "rationale": {"type": "string"},
                "arm": {"type": "string", "enum": [a.code for a in self.arms]},
                "changes": _object(changes),
            }
        )


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def compose(prompt: Prompt, case: Case, menu: Menu) -> Messages:
    """The messages of one question: fixed text first, so that servers can cache the prefix."""
    text = prompt.case.format(
        facts="\n".join(facts(case)),
        arms="\n".join(f"- {a.code}: {a.label}" for a in menu.arms),
        changes="\n".join(
            f"- {c.name} ({c.label}, {c.unit}): {', '.join(level_code(v) for v in c.levels)}" for c in menu.changes
        )
        or "- none can change for this patient",
        max_changes=menu.max_changes,
        schema=json.dumps(menu.schema(), ensure_ascii=False),
    )
    return [{"role": "system", "content": prompt.system}, {"role": "user", "content": text}]


def payload_preview(prompt: Prompt, case: Case, seed: int = 0) -> str:
    """All text that one question about this case would send, readable before the first one is sent."""
    messages = compose(prompt, case, Menu.of(case).shuffled(seed, 0))
    return "\n\n".join(f"[{m['role']}]\n{m['content']}" for m in messages)
