"""What a session came to, outcomes that are entered later, and the results of the study."""

from __future__ import annotations

from collections import Counter

import pandas as pd
import streamlit as st

from libra_core.digits import fixed
from libra_core.records import REASONS, DecisionKind, Entered, SessionLog
from libra_core.records.ledger import CaseFile
from pages.ui.draw.cards import escaped
from pages.ui.feedback.plan import sentence
from pages.ui.feedback.state import Key, act, leave
from pages.ui.session.state import si_units


def end(log: SessionLog) -> None:
    """The last page of a session."""
    cases = [case for case in log.ledger.files if case.mistake is None]
    kinds = Counter(case.final.kind for case in cases if case.final)
    with st.container(border=True, key="summary"):
        st.markdown("#### The session is complete. Thank you.")
        columns = st.columns(4)
        columns[0].metric("Patients decided", f"{log.ledger.decided} of {log.info.spec.planned}")
        if log.info.spec.mode == "unsure":
            followed = sum(c.answered.adopted for c in cases if c.answered is not None)
            columns[1].metric("Treated by the method itself", kinds[DecisionKind.AUTOMATIC])
            columns[2].metric("You were asked", kinds[DecisionKind.ANSWER])
            columns[3].metric("Your advice was followed", followed)
        else:
            columns[1].metric("Proposals accepted", kinds[DecisionKind.ACCEPT])
            columns[2].metric("Own plans", kinds[DecisionKind.OVERRIDE])
        st.markdown(_moved(log))
        reasons = Counter(c.final.reason for c in cases if c.final and c.final.kind is DecisionKind.OVERRIDE)
        for code, n in reasons.most_common():
            st.markdown(f"- {escaped(REASONS.get(code, code or 'no reason given'))}: {n}")
        with st.container(horizontal=True, gap="small"):
            st.button("Results", key="fb_to_results", on_click=_to_results, type="primary", icon=":material/insights:")
            st.button("Back to the list", key="fb_back", on_click=leave)


def _moved(log: SessionLog) -> str:
    """What the proposals did to the first choices, and what came of it all in the simulation."""
    cases, said = [c for c in log.ledger.files if c.final and c.mistake is None], ""
    if first := [c for c in cases if c.first]:
        changed = sum(c.first.plan.arm != c.final.plan.arm for c in first)  # type: ignore[union-attr]
        said = f"You changed the treatment of {changed} of {len(first)} first choices after seeing the proposal. "
    rewards = [c.outcome.reward for c in cases if c.outcome]
    if rewards and log.info.spec.outcomes == "simulated":
        unit = log.engine.problem.reward_unit
        mean = f"{fixed(sum(rewards) / len(rewards))} {unit}"
        said += f"Net benefit of what was done: {mean} per patient on average (simulated)."
    return said


def _to_results() -> None:
    leave()
    st.session_state[Key.VIEW] = "Results"


def outcomes(log: SessionLog) -> None:
    """The table in which outcomes are entered when they come, in any order, a few or many at a time."""
    awaiting = log.ledger.awaiting
    if log.info.spec.outcomes != "later" or not awaiting or not log.mine:
        return
    measure = log.cohort.protocol.outcome
    column = f"{measure.label[:1].upper()}{measure.label[1:]} after {measure.horizon}, {measure.unit}"
    with st.expander(f"Enter outcomes: {len(awaiting)} awaited", icon=":material/edit_note:"):
        now = log.cohort.frame[measure.name]
        share = "Share of the habit changes made, %"
        table = pd.DataFrame(
            {
                "No.": [case.position for case in awaiting],
                "Patient": [case.patient for case in awaiting],
                f"Before, {measure.unit}": [round(float(now.iloc[case.row])) for case in awaiting],
                "Plan": [_plan(log, case) for case in awaiting],
                column: pd.Series([None] * len(awaiting), dtype="float"),
                share: pd.Series([None] * len(awaiting), dtype="float"),
            }
        )
        edited = st.data_editor(
            table,
            key=f"{Key.TABLE}_{log.ledger.seq}",
            hide_index=True,
            disabled=list(table.columns[:4]),
            column_config={share: st.column_config.NumberColumn(help="Empty: as is usual in the simulation.")},
            placeholder="",
            alt="Outcomes to enter",
        )
        typed = edited[edited[column].notna()]
        st.button(
            "Record 1 outcome" if len(typed) == 1 else f"Record {len(typed) or ''} outcomes".replace("  ", " "),
            key=Key.ENTER,
            disabled=typed.empty,
            on_click=_enter,
            args=([_entered(row, column, share) for _, row in typed.iterrows()],),
        )


def _plan(log: SessionLog, case: CaseFile) -> str:
    done = case.final.executed if case.final else None
    return "" if done is None else sentence(log.cohort, done, si_units())


def _entered(row: pd.Series, column: str, share: str) -> Entered:
    return Entered(int(row["No."]), float(row[column]), None if pd.isna(row[share]) else float(row[share]) / 100)


def _enter(entered: list[Entered]) -> None:
    def step(log: SessionLog) -> str:
        n = log.enter_outcomes(entered)
        return f"{n} outcome{'s' if n != 1 else ''} recorded; the methods have learned from them."

    act(step)
