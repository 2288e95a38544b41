"""Words about what is declared: when treatment is due, the risk behind it, and values other than the protocol's."""

from __future__ import annotations

from dataclasses import asdict

from libra_core.clinical import Worth
from libra_core.cohort import Cohort
from libra_core.summary import PlanSummary


def due(shown: PlanSummary) -> str:
    """Whether treatment is due now, and why."""
    text = f"Treatment is {'due now' if shown.due.now else 'not due yet, by what is recorded'}: {shown.due.text}."
    if shown.due.now or not shown.arm:
        return text
    return f"{text} This plan starts a drug all the same: weigh it against habits alone."


def risk(shown: PlanSummary) -> str:
    """'10-year risk ... 9.1 % → 7.9 %', or why there is no number; empty where the protocol names no model."""
    if shown.risk is None:
        return ""
    if shown.risk.value is None:
        return "" if shown.risk.why_not in shown.due.text else f"No risk is given: {shown.risk.why_not}."
    assumed = f" Not recorded, so assumed for it: {', '.join(shown.risk.assumed)}." if shown.risk.assumed else ""
    after = shown.risk_after.value if shown.risk_after else None
    if after is None:
        return f"{shown.risk.label}: {shown.risk.value:.1%}.{assumed}"
    change = f"{shown.risk.value:.1%} → {after:.1%}, if this were the only change"
    return f"{shown.risk.label}: {change}; not a treatment's effect.{assumed}"


def own_values(cohort: Cohort, worth: Worth | None) -> str:
    """'own values: a fall counts 60 % where treatment is not due (declared 30 %), pills × 2'; empty if declared."""
    declared = cohort.protocol.worth
    if worth is None or worth == declared:
        return ""
    parts = [f"{name.replace('_', ' ')} × {value:g}" for name, value in asdict(worth).items() if name != "elsewhere"]
    moved = [text for text in parts if not text.endswith("× 1")]
    if worth.elsewhere != declared.elsewhere:
        share = f"a fall counts {worth.elsewhere:.0%} where treatment is not due (declared: {declared.elsewhere:.0%})"
        moved.insert(0, share)
    return f"own values: {', '.join(moved)}"
