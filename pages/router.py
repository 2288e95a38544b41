"""The whole dashboard: page settings, the list of pages, and the frame that every page stands in."""

from pathlib import Path

import streamlit as st

from pages.ui.session import current
from pages.ui.session.state import app_state
from pages.ui.shell import frame, sign_in, tour
from pages.ui.shell.heap import heap

ICON = Path(__file__).parent / "ui" / "shell" / "icon.svg"  # a local file: the dashboard works without the internet
PAGES = (
    ("cohort", "groups", "Choose or upload a cohort, see what is in it and what was assumed, and pick a patient."),
    (
        "recommend",
        "clinical_notes",
        "The recommendation for one patient, why, what else, and the run patient by patient.",
    ),
    (
        "compare",
        "compare_arrows",
        "Guideline, language model, bandit and LIBRA side by side: a patient, or a cohort.",
    ),
    (
        "regret",
        "monitoring",
        "What each method loses while it learns, over many simulated patients; when it asks.",
    ),
    ("feedback", "rate_review", "Decide patient by patient, with or without the proposal in view; every step is kept."),
    (
        "case_study",
        "slideshow",
        "The story in eight screens, from a stored study, with a mode for presenting.",
    ),
    ("settings", "tune", "The language model: off until you switch it on; what it is told, and what it may spend."),
    ("about", "info", "The method in plain words, the data, the limits, and the source of every number."),
)

st.set_page_config(page_title="LIBRA", page_icon=ICON, layout="wide")
every = [
    st.Page(
        f"{name}.py",
        title=name.replace("_", " ").capitalize(),
        icon=f":material/{icon}:",
        default=name == sign_in.FRONT,
        help=text,
    )
    for name, icon, text in PAGES
]
page = st.navigation(sign_in.pages(every), position="top")
name = page.url_path or sign_in.FRONT

frame.banner(page.title)
sign_in.who_am_i()
current.follow_address()
if app_state().lost:
    st.warning(app_state().lost, icon=":material/link_off:")
tour.strip(name)
frame.solver(name)
page.run()
heap().tend(page.title)
