"""Ballots (one sample's answer each) and the vote that turns them into advice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from libra_core.advisors.base import Advice, Status
from libra_core.advisors.llm.prompt import KEEP, Menu
from libra_core.advisors.llm.reply import Answer
from libra_core.cases import Case


@dataclass(frozen=True)
class Ballot:
    """One sample. `answer` is None unless status is ok or cached; `message` says why."""

    sample: int
    status: Status
    answer: Answer | None = None
    message: str = ""
    model: str = ""
    asked_at: str = ""


@dataclass(frozen=True)
class Consultation:
    """All that is known about one piece of advice. The vote share is a share of samples, not a probability.

    places: for each valid ballot, the place of the chosen treatment on its shuffled menu, from 1.
    """

    advice: Advice
    ballots: tuple[Ballot, ...]
    places: tuple[int, ...]
    message: str
    model: str
    prompt_version: str
    asked_at: str
    audit_row: int


def count(source: str, case: Case, ballots: Sequence[Ballot], samples: int, d_mutable: int) -> tuple[Advice, str]:
    """Vote on the treatment, then on the plan among the samples that named it; the first named wins a tie.

    `samples` is how many were wanted: a sample without a valid answer counts against the vote share.
    """
    answers = [b.answer for b in ballots if b.answer]
    if not answers:
        worst = next((b for b in ballots if b.status not in ("ok", "cached")), ballots[-1])
        return Advice(source, worst.status, vote_share=0.0), worst.message
    arm, votes = Counter(a.arm for a in answers).most_common(1)[0]
    plan = Counter(a.plan for a in answers if a.arm == arm).most_common(1)[0][0]
    chosen = next(a for a in answers if a.plan == plan)
    status: Status = "ok" if any(b.status == "ok" for b in ballots) else "cached"
    index = {a.code: a.index for a in case.arms}[arm]
    delta = _delta(case, chosen, d_mutable)
    advice = Advice(source, status, index, delta, chosen.rationale, votes / samples)
    return advice, f"{votes} of {samples} shuffled samples chose this treatment."


def _delta(case: Case, answer: Answer, d_mutable: int) -> tuple[float, ...]:
    delta, codes = [0.0] * d_mutable, dict(answer.changes)
    for change in case.changes:
        code = codes[change.name]
        delta[change.index] = 0.0 if code == KEEP else float(code) / change.scale
    return tuple(delta)


def place(case: Case, seed: int, ballot: Ballot) -> int:
    """Position of the chosen treatment on its menu, from 1: it reveals a model that follows the order."""
    assert ballot.answer is not None
    menu = Menu.of(case).shuffled(seed, ballot.sample)
    return [arm.code for arm in menu.arms].index(ballot.answer.arm) + 1
