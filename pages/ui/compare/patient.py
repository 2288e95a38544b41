"""Compare for one patient: a column for each source, a line for each question, differences marked."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from libra_core.advisors.guideline import GuidelineAdvisor
from libra_core.advisors.llm import Consultation
from libra_core.advisors.recording import RecordedModel, recording_for
from libra_core.certainty import Certainty, Estimate
from libra_core.clinical.rules import DANGER, severity
from libra_core.cohort import Cohort
from libra_core.digits import interval
from libra_core.report import wording
from libra_core.report.words import reasons
from libra_core.study.compare import Opinion, opinion
from libra_core.summary import PlanSummary, summarise, summarise_plan
from pages.ui.compare.clinician import choices
from pages.ui.compare.methods import BANDIT, CLINICIAN, GUIDELINE, LIBRA, RECORDED, Methods
from pages.ui.draw import words
from pages.ui.draw.cards import escaped
from pages.ui.session import llm

READING = "own short reading of the sources that it names"
LIVE = "Language model (live)"
STYLE = Path(__file__).with_name("table.css")


@dataclass(frozen=True)
class Column:
    """What one source says. opinion, shown: its plan, judged and in words; None where it says nothing, and then `why`
    says why not."""

    name: str
    kind: str
    opinion: Opinion | None
    shown: PlanSummary | None
    why: str
    origin: str = ""


@dataclass(frozen=True)
class _Desk:
    """One patient and the methods that judge every plan for the patient."""

    cohort: Cohort
    row: int
    known: Methods

    def column(
        self,
        name: str,
        kind: str,
        plan: tuple[int, Sequence[float]] | None,
        why: str,
        origin: str = "",
        shown: PlanSummary | None = None,
    ) -> Column:
        """LIBRA's model judges every plan, so that they can be compared."""
        if plan is None:
            return Column(name, kind, None, None, why, origin)
        judge = self.known.libra
        found = opinion(judge, self.row, *plan)
        expected = Estimate(found.mean, found.low, found.high)
        told = shown or summarise_plan(self.cohort, self.row, found.arm, found.used, expected, judge.evidence())
        return Column(name, kind, found, told, why, origin)


def columns(cohort: Cohort, row: int, known: Methods, heard: Consultation | None) -> list[Column]:
    """Language model, guideline, bandit, LIBRA and clinician, in this order; none of them is preselected."""
    desk = _Desk(cohort, row, known)
    rules = GuidelineAdvisor(cohort.case, len(cohort.protocol.mutable)).advise(cohort.case(row))
    said = (rules.arm, rules.delta) if rules.given else None
    alone, played = known.bandit.decision_for(row), known.libra.decision_for(row)
    shown, after = summarise(cohort, played, known.libra.evidence()), f"after {known.learned:,} simulated patients"
    return [
        *_models(desk, heard),
        desk.column(GUIDELINE, "rules", said, rules.rationale, READING),
        desk.column(BANDIT, "learns", (alone.arm, alone.delta), reasons.WHY[alone.reason], after),
        desk.column(
            LIBRA,
            "learns, may ask",
            (played.arm, played.delta),
            reasons.why(shown),
            f"{after}; asks: {known.asks}",
            shown,
        ),
        _clinician(desk),
    ]


def _models(desk: _Desk, heard: Consultation | None) -> list[Column]:
    """The recorded language model, and the live one beside it where one is switched on: never one for the other."""
    cohort, settings = desk.cohort, llm.resolved().settings
    recording, off = recording_for(cohort.protocol.name, cohort.name), settings.off_reason()
    found = []
    if recording is not None:
        said = RecordedModel(cohort, recording).advise(cohort.case(desk.row))
        plan, why = (said.arm, said.delta) if said.given else None, said.rationale
        found.append(desk.column(RECORDED, "", plan, why or "Nothing is recorded about it.", recording.title))
    if off and recording is None:
        why = f"{off} None is recorded about this cohort. See Settings."
        found.append(desk.column("Language model", "off", None, why))
    if not off:
        said = heard.advice if heard is not None and heard.advice.status != "off" else None
        if heard is None or said is None or not said.given:
            why = heard.message if heard is not None and said is not None else "Not asked about this patient yet."
            return [*found, desk.column(LIVE, "", None, why, settings.model)]
        origin = (
            f"{heard.model}; vote share {said.vote_share:.0%} of {settings.samples} samples; prompt "
            f"{heard.prompt_version}; {heard.asked_at[:10]}"
        )
        why = said.rationale or "It gave no reason."
        found.append(desk.column(LIVE, "", (said.arm, said.delta), why, origin))
    return found


def _clinician(desk: _Desk) -> Column:
    choice = choices(desk.cohort).get(desk.row)
    if choice is None:
        how = "A decision about this patient in a session on the page Feedback stands here."
        return desk.column(CLINICIAN, "", None, "Nobody has decided yet.", how)
    origin = f"{choice.session}, {choice.decided.decided_at[:10]}"
    return desk.column(CLINICIAN, "decided", (choice.plan.arm, choice.plan.delta), choice.why, origin)


# The table -----------------------------------------------------------------------------------------------------------


def draw(cohort: Cohort, found: Sequence[Column], si: bool, reference: str) -> None:
    st.html(STYLE)
    with st.container(key="compare-table"):
        st.markdown(table(cohort, found, si, reference))


def table(cohort: Cohort, found: Sequence[Column], si: bool, reference: str) -> str:
    """The plans as a Markdown table. Treatment and habits that differ from the column `reference` carry a sign."""
    outcome = cohort.protocol.outcome
    after = f"{words.capital(outcome.label)} after {outcome.horizon}"
    base = next((c for c in found if c.name == reference and c.shown is not None), None)
    lines = [
        _compared("Treatment", found, base, lambda c: wording.treatment(cohort, c.shown.arm) if c.shown else c.why),
        *_habits(cohort, found, base, si),
        _line(after, found, lambda c: _effect(c.shown) if c.shown else ""),
        _line("Worth (net benefit)", found, lambda c: _worth(cohort, c.shown) if c.shown else ""),
        _line("If wrong: simulated loss against the best plan", found, lambda c: _lost(c, found)),
        _line("Safety", found, lambda c: _safety(c.shown) if c.shown else ""),
        _line("Treatment tried by", found, lambda c: _tried(c.shown) if c.shown else ""),
        _line("Why, in its own words", found, lambda c: _small(c.why) if c.shown else ""),
        _line("Source", found, lambda c: _small(c.origin)),
    ]
    names = [f"{escaped(c.name)}{f' :gray-badge[{escaped(c.kind)}]' if c.kind else ''}" for c in found]
    head = [["&nbsp;", *names], ["---"] * (1 + len(found))]
    return "\n".join(f"| {' | '.join(line)} |" for line in [*head, *lines])


def _line(question: str, found: Sequence[Column], cell: Callable[[Column], str]) -> list[str]:
    return [f"**{escaped(question)}**", *map(cell, found)]


def _compared(question: str, found: Sequence[Column], base: Column | None, said: Callable[[Column], str]) -> list[str]:
    """A line of plain texts; one that differs from the reference is marked by a sign and by its ground."""

    def cell(column: Column) -> str:
        if column.shown is None:
            return _small(said(column))
        text = escaped(said(column).strip())
        return text if base is None or said(column) == said(base) else f":orange-background[**≠** {text}]"

    return _line(question, found, cell)


def _habits(cohort: Cohort, found: Sequence[Column], base: Column | None, si: bool) -> list[list[str]]:
    """A line for each habit that anybody moves."""
    lines, plans = [], [(c, c.opinion) for c in found if c.opinion is not None]
    moved = {c.name: cohort.protocol.change(plan.used) for c, plan in plans}
    for j, feature in enumerate(cohort.protocol.mutable_features):
        still = feature.display_change(0.0, si)
        said = {name: feature.display_change(float(change[j]), si) for name, change in moved.items()}
        if any(text != still for text in said.values()):
            told = {n: "as now" if t == still else t.removeprefix(feature.label_inside) for n, t in said.items()}
            label = words.capital(feature.label_inside.split(" (")[0])
            lines.append(_compared(label, found, base, lambda c, told=told: told.get(c.name, "")))  # type: ignore[misc]
    return lines


def _effect(shown: PlanSummary) -> str:
    if shown.chance is not None:
        return f"**{wording.chance(shown)}** to reach the goal"
    if shown.fall is None or shown.expected is None:
        return "Effect not known yet"
    span = interval(shown.expected.low, shown.expected.high)
    return f"**{wording.then(shown)} {shown.unit}** ({span})" + _doubt(shown)


def _doubt(shown: PlanSummary) -> str:
    return f" :small[{shown.certainty}]" if shown.certainty is Certainty.LITTLE else ""


def _worth(cohort: Cohort, shown: PlanSummary) -> str:
    """The net benefit with its range, and how it comes about."""
    if shown.net is None or shown.fall is None:
        return "" if shown.chance is not None else "not known yet"
    parts = f"{wording.price(cohort, shown.price)}; expected fall {wording.about(shown.fall)}"
    return f"**{wording.about(shown.net)} {shown.unit}**: {_small(parts)}"


def _lost(column: Column, found: Sequence[Column]) -> str:
    """What the simulation says the plan loses; the least among the columns is named."""
    if column.opinion is None or column.shown is None:
        return ""
    if math.isnan(column.opinion.lost):
        return "not counted: contraindicated"
    text = wording.worth(column.opinion.lost, column.shown.unit)
    said = [c.opinion.lost for c in found if c.opinion is not None and not math.isnan(c.opinion.lost)]
    least = text == wording.worth(min(said), column.shown.unit)  # what reads the same is a tie
    return f"**{text}** :green-badge[:material/check: least]" if least else f"**{text}**"


def _safety(shown: PlanSummary) -> str:
    """Whether anything recorded forbids the plan, how much is not recorded, and what is dangerous."""
    if shown.contraindicated:
        return ":red-badge[:material/block: contraindicated]"
    grave = [words.caution(text) for text in shown.cautions if severity(text) == DANGER]
    n = len(shown.checks)
    first = f":material/fact_check: check {n} {'fact' if n == 1 else 'facts'} first"
    return " ".join([first if n else ":green-badge[:material/check: not contraindicated]", *grave])


def _tried(shown: PlanSummary) -> str:
    return f"{shown.given:,} of {shown.learned:,} patients"


def _small(text: str) -> str:
    return f":small[{escaped(' '.join(text.split()))}]" if text else ""


# Below it ------------------------------------------------------------------------------------------------------------


def caution(known: Methods) -> str:
    """How much the expectations are worth."""
    judge = known.libra
    if not known.learned:
        return "The methods have seen no patient yet, so they expect nothing of any plan: let them learn first."
    return (
        f"Pressure, worth and ranges of all plans: LIBRA's model, learned from {known.learned:,} simulated patients "
        f"(seed {judge.spec.seed}, {judge.spec.environment.compliance} compliance; it could ask: {known.asks}). Ranges "
        "are wide for a treatment that was seldom tried, and say nothing against a guideline. What a plan loses "
        "comes from the simulation's own truth, which nobody knows of a real patient."
    )


def watch(cohort: Cohort, found: Sequence[Column], si: bool) -> None:
    """What to check and to watch with each plan, and what was asked for beyond what one plan may ask."""
    for column in found:
        if column.shown is None or column.opinion is None:
            continue
        lines = words.warnings(cohort, column.shown)
        if column.opinion.projected:
            asked = "; ".join(wording.changes(cohort, column.opinion.asked, si))
            lines.append(
                f":material/compress: Reduced to {column.opinion.share:.0%}. Asked for: {escaped(asked)}. That is more "
                "than one plan may ask."
            )
        st.markdown(f"**{escaped(column.name)}**: {escaped(wording.treatment(cohort, column.shown.arm))}")
        st.markdown("\n".join(f"- {line}" for line in lines or ["Nothing recorded to check or to watch."]))


def ballots(heard: Consultation, cohort: Cohort, row: int) -> None:
    """Every sample with the place of its choice on the menu: order bias for all to see."""
    label = {arm.code: arm.label for arm in cohort.case(row).arms}
    places = iter(heard.places)
    lines = [
        f"| {b.sample + 1} | {escaped(label[b.answer.arm])} | {next(places)} of {len(label)} |"
        if b.answer
        else f"| {b.sample + 1} | none: {escaped(b.message)} | |"
        for b in heard.ballots
    ]
    st.markdown("| Sample | Treatment | Place on its shuffled menu |\n|---|---|---|\n" + "\n".join(lines))
    st.caption(
        "Each sample saw the menu in another order. A model that keeps naming the first line follows the order, not "
        "the patient. The vote share says how often the samples agree; it is not a probability of being right."
    )
