"""The whole dashboard: page settings, the list of pages, and the frame around every page."""

from pathlib import Path

import streamlit as st

from pages.ui.session import current
from pages.ui.session.state import app_state
from pages.ui.shell import frame, sign_in, tour
from pages.ui.shell.heap import heap

ICON = Path(__file__).parent / "ui" / "shell" / "icon.svg"  # a local file: the dashboard works without the internet
PAGES = (
    ("cohort", "groups", "Choose or upload a cohort, see what was measured and assumed, and select a patient."),
    (
        "recommend",
        "clinical_notes",
        "The recommendation for one patient, its reasons, the alternatives, and the simulated run.",
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
    (
        "feedback",
        "rate_review",
        "Decide patient by patient, with or without the proposal in view; every step is recorded.",
    ),
    (
        "case_study",
        "slideshow",
        "The method in eight screens, from a stored study, with a presentation mode.",
    ),
    ("settings", "tune", "The language model: off until you switch it on; the facts it receives, and its limits."),
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
