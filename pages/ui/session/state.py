"""The state of a session: keys of shared widgets, data that every page reads, and slots for single pages."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Generic, TypeVar

import streamlit as st

from libra_core.cohort import Cohort

T = TypeVar("T")
_STATE: Final = "libra"


# Keys of the widgets whose values more than one module reads; st.session_state has the values under them, in small
# letters.
Key = StrEnum(
    "Key",
    "UNITS COHORT UPLOAD FIND POLICY ADVISOR SEED PLAY SPEED STEP STEP_TEN RESET CHECK HAND_OUT TREAT DETAIL_TAB "
    "READMIT LIMIT WORTH RUN_CSV COMPARE_TAB COMPARE_ASK COMPARE_LEARN COMPARE_BALLOTS COMPARE_N COMPARE_ASKS "
    "COMPARE_GO COMPARE_RESULT",
)


@dataclass
class Upload:
    """The last file that could be used, and the cohort in it."""

    name: str
    cohort: Cohort


@dataclass(frozen=True)
class Refusal:
    """A file that could not be used, given after it, and the sentence that says why."""

    name: str
    problem: str


@dataclass
class AppState:
    """One session's own data. Nothing here is shared with another session."""

    source: str = ""  # a built-in cohort's name; "" = the uploaded one
    upload: Upload | None = None
    refusal: Refusal | None = None
    row: int | None = None
    asked: tuple[str, str] = ("", "")  # the cohort and the patient that the address asked for in the last run
    lost: str = ""  # the error of that address
    followed: bool = False  # whether the run in the address was opened, which happens once
    tour: bool | None = None  # open or closed; None before the first visit
    not_found: str = ""  # the error of the ID entered; shown once


def app_state() -> AppState:
    """The state of this session, made on its first run."""
    return st.session_state.setdefault(_STATE, AppState())


class Slot(Generic[T]):
    """Data that one page keeps for a session, declared by the module that needs it. of_cohort: dropped when another
    cohort is chosen, since its row numbers mean nothing there."""

    _of_cohort: Final[list[str]] = []

    def __init__(self, name: str, of_cohort: bool = False) -> None:
        self.key = f"{_STATE}.{name}"
        if of_cohort:
            self._of_cohort.append(self.key)

    def get(self) -> T | None:
        return st.session_state.get(self.key)

    def put(self, value: T | None) -> None:
        st.session_state[self.key] = value

    @classmethod
    def drop_of_cohort(cls) -> None:
        for key in cls._of_cohort:
            st.session_state.pop(key, None)


def widget(key: str, default: Any = None) -> Any:
    """A widget's value, also before it is drawn or while its page is not displayed."""
    return st.session_state.get(key, default)


def si_units() -> bool:
    return widget(Key.UNITS, "US") == "SI"
