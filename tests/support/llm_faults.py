"""The fault matrix: what can go wrong with a language model, and the status in which it must end.

The test runs it with short timeouts; `python -m tests.support.fault_matrix` runs it with the real ones and prints the
table of docs/llm.md.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from libra_core.advisors.base import Status
from libra_core.advisors.llm import LLMAdvisor, LLMSettings, Prompt, Store
from libra_core.cases import Case, CaseField, MenuArm, MenuChange
from tests.support.llm_server import LLMServer

D_MUTABLE = 4


@dataclass(frozen=True)
class Fault:
    """`requests`: how many reach the server for one case with one sample (None: none can)."""

    name: str
    mode: str
    status: Status
    requests: int | None
    final: bool = False  # switches the model off for the session


FAULTS = (
    Fault("refused connection", "!refused", "unavailable", None),
    Fault("TLS error", "!tls", "unavailable", None),
    Fault("401", "401", "auth", 1),
    Fault("403", "403", "auth", 1),
    Fault("404, unknown model", "404", "bad_request", 1),
    Fault("400 on json_schema", "no-schema", "ok", 2),
    Fault("400 on json_schema and json_object", "no-json", "ok", 3),
    Fault("400 on temperature, then on max_tokens", "no-temperature", "ok", 3),
    Fault("422 on json_schema", "422-schema", "ok", 2),
    Fault("400 on everything", "400", "bad_request", 3),
    Fault("429 with Retry-After, then free", "busy-once", "ok", 2),
    Fault("429 with a Retry-After beyond our patience", "busy-wait", "rate_limited", 1),
    Fault("429 with retry-after-ms beyond our patience", "busy-ms", "rate_limited", 1),
    Fault("503 with a date in Retry-After beyond our patience", "busy-date", "unavailable", 1),
    Fault("429 without Retry-After", "429", "rate_limited", 3),
    Fault("429 insufficient_quota", "quota", "budget", 1, final=True),
    Fault("500", "500", "unavailable", 3),
    Fault("503", "503", "unavailable", 3),
    Fault("slow beyond the timeout", "slow", "unavailable", 3),
    Fault("a byte at a time, for ever", "drip", "unavailable", 3),
    Fault("connection cut mid-body", "cut", "unavailable", 3),
    Fault("redirect to another host", "redirect", "unavailable", 1),
    Fault("HTML login page with 200", "html", "unavailable", 1),
    Fault("empty body", "empty-body", "unavailable", 1),
    Fault("body is not JSON", "not-json", "unavailable", 1),
    Fault("no choices", "no-choices", "unavailable", 1),
    Fault("empty content", "empty", "invalid", 2),
    Fault("null content", "null", "invalid", 2),
    Fault("truncated JSON", "truncated", "truncated", 2),
    Fault("truncated, whole with more room", "grow", "ok", 2),
    Fault("broken JSON", "broken", "invalid", 2),
    Fault("nonsense, mended when told", "mend", "ok", 2),
    Fault("wrong schema", "wrong-schema", "invalid", 2),
    Fault("unknown arm", "unknown-arm", "invalid", 2),
    Fault("contraindicated arm", "contraindicated", "invalid", 2),
    Fault("infeasible change", "infeasible", "invalid", 2),
    Fault("too many changes (LIBRA projects them)", "too-many", "ok", 1),
    Fault("refusal", "refusal", "refused", 1),
    Fault("content filter on the reply", "filtered", "refused", 1),
    Fault("content filter on the question", "filter", "refused", 1),
    Fault("think tags, fences and talk", "think", "ok", 1),
    Fault("very long rationale (200 kB)", "long", "ok", 1),
    Fault("very long body (3 MB)", "huge-body", "invalid", 3),
    Fault("compressed body that unpacks to 50 MB", "bomb", "invalid", 3),
    Fault("fewer tokens than none", "negative-usage", "ok", 1),
    Fault("more tokens than there can be", "absurd-usage", "ok", 1),
    Fault("markup and control codes", "markup", "ok", 1),
)


def case(row: int = 0) -> Case:
    """A made-up patient on whom a thiazide is contraindicated; rows 0 to 999 differ even after banding."""
    return Case(
        row=row,
        fields=(
            CaseField("age", "Age", 37.0 + 5 * (row % 10), "years", False, 5),
            CaseField("sbp", "Systolic pressure", 131.0 + 5 * (row // 10 % 10), "mmHg", False, 5),
            CaseField("pulse", "Pulse", 51.0 + 10 * (row // 100 % 10), "/min", False, 10),
            CaseField("gout", "Gout", 1.0, "", False, 0),
            CaseField("serum_k", "Potassium in blood", 4.1, "mmol/L", True, 0.5),
        ),
        arms=(
            MenuArm(0, "lifestyle", "No new drug"),
            MenuArm(1, "rasi", "RAS inhibitor"),
            MenuArm(3, "ccb", "Calcium channel blocker"),
        ),
        changes=(
            MenuChange(0, "weight_kg", "Weight", "kg", (0.0, -1.5, -3.5), 23.6),
            MenuChange(1, "sodium_mg_day", "Sodium", "mg/day", (0.0, -250.0, -500.0, -800.0), 1000.0),
            MenuChange(2, "potassium_mg_day", "Potassium", "mg/day", (0.0, 350.0, 700.0), 780.0),
            MenuChange(3, "mvpa_min_wk", "Activity", "min/week", (0.0, 30.0, 60.0), 120.0),
        ),
        max_changes=3,
        protocol="hypertension",
    )


def settings_for(fault: Fault, server: LLMServer, base: LLMSettings) -> LLMSettings:
    """Point the settings at the fault. Port 9 (discard) on loopback refuses; TLS to a plain server cannot work."""
    url = {"!refused": "http://127.0.0.1:9/v1", "!tls": server.base_url.replace("http:", "https:")}
    return replace(base, enabled=True, base_url=url.get(fault.mode, server.base_url), model=f"fault:{fault.mode}")


def advisor_for(settings: LLMSettings, store: Store | None = None) -> LLMAdvisor:
    return LLMAdvisor(case, D_MUTABLE, settings, Prompt.load("hypertension"), store)


__all__ = ["D_MUTABLE", "FAULTS", "Fault", "advisor_for", "case", "settings_for"]
