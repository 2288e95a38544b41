"""Events of the first two schemas, which kept one event as rows of six tables.

Their hashes stand as they were made: over a digest of those rows. `content` spells the rows again from a payload, so
that a record which was moved to the present schema still proves itself by its first chain.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from libra_core.chain import canonical, digest
from libra_core.records.spec import DecisionKind

Rows = Mapping[str, Sequence[Mapping[str, Any]]]  # table -> rows
SHARED = ("session_id", "seq", "position")
UNREAD = "unread"  # rows that no payload can spell: kept as found, so that a change made before stays visible


def content(rows: Rows) -> str:
    """The digest of an event's rows, in whatever order a database returns them; empty columns do not count."""
    texts = (
        f"{table}:{canonical({name: value for name, value in row.items() if value is not None})}"
        for table, found in rows.items()
        for row in found
    )
    return digest("\n".join(sorted(texts)))


def rows_of(session: str, seq: int, payloads: Sequence[Mapping[str, Any]]) -> Rows:
    """The rows that the payloads of one event were."""
    out: dict[str, list[dict[str, Any]]] = {}
    for facts in payloads:
        shared = {"session_id": session, "seq": seq, "position": facts.get("position")}
        for table, row in _spelled(facts):
            out.setdefault(table, []).append(shared | row)
        if "session" in facts:  # an event of the installation: a session was begun
            out["sessions"] = [facts["session"]]
        for table, found in facts.get(UNREAD, {}).items():
            out.setdefault(table, []).extend(found)
    return out


def _spelled(facts: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    out: list[tuple[str, dict[str, Any]]] = []
    if "case" in facts:
        out.append(("cases", dict(facts["case"])))
    for policy, text in facts.get("proposals", {}).items():
        out.append(("proposals", {"policy": policy, "stage": "shown", "decision": text}))
    if "answered" in facts:
        text = facts["answered"]
        out.append(("proposals", {"policy": json.loads(text)["policy"], "stage": "answered", "decision": text}))
    for policy, text in facts.get("advice", {}).items():
        out.append(("advice", {"policy": policy, "source": json.loads(text)["source"], "advice": text}))
    if "decision" in facts:
        row = dict(facts["decision"])
        plan, done = row.pop("plan"), row.pop("executed")
        row |= {"arm": plan["arm"], "delta": canonical(plan["delta"]), "closes": DecisionKind(row["kind"]).closes}
        if done is not None:
            row |= {"executed_arm": done["arm"], "executed_delta": canonical(done["delta"])}
        out.append(("decisions", row))
    if "outcome" in facts:
        out.append(("outcomes", facts["outcome"] | {"x": canonical(facts["outcome"]["x"])}))
    if "scenario" in facts:
        out.append(("scenarios", facts["scenario"] | {"plan": canonical(facts["scenario"]["plan"])}))
    return out


def payloads_of(rows: Rows) -> list[dict[str, Any]]:
    """The inverse: one payload for each patient, in their order. What it cannot spell comes back under UNREAD."""
    session, seq = next(((r.get("session_id", ""), r["seq"]) for found in rows.values() for r in found), ("", 0))
    try:
        out = _read(rows)
        if content(rows_of(session, seq, out)) == content(rows):
            return out
    except (ValueError, KeyError, TypeError, AttributeError):
        pass
    return [unread(rows, seq)]


def unread(rows: Rows, seq: int) -> dict[str, Any]:
    """A payload that keeps the rows as they were found, at a position that no patient has."""
    kept = {table: [{k: _kept(v) for k, v in row.items()} for row in found] for table, found in rows.items()}
    return {UNREAD: kept, "position": -seq}


def _kept(value: Any) -> Any:
    return value if value is None or isinstance(value, bool | int | float | str) else repr(value)


def _read(rows: Rows) -> list[dict[str, Any]]:
    if "sessions" in rows:
        (begun,) = rows["sessions"]
        return [{"session": dict(begun)}]
    by_position: dict[int, dict[str, Any]] = {}
    for table, found in rows.items():
        for whole in found:
            facts = by_position.setdefault(whole["position"], {"position": whole["position"]})
            _put(facts, table, {k: v for k, v in whole.items() if k not in SHARED})
    return [by_position[position] for position in sorted(by_position)] or [{}]


def _put(facts: dict[str, Any], table: str, row: dict[str, Any]) -> None:
    if table == "cases":
        facts["case"] = row
    elif table == "proposals" and row["stage"] == "answered":
        facts["answered"] = row["decision"]
    elif table == "proposals":
        facts.setdefault("proposals", {})[row["policy"]] = row["decision"]
    elif table == "advice":
        facts.setdefault("advice", {})[row["policy"]] = row["advice"]
    elif table == "decisions":
        del row["closes"]
        arm, delta = row.pop("executed_arm"), row.pop("executed_delta")
        row["executed"] = None if arm is None else {"arm": arm, "delta": json.loads(delta)}
        facts["decision"] = row | {"plan": {"arm": row.pop("arm"), "delta": json.loads(row.pop("delta"))}}
    elif table == "outcomes":
        facts["outcome"] = row | {"x": json.loads(row["x"])}
    else:
        facts["scenario"] = row | {"plan": json.loads(row["plan"])}
