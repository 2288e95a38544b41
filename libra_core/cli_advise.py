"""`python -m libra_core advise`: what an advisor says about one patient, and what LIBRA decides with it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from libra_core.advisors.base import Advice, Case, CaseAdvisor
from libra_core.advisors.guideline import GuidelineAdvisor
from libra_core.cli_arguments import SEED_MAX, check_writable, whole, write_json
from libra_core.cli_patient import Safety, safety_of
from libra_core.cohort import Cohort, CohortError, load_cohort
from libra_core.policies.decision import Decision
from libra_core.problem import Contexts
from libra_core.study.live import LiveRun

ADVISORS = ("guideline", "llm", "simulated")


class Told(CaseAdvisor):
    """An advisor that has spoken already, so that LIBRA need not ask (and pay) again."""

    def __init__(self, advice: Advice, cohort: Cohort) -> None:
        super().__init__(cohort.case, len(cohort.protocol.mutable))
        self.name, self.advice = advice.source, advice

    def advise(self, case: Case) -> Advice:
        return self.advice

    def remembered(self, row: int) -> Advice | None:
        return self.advice


def add_advise(subparsers: Any) -> None:
    """Put the command on the list."""
    parser = subparsers.add_parser("advise", help="ask an advisor about one patient, and decide")
    parser.add_argument("--cohort", required=True, metavar="PATH|NAME", help="a built-in cohort or a CSV file")
    parser.add_argument("--row", required=True, type=int, metavar="N", help="row of the cohort, counted from 0")
    parser.add_argument("--advisor", choices=ADVISORS, default="guideline", help="who is asked (default: guideline)")
    parser.add_argument(
        "--allow-remote",
        default="",
        metavar="HOST",
        help="your yes to sending banded patient facts to this host; a server on this machine needs none",
    )
    parser.add_argument(
        "--seed", type=whole(0, SEED_MAX), default=0, help="seed of LIBRA and of a simulated advisor (default: 0)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the result as JSON")
    parser.set_defaults(run=run_advise)


def run_advise(arguments: argparse.Namespace) -> int:
    """0 when a decision was made, with or without advice; 2 for input that cannot be used, with the reason."""
    try:
        check_writable(arguments.json)
        result, safety = advise(
            arguments.cohort, arguments.row, arguments.advisor, arguments.seed, allow_remote=arguments.allow_remote
        )
        print(_text(result, safety))
        write_json(arguments.json, result)
    except (CohortError, ValueError, IndexError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def advise(
    cohort_name: str, row: int, advisor: str, seed: int = 0, allow_remote: str = ""
) -> tuple[dict[str, Any], Safety]:
    """The advice and LIBRA's own decision, JSON-able, and what must be read beside it.

    Raises CohortError, ValueError or IndexError with a sentence.
    """
    cohort = load_cohort(cohort_name)
    cohort.patient(row)  # a row that does not exist is said before anybody is asked
    advice, message, note = _ask(cohort, row, advisor, seed, allow_remote)
    decision = LiveRun.start(cohort, "libra", Told(advice, cohort), seed).decision_for(row)
    arm, changes = _plan(cohort, advice.arm, advice.delta)
    note(f"{cohort.protocol.treatments[decision.arm].code} ({decision.reason.value})")
    safety = safety_of(cohort, decision)
    result = {
        "schema": 1,
        **safety.as_json(),
        "advisor": advice.source,
        "status": advice.status,
        "message": message,
        "arm": arm,
        "changes": changes,
        "rationale": advice.rationale,
        "vote_share": round(advice.vote_share, 3),
        "decision": _decision(cohort, decision),
        "note": "Research demonstration, simulated outcomes, not for clinical use.",
    }
    return result, safety


def _ask(
    cohort: Cohort, row: int, name: str, seed: int, allow_remote: str
) -> tuple[Advice, str, Callable[[str], object]]:
    """The advice, a sentence about it, and where to note what was made of it."""
    if name == "guideline":
        advice = GuidelineAdvisor(cohort.case, len(cohort.protocol.mutable)).advise(cohort.case(row))
        return advice, "The guideline's rules, no language model.", str
    if name == "simulated":
        return _simulated(cohort, row, seed), "A simulated advisor that knows the simulation, no language model.", str
    from libra_core.advisors.llm import llm_advisor  # the SDK takes a second to import: only where it is used

    model = llm_advisor(cohort, allow_remote)
    heard = model.consult(cohort.case(row))
    return heard.advice, heard.message, lambda final: model.note_decision(heard.audit_row, final)


def _simulated(cohort: Cohort, row: int, seed: int) -> Advice:
    advisor = LiveRun.start(cohort, "libra", "near-optimal", seed).policy.advisor
    assert advisor is not None
    batch = advisor.advise_many(Contexts.of(cohort.patient(row)), np.array([0]))
    return Advice(advisor.name, "ok", int(batch.arm[0]), tuple(map(float, batch.delta[0])))


def _plan(cohort: Cohort, arm: int, delta: tuple[float, ...]) -> tuple[str | None, dict[str, dict[str, Any]]]:
    """The arm's code and the changes in clinical units; (None, {}) without advice."""
    if arm < 0:
        return None, {}
    protocol = cohort.protocol
    changes = {
        feature.name: {"delta": round(float(step), 6), "unit": feature.unit}
        for feature, step in zip(protocol.mutable_features, protocol.change(delta), strict=True)
        if step
    }
    return protocol.treatments[arm].code, changes


def _decision(cohort: Cohort, decision: Decision) -> dict[str, Any]:
    arm, changes = _plan(cohort, decision.arm, decision.delta)
    return {
        "policy": decision.policy,
        "arm": arm,
        "changes": changes,
        "mean": decision.mean,
        "lcb": decision.lcb,
        "ucb": decision.ucb,
        "unit": "mmHg",
        "asked": decision.asked,
        "adopted": decision.adopted,
        "reason": str(decision.reason),
        "learned_from": decision.round - 1,
    }


def _text(result: dict[str, Any], safety: Safety) -> str:
    def plan(part: dict[str, Any]) -> str:
        steps = [f"{name} {c['delta']:+g} {c['unit']}".rstrip() for name, c in part["changes"].items()]
        return ", ".join([part["arm"] or "no advice", *steps])

    decision = result["decision"]
    return "\n".join(
        [
            *safety.first,
            f"{result['advisor']} ({result['status']}): {plan(result)}",
            *([result["rationale"]] if result["rationale"] else []),
            result["message"],
            f"LIBRA: {plan(decision)} ({decision['reason']})",
            *safety.last,
            result["note"],
        ]
    )


__all__ = ["add_advise", "advise", "run_advise"]
