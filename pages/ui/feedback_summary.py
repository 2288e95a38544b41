"""What a session came to, outcomes that are entered later, and the results of the study."""

from __future__ import annotations

from collections import Counter

import pandas as pd
import streamlit as st

from libra_core.records import REASONS, Entered, Kind, Sitting
from pages.ui import words
from pages.ui.feedback_state import Key, act, leave


def end(sitting: Sitting) -> None:
    """The last page of a session."""
    cases = sitting.ledger.files
    kinds = Counter(case.final.kind for case in cases if case.final)
    with st.container(border=True, key="summary"):
        st.markdown("#### The session is complete. Thank you.")
        columns = st.columns(4)
        columns[0].metric("Patients decided", f"{sitting.ledger.decided} of {sitting.info.spec.planned}")
        columns[1].metric("Proposals accepted", kinds[Kind.ACCEPT])
        columns[2].metric("Own plans", kinds[Kind.OVERRIDE])
        columns[3].metric("Asked", kinds[Kind.ANSWER])
        reasons = Counter(c.final.reason for c in cases if c.final and c.final.kind is Kind.OVERRIDE)
        for code, n in reasons.most_common():
            st.markdown(f"- {REASONS.get(code, code or 'no reason given')}: {n}")
        st.button("Back to the list", key="fb_back", on_click=leave, type="primary")


def outcomes(sitting: Sitting) -> None:
    """The table in which outcomes are entered when they come, in any order, a few or many at a time."""
    awaiting = sitting.ledger.awaiting
    if sitting.info.spec.outcomes != "later" or not awaiting or not sitting.mine:
        return
    measure = sitting.cohort.protocol.outcome
    column = f"{measure.label[:1].upper()}{measure.label[1:]} after {measure.horizon}, {measure.unit}"
    with st.expander(f"Enter outcomes: {len(awaiting)} awaited", icon=":material/edit_note:"):
        table = pd.DataFrame(
            {
                "No.": [case.position for case in awaiting],
                "Patient": [case.patient for case in awaiting],
                "Treatment": [words.treatment(sitting.cohort, case.final.executed.arm) for case in awaiting],  # type: ignore[union-attr]
                column: pd.Series([None] * len(awaiting), dtype="float"),
                "Plan carried out, %": pd.Series([None] * len(awaiting), dtype="float"),
            }
        )
        key = f"{Key.TABLE}_{sitting.ledger.seq}"
        edited = st.data_editor(
            table, key=key, hide_index=True, disabled=["No.", "Patient", "Treatment"], alt="Outcomes to enter"
        )
        typed = edited[edited[column].notna()]
        st.button(
            f"Record {len(typed)} outcomes" if len(typed) != 1 else "Record 1 outcome",
            key=Key.ENTER,
            disabled=typed.empty,
            on_click=_enter,
            args=([_entered(row, column) for _, row in typed.iterrows()],),
        )


def _entered(row: pd.Series, column: str) -> Entered:
    share = row["Plan carried out, %"]
    return Entered(int(row["No."]), float(row[column]), None if pd.isna(share) else float(share) / 100)


def _enter(entered: list[Entered]) -> None:
    def step(sitting: Sitting) -> str:
        n = sitting.enter_outcomes(entered)
        return f"{n} outcome{'s' if n != 1 else ''} recorded; the methods have learned from them."

    act(step)
