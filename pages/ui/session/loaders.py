"""The only cached functions. What is cached here is shared by all sessions, so it must never change.

A cohort that is built in is immutable and shared; an uploaded one lives in its own session's AppState; a policy
that learns is never cached.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from libra_core.clinical import PROTOCOL_DIR, Protocol, default_protocol
from libra_core.cohort import Cohort, load_cohort
from libra_core.policies.base import REGISTRY, Policy

if TYPE_CHECKING:
    from libra_core.report.case import CaseStudy
    from libra_core.report.document import Document, Section


@st.cache_resource(show_spinner=False)
def compile_ahead() -> None:
    """Start compiling the kernels when the server sees its first visitor, not at the first decision."""
    from libra_core.warm import warm_in_background

    warm_in_background()


@st.cache_resource(show_spinner=False)
def protocol() -> Protocol:
    return default_protocol()


@st.cache_resource(show_spinner="Reading the cohort …")
def cohort(name: str) -> Cohort:
    return load_cohort(name)


def policies() -> dict[str, type[Policy]]:
    """Every method of the registry, by name."""
    return dict(REGISTRY)


@st.cache_data(show_spinner=False)
def worsened() -> tuple[int, int]:
    """In how many simulated patients of the first cohort some drug they may take does harm, and of how many; (0, 0)
    where the disease's simulation does not say."""
    from libra_core.environments import EnvironmentSpec, make_environment

    disease = protocol()
    world = make_environment(EnvironmentSpec(disease.name, cohort=disease.cohorts[0].name), 0)
    count = getattr(world, "negative_effects", None)
    return (count(), len(cohort(disease.cohorts[0].name).arrivals)) if count else (0, 0)


@st.cache_data(show_spinner=False)
def text(name: str) -> str:
    """A text of the About page, kept as Markdown beside the code; `text` beside the protocol may add to it."""
    disease, outcome = protocol(), protocol().outcome
    added = PROTOCOL_DIR / "text" / f"{disease.name}-{name}.md"
    said = (Path(__file__).parents[1] / "about" / "text" / f"{name}.md").read_text(encoding="utf-8")
    words = {
        "{outcome}": outcome.label,
        "{unit}": outcome.unit,
        "{horizon}": outcome.horizon,
        "{more}": added.read_text(encoding="utf-8") if added.exists() else "",
    }
    for place, word in words.items():
        said = said.replace(place, word)
    return said


@st.cache_resource(show_spinner="Reading the stored study …")
def case(wanted: str) -> CaseStudy:
    """The case study of a stored study's hash ("": the ready-made one). Raises StudyError."""
    from libra_core.report.case import load_case  # here: the other pages need none of it

    return load_case(wanted)


@st.cache_resource(show_spinner="Reading the stored study …")
def case_sections(wanted: str, si: bool) -> tuple[Section, ...]:
    from libra_core.report.story import story

    return story(case(wanted), si)


def case_document(wanted: str, si: bool) -> Document:
    from libra_core.report.story import case_document

    return case_document(case(wanted), si)
