"""Shared by all sessions and never changed: protocol, built-in cohorts, stored studies, compiled kernels.

An uploaded cohort lives in its own session's AppState; a policy that learns is never shared.
"""

from __future__ import annotations

from functools import lru_cache
from threading import Thread
from typing import TYPE_CHECKING

import streamlit as st

from libra_core.clinical import Protocol, default_protocol
from libra_core.cohort import Cohort, load_cohort
from libra_core.warm import warm

if TYPE_CHECKING:
    from libra_core.report.case import CaseStudy
    from libra_core.report.document import Document


@lru_cache(maxsize=1)
def compiler() -> Thread:
    """The thread that compiles the kernels, started once for the server: 20 s on a new machine, then cached on disk."""
    thread = Thread(target=warm, name="warm", daemon=True)
    thread.start()
    return thread


@st.cache_resource(show_spinner=False)
def protocol() -> Protocol:
    return default_protocol()


@st.cache_resource(show_spinner="Reading the cohort …")
def cohort(name: str) -> Cohort:
    return load_cohort(name)


@st.cache_resource(show_spinner="Reading the stored study …")
def case(wanted: str) -> CaseStudy:
    """The case study of a stored study's hash ("": the ready-made one). Raises StudyError."""
    from libra_core.report.case import load_case  # here: the other pages need none of it

    return load_case(wanted)


@st.cache_resource(show_spinner="Reading the stored study …")
def case_document(wanted: str, si: bool) -> Document:
    from libra_core.report.story import case_document

    return case_document(case(wanted), si)
