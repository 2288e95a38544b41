"""Events of the first two schemas, which kept one event as rows of six tables.

Their hashes are unchanged: over a digest of those rows. `rows_of` writes the rows again from a payload, so that a
record which was moved to the present schema is still proven by its first chain.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from libra_core.chain import canonical, digest
from libra_core.records.spec import DecisionKind

Row = Mapping[str, Any]
Rows = Sequence[tuple[str, Row]]  # (table, row)
SHARED = ("session_id", "seq", "position")
FACTS = {"cases": "case", "outcomes": "outcome", "scenarios": "scenario"}  # tables with one row for a fact
JSON = ("x", "plan")  # their columns that held JSON
UNREAD = "unread"  # rows that no payload gives again: kept as found, so that a change made before stays visible


def content(rows: Rows) -> str:
    """The digest of an event's rows, in whatever order a database returns them; empty columns do not count."""
    texts = (f"{table}:{canonical({k: v for k, v in row.items() if v is not None})}" for table, row in rows)
    return digest("\n".join(sorted(texts)))


def rows_of(session: str, seq: int, payloads: Sequence[Row]) -> Rows:
    """The rows that the payloads of one event were."""
    out: list[tuple[str, Row]] = []
    for facts in payloads:
        shared = {"session_id": session, "seq": seq, "position": facts.get("position")}
        out += [(table, shared | row) for table, row in _rows(facts)]
        out += [("sessions", facts["session"])] if "session" in facts else []  # an event of the installation
        out += [(table, row) for table, kept in facts.get(UNREAD, {}).items() for row in kept]
    return out


def _rows(facts: Row) -> Iterator[tuple[str, dict[str, Any]]]:
    for table, fact in FACTS.items():
        if fact in facts:
            yield table, {k: canonical(v) if k in JSON else v for k, v in facts[fact].items()}
    for policy, text in facts.get("proposals", {}).items():
        yield "proposals", {"policy": policy, "stage": "shown", "decision": text}
    if "answered" in facts:
        text = facts["answered"]
        yield "proposals", {"policy": json.loads(text)["policy"], "stage": "answered", "decision": text}
    for policy, text in facts.get("advice", {}).items():
        yield "advice", {"policy": policy, "source": json.loads(text)["source"], "advice": text}
    if "decision" in facts:
        row = dict(facts["decision"])
        plan, done = row.pop("plan"), row.pop("executed")
        row |= {"arm": plan["arm"], "delta": canonical(plan["delta"]), "closes": DecisionKind(row["kind"]).closes}
        if done is not None:
            row |= {"executed_arm": done["arm"], "executed_delta": canonical(done["delta"])}
        yield "decisions", row


def payloads_of(session: str, seq: int, kind: str, rows: Rows) -> list[dict[str, Any]]:
    """The inverse: one payload for each patient, in their order.

    Rows that were changed before come back as found, under UNREAD at a position that no patient has, so that they
    cannot take the place of another event.
    """
    try:
        out = _payloads(rows)
        opens, first = "case" in out[0], out[0].get("decision", {}).get("kind") == "first"
        fits = (opens, first) == (kind in ("opened", "automatic"), kind == "first")
        if fits and content(rows_of(session, seq, out)) == content(rows):
            return out
    except (ValueError, KeyError, TypeError, AttributeError):
        pass  # not as any version wrote it
    kept = defaultdict(list)
    for table, row in rows:
        kept[table].append({k: v if isinstance(v, int | float | str | None) else repr(v) for k, v in row.items()})
    return [{UNREAD: kept, "position": -seq}]


def _payloads(rows: Rows) -> list[dict[str, Any]]:
    found: dict[int, dict[str, Any]] = {}
    for table, row in rows:
        if table == "sessions":
            return [{"session": dict(row)}]
        facts = found.setdefault(row["position"], {"position": row["position"]})
        _put(facts, table, {k: v for k, v in row.items() if k not in SHARED})
    return [found[position] for position in sorted(found)] or [{}]


def _put(facts: dict[str, Any], table: str, row: dict[str, Any]) -> None:
    if table in FACTS:
        facts[FACTS[table]] = {k: json.loads(v) if k in JSON else v for k, v in row.items()}
    elif table == "proposals" and row["stage"] == "answered":
        facts["answered"] = row["decision"]
    elif table == "proposals":
        facts.setdefault("proposals", {})[row["policy"]] = row["decision"]
    elif table == "advice":
        facts.setdefault("advice", {})[row["policy"]] = row["advice"]
    else:
        del row["closes"]
        arm, delta = row.pop("executed_arm"), row.pop("executed_delta")
        row["executed"] = None if arm is None else {"arm": arm, "delta": json.loads(delta)}
        facts["decision"] = row | {"plan": {"arm": row.pop("arm"), "delta": json.loads(row.pop("delta"))}}
