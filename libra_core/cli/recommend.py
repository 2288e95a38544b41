"""`python -m libra_core recommend`: a treatment and a change of habits for one patient."""

from __future__ import annotations

import argparse
import math
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from libra_core.cli.arguments import (
    GUIDELINE,
    POLICIES,
    RECOMMENDED,
    ROW_HELP,
    SEED_MAX,
    advisor_help,
    asks,
    check_writable,
    cohort_help,
    row_of,
    say_unused,
    whole,
    write_json,
)

if TYPE_CHECKING:
    from libra_core.clinical import Protocol
    from libra_core.cohort import Cohort
    from libra_core.summary import PlanSummary

AFTER_MAX = 100_000


def declare(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    add = parser.add_argument
    add("--cohort", required=True, metavar="PATH|NAME", help=cohort_help())
    add("--row", required=True, metavar="ID|N", help=ROW_HELP)
    add("--policy", default=RECOMMENDED, metavar="P", help=f"one of {POLICIES} (default: %(default)s)")
    add("--advisor", metavar="NAME", help=f"for policies that ask: {advisor_help()} (default: {GUIDELINE})")
    learned = "simulated patients that it has learned from before (default: %(default)s)"
    add("--after", type=whole(0, AFTER_MAX), default=200, metavar="N", help=learned)
    add("--seed", type=whole(0, SEED_MAX), default=0, metavar="S", help="of all that is random (default: %(default)s)")
    add("--json", type=Path, metavar="FILE", help="write the decision as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Print the plan, and write it where --json says. Raises ValueError or IndexError with a sentence."""
    from libra_core.cohort import load_cohort
    from libra_core.report import wording
    from libra_core.report.words import reasons
    from libra_core.study import LiveRun
    from libra_core.summary import summarise

    check_writable(arguments.json)
    cohort = load_cohort(arguments.cohort)
    if arguments.advisor and not asks(arguments.policy):
        say_unused(["--advisor"], f"The policy {arguments.policy} asks no advisor that can be chosen.")
    run = LiveRun.start(cohort, arguments.policy, arguments.advisor or GUIDELINE, arguments.seed)
    row = row_of(cohort, arguments.row)  # checked before the work starts
    for _ in range(arguments.after):
        run.step()
    decision = run.decision_for(row)
    shown = summarise(cohort, decision, run.evidence())
    lines = [
        *alerts(shown),
        f"Patient {shown.patient}, {decision.policy} after {run.policy.t} simulated patients, seed {run.spec.seed}",
        f"Treatment: {wording.treatment(cohort, shown.arm)}",
        *(f"Habit:     {text}" for text in wording.changes(cohort, shown.delta, si=False) or ["no change"]),
        *(f"Expected:  {text}." for text in [wording.effect(cohort, shown)] if shown.has_model),
        *worth(cohort, shown),
        f"Why:       {reasons.why(shown)}",
        f"Compare:   {wording.guideline(cohort, shown, si=False)}",
        *checks(cohort, shown),
        "Simulated outcomes. Research demonstration, not for clinical use.",
    ]
    print("\n".join(lines))
    content = {
        "schema": 1,
        "cohort": cohort.name,
        "row": row,
        "learned_from": arguments.after,
        "config_hash": run.config_hash,
        **as_json(shown),
        "treatment": cohort.protocol.treatments[decision.arm].code,
        "changes": changes_of(cohort.protocol, decision.delta),
        "unit": run.unit,
        "simulated": True,
        "decision": asdict(decision),
    }
    write_json(arguments.json, _finite(content))
    return 0


# ------------------------------------------------------------------------------------------------ also for `advise`


def alerts(shown: PlanSummary) -> list[str]:
    """The lines above a plan."""
    return [f"{alert.level.upper()}: {alert.reason}" for alert in shown.alerts if alert.level != "note"]


def worth(cohort: Cohort, shown: PlanSummary) -> list[str]:
    """The lines about net benefit, how it comes about, and whether treatment is due."""
    from libra_core.report import wording
    from libra_core.report.worth import due, risk

    net = f"{wording.net(cohort, shown)}." if shown.has_model and shown.chance is None else ""
    return [text for text in (net, due(shown), risk(shown)) if text]


def checks(cohort: Cohort, shown: PlanSummary) -> list[str]:
    """The lines below a plan: cautions, most serious first, and checks before it starts."""
    from libra_core.report.wording import to_check

    watch = [f"Watch:     {caution}" for caution in shown.cautions]
    return [*watch, *(f"Check before starting {text}" for text in to_check(cohort, shown.checks))]


def as_json(shown: PlanSummary) -> dict[str, Any]:
    """Alerts, cautions, checks and effects of a plan; null where unknown."""
    return {
        "alerts": [{"level": alert.level, "reason": alert.reason} for alert in shown.alerts if alert.level != "note"],
        "cautions": list(shown.cautions),
        "check_before_starting": [item.text for item in shown.checks],
        "expected_fall": None if shown.fall is None else asdict(shown.fall),
        "net_benefit": None if shown.net is None else asdict(shown.net),
        "treatment_due": shown.due.now,
        "risk": None if shown.risk is None else shown.risk.value,
        "risk_after": None if shown.risk_after is None else shown.risk_after.value,
        "weight": shown.price.weight,
        "burden": shown.price.burden,
        "indication": shown.price.indication,
        "patients_with_this_treatment": shown.given,
        "certainty": shown.certainty,
    }


def changes_of(protocol: Protocol, delta: tuple[float, ...]) -> dict[str, dict[str, Any]]:
    """The changes of habits, in clinical units."""
    moves = zip(protocol.mutable_features, protocol.change(delta), strict=True)
    return {f.name: {"delta": round(float(change), 6), "unit": f.unit} for f, change in moves if change != 0}


def _finite(value: Any) -> Any:
    """JSON has no nan: what is unknown becomes null."""
    if isinstance(value, dict):
        return {k: _finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
