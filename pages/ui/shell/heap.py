"""The garbage collector: Streamlit collects everything after every run, so what lives long is kept out of its sight.

With pandas and plotly loaded a full collection costs 60 ms, and every open session adds to it: after 1,600 decisions
of 20 clinicians it was two thirds of the processor time of a click.
"""

from __future__ import annotations

import gc
from dataclasses import dataclass, field

import streamlit as st

ASIDE = 25  # runs of the whole server after which what has gathered is set aside: costs nothing
THAW = 1000  # runs after which everything is looked at once, and what has died is let go: a tenth of a second


@dataclass
class Heap:
    """Shared by all sessions. Two threads that tend it at once only do the same work twice."""

    pages: set[str] = field(default_factory=set)
    runs: int = 0

    def tend(self, page: str) -> None:
        """After a run: set aside what a page has imported and what the sessions have gathered."""
        self.runs += 1
        if page not in self.pages:
            self.pages.add(page)
            gc.collect()
            gc.freeze()
        elif self.runs % THAW == 0:
            gc.unfreeze()
            gc.collect()
            gc.freeze()
        elif self.runs % ASIDE == 0:
            gc.freeze()


@st.cache_resource(show_spinner=False)
def heap() -> Heap:
    return Heap()
