"""The garbage collector: Streamlit collects everything after every run, so what lives long is kept out of its sight.

With pandas and plotly loaded a full collection costs 60 ms, and every open session adds to it: after 1,600 decisions
of 20 clinicians it was two thirds of the processor time of a click.
"""

from __future__ import annotations

import gc
from dataclasses import dataclass, field

import streamlit as st

RUNS = 250  # of the whole server, between two collections that look at everything


@dataclass
class Heap:
    """Shared by all sessions. Two threads that tend it at once only do the same work twice."""

    pages: set[str] = field(default_factory=set)
    runs: int = 0

    def tend(self, page: str) -> None:
        """After a run: set aside what a page has imported, and now and then what the sessions have gathered."""
        self.runs += 1
        if page in self.pages and self.runs < RUNS:
            return
        self.pages.add(page)
        self.runs = 0
        gc.unfreeze()  # what was set aside and has died since is let go
        gc.collect()
        gc.freeze()


@st.cache_resource(show_spinner=False)
def heap() -> Heap:
    return Heap()
