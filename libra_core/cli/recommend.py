"""`python -m libra_core recommend`: a treatment and a change of habits for one patient."""

from __future__ import annotations

import argparse
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

from libra_core.advisors import GUIDELINE
from libra_core.cli.arguments import (
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
from libra_core.cli.patient import Safety, safety_of
from libra_core.clinical import Protocol
from libra_core.cohort import load_cohort
from libra_core.policies import REGISTRY, Decision
from libra_core.study import LiveRun

AFTER_MAX = 100_000


def declare(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    add = parser.add_argument
    add("--cohort", required=True, metavar="PATH|NAME", help=cohort_help())
    add("--row", required=True, metavar="ID|N", help=ROW_HELP)
    policies = f"one of {', '.join(REGISTRY)} (default: %(default)s)"
    add("--policy", default="libra", choices=REGISTRY, metavar="P", help=policies)
    add("--advisor", metavar="NAME", help=f"for policies that ask: {advisor_help()} (default: {GUIDELINE})")
    learned = "simulated patients that it has learned from before (default: %(default)s)"
    add("--after", type=whole(0, AFTER_MAX), default=200, metavar="N", help=learned)
    add("--seed", type=whole(0, SEED_MAX), default=0, metavar="S", help="of all that is random (default: %(default)s)")
    add("--json", type=Path, metavar="FILE", help="write the decision as JSON")


def run(arguments: argparse.Namespace) -> int:
    check_writable(arguments.json)
    cohort = load_cohort(arguments.cohort)
    if arguments.advisor and not asks(arguments.policy):
        say_unused(["--advisor"], f"The policy {arguments.policy} asks no advisor that can be chosen.")
    run = LiveRun.start(cohort, arguments.policy, arguments.advisor or GUIDELINE, arguments.seed)
    row = row_of(cohort, arguments.row)  # a wrong one is told before the work starts
    for _ in range(arguments.after):
        run.step()
    decision = run.decision_for(row)
    changes = changes_of(decision, cohort.protocol)
    safety = safety_of(cohort, decision, run.benefit(decision.arm, decision.mean))
    _print(decision, cohort.protocol, changes, safety, run)
    content = {
        "schema": 1,
        "cohort": cohort.name,
        "row": row,
        "learned_from": arguments.after,
        "config_hash": run.config_hash,
        **safety.as_json(),
        "treatment": cohort.protocol.treatments[decision.arm].code,
        "changes": changes,
        "unit": run.unit,
        "simulated": True,
        "decision": asdict(decision),
    }
    write_json(arguments.json, _finite(content))
    return 0


def changes_of(decision: Decision, protocol: Protocol) -> dict[str, dict[str, Any]]:
    """The change of each habit that moves, in clinical units."""
    moves = zip(protocol.mutable_features, protocol.change(decision.delta), strict=True)
    return {f.name: {"delta": float(change), "unit": f.unit} for f, change in moves if change != 0}


def _print(
    decision: Decision, protocol: Protocol, changes: dict[str, dict[str, Any]], safety: Safety, run: LiveRun
) -> None:
    for line in safety.first:
        print(line)
    print(
        f"Patient {decision.patient}, {decision.policy} after {run.policy.t} simulated patients, seed {run.spec.seed}"
    )
    print(f"Treatment: {protocol.treatments[decision.arm].label}")
    for name, change in changes.items():
        print(f"Habit:     {protocol.feature(name).display_change(change['delta'])}")
    if not changes:
        print("Habit:     no change")
    if not math.isnan(decision.mean):
        low, high = decision.low, decision.high
        print(f"Expected:  {decision.mean:.1f} {run.unit} (95 % interval {low:.1f} to {high:.1f})")
    print(f"Why:       {decision.reason}")
    for line in safety.last:
        print(line)
    print("Simulated outcomes. Research demonstration, not for clinical use.")


def _finite(value: Any) -> Any:
    """JSON has no nan: what is unknown becomes null."""
    if isinstance(value, dict):
        return {k: _finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
