"""The record in files: Parquet, and a small FHIR R4 bundle. For CSV see libra_core/spreadsheet.py."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from typing import Any

import pandas as pd

from libra_core import __version__
from libra_core.clinical.feature import display_changes
from libra_core.cohort import Cohort
from libra_core.records.events import Action
from libra_core.records.ledger import CaseFile, Ledger
from libra_core.records.repository import SessionInfo
from libra_core.records.spec import REASON_SYSTEM, REASONS

SYSTEM = "urn:libra"
TEST_DATA = {
    "system": "http://terminology.hl7.org/CodeSystem/v3-ActReason",
    "code": "HTEST",
    "display": "test health data",
}


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
    """A FHIR R4 collection: for each treated patient a GuidanceResponse (what was proposed) and a CarePlan (what was
    done). Patients are pseudonyms; every resource carries the security label of test data (HTEST)."""
    resources = [r for case in ledger.treated for r in (_guidance(info, case, cohort), _care_plan(info, case, cohort))]
    return {
        "resourceType": "Bundle",
        "type": "collection",
        "meta": {"security": [TEST_DATA]},
        "identifier": _identifier("session", info.id),
        "timestamp": info.created_at,
        "entry": [{"fullUrl": f"{SYSTEM}:{r['id']}", "resource": r} for r in resources],
    }


def _guidance(info: SessionInfo, case: CaseFile, cohort: Cohort) -> dict[str, Any]:
    return _resource("GuidanceResponse", f"{info.id}-{case.position}-proposal", case) | {
        "moduleUri": f"{SYSTEM}:policy:{info.spec.policy}",
        "status": "success",
        "occurrenceDateTime": case.opened_at,
        "note": [{"text": _words(cohort, Action.proposed(case.shown[info.spec.policy]))}],
    }


def _care_plan(info: SessionInfo, case: CaseFile, cohort: Cohort) -> dict[str, Any]:
    final = case.final
    assert final is not None
    assert final.executed is not None
    detail: dict[str, Any] = {"status": "scheduled", "description": _words(cohort, final.executed)}
    if final.reason in REASONS:
        code = {"system": REASON_SYSTEM, "code": final.reason, "display": REASONS[final.reason]}
        detail["statusReason"] = {"coding": [code]}
    plan = _resource("CarePlan", f"{info.id}-{case.position}-plan", case) | {
        "status": "entered-in-error" if case.mistake else "active",
        "intent": "plan",
        "created": final.decided_at,
        "author": {"identifier": _identifier("clinician", final.actor)},
        "supportingInfo": [{"reference": f"{SYSTEM}:{info.id}-{case.position}-proposal"}],
        "activity": [{"detail": detail}],
    }
    return plan | ({"note": [{"text": final.comment}]} if final.comment else {})


def _resource(kind: str, id: str, case: CaseFile) -> dict[str, Any]:
    subject = {"identifier": _identifier("patient", case.patient)}
    return {"resourceType": kind, "id": id, "meta": {"security": [TEST_DATA]}, "subject": subject}


def _identifier(what: str, value: str) -> dict[str, str]:
    return {"system": f"{SYSTEM}:{what}", "value": value}


def _words(cohort: Cohort, plan: Action) -> str:
    protocol = cohort.protocol
    changes = display_changes(protocol.mutable_features, protocol.change(plan.delta))
    return "; ".join([protocol.treatments[plan.arm].label, *changes])
