"""Settings: the language model, off until a person switches it on; its limits, and the patient facts it may receive."""

from __future__ import annotations

import streamlit as st

from pages.ui.draw import show
from pages.ui.session import current
from pages.ui.settings import view

st.markdown(
    "**You need nothing on this page** unless you want a language model's opinion beside the guideline's. It is off "
    "until you switch it on, and the dashboard works in full without it."
)
left, right = st.columns([1, 1], gap="large")
with left:
    st.subheader("Language model")
    view.server()
    view.limits()
with right:
    st.subheader("Consent and switch")
    notice = st.container()
    view.consent(current.cohort())
    with notice:
        view.status()
    view.connection()
    st.subheader("Spend so far")
    view.spend()
    view.audit()
show.heartbeat("settings", "ready")
