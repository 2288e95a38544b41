"""The whole dashboard: page settings, the list of pages, and the frame that every page stands in."""

from pathlib import Path

import streamlit as st

from pages.ui.session import current, loaders
from pages.ui.session.state import app_state
from pages.ui.shell import access, frame, tour
from pages.ui.shell.heap import heap

ICON = (
    Path(__file__).parent / "ui" / "shell" / "icon.svg"
)  # a file of our own: the dashboard works without the internet

st.set_page_config(page_title="LIBRA", page_icon=ICON, layout="wide")

EVERY = [
    st.Page(
        "cohort.py",
        title="Cohort",
        icon=":material/groups:",
        default=True,
        help="Choose or upload a cohort, see what is in it and what was assumed, and pick a patient.",
    ),
    st.Page(
        "recommend.py",
        title="Recommend",
        icon=":material/clinical_notes:",
        help="The recommendation for one patient, why, its alternatives, and the simulated run patient by patient.",
    ),
    st.Page(
        "compare.py",
        title="Compare",
        icon=":material/compare_arrows:",
        help="Guideline, language model, bandit and LIBRA side by side: for one patient, and for a cohort.",
    ),
    st.Page(
        "regret.py",
        title="Regret",
        icon=":material/monitoring:",
        help="Compare methods over many simulated patients: what each loses while learning, how often it asks.",
    ),
    st.Page(
        "feedback.py",
        title="Feedback",
        icon=":material/rate_review:",
        help="Decide patient by patient, with or without the proposal in view; every step is kept.",
    ),
    st.Page(
        "case_study.py",
        title="Case study",
        icon=":material/slideshow:",
        help="The story in eight screens, from a stored study: for a wall, with a presentation mode.",
    ),
    st.Page(
        "settings.py",
        title="Settings",
        icon=":material/tune:",
        help="The language model: off until you switch it on; what it is told, and what it may spend.",
    ),
    st.Page(
        "about.py",
        title="About",
        icon=":material/info:",
        help="The method in plain words, the data, the limits, and the source of every number.",
    ),
]
page = st.navigation(access.pages(EVERY), position="top")

frame.banner(page.title)
access.who_am_i()
current.follow_address()
if app_state().lost:
    st.warning(app_state().lost, icon=":material/link_off:")
tour.strip(page.url_path or access.FRONT)
page.run()
loaders.compile_ahead()
heap().tend(page.title)
