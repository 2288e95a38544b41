"""`python -m libra_core advise`: what an advisor says about one patient, and what LIBRA decides with it."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from libra_core.advisors import GUIDELINE, LLM, kinds, make_advisor
from libra_core.advisors.base import Advice, CaseAdvisor
from libra_core.advisors.clinician import Voice
from libra_core.cases import Case
from libra_core.cli.arguments import (
    ROW_HELP,
    SEED_MAX,
    advisor_help,
    check_writable,
    cohort_help,
    row_of,
    whole,
    write_json,
)
from libra_core.cli.patient import Safety, safety_of
from libra_core.cohort import Cohort, load_cohort
from libra_core.policies.decision import Decision
from libra_core.problem import Contexts
from libra_core.report.wording import plan_words, treatment
from libra_core.study.live import LiveRun

NOTE = "Research demonstration, simulated outcomes, not for clinical use."


class Told(CaseAdvisor):
    """An advisor that has spoken already, so that LIBRA need not ask (and pay) again."""

    def __init__(self, advice: Advice, cohort: Cohort) -> None:
        super().__init__(cohort.case, len(cohort.protocol.mutable))
        self.name, self.advice = advice.source, advice

    def advise(self, case: Case) -> Advice:
        return self.advice

    def remembered(self, row: int) -> Advice | None:
        return self.advice


@dataclass(frozen=True, eq=False)
class Consulted:
    """One patient: what the advisor said (`message`: who that was, or why nothing came), and LIBRA's own decision."""

    cohort: Cohort
    advice: Advice
    message: str
    decision: Decision
    unit: str
    safety: Safety

    def text(self) -> str:
        """What a person reads."""
        advice, decision = self.advice, self.decision
        said = self._words(advice.arm, advice.delta) if advice.arm >= 0 else "no advice"
        lines = [
            *self.safety.first,
            f"{advice.source} ({advice.status}): {said}",
            advice.rationale,
            self.message,
            f"LIBRA before its first patient: {self._words(decision.arm, decision.delta)} ({decision.reason})",
            *self.safety.last,
            NOTE,
        ]
        return "\n".join(line for line in lines if line)

    def _words(self, arm: int, delta: tuple[float, ...]) -> str:
        return f"{treatment(self.cohort, arm)}; {plan_words(self.cohort, delta, si=False)}"

    def as_json(self) -> dict[str, Any]:
        """The stable form: codes, and changes in clinical units."""
        advice, decision = self.advice, self.decision
        return {
            "schema": 1,
            **self.safety.as_json(),
            "advisor": advice.source,
            "status": advice.status,
            "message": self.message,
            **self._plan(advice.arm, advice.delta),
            "rationale": advice.rationale,
            "vote_share": round(advice.vote_share, 3),
            "decision": {
                "policy": decision.policy,
                **self._plan(decision.arm, decision.delta),
                "mean": decision.mean,
                "lcb": decision.lcb,
                "ucb": decision.ucb,
                "unit": self.unit,
                "asked": decision.asked,
                "adopted": decision.adopted,
                "reason": str(decision.reason),
                "learned_from": decision.round - 1,
            },
            "note": NOTE,
        }

    def _plan(self, arm: int, delta: tuple[float, ...]) -> dict[str, Any]:
        """The arm's code and the changes in clinical units; None and {} without advice."""
        if arm < 0:
            return {"arm": None, "changes": {}}
        protocol = self.cohort.protocol
        changes = {
            feature.name: {"delta": round(float(step), 6), "unit": feature.unit}
            for feature, step in zip(protocol.mutable_features, protocol.change(delta), strict=True)
            if step
        }
        return {"arm": protocol.treatments[arm].code, "changes": changes}


def declare(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    add = parser.add_argument
    add("--cohort", required=True, metavar="PATH|NAME", help=cohort_help())
    add("--row", required=True, metavar="ID|N", help=ROW_HELP)
    add("--advisor", default=GUIDELINE, metavar="NAME", help=f"{advisor_help()} (default: %(default)s)")
    remote = "your yes to sending banded patient facts to this host; a server on this machine needs none"
    add("--allow-remote", default="", metavar="HOST", help=remote)
    seed = "of LIBRA and of a simulated advisor (default: %(default)s)"
    add("--seed", type=whole(0, SEED_MAX), default=0, metavar="S", help=seed)
    add("--json", type=Path, metavar="FILE", help="write the result as JSON")


def run(arguments: argparse.Namespace) -> int:
    """0 when a decision was made, with or without advice. Raises ValueError or IndexError with a sentence."""
    check_writable(arguments.json)
    cohort = load_cohort(arguments.cohort)
    row = row_of(cohort, arguments.row)  # a wrong one is told before anybody is asked
    consulted = advise(cohort, row, arguments.advisor, arguments.seed, arguments.allow_remote)
    print(consulted.text())
    write_json(arguments.json, consulted.as_json())
    return 0


def advise(cohort: Cohort, row: int, advisor: str, seed: int = 0, allow_remote: str = "") -> Consulted:
    """The advice about one patient, and the decision of a LIBRA that has learned nothing yet."""
    advice, message, note = _ask(cohort, row, advisor, seed, allow_remote)
    run = LiveRun.start(cohort, "libra", Told(advice, cohort), seed)
    decision = run.decision_for(row)
    note(f"{cohort.protocol.treatments[decision.arm].code} ({decision.reason.value})")
    return Consulted(cohort, advice, message, decision, run.unit, safety_of(cohort, decision))


def _ask(
    cohort: Cohort, row: int, name: str, seed: int, allow_remote: str
) -> tuple[Advice, str, Callable[[str], object]]:
    """The advice, a sentence about it, and where to note what was made of it."""
    if name == LLM:  # not by `make_advisor`: here a model that is off is an answer, with its reason
        from libra_core.advisors.llm import llm_advisor  # the SDK takes a second to import

        model = llm_advisor(cohort, allow_remote)
        heard = model.consult(cohort.case(row))
        return heard.advice, heard.message, lambda final: model.note_decision(heard.audit_row, final)
    environment = LiveRun.start(cohort, "glrb", seed=seed).environment
    inner = make_advisor(name, environment, seed)
    voice = Voice(inner.name, inner)
    voice.advise_many(Contexts.of(cohort.patient(row)), np.array([0]))
    assert voice.said is not None
    who = kinds()[name].label if name in kinds() else name
    return voice.said, f"{who}: no language model was asked.", str


__all__ = ["Consulted", "advise", "declare", "run"]
