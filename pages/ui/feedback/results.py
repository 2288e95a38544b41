"""The results of a study: what each role may read of them, and the downloads."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import pandas as pd
import streamlit as st

from libra_core.advisors.agreement import Agreement
from libra_core.digits import fixed, interval, signed
from libra_core.policies import REGISTRY
from libra_core.records import RecordsError, analytics
from libra_core.records.export import fhir_bundle, parquet_bytes
from libra_core.records.results import Collected, Totals, collect, totals
from libra_core.spreadsheet import csv_bytes
from pages.ui.draw import cards
from pages.ui.feedback.state import cohort_named
from pages.ui.session import access, current

FEW = 10  # decisions below which a difference or an agreement is not worth a number
CHANGED = "Your sign-in or your role has changed: load the page again."
FEWER = f"Results appear with {analytics.SMALLEST} decisions, of two clinicians at least, and then in steps of as many."
NOBODY = "No decision has been recorded yet. Results appear with the first one."


def results() -> None:
    """Rows for those who may read them; for a viewer totals only."""
    repository, cohort = access.repository(), current.cohort()
    if not repository.actor.decides:
        found = totals(repository, cohort_named)
        if found is None:
            st.info(FEWER, icon=":material/groups:")
            return
        _totals(found, cohort.protocol.outcome.unit)
        return
    rows = collect(repository, cohort_named)
    for sentence in rows.left_out:
        st.caption(f":material/info: Left out: {cards.escaped(sentence)}")
    if not len(rows.table):
        st.info(NOBODY, icon=":material/insights:")
        return
    st.caption("All sessions of the study." if repository.actor.reads_study else "Your own sessions.")
    _totals(Totals.of(rows), cohort.protocol.outcome.unit)
    if repository.actor.reads_study:
        _clinicians(rows.table[~rows.table["mistake"].astype(bool)])
    _downloads(rows)


def _mistakes(n: int) -> None:
    if n:
        st.caption(f":material/undo: {_count(n, 'decision')} marked as recorded by mistake, in no number here.")


def _count(n: int, what: str) -> str:
    return f"{n:,} {what}{'' if n == 1 else 's'}"


def _percent(share: analytics.Share) -> str:
    return f"{share.value:.0%}" if share.n else "–"


def _between(share: analytics.Share) -> str:
    if not share.n:
        return "no such decision yet"
    low, high = share.interval
    return f"{share.k} of {share.n} · 95 % interval {low:.0%} to {high:.0%}"


def _totals(found: Totals, unit: str) -> None:
    a, b, c, d = st.columns(4)
    a.metric("Decisions", f"{found.decisions:,}")
    a.caption(f"{_count(found.sessions, 'session')}, {_count(found.clinicians, 'clinician')}")
    b.metric("Overridden", _percent(found.overrides), help="Of the decisions made with the proposal in view.")
    b.caption(_between(found.overrides))
    middle, low, high = found.seconds
    c.metric("Time for a patient", "–" if math.isnan(middle) else f"{middle:.0f} s")
    c.caption("" if math.isnan(middle) else f"half between {low:.0f} and {high:.0f} s")
    gain = found.gain
    d.metric(
        "Own plans against the method's, simulated",
        "–" if gain.n < FEW else f"{signed(gain.mean)} {unit}",
        help="True expected benefit in the simulation for each patient whose plan differs. Positive: the clinicians "
        "were right.",
    )
    d.caption(_gain(gain))
    _mistakes(found.mistakes)
    left, right = st.columns(2, gap="large")
    with left:
        _agreement(found)
        _anchoring(found.anchoring)
    with right:
        _reasons(found.reasons)
        _groups(found.subgroups, unit)


def _gain(gain: analytics.Gain) -> str:
    if not gain.n:
        return "no plan differed yet"
    counts = f"{gain.better} better, {gain.worse} worse"
    if gain.n < FEW:
        return f"{counts}: too few to say"
    return f"{counts} · 95 % interval {interval(gain.low, gain.high, 1)}"


def _kappa(value: Agreement) -> str:
    if value.n < FEW:
        return "too few to say"
    return "–" if math.isnan(value.kappa) else fixed(value.kappa, 2)


def _agreement(found: Totals) -> None:
    st.markdown("**Agreement of the clinicians' own choice with each method** (same treatment)")
    rows = [
        {
            "Method": REGISTRY[name].label if name in REGISTRY else cards.escaped(name),
            "Same": f"{value.share:.0%}" if value.n >= FEW else f"{round(value.share * value.n)} of {value.n}",
            "Cohen's kappa": _kappa(value),
            "Patients": f"{value.n}",
        }
        for name, value in found.policies.items()
        if value.n
    ]
    st.table(pd.DataFrame(rows), border="horizontal", hide_index=True)
    st.caption("Kappa is agreement beyond chance: 1 is full agreement, 0 what chance would give.")


def _anchoring(found: analytics.Anchoring) -> None:
    if not found.n:
        return
    st.markdown("**How far the proposal moved the clinicians** (blinded first choice against final)")
    st.markdown(
        f"- Same treatment as the proposal: {_percent(found.agreed_first)} before seeing it, "
        f"{_percent(found.agreed_final)} after ({found.n} patients).\n"
        f"- Of first choices that differed, moved to the proposal: {_between(found.towards)}.\n"
        f"- Of first choices that agreed, moved away: {_between(found.away)}."
    )


def _reasons(found: dict[str, int]) -> None:
    if found:
        st.markdown("**Reasons to decide otherwise**")
        rows = [{"Reason": cards.escaped(reason), "Times": f"{n}"} for reason, n in found.items()]
        st.table(pd.DataFrame(rows), border="horizontal", hide_index=True)


def _groups(found: pd.DataFrame, unit: str) -> None:
    if not len(found):
        return
    st.markdown("**Groups of patients**")
    enough = found["Patients"] >= analytics.SMALLEST

    def told(column: str, form: str) -> list[str]:
        return [
            "too few" if not ok else "–" if math.isnan(v) else format(v, form)
            for v, ok in zip(found[column], enough, strict=True)
        ]

    shown = pd.DataFrame(
        {
            "Group": found["Group"],
            "Patients": found["Patients"].map("{:,}".format),
            "Overridden": told("Overridden", ".0%"),
            f"Benefit lost, {unit} per patient": told("Benefit lost", ".1f"),
        }
    )
    st.table(shown, border="horizontal", hide_index=True)
    st.caption("Benefit lost: what the best plan for each patient would have added, on average. Simulated.")


def _clinicians(table: pd.DataFrame) -> None:
    pairs = {pair: value for pair, value in analytics.between_clinicians(table).items() if value.n}
    if not pairs:
        return
    st.markdown("**Agreement between clinicians**, on the patients whom both decided")
    rows = [
        {
            "Clinicians": f"{a} and {b}",
            "Same": f"{value.share:.0%}" if value.n >= FEW else f"{round(value.share * value.n)} of {value.n}",
            "Cohen's kappa": _kappa(value),
            "Patients": f"{value.n}",
        }
        for (a, b), value in pairs.items()
    ]
    st.dataframe(pd.DataFrame(rows), hide_index=True, alt="Agreement between clinicians")


def _on_record(data: Callable[[], Any], form: str, rows: Collected) -> Callable[[], Any]:
    """Make the file only for whom the page was drawn, for a page stays open after a role was taken away; and only
    once the record says that it was taken out."""
    drawn_for = access.actor()

    def make() -> Any:
        if access.actor() != drawn_for:
            return CHANGED
        try:
            access.repository().exported(form, [session.id for session in rows.sessions])
        except RecordsError as error:
            return str(error)
        return data()

    return make


def _downloads(rows: Collected) -> None:
    """Files are made when they are asked for, and the record says who asked."""

    def bundles() -> str:
        made = [
            fhir_bundle(info, ledger, cohort_named(info.spec.cohort))
            for info, ledger in zip(rows.sessions, rows.ledgers, strict=True)
        ]
        return json.dumps(made[0] if len(made) == 1 else made, ensure_ascii=False, indent=1)

    with st.container(horizontal=True, gap="small"):
        for label, data, name, kind in (
            ("CSV", lambda: csv_bytes(rows.table), "libra-decisions.csv", "text/csv"),
            (
                "Parquet",
                lambda: parquet_bytes(rows.table, rows.sessions),
                "libra-decisions.parquet",
                "application/vnd.apache.parquet",
            ),
            ("FHIR R4 (JSON)", bundles, "libra-fhir.json", "application/fhir+json"),
        ):
            st.download_button(
                label,
                _on_record(data, label, rows),
                name,
                kind,
                key=f"fb_get_{name}",
                icon=":material/download:",
                on_click="ignore",
            )
