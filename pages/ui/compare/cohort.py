"""Compare for a cohort: how far the sources agree, what each loses, where and why they differ, how LIBRA learned."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import pandas as pd
import streamlit as st

from libra_core.advisors.agreement import (
    NO_ADVICE,
    Agreement,
    InCommon,
    agreement,
    by_group,
    disagreements,
    in_common,
    pairwise,
    width_groups,
)
from libra_core.advisors.guideline import GuidelineAdvisor
from libra_core.advisors.recording import RecordedModel, recording_for
from libra_core.arrays import Bools, Floats
from libra_core.certainty import Estimate
from libra_core.cohort import Cohort
from libra_core.digits import fixed, interval
from libra_core.policies.decision import REASONS, Reason
from libra_core.report import wording
from libra_core.spreadsheet import csv_bytes
from libra_core.study.compare import Survey, chosen, plans_of
from libra_core.study.learned import course_of
from libra_core.study.metrics import band
from pages.ui.compare import charts as compare_charts
from pages.ui.compare import clinician
from pages.ui.compare.methods import (
    BANDIT,
    CLINICIAN,
    GUIDELINE,
    LIBRA,
    RECORDED,
    Methods,
    form,
    live_answers,
    surveyed,
)
from pages.ui.draw import charts, words
from pages.ui.draw.cards import escaped
from pages.ui.draw.show import download
from pages.ui.draw.show import figure as show
from pages.ui.session import llm

QUOTES = 3  # of a model's reasons for each kind of disagreement


def everybody(cohort: Cohort, known: Methods) -> Survey | None:
    """Every source on every patient: those that all sessions share, and this session's live model and clinicians."""
    found = surveyed(cohort, known)
    if found is None:
        return None
    made = {row: (c.plan.arm, c.plan.delta) for row, c in clinician.choices(cohort).items()}
    person = {CLINICIAN: chosen(known.libra, found.rows, made)} if np.isin(found.rows, list(made)).any() else {}
    return replace(found, plans={**found.plans, **live_answers(cohort, known, found.rows), **person})


def headline(found: Survey, known: Methods) -> str:
    """Agreement and advice in one breath: that two name the same drug does not mean that one has followed the other."""
    course, plans = course_of(known.libra), found.plans[LIBRA]
    followed = int((course.reason == REASONS.index(Reason.ADOPTED)).sum())
    shares = [
        f"the {told}'s drug for {agreement(found.arms[LIBRA], found.arms[name]).share:.0%}"
        for name, told in ((GUIDELINE, "guideline"), (RECORDED, "recorded language model"))
        if name in found.plans and found.plans[name].given.any()
    ]
    named = f" LIBRA names {' and '.join(shares)}. This is agreement, not advice followed" if shares else ""
    return (
        f"Of **{len(found):,} patients**{named}: while it learned from {len(course):,} patients, LIBRA asked "
        f"{int(course.asked.sum()):,} times and followed {followed:,} times; now it would ask about "
        f"{int(plans.asked.sum()):,} of these patients and follow {int(plans.adopted.sum()):,} times."
    )


def matrix(found: Survey, cohort: Cohort, si: bool) -> None:
    """Cohen's kappa, the share of equal treatments and habits in common for every pair of sources."""
    plans = found.plans
    common = {
        (p, q): in_common(plans[p].delta, plans[q].delta, plans[p].given & plans[q].given) for p in plans for q in plans
    }
    show(
        compare_charts.matrix(list(plans), pairwise(found.arms), common),
        "agreement",
        "Share of patients with the same drug; Cohen's kappa with its 95 % interval (0 is chance alone, 1 perfect "
        "agreement); of the habits that either moves, the mean share that both move.",
    )
    download("All plans (CSV)", lambda: plans_csv(found, cohort, si), "libra-compare.csv", "compare_csv")


def losses(found: Survey) -> None:
    """What each source loses against the best plan, for all and by subgroup."""
    st.markdown(_closest(found))
    show(
        compare_charts.losses(found.lost, found.unit),
        "who-was-right",
        "By the simulation's true means, the methods as they are now; lines show 95 % intervals of the mean. Close in "
        "this simulation is not right in the clinic.",
    )
    rows = [
        {"Patients": label, "Number": f"{int(mask.sum()):,}"}
        | {name: _mean(plans.lost[mask], found.unit) for name, plans in found.plans.items()}
        for label, mask in {"everybody": np.full(len(found), True), **found.groups}.items()
        if mask.any()
    ]
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        height="content",
        alt=f"Simulated loss in {wording.per_patient(found.unit)} by subgroup and source, with 95 % intervals",
    )


def _mean(lost: Floats, unit: str) -> str:
    """'0.6 (0.5 to 0.7)'."""
    known = lost[np.isfinite(lost)]
    return wording.spread(Estimate(*map(float, band(known))), unit) if len(known) else "–"


def _closest(found: Survey) -> str:
    """In words: who lost least, and whether that is more than chance."""
    lost = {name: values for name, values in found.lost.items() if len(values) == len(found)}
    best = min(lost, key=lambda name: lost[name].mean())
    tied = [n for n, values in lost.items() if n != best and not _clearly_worse(values, lost[best])]
    said = f"**{best}** lost least: {wording.rate(float(lost[best].mean()), found.unit)} (simulated)."
    return said + (f" {' and '.join(tied)} lost only slightly more, which may be chance." if tied else "")


def _clearly_worse(other: Floats, best: Floats) -> bool:
    """Over the same patients, the 95 % interval of the mean difference is above 0."""
    return len(other) > 1 and bool(band(other - best)[1] > 0)


def differences(found: Survey, cohort: Cohort) -> None:
    """Where two sources differ: in which treatments and for which reasons, by subgroup, and by how unsure the bandit
    is."""
    names = list(found.plans)
    left, right = st.columns(2)
    first = left.selectbox("Compare", names, 0, key="compare_first")
    second = right.selectbox("with", names, names.index(LIBRA), key="compare_second")
    a, b = found.plans[first], found.plans[second]
    if agreement(a.arm, b.arm).n == 0:
        st.info("These two have no patient in common.", icon=":material/info:")
        return
    left, right = st.columns([5, 4], gap="medium")
    with left:
        _reasons(found, cohort, first, second)
    table = [
        {"Patients": label, "Number": agreed.n, "Same drug": f"{agreed.share:.0%}", "Kappa": kappa(agreed)}
        for label, agreed in by_group(a.arm, b.arm, {**found.groups, **_by_doubt(found)}).items()
        if agreed.n
    ]
    right.dataframe(
        pd.DataFrame(table), hide_index=True, height="content", alt=f"Agreement of {first} and {second} by subgroup"
    )


def _reasons(found: Survey, cohort: Cohort, first: str, second: str) -> None:
    """The most frequent kinds of disagreement, each with its number, what both lose, and reasons as they were given."""
    a, b = found.plans[first], found.plans[second]
    answers = _words(cohort)
    speaker = next((name for name in (first, second) if name in answers), None)
    kinds = disagreements(a.arm, b.arm, top=6)
    if not kinds:
        st.success("They name the same drug for everybody.", icon=":material/check:")
    for i, j, where in kinds:
        one, other = (escaped(wording.treatment(cohort, arm)) for arm in (i, j))
        lost = [
            f"{escaped(name)} {wording.number(float(np.nanmean(found.plans[name].lost[where])), found.unit)}"
            for name in (first, second)
        ]
        st.markdown(
            f"{escaped(first)} says **{one}**, {escaped(second)} says **{other}**: {len(where):,} patients  \n"
            f":small[Lost there, {wording.per_patient(found.unit)}, simulated: {', '.join(lost)}.]"
        )
        if speaker is not None:
            said = {
                " ".join(answers[speaker](int(row)).split()): cohort.ids[row] for row in reversed(found.rows[where])
            }
            quoted = [f"> “{escaped(text)}” :small[{escaped(who)}]" for text, who in reversed(said.items()) if text]
            st.markdown("\n>\n".join(quoted[:QUOTES]))
    if speaker is not None and kinds:
        st.caption(f"Quoted: {escaped(speaker)}, the first patients of each kind, in its own words.")


def _words(cohort: Cohort) -> dict[str, Callable[[int], str]]:
    """Who gives reasons: source -> the reason for a cohort row."""
    rules = GuidelineAdvisor(cohort.case, len(cohort.protocol.mutable))
    recording = recording_for(cohort.protocol.name, cohort.name)
    made = clinician.choices(cohort)
    found: dict[str, Callable[[int], str]] = {CLINICIAN: lambda row: made[row].why if row in made else ""}
    if recording is not None:
        model = RecordedModel(cohort, recording)
        found[RECORDED] = lambda row: model.advise(cohort.case(row)).rationale
    return found | {GUIDELINE: lambda row: rules.advise(cohort.case(row)).rationale}


def _by_doubt(found: Survey) -> dict[str, Bools]:
    """Patients in three groups by how unsure the bandit was about them."""
    parts = list(width_groups(found.plans[BANDIT].width, found.unit).values())
    names = ("bandit fairly sure", "bandit unsure", "bandit very unsure")
    return dict(zip(names, parts, strict=True)) if len(parts) == len(names) else {}


def kappa(found: Agreement) -> str:
    """'0.66 (0.63 to 0.68)'."""
    return "–" if np.isnan(found.kappa) else f"{fixed(found.kappa, 2)} ({interval(found.low, found.high, 2)})"


def itself(cohort: Cohort, known: Methods) -> None:
    """The recorded model's first answers against its second ones."""
    recording = recording_for(cohort.protocol.name, cohort.name)
    if recording is None or not recording.again:
        st.info("No second answers of a language model are recorded about this cohort.", icon=":material/info:")
        return
    rows = np.array([row for row in cohort.arrivals if cohort.ids[row] in recording.again], np.int64)
    first, second = (
        plans_of(known.libra, RecordedModel(cohort, replace(recording, answers=answers)), rows)
        for answers in (recording.answers, recording.again)
    )
    both = first.given & second.given
    agreed, common = agreement(first.arm, second.arm), in_common(first.delta, second.delta, both)
    _itself(agreed, common)
    unit = known.libra.unit
    apart = _mean(np.abs(first.lost - second.lost), unit)
    st.markdown(f"What the two answers lose differs by {apart} {wording.per_patient(unit)} on average (simulated).")
    st.caption(
        f"{escaped(recording.title)}. Asked twice about {agreed.n:,} patients, the second time with another order of "
        "the menu. No source can be expected to agree with the model more than the model does with itself."
    )
    parted = [
        {
            "First answer": wording.treatment(cohort, i),
            "Second answer": wording.treatment(cohort, j),
            "Patients": len(w),
        }
        for i, j, w in disagreements(first.arm, second.arm, top=8)
    ]
    if parted:
        st.dataframe(pd.DataFrame(parted), hide_index=True, height="content", alt="Drugs that changed between answers")


def _itself(agreed: Agreement, common: InCommon) -> None:
    drug, habits, kinds, apart = st.columns(4)
    drug.metric("Same drug", f"{agreed.share:.0%}", f"of {agreed.n:,} patients", delta_color="off", delta_arrow="off")
    kinds.metric("Same habits", f"{common.same:.0%}", "exactly", delta_color="off", delta_arrow="off")
    habits.metric(
        "Cohen's kappa", fixed(agreed.kappa, 2), interval(agreed.low, agreed.high, 2), "off", delta_arrow="off"
    )
    apart.metric("Habits in common", f"{common.overlap:.0%}", "of those moved", delta_color="off", delta_arrow="off")


def learning(cohort: Cohort, known: Methods) -> None:
    """What LIBRA did with the advice while it learned, and its questions against the theory's bound."""
    course, policy = course_of(known.libra), known.libra.policy
    n, half = len(course), len(course) // 2
    did: Mapping[str, int] = Counter(str(REASONS[reason].value) for reason in course.reason)
    left, right = st.columns([3, 2], gap="large")
    with left:
        show(charts.counts(list(did), list(did.values()), "What LIBRA did while it learned"), "libra-did")
    with right:
        st.metric("Questions asked by LIBRA", f"{int(course.asked.sum()):,} of {n:,} patients")
        early, late = int(course.asked[:half].sum()), int(course.asked[half:].sum())
        st.caption(f"First half of the run: {early:,} questions; second half: {late:,}. It could ask: {known.asks}.")
        if not llm.resolved().settings.off_reason():
            used = llm.spent()
            st.caption(
                f"Language model today: {used.calls:,} questions, {used.tokens:,} tokens, ${used.cost:,.2f}. "
                "Learning repeats stored answers and spends nothing."
            )
        with st.expander("For mathematicians", icon=":material/function:"):
            before, after = policy.call_bound(max(1, n)), policy.run_call_bound()
            st.markdown(words.questions_limit(before, None if after is None else float(after[0]), n))
    st.markdown("**Learn again, from other patients or with another advisor**")
    form(cohort, known)


def plans_csv(found: Survey, cohort: Cohort, si: bool) -> bytes:
    """Every plan of every source, one line a patient and source."""
    rows = [
        (cohort.ids[row], name, wording.treatment(cohort, arm), wording.habits(cohort, delta, si), lost)
        for name, plans in found.plans.items()
        for row, arm, delta, lost in zip(found.rows, plans.arm, plans.delta, plans.lost, strict=True)
        if arm != NO_ADVICE
    ]
    columns = ["patient", "source", "treatment", "habits", f"simulated loss, {found.unit}"]
    return csv_bytes(pd.DataFrame(rows, columns=columns))
