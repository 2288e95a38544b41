"""Compare for one patient: every source's plan in a card of its own, side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import streamlit as st

from libra_core.advisors.clinician import RecordedAdvisor
from libra_core.advisors.guideline import GuidelineAdvisor
from libra_core.advisors.llm import Consultation, StoredAnswers
from libra_core.advisors.recording import RecordedModel, recording_for
from libra_core.certainty import Estimate
from libra_core.cohort import Cohort
from libra_core.digits import fixed, interval
from libra_core.records import REASONS
from libra_core.report import wording
from libra_core.study.compare import Opinion, opinion
from libra_core.study.live import LiveRun
from libra_core.summary import PlanSummary, summarise, summarise_plan
from pages.ui.compare import clinician
from pages.ui.draw import words
from pages.ui.draw.cards import escaped
from pages.ui.session import advice, llm
from pages.ui.session.live import RUN
from pages.ui.session.state import Key, Slot, widget

T = TypeVar("T")

LEARN = 200  # simulated patients in one press


@dataclass(frozen=True)
class SourceCard:
    """What one source says. `plan` is None when it says nothing, and `why` then says why not."""

    title: str
    kind: str
    plan: Opinion | None
    why: str
    foot: str = ""


JUDGE: Slot[LiveRun] = Slot("compare")  # the model that judges plans when Recommend has no LIBRA run


def model_run(cohort: Cohort) -> LiveRun:
    """The run whose model judges all plans: the one on Recommend if it is LIBRA, else one of this page's own."""
    live = RUN.get()
    if live is not None and "libra" in live.run.spec.policies:
        return live.run
    known = JUDGE.get()
    if known is None or known.environment.cohort is not cohort:
        known = LiveRun.start(cohort, "libra", _advisor_name(), int(widget(Key.SEED, 0) or 0))
        JUDGE.put(known)
    return known


def _advisor_name() -> str:
    """A language model is never asked just because a page is opened: by default LIBRA asks a simulated expert."""
    name = widget(Key.ADVISOR, "near-optimal")
    return "near-optimal" if name == advice.MODEL else name


def learn(run: LiveRun) -> None:
    """Let the model see more simulated patients. It asks whom the run asks; a language model only by stored answers."""
    with_stored_answers(run, lambda: [run.step() for _ in range(LEARN)])


def with_stored_answers(run: LiveRun, work: Callable[[], T]) -> T:
    """Do something with a run whose advisor, if it is a language model, may only repeat stored answers."""
    asked = run.policy.advisor
    if isinstance(asked, llm.LLMAdvisor):
        run.policy.advisor = StoredAnswers(asked)
    try:
        return work()
    finally:
        run.policy.advisor = asked


def outcome(cohort: Cohort, row: int, heard: Consultation) -> tuple[str, tuple[str, ...]]:
    """What LIBRA would do having heard this advice, and what of the advice the rules overrode: for the audit log."""
    run = model_run(cohort)
    asked, run.policy.advisor = run.policy.advisor, RecordedAdvisor(heard.advice.source, repeat=heard.advice)
    try:
        decision = run.decision_for(row)
    finally:
        run.policy.advisor = asked
    plan = opinion(run.policy, cohort.patient(row), heard.advice.arm, heard.advice.delta)
    overrides = [f"shortened to {plan.share:.0%}"] if plan.projected else []
    overrides += ["contraindicated"] if plan.contraindicated else []
    code = cohort.protocol.treatments[decision.arm].code
    final = "; ".join([code, *wording.changes(cohort, decision.delta, si=False)])
    return f"{final} ({decision.reason.value})", tuple(overrides)


def cards(cohort: Cohort, row: int, run: LiveRun, heard: Consultation | None) -> list[SourceCard]:
    """Guideline, language model, bandit, LIBRA, and the clinician where one has decided; none of them selected."""
    patient = cohort.patient(row)
    rules = GuidelineAdvisor(cohort.case, len(cohort.protocol.mutable)).advise(cohort.case(row))
    decision = with_stored_answers(run, lambda: run.decision_for(row))
    why = wording.why(summarise(cohort, decision, run.evidence()))
    own = opinion(run.policy, patient, decision.own_arm, decision.own_delta)
    played = opinion(run.policy, patient, decision.arm, decision.delta)
    learned = f"learned from {len(run.rows):,} simulated patients"
    shown = [
        SourceCard(
            "Guideline",
            "rules",
            opinion(run.policy, patient, rules.arm, rules.delta) if rules.given else None,
            rules.rationale,
            "own short reading of ACC/AHA 2017 and AHA/ACC 2025",
        ),
        _model_card(run, cohort, row, heard),
        SourceCard("Bandit", "learns", own, "Its plan without advice: the one that could turn out best.", learned),
        SourceCard(
            "LIBRA",
            "learns, may ask",
            played,
            why,
            f"asks: {advice.label(run.spec.advisor)}",
        ),
    ]
    person = _clinician_card(run, cohort, row)
    return [*shown, person] if person else shown


def _clinician_card(run: LiveRun, cohort: Cohort, row: int) -> SourceCard | None:
    found = clinician.choice_for(cohort, row)
    if found is None:
        return None
    choice, info = found
    plan = choice.executed or choice.plan
    reason = REASONS.get(choice.reason, choice.reason)
    why = " ".join(part for part in (f"{choice.kind.value}.", f"{reason}." if reason else "", choice.comment) if part)
    return SourceCard(
        "Clinician",
        "decided",
        opinion(run.policy, cohort.patient(row), plan.arm, plan.delta),
        why.capitalize(),
        f"{info.name} · {choice.decided_at[:10]}",
    )


def _model_card(run: LiveRun, cohort: Cohort, row: int, heard: Consultation | None) -> SourceCard:
    settings = llm.resolved().settings
    if heard is None or not heard.advice.given:
        off = settings.off_reason()
        if off and (recorded := _recorded_card(run, cohort, row)):
            return recorded
        said = heard.message if heard is not None and heard.advice.status != "off" else ""
        why = said or (f"{off} See Settings." if off else "Not asked about this patient yet.")
        return SourceCard("Language model", settings.model if not off else "off", None, why)
    found = heard.advice
    return SourceCard(
        "Language model",
        heard.model,
        opinion(run.policy, cohort.patient(row), found.arm, found.delta),
        found.rationale or "It gave no reason.",
        f"vote share {found.vote_share:.0%} of {settings.samples} samples · text {heard.prompt_version} · "
        f"{heard.asked_at[:10]}",
    )


def _recorded_card(run: LiveRun, cohort: Cohort, row: int) -> SourceCard | None:
    """What a language model said when it was recorded; None where nobody recorded one about this patient."""
    recording = recording_for(cohort.protocol.name, cohort.name)
    said = RecordedModel(cohort, recording).advise(cohort.case(row)) if recording else None
    if recording is None or said is None or not said.given:
        return None
    plan = opinion(run.policy, cohort.patient(row), said.arm, said.delta)
    return SourceCard("Language model", "recorded", plan, said.rationale, recording.title)


def caution(run: LiveRun) -> str:
    """How much the expectations on the cards are worth."""
    if not run.rows:
        return "The model has seen no patient yet, so it expects nothing of any plan: let it learn first."
    return (
        f"Expectations by what LIBRA's model has learned from {len(run.rows):,} simulated patients, with their ranges. "
        "They can be far off for a treatment that was seldom tried, and say nothing against a guideline."
    )


def draw(cohort: Cohort, row: int, shown: Sequence[SourceCard], run: LiveRun, si: bool) -> None:
    """The cards in one row. Expectations are left out while the model has seen nobody: they would all be zero."""
    for column, card in zip(st.columns(len(shown), gap="small"), shown, strict=True):
        with column, st.container(border=True, height="stretch"):
            st.markdown(f"**{card.title}** :gray-badge[{escaped(card.kind)}]")
            if card.plan is None:
                st.markdown(f":small[{escaped(card.why)}]")
                continue
            _plan(cohort, row, card.plan, run, si)
            st.markdown(f":small[{escaped(card.why)}]")
            if card.foot:
                st.caption(escaped(card.foot))


def _plan(cohort: Cohort, row: int, plan: Opinion, run: LiveRun, si: bool) -> None:
    net = Estimate(plan.mean, plan.low, plan.high)
    shown = summarise_plan(cohort, row, plan.arm, plan.used, net, run.evidence())
    changes = wording.changes(cohort, plan.used, si) or [wording.AS_NOW]
    lines = [escaped(wording.treatment(cohort, plan.arm)), *(f":small[{escaped(text)}]" for text in changes)]
    st.markdown("  \n".join(lines))
    st.markdown(_expected(cohort, shown))
    st.markdown(_safety(cohort, shown))
    for text in shown.cautions:
        st.markdown(f":small[{words.caution(text)}]")
    if plan.projected:
        st.markdown(f":orange-badge[:material/compress: reduced to {plan.share:.0%} of the change asked for]")
        asked = "; ".join(wording.changes(cohort, plan.asked, si))
        st.markdown(f":small[Asked for: {escaped(asked)}. That is more than one plan may ask, so it is reduced.]")


def _expected(cohort: Cohort, shown: PlanSummary) -> str:
    """The fall that the model expects, its net benefit, and how often it has seen that treatment."""
    had = f"{shown.given:,} {'patient' if shown.given == 1 else 'patients'} had this treatment"
    if shown.chance is not None:
        return f"**{wording.chance(shown)} chance of reaching the goal**  \n:small[simulated; {had}]"
    if shown.fall is None or shown.net is None:
        return "**Effect not known yet**  \n:small[nobody in this run has had this treatment]"
    span = interval(shown.fall.low, shown.fall.high)
    return (
        f"**Expected fall {fixed(shown.fall.mean)} {shown.unit}** :small[({span}), simulated]  \n"
        f":small[{wording.net(cohort, shown)}; {had}.]"
    )


def _safety(cohort: Cohort, shown: PlanSummary) -> str:
    """Whether anything recorded forbids the plan, and how much is not recorded."""
    if shown.contraindicated:
        return ":red-badge[:material/block: contraindicated]"
    if not shown.checks:
        return ":green-badge[:material/check: not contraindicated]"
    unknown = escaped(" ".join(wording.to_check(cohort, shown.checks)))
    return f":small[:material/visibility_off: Nothing recorded against it. **Check before starting** {unknown}]"


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
