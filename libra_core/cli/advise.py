"""`python -m libra_core advise`: an advisor's answer about one patient, and LIBRA's decision with it; or, with
--record, a file of a language model's answers about all patients."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from libra_core.cli.arguments import (
    GUIDELINE,
    ROW_HELP,
    SEED_MAX,
    advisor_help,
    check_writable,
    cohort_help,
    row_of,
    say_unused,
    whole,
    write_json,
)
from libra_core.cli.recommend import alerts, as_json, changes_of, checks, worth

if TYPE_CHECKING:
    from libra_core.advisors.base import Advice
    from libra_core.advisors.llm import Progress
    from libra_core.cohort import Cohort
    from libra_core.policies.decision import Decision
    from libra_core.summary import PlanSummary

NOTE = "Research demonstration, simulated outcomes, not for clinical use."


@dataclass(frozen=True, eq=False)
class Consulted:
    """One patient: the advice (`message`: its source, or why there is none), and LIBRA's own decision."""

    cohort: Cohort
    advice: Advice
    message: str
    decision: Decision
    shown: PlanSummary

    def text(self) -> str:
        """The printed form."""
        from libra_core.report.wording import plan

        cohort, advice, decision = self.cohort, self.advice, self.decision
        said = plan(cohort, advice.arm, advice.delta, si=False) if advice.arm >= 0 else "no advice"
        mine = plan(cohort, decision.arm, decision.delta, si=False)
        lines = [
            *alerts(self.shown),
            f"{advice.source} ({advice.status}): {said}",
            advice.rationale,
            self.message,
            f"LIBRA before its first patient: {mine} ({decision.reason})",
            *worth(cohort, self.shown),
            *checks(cohort, self.shown),
            NOTE,
        ]
        return "\n".join(line for line in lines if line)

    def as_json(self) -> dict[str, Any]:
        """The stable form: codes, and changes in clinical units."""
        advice, decision = self.advice, self.decision
        return {
            "schema": 1,
            **as_json(self.shown),
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
                "unit": self.shown.unit,
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
        return {"arm": protocol.treatments[arm].code, "changes": changes_of(protocol, delta)}


def declare(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    add = parser.add_argument
    add("--cohort", required=True, metavar="PATH|NAME", help=cohort_help())
    add("--row", metavar="ID|N", help=ROW_HELP)
    add("--advisor", metavar="NAME", help=f"{advisor_help()} (default: {GUIDELINE})")
    record = "ask the language model about all patients of the simulation and write its answers to a file (FILE.toml, "
    add("--record", type=Path, metavar="FILE", help=f"{record}FILE.jsonl); run it again to go on after a stop")
    add("--again", type=whole(0, 1_000_000), default=0, metavar="N", help="with --record: second answers of N patients")
    remote = "consent to sending banded patient facts to this host; a server on this machine needs none"
    add("--allow-remote", default="", metavar="HOST", help=remote)
    seed = "of LIBRA and of a simulated advisor (default: %(default)s)"
    add("--seed", type=whole(0, SEED_MAX), default=0, metavar="S", help=seed)
    add("--json", type=Path, metavar="FILE", help="write the result as JSON")


def run(arguments: argparse.Namespace) -> int:
    """0 when a decision was made, with or without advice, or when everybody's answer is recorded; 1 when some answer is
    missing. Raises ValueError, IndexError or OSError with a sentence."""
    from libra_core.cohort import load_cohort

    if arguments.record is not None:
        return record(arguments)
    if arguments.row is None:
        raise ValueError("name a patient: --row ID, or all with --record FILE")
    arguments.advisor = arguments.advisor or GUIDELINE
    check_writable(arguments.json)
    cohort = load_cohort(arguments.cohort)
    row = row_of(cohort, arguments.row)  # checked before the advisor is asked
    consulted = advise(cohort, row, arguments.advisor, arguments.seed, arguments.allow_remote)
    print(consulted.text())
    write_json(arguments.json, consulted.as_json())
    return 0


def advise(cohort: Cohort, row: int, advisor: str, seed: int = 0, allow_remote: str = "") -> Consulted:
    """The advice about one patient, and what the paper's rule makes of it before its first outcome: whatever is
    plausible is followed. The method that weighs advice by outcomes would toss a coin here."""
    from libra_core.advisors.clinician import RecordedAdvisor
    from libra_core.study.live import LiveRun
    from libra_core.summary import summarise

    advice, message, note = _ask(cohort, row, advisor, seed, allow_remote)
    run = LiveRun.start(cohort, "libra", RecordedAdvisor(advice.source, repeat=advice), seed)
    decision = run.decision_for(row)
    note(f"{cohort.protocol.treatments[decision.arm].code} ({decision.reason.value})")
    return Consulted(cohort, advice, message, decision, summarise(cohort, decision, run.evidence()))


def _ask(
    cohort: Cohort, row: int, name: str, seed: int, allow_remote: str
) -> tuple[Advice, str, Callable[[str], object]]:
    """The advice, a sentence about it, and a function that logs the decision that followed."""
    from libra_core.advisors import LLM, kinds, make_advisor

    if name == LLM:  # not by `make_advisor`: here a model that is off is an answer, with its reason
        from libra_core.advisors.llm import llm_advisor  # the SDK takes a second to import

        model = llm_advisor(cohort, allow_remote)
        heard = model.consult(cohort.case(row))
        return heard.advice, heard.message, lambda final: model.note_decision(heard.audit_row, final)
    import numpy as np

    from libra_core.advisors.clinician import RecordedAdvisor
    from libra_core.problem import Contexts
    from libra_core.study.live import LiveRun

    environment = LiveRun.start(cohort, "glrb", seed=seed).environment
    inner = make_advisor(name, environment, seed)
    asked = RecordedAdvisor(inner.name, inner)
    asked.advise_many(Contexts.of(cohort.patient(row)), np.array([0]))
    assert asked.said is not None
    who = next((kind.label for kind in kinds().values() if kind.answers_to(name)), name)
    return asked.said, f"{who}: {inner.provenance or 'no language model was asked'}.", str


def record(arguments: argparse.Namespace) -> int:
    """Ask the language model about everybody, under the limits, consent and log of a single question; write it down."""
    from libra_core.advisors import LLM
    from libra_core.advisors.llm import llm_advisor, precompute
    from libra_core.advisors.llm import record as file
    from libra_core.cohort import load_cohort

    if arguments.advisor not in (None, LLM):
        raise ValueError("only a language model's answers are recorded: leave --advisor out")
    say_unused([f"--{name}" for name in ("row", "json") if getattr(arguments, name) is not None], "All are asked.")
    path = file.place(arguments.record)
    check_writable(path)
    known, cohort = file.read_known(path), load_cohort(arguments.cohort)
    model = llm_advisor(cohort, arguments.allow_remote)
    if off := model.settings.off_reason() or model.store.fault:
        raise ValueError(off)
    if known:
        file.check_same(known, model, cohort)
    everybody, some = file.rows_of(cohort), file.rows_of(cohort, arguments.again)
    done, twice = (known.answers, known.again) if known else ({}, {})
    found = precompute(model, [row for row in everybody if cohort.ids[row] not in done], progress=_tell)
    stopped = found.stopped
    if some and not stopped:
        again = [row for row in some if cohort.ids[row] not in twice]
        stopped = precompute(model.second(), again, progress=_tell).stopped
    if found.total and not (done or found.statuses.get("ok") or found.statuses.get("cached")):
        raise ValueError(stopped or f"nobody was answered: {dict(found.statuses)}")
    made = file.recording_of(model, cohort, arguments.again, known)
    file.write_recording(made, path)
    missing = len(everybody) - len(made.answers)
    print(f"{made.title}: {len(made.answers):,} answers, {len(made.again):,} second ones, in {path}.")
    if missing or stopped:
        print(f"{missing:,} patients have no answer yet. {stopped or 'Run it again to ask about them.'}")
    print(f"Use them with --cohort {arguments.cohort} --advisor recorded:{path}")
    return 1 if missing or stopped else 0


def _tell(progress: Progress) -> None:
    if progress.done % 50 == 0 or progress.done == progress.total:
        print(f"{progress.done:,} of {progress.total:,} patients asked", file=sys.stderr)
