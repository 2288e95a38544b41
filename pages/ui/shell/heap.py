"""The garbage collector: Streamlit collects everything after every run, so what lives long is frozen.

With pandas and plotly loaded a full collection costs 60 ms, and every open session adds to it. CPU-ms of a rerun with
20 clinicians deciding on Feedback (20 users on all pages), two cores: no freeze 245 (207), one freeze after every page
was seen 71 to 75 (20 to 21), one for each page 66 (18), this schedule 22 (15 to 18).
"""

from __future__ import annotations

import gc
from dataclasses import dataclass, field

import streamlit as st

ASIDE = 25  # runs of the whole server after which new objects are frozen: costs nothing
THAW = 1000  # runs after which everything is collected once: a tenth of a second


@dataclass
class Heap:
    """Shared by all sessions. Two threads that tend it at once only do the same work twice."""

    pages: set[str] = field(default_factory=set)
    runs: int = 0

    def tend(self, page: str) -> None:
        """After a run: freeze what a page has imported and what the sessions have accumulated."""
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
