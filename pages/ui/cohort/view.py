"""The parts of the Cohort page: the cohort in six numbers, its patients, and what was measured or assumed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

from libra_core.clinical import Feature
from libra_core.cohort import Cohort
from pages.ui.cohort import charts as cohort_charts
from pages.ui.draw import cards, charts
from pages.ui.draw.show import figure as show
from pages.ui.session import current
from pages.ui.session.state import Key, Slot, app_state

KINDS = {
    "real": ":green-badge[:material/groups: Real people, partly assumed values]",
    "synthetic": ":violet-badge[:material/casino: Synthetic: no real person]",
    "uploaded": ":blue-badge[:material/upload_file: Uploaded by you]",
}
LISTED = 5000  # lines of the table that go to the browser
KEY_FACTS = ("egfr", "serum_k", "n_bp_classes", "gout", "angioedema")  # worth a warning if never measured
TABLE = ("age", "female", "sbp", "dbp", "bmi", "egfr", "serum_k", "n_bp_classes", "diabetes")


def figures(cohort: Cohort) -> None:
    """The cohort in a few numbers."""
    frame, middle_half = cohort.frame, "The median, and the range of the middle half of the patients."
    tiles = (
        ("Patients", f"{len(cohort):,}", "Rows that can be used."),
        ("Enter the simulation", f"{len(cohort.arrivals):,}", f"Patients with {cohort.protocol.arrivals_rule.reason}."),
        *(
            (cards.heading(cohort.protocol.feature(name), False), _spread(frame[name]), middle_half)
            for name in ("age", cohort.protocol.outcome.name)
            if name in frame.columns
        ),
        *_on_drugs(cohort),
        ("Values assumed", f"{cohort.imputed.to_numpy().mean():.0%}", "Not measured, but filled in by a stated rule."),
    )
    with st.container(horizontal=True, gap="small", key="tiles"):
        for name, value, explanation in tiles:
            st.metric(name, value, help=explanation, border=True, width="stretch")
    share = cohort.imputed.mean()
    never = [cohort.protocol.feature(n).label_inside for n in KEY_FACTS if n in share.index and share[n] == 1]
    unknown = f" :orange-badge[:material/visibility_off: never measured: {', '.join(never)}]" if never else ""
    st.markdown(
        f":small[Patients with {cohort.protocol.arrivals_rule.reason} enter the simulation. In brackets: the middle "
        f"half of the patients.]{unknown}"
    )


def _on_drugs(cohort: Cohort) -> list[tuple[str, str, str]]:
    """The share on treatment, where the protocol counts drug classes."""
    if "n_bp_classes" not in cohort.frame.columns:
        return []
    known = ~cohort.imputed["n_bp_classes"]
    share = f"{(cohort.frame.loc[known, 'n_bp_classes'] > 0).mean():.0%}" if known.any() else "not recorded"
    return [("On BP drugs", share, "Share with at least one drug class, where it was recorded.")]


def _spread(values: pd.Series) -> str:
    low, middle, high = values.quantile([0.25, 0.5, 0.75])
    return f"{middle:.0f} ({low:.0f}–{high:.0f})"


# ------------------------------------------------------------------------------------------------ patients


def categories(cohort: Cohort) -> np.ndarray:
    """The class of every patient, the first that fits."""
    columns = cohort.protocol.columns(cohort.values)
    rules = cohort.protocol.categories
    if not rules:
        return np.full(len(cohort), "not classified", dtype=object)
    return np.select([rule.fires(columns) for rule in rules], [rule.reason for rule in rules], "not classified")


TABLE_MADE: Slot[tuple[Cohort, bool, pd.DataFrame]] = Slot("table")  # the last table, and what it was made of


def table(cohort: Cohort, si: bool) -> pd.DataFrame:
    """One line for each patient, in the displayed units; empty where not measured. Kept for the session.

    Small types: the table goes over the network.
    """
    made = TABLE_MADE.get()
    if made is None or made[0] is not cohort or made[1] != si:
        columns: dict[str, object] = {"ID": list(cohort.ids)}
        names = [n for n in cards.preferred(cohort, TABLE, len(TABLE)) if not cohort.imputed[n].all()]
        for name in names:
            feature = cohort.protocol.feature(name)
            shown = pd.Series(_column(feature, cohort.frame[name], si)).mask(cohort.imputed[name].to_numpy())
            columns[cards.heading(feature, si)] = shown.astype("category" if feature.kind == "flag" else "float32")
            if name == ("dbp" if "dbp" in names else cohort.protocol.outcome.name):
                columns["Class"] = pd.Categorical(categories(cohort))
        columns["Values assumed"] = cohort.imputed.sum(axis=1).to_numpy(np.int16)
        made = (cohort, si, pd.DataFrame(columns))
        TABLE_MADE.put(made)
    return made[2]


def _formats(cohort: Cohort, si: bool) -> dict[str, object]:
    """The decimals of each column, from the feature's rounding."""
    features = [cohort.protocol.feature(n) for n in cards.preferred(cohort, TABLE, len(TABLE))]
    fine = [f for f in features if f.kind == "number" and ((f.si_round if si else f.us_round) or f.round) < 1]
    return {cards.heading(f, si): st.column_config.NumberColumn(format="%.1f") for f in fine}


def _column(feature: Feature, values: pd.Series, si: bool) -> np.ndarray:
    if feature.name == "female":
        return np.where(values >= 0.5, "woman", "man")
    if feature.kind == "flag":
        return np.where(values >= 0.5, "yes", "no")
    step = (feature.si_round if si else feature.us_round) or feature.round
    return np.round(np.asarray(feature.in_units(values, si)) / step) * step


def patients(cohort: Cohort, si: bool) -> None:
    """The table, and the patient that is selected in it."""
    left, right = st.columns([5, 3], gap="medium")
    with left:
        only = st.toggle("Only patients who enter the simulation", key="only_arrivals", persist_state="session")
        every = cohort.arrivals if only else np.arange(len(cohort))
        if len(every):
            _listed(cohort, every, si, only)
        else:
            st.info(
                f"No patient here enters the simulation, which includes patients with "
                f"{cohort.protocol.arrivals_rule.reason}. Switch this off to see all patients, "
                "or choose another cohort above.",
                icon=":material/filter_alt_off:",
            )
    with right:
        selected(cohort, si)


def _listed(cohort: Cohort, every: np.ndarray, si: bool, only: bool) -> None:
    rows = every[:LISTED]
    event = st.dataframe(
        table(cohort, si).iloc[rows],
        key=f"patients-{cohort.name}-{len(cohort)}-{only}",
        on_select="rerun",
        selection_mode="single-row",
        hide_index=True,
        height=330,
        placeholder="–",
        column_config=_formats(cohort, si),
        alt="Patients of the cohort, one a line",
    )
    more = f" · the first {LISTED:,} of {len(every):,}; find others by their ID" if len(every) > LISTED else ""
    st.caption(f"Empty: not measured{more}")
    chosen = event["selection"]["rows"]
    if chosen:
        current.select(int(rows[chosen[0]]))


def selected(cohort: Cohort, si: bool) -> None:
    """The selected patient, and the way to the recommendation."""
    st.text_input(
        "Find a patient by ID",
        key=Key.FIND,
        placeholder=f"for instance {cohort.ids[0]}",
        on_change=current.on_find,
        args=(cohort,),
    )
    state = app_state()
    row, problem, state.not_found = state.row, state.not_found, ""
    if problem:
        st.warning(problem)
    if row is None:
        st.info("Select a line of the table, or type an ID, to see a patient here.", icon=":material/touch_app:")
        return
    with st.container(border=True):
        st.markdown(f"**{cohort.ids[row]}** · {cards.person(cohort, row)} · {cards.outcome_now(cohort, row, si)}")
        st.markdown(f"Drugs now: {cards.drugs(cohort, row)}  \nConditions: {cards.conditions(cohort, row)}")
        st.markdown(f":small[{cards.key_numbers(cohort, row, si)}]")
        if st.button("Open in Recommend", type="primary", icon=":material/arrow_forward:", key="open"):
            st.switch_page("recommend.py", query_params=current.address(cohort, row))


# ------------------------------------------------------------------------------------------------ distributions


def distributions(cohort: Cohort, si: bool) -> None:
    """The distribution of one feature, with the selected patient."""
    features = cohort.protocol.features
    left, right = st.columns([1, 3], gap="large")
    with left:
        name = st.selectbox(
            "Feature",
            [f.name for f in features],
            index=cohort.protocol.index(cohort.protocol.outcome.name),
            format_func=lambda n: cohort.protocol.feature(n).label,
            key="feature",
            persist_state="session",
        )
        feature = cohort.protocol.feature(name)
        _describe(cohort, feature, si)
    with right:
        missing, values = cohort.imputed[name].to_numpy(), cohort.frame[name]
        if feature.kind == "flag":
            yes = int((values >= 0.5).sum())
            show(charts.counts(["yes", "no"], [yes, len(values) - yes], feature.label), "distribution")
            return
        shown = np.asarray(feature.in_units(values, si))
        row = app_state().row
        patient = None if row is None else float(shown[row])
        outcome = cohort.protocol.outcome
        goal = float(feature.in_units(outcome.goal, si)) if name == outcome.name else None
        show(
            cohort_charts.distribution(
                feature.label, feature.unit_in(si), shown[~missing], shown[missing], patient, goal
            ),
            "distribution",
        )


def _describe(cohort: Cohort, feature: Feature, si: bool) -> None:
    values, missing = cohort.frame[feature.name], cohort.imputed[feature.name]
    st.markdown(f"Measured in **{(~missing).sum():,}** of {len(values):,} patients.")
    if feature.kind == "number":
        low, middle, high = (feature.display(float(v), si) for v in values.quantile([0.1, 0.5, 0.9]))
        st.markdown(f"Median **{middle}**; 8 in 10 patients between {low} and {high}.")
    if missing.any() and feature.sources and "impute" in feature.sources:
        st.caption(f"Where it was not measured: {feature.sources['impute']}.")
    if feature.mutable and feature.sources:
        st.caption(f"A habit that a plan may change. Largest step: {feature.sources['step']}.")


# ------------------------------------------------------------------------------------------------ measured or assumed


def measured(cohort: Cohort) -> None:
    """For every feature, in how many people it was measured, and the rule for the missing values."""
    share = 1 - cohort.imputed.mean()
    order = [f for f in cohort.protocol.features if share[f.name] < 1]
    complete = [f.label for f in cohort.protocol.features if share[f.name] == 1]
    st.markdown(f"**Measured in all patients:** {', '.join(complete) if complete else 'nothing'}.")
    if not order:
        return
    order.sort(key=lambda f: share[f.name])
    left, right = st.columns([4, 3], gap="medium")
    with left:
        known = [float(share[f.name]) for f in order]
        show(cohort_charts.known([f.label for f in order], known, [1 - s for s in known]), "known")
    with right:
        missing = cohort.imputed.sum()
        rules = [(f.label, f"{missing[f.name]:,}", (f.sources or {}).get("impute", "")) for f in order]
        st.dataframe(
            pd.DataFrame(rules, columns=["Fact", "Patients", "Rule for missing values"]),
            hide_index=True,
            height=min(70 + 35 * len(rules), 560),
            alt="Rules by which missing values were filled in",
        )


def provenance(cohort: Cohort) -> None:
    """The kind of data as a badge; details on demand."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(KINDS[cohort.kind], width="content")
        with st.popover("About these data", type="tertiary"):
            st.markdown(cards.escaped(cohort.provenance) if cohort.kind == "uploaded" else cohort.provenance)
            women = f"Women: {cohort.frame['female'].mean():.0%}. " if "female" in cohort.frame.columns else ""
            st.markdown(f"{women}Data from: {cohort.data_date}.")
