"""The results on the Regret page: an example, the curves of a study with theory, its tables, the downloads."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from libra_core.digits import fixed, interval
from libra_core.policies import REGISTRY
from libra_core.policies.counsel import FREE, RATE
from libra_core.policies.distil import LibraDistil
from libra_core.report.document import kept
from libra_core.spreadsheet import csv_bytes
from libra_core.study.batch import StudyResult
from libra_core.study.metrics import band, group_frame, regret_frame, summary_frame
from libra_core.study.promises import BOUNDED, Promises
from libra_core.study.store import StudyError
from pages.ui.draw import charts, words
from pages.ui.draw.show import download
from pages.ui.draw.show import figure as show
from pages.ui.regret import form as regret_form
from pages.ui.regret.form import RULES
from pages.ui.session import loaders
from pages.ui.session.state import widget

AXES_HELP = (
    "On log-log axes √T is a straight line of slope ½ and a constant loss per patient one of slope 1. On the log² "
    "axis a curve that grows like the square of the logarithm is a straight line."
)


def invitation() -> None:
    st.markdown("#### Which method loses least while it learns?")
    st.markdown(
        "Choose methods and press **Run the study**. Each is run over the same simulated patients, several times. "
        "*Regret* is the benefit lost compared with the best possible plan, added up over the patients. "
        "The curve of a method that learns flattens; one that does not learn keeps losing at the same rate."
    )
    try:
        drawn, caption = _example()
    except StudyError:  # nothing is stored, or nothing that can be read
        return
    show(drawn, "example", caption)


@lru_cache(maxsize=1)
def _example() -> tuple[go.Figure, str]:
    """The stored study's curves, thinned, and their caption: made once, since every first visit shows them."""
    found = loaders.case("").main.result
    shown = [p for p in found.policies if p.name in regret_form.DEFAULT]
    keep = kept(len(found.t), 60)
    curves = {REGISTRY[p.name].label: (np.asarray(found.t)[keep], *(v[keep] for v in band(p.regret))) for p in shown}
    alt = f"Example: benefit lost over {found.t[-1]} patients in the stored study"
    return (
        charts.bands(curves, lost(found.unit), alt, 300),
        f"An example: the stored study of the page *Case study*. Mean of {found.spec.replicates} repetitions with its "
        f"95 % confidence band, simulated · settings {found.spec.hash}",
    )


def lost(unit: str) -> str:
    """The axis title of regret, with its unit."""
    return "Good outcomes lost so far (patients)" if unit == "probability" else f"Benefit lost so far ({unit})"


def result(found: StudyResult, theory: Promises) -> None:
    """Curves, final numbers, the advisor's part, subgroups, and the downloads."""
    names = {p.name: REGISTRY[p.name].label for p in found.policies}
    curves = {names[p.name]: (found.t, *band(p.regret)) for p in found.policies}
    table = summary_frame(found)
    best = names[str(table.sort_values("regret")["policy"].iloc[0])]
    axes, drawn = _axes()
    lines = {UPPER: (found.t, theory.upper), LOWER: (found.t, theory.lower)} if drawn else None
    alt = f"Benefit lost over {found.t[-1]} patients; least by {best}"
    show(charts.bands(curves, lost(found.unit), alt, axes=axes, theory=lines), "regret")
    spec = found.spec
    st.caption(
        f"Simulated outcomes. Mean of {spec.replicates} repetitions with its 95 % confidence band · "
        f"seed {spec.seed} · settings {spec.hash}"
    )
    if spec.environment.name == regret_form.SYNTHETIC and RULES in widget("study_policies", ()):
        st.caption("The guideline was left out: it does not apply to synthetic patients.")
    if drawn:
        st.caption(_assumptions(found, theory, names, axes))
    numbers, asked, groups = st.tabs(["Final numbers", "Questions to the advisor", "Subgroups"])
    with numbers:
        _final(table, names, found)
    with asked:
        _asked(table, names, found, theory if drawn else None, axes)
    with groups:
        _groups(found, names)
    _downloads(found, theory)


UPPER, LOWER = "Theory: upper bound for GLRB", "Theory: shape of the lower bound, c·d·√T"


def _axes() -> tuple[str, bool]:
    """The kind of axes, and whether theoretical curves are drawn."""
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        axes = st.segmented_control(
            "Axes",
            charts.AXES,
            default=charts.LINEAR,
            required=True,
            key="study_axes",
            help=AXES_HELP,
            persist_state="session",
        )
        theory = st.toggle("Theory", False, key="study_theory", persist_state="session")
    return axes or charts.LINEAR, theory


def _assumptions(found: StudyResult, theory: Promises, names: dict[str, str], axes: str) -> str:
    """The theoretical curves, their assumptions, and how far they are from the runs."""
    unit, rounds, config = _short(found.unit), found.t[-1], found.spec.config
    upper = f"Upper bound for GLRB: about {words.about(theory.upper[-1])} {unit} after {rounds:,} patients"
    mine = next((p for p in found.policies if p.name == BOUNDED), None)
    if mine is not None and (lost := mine.regret[:, -1].mean()) > 0:
        upper += f", {words.about(theory.upper[-1] / lost)} times what GLRB lost here"
    beyond = axes != charts.LOG_LOG and theory.upper[-1] > max(p.regret[:, -1].max() for p in found.policies)
    upper += " (off the chart; log-log axes show it)." if beyond else "."
    holds = (
        f"It holds with a probability of {1 - config.failure:.0%}, "
        "if outcomes follow the model, inputs stay in their range and the best plan is found each time."
        if theory.proven
        else "With these settings it is a shape to compare with, not a guarantee: the theorem needs wider ranges "
        "(*More settings*), for patients who make all of an advised change, and for a model that outcomes follow."
    )
    lower = (
        "Lower bound: on the hardest problem no method loses less than c·d·√T; theory does not give c, so the curve is "
        f"drawn to end where {names[theory.anchor]} ends. On an easier problem a good method may flatten more."
    )
    return f"**Theory.** {upper} {holds} {lower}"


def _short(unit: str) -> str:
    return "good outcomes" if unit == "probability" else unit


def _per(mean: float, low: float, high: float, patients: int = 1) -> str:
    """A loss per patient with its interval: '1.08 (0.84 to 1.32)'."""
    return f"{fixed(mean / patients, 2)} ({interval(low / patients, high / patients, 2)})"


def _final(table: pd.DataFrame, names: dict[str, str], found: StudyResult) -> None:
    rounds, unit = found.t[-1], _short(found.unit)
    digits = 1 if found.unit in ("probability", "reward") else 0
    rows = [
        {
            "Method": names[r.policy],
            f"Lost per patient, {unit}": _per(r.regret, r.low, r.high, rounds),
            f"Total after {rounds:,} patients, {unit}": fixed(r.regret, digits),
            "Median (5 to 95 %)": f"{fixed(r.median, digits)} ({interval(r.q05, r.q95, digits)})",
        }
        for r in table.sort_values("regret").itertuples()
    ]
    st.table(pd.DataFrame(rows), border="horizontal", hide_index=True)
    st.caption(
        "Lost per patient: the mean, in brackets its 95 % confidence interval. Last column: the totals of single "
        "repetitions, their median and the range of nine in ten."
    )


def _asked(table: pd.DataFrame, names: dict[str, str], found: StudyResult, theory: Promises | None, axes: str) -> None:
    asking, rounds = table[(table["calls"] > 0) & (table["policy"] != RULES)], found.spec.rounds
    if asking.empty:
        st.markdown("None of these methods asks an advisor.")
        return
    curves = {names[p.name]: (found.t, *band(p.calls)) for p in found.policies if p.calls.any() and p.name != RULES}
    bounds = {f"Theory: limit for {names[name]}": (found.t, c) for name, c in theory.calls.items()} if theory else {}
    said = ", ".join(f"{names[row.policy]} {row.calls:,.0f}" for row in asking.itertuples())
    alt = f"Questions in {rounds} patients: {said}"
    show(charts.bands(curves, "Questions to the advisor so far", alt, 280, axes, bounds), "calls")
    for row in asking.itertuples():
        limit = _budget if row.policy == LibraDistil.name else _limit
        st.markdown(f"**{names[row.policy]}** {limit(row.calls, row.call_bound, rounds)}")
    for policy in found.policies:
        if policy.dismissed is not None:
            lost, replicates = round(policy.dismissed * found.spec.replicates), found.spec.replicates
            st.markdown(
                f"**{names[policy.name]}**: the advisor failed its trial and was no longer asked in {lost} of "
                f"{replicates} repetitions."
            )


def _limit(calls: float, bound: float | None, rounds: int) -> str:
    asked = f"asked {calls:,.0f} times in {rounds:,} patients"
    if bound is None or pd.isna(bound):
        return f"{asked}; its questions are not limited."
    if bound >= rounds:
        return (
            f"{asked}. The theoretical limit, about {words.about(bound)}, exceeds the number of patients: it matters "
            "in the long run (it grows like the square of a logarithm), not at this length."
        )
    return f"{asked}; theory allows at most {bound:,.0f}."


def _budget(calls: float, bound: float, rounds: int) -> str:
    """Questions of a method that has a budget for them, whatever the advisor says."""
    return (
        f"asked {calls:,.0f} times in {rounds:,} patients; its rule allows at most {bound:,.0f}, whoever advises "
        f"({FREE} + {RATE:g} d log²(1 + T) an advisor)."
    )


def _groups(found: StudyResult, names: dict[str, str]) -> None:
    table = group_frame(found)
    if table.empty:
        st.markdown("Synthetic patients have no subgroups.")
        return
    table["text"] = [_per(r.regret_per_patient, r.low, r.high) for r in table.itertuples()]
    table["policy"] = table["policy"].map(names)
    wide = table.pivot(index="group", columns="policy", values="text").rename_axis(columns=None).reset_index()
    st.table(wide.rename(columns={"group": "Patients"}), border="horizontal", hide_index=True)
    st.caption(
        f"Benefit lost per patient in {_short(found.unit)}, mean over repetitions with its 95 % confidence interval."
    )


def with_theory(found: StudyResult, theory: Promises) -> pd.DataFrame:
    """The curves of a study, then the theoretical ones: one line for each method or bound and round of the grid."""
    runs = regret_frame(found)
    same = {name: runs[name].iloc[0] for name in ("unit", "config_hash", "seed")}
    bounds = [{"policy": UPPER, "regret_mean": theory.upper}, {"policy": LOWER, "regret_mean": theory.lower}]
    bounds += [{"policy": f"Theory: limit for {n}", "advisor_calls_mean": c} for n, c in theory.calls.items()]
    return pd.concat([runs, *(pd.DataFrame({"t": found.t, **bound, **same}) for bound in bounds)], ignore_index=True)


def _downloads(found: StudyResult, theory: Promises) -> None:
    curves, final = csv_bytes(with_theory(found, theory)), csv_bytes(summary_frame(found))
    with st.container(horizontal=True):
        download("Curves and bounds (CSV)", curves, f"libra-curves-{found.spec.hash}.csv", "study_csv")
        download("Final numbers (CSV)", final, f"libra-final-{found.spec.hash}.csv", "study_table")
