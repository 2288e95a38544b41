"""Case study: the story in eight screens, for the wall. Every number is computed from stored studies."""

from __future__ import annotations

import streamlit as st

from libra_core.study.store import StudyError
from pages.ui.case_study import present
from pages.ui.case_study import run as case_run
from pages.ui.case_study import view as case_view
from pages.ui.draw import cards, show, words
from pages.ui.session import loaders
from pages.ui.session.state import si_units


def start_again() -> None:
    """The first screen, nobody treated: the known state of every presentation."""
    case_run.reset()
    present.go(0, 1)


def main() -> None:
    wanted = st.query_params.get("study", "")
    try:
        case, sections = loaders.case(wanted), loaders.case_document(wanted, si_units()).sections
    except StudyError as error:
        st.info(cards.escaped(words.sentence(str(error))), icon=":material/inventory_2:")
        if wanted:
            show.next_step("case_study.py", "Open the ready-made study")
        return
    here = present.screen(len(sections))
    if present.presenting():
        st.html(present.STYLE)
    with st.container(key="case-screen", gap="small"):
        if sections[here].key == "run":
            case_run.screen(sections[here], case)
        else:
            case_view.screen(sections[here])
    spec = case.main.spec
    note = f"Simulated outcomes · config {case.main.hash} · seed {spec.seed}"
    if not present.presenting():
        case_view.maths(sections[here])
    with present.keys(here, [section.title for section in sections], note, start_again):
        if present.presenting():
            case_view.maths(sections[here])
    if not present.presenting():
        case_view.downloads(wanted)
    show.heartbeat("case-screen", here + 1)


main()
