"""The record in files: Parquet, and a small FHIR R4 bundle. For CSV see libra_core/spreadsheet.py."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from typing import Any

import pandas as pd

from libra_core import __version__
from libra_core.cohort import Cohort
from libra_core.records.ledger import CaseFile, Ledger
from libra_core.records.repository import SessionInfo
from libra_core.records.spec import REASON_SYSTEM, REASONS

SYSTEM = "urn:libra"


def parquet_bytes(table: pd.DataFrame, sessions: Sequence[SessionInfo]) -> bytes:
    """Parquet with the version and every session's settings in its metadata."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    arrow = pa.Table.from_pandas(table, preserve_index=False)
    about = {
        "libra": __version__,
        "outcomes": "simulated unless entered",
        "sessions": {s.id: s.spec.hash for s in sessions},
    }
    buffer = io.BytesIO()
    pq.write_table(arrow.replace_schema_metadata({b"libra": json.dumps(about).encode()}), buffer)
    return buffer.getvalue()


def fhir_bundle(info: SessionInfo, ledger: Ledger, cohort: Cohort) -> dict[str, Any]:
    """A FHIR R4 collection: for each decided patient a GuidanceResponse (what was proposed) and a CarePlan (what was
    done). Patients are pseudonyms; every resource carries the security label of test data (HTEST)."""
    entries = []
    for case in ledger.files:
        if case.final is not None and case.final.executed is not None:
            guidance = _guidance(info, case, cohort)
            plan = _care_plan(info, case, cohort, guidance["id"])
            entries += [{"fullUrl": f"{SYSTEM}:{r['id']}", "resource": r} for r in (guidance, plan)]
    return {
        "resourceType": "Bundle",
        "type": "collection",
        "meta": _meta(),
        "identifier": {"system": f"{SYSTEM}:session", "value": info.id},
        "timestamp": info.created_at,
        "entry": entries,
    }


def _meta() -> dict[str, Any]:
    label = {
        "system": "http://terminology.hl7.org/CodeSystem/v3-ActReason",
        "code": "HTEST",
        "display": "test health data",
    }
    return {"security": [label]}


def _subject(case: CaseFile) -> dict[str, Any]:
    return {"identifier": {"system": f"{SYSTEM}:patient", "value": case.patient}}


def _guidance(info: SessionInfo, case: CaseFile, cohort: Cohort) -> dict[str, Any]:
    main = case.shown[info.spec.policy]
    return {
        "resourceType": "GuidanceResponse",
        "id": f"{info.id}-{case.position}-proposal",
        "meta": _meta(),
        "moduleUri": f"{SYSTEM}:policy:{info.spec.policy}",
        "status": "success",
        "subject": _subject(case),
        "occurrenceDateTime": case.opened_at,
        "note": [{"text": _words(cohort, main.arm, main.delta)}],
    }


def _care_plan(info: SessionInfo, case: CaseFile, cohort: Cohort, guidance: str) -> dict[str, Any]:
    final = case.final
    assert final is not None
    assert final.executed is not None
    plan: dict[str, Any] = {
        "resourceType": "CarePlan",
        "id": f"{info.id}-{case.position}-plan",
        "meta": _meta(),
        "status": "entered-in-error" if case.mistake else "active",
        "intent": "plan",
        "subject": _subject(case),
        "created": final.decided_at,
        "author": {"identifier": {"system": f"{SYSTEM}:clinician", "value": final.actor}},
        "supportingInfo": [{"reference": f"{SYSTEM}:{guidance}"}],
        "activity": [
            {
                "detail": {
                    "status": "scheduled",
                    "description": _words(cohort, final.executed.arm, final.executed.delta),
                }
            }
        ],
    }
    if final.reason in REASONS:
        code = {"system": REASON_SYSTEM, "code": final.reason, "display": REASONS[final.reason]}
        plan["activity"][0]["detail"]["statusReason"] = {"coding": [code]}
    if final.comment:
        plan["note"] = [{"text": final.comment}]
    return plan


def _words(cohort: Cohort, arm: int, delta: Sequence[float]) -> str:
    protocol = cohort.protocol
    moved = zip(protocol.mutable_features, protocol.change(delta), strict=True)
    changes = [feature.display_change(float(change)) for feature, change in moved if abs(change) > 1e-9]
    return "; ".join([protocol.treatments[arm].label, *changes])
