"""Presentation mode and navigation.

Screen and mode are kept in the address alone: a deep link, the browser's back button and a restarted server all lead
to the same screen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import streamlit as st

from pages.ui.session.address import whole

STYLE = Path(__file__).with_name("present.css")  # large type on one 16:9 screen, without the frame


def presenting() -> bool:
    return st.query_params.get("present") == "1"


def screen(screens: int) -> int:
    """The screen of the address, counted from 0; the nearest one for an invalid address."""
    return min(max(whole("screen") or 1, 1), screens) - 1


def go(to: int, screens: int) -> None:
    """Go to a screen, counted from 0; past either end nothing happens."""
    st.query_params["screen"] = str(min(max(to, 0), screens - 1) + 1)


def present(on: bool) -> None:
    if on:
        st.query_params["present"] = "1"
    else:
        st.query_params.pop("present", None)


@contextmanager
def keys(here: int, titles: list[str], note: str, reset: Callable[[], None]) -> Iterator[None]:
    """Back, the position, start again, present or leave, next; the arrow keys work too. Content of the block is
    placed in the middle."""
    n, on = len(titles), presenting()
    with st.container(
        horizontal=True, vertical_alignment="center", horizontal_alignment="distribute", key="present-keys", gap="small"
    ):
        _to(here - 1, n, "Back", key="case_back", shortcut="Left")
        st.markdown(f"**{here + 1} of {n}** · {titles[here]}  \n:small[{note}]", width="content")
        yield
        st.button("Start again", key="case_reset", icon=":material/restart_alt:", on_click=reset)
        st.button(
            "Leave" if on else "Present",
            key="case_present",
            icon=":material/close_fullscreen:" if on else ":material/slideshow:",
            on_click=present,
            args=(not on,),
        )
        _to(here + 1, n, "Next", key="case_next", shortcut="Right", type="primary")


def _to(screen: int, screens: int, label: str, **look: Any) -> None:
    """A button to another screen, disabled where there is none."""
    st.button(label, on_click=go, args=(screen, screens), disabled=not 0 <= screen < screens, **look)
