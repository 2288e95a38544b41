"""Decisions, advice and proposals as text and back. Equal values give equal text, on any database."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from libra_core.advisors.base import Advice, AdviceBatch
from libra_core.policies.decision import ArmOption, Choice, Decision, Proposal, Reason
from libra_core.problem import Actions, Contexts

UNKNOWN = ("mean", "lcb", "ucb", "low", "high", "width")  # nan for a policy without a model, null in JSON


def canonical(value: Any) -> str:
    """JSON with sorted keys, shortest exact floats and null for nan: a float read back is the same float."""
    try:
        return _ENCODER.encode(value)
    except (ValueError, TypeError):  # not the rule: a nan, or a number of numpy's
        return _ENCODER.encode(_plain(value))


_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


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
    return hashlib.sha256(text.encode()).hexdigest()


def short_hash(text: str) -> str:
    return digest(text)[:12]


def decision_text(decision: Decision) -> str:
    flat = {
        "options": [vars(option) for option in decision.options],
        "advice": None if decision.advice is None else vars(decision.advice),
    }
    return canonical(vars(decision) | flat)  # dataclasses.asdict would copy every number


def decision_from(text: str) -> Decision:
    """The inverse of decision_text, exactly."""
    d = json.loads(text)
    for name in UNKNOWN:
        d[name] = math.nan if d[name] is None else d[name]
    options = tuple(ArmOption(**(o | {"delta": tuple(o["delta"])})) for o in d["options"])
    advice = None if d["advice"] is None else advice_from(d["advice"])
    return Decision(
        **(
            d
            | {
                "delta": tuple(d["delta"]),
                "own_delta": tuple(d["own_delta"]),
                "contributions": tuple(d["contributions"]),
                "options": options,
                "advice": advice,
                "reason": Reason(d["reason"]),
            }
        )
    )


def advice_text(advice: Advice) -> str:
    return canonical(vars(advice))


def advice_from(saved: str | dict[str, Any]) -> Advice:
    d = json.loads(saved) if isinstance(saved, str) else saved
    return Advice(**(d | {"delta": tuple(d["delta"])}))


def choice_state(choice: Choice) -> dict[str, Any]:
    """A choice for one patient, JSON-able and exact: kept while its outcome is awaited."""
    advice = choice.advice
    return {
        "arm": choice.actions.arm.tolist(),
        "delta": choice.actions.delta.tolist(),
        "own_arm": choice.own.arm.tolist(),
        "own_delta": choice.own.delta.tolist(),
        "reason": choice.reason.tolist(),
        "asked": choice.asked.tolist(),
        "adopted": choice.adopted.tolist(),
        "advice": None
        if advice is None
        else {"given": advice.given.tolist(), "arm": advice.arm.tolist(), "delta": advice.delta.tolist()},
    }


def proposal_from(saved: dict[str, Any], contexts: Contexts) -> Proposal:
    """A proposal to learn from; its bounds are not needed for that and come back as nan."""
    arms = {k: np.asarray(saved[k], np.int64) for k in ("arm", "own_arm", "reason")}
    floats = {k: np.asarray(saved[k], float) for k in ("delta", "own_delta")}
    flags = {k: np.asarray(saved[k], bool) for k in ("asked", "adopted")}
    given = saved["advice"]
    advice = (
        None
        if given is None
        else AdviceBatch(
            np.asarray(given["given"], bool), np.asarray(given["arm"], np.int64), np.asarray(given["delta"], float)
        )
    )
    choice = Choice(
        Actions(arms["arm"], floats["delta"]),
        Actions(arms["own_arm"], floats["own_delta"]),
        arms["reason"],
        flags["asked"],
        flags["adopted"],
        advice,
    )
    nothing = np.full(len(contexts), np.nan)
    return Proposal(contexts, choice, nothing, nothing, nothing)
