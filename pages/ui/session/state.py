"""What one session remembers: the keys of its widgets, what every page reads, and a slot for what one page keeps."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar

import streamlit as st

from libra_core.cohort import Cohort

T = TypeVar("T")
_STATE: Final = "libra"


class Key:
    """Keys of widgets: their values live in st.session_state under these names."""

    UNITS: Final = "units"
    TOUR_NEXT: Final = "tour_next"
    TOUR_CLOSE: Final = "tour_close"
    TOUR_AGAIN: Final = "tour_again"
    COHORT: Final = "cohort"
    UPLOAD: Final = "upload"
    PATIENTS: Final = "patients"
    ONLY_ARRIVALS: Final = "only_arrivals"
    FIND: Final = "find"
    OPEN: Final = "open"
    ASSUMED: Final = "assumed"
    REPORT_JSON: Final = "report_json"
    REPORT_CSV: Final = "report_csv"
    COHORT_TAB: Final = "cohort_tab"
    ABOUT_TAB: Final = "about_tab"
    FEATURE: Final = "feature"
    POLICY: Final = "policy"
    ADVISOR: Final = "advisor"
    SEED: Final = "seed"
    PLAY: Final = "play"
    SPEED: Final = "speed"
    STEP: Final = "step"
    STEP_TEN: Final = "step_ten"
    RESET: Final = "reset"
    CHECK: Final = "check"
    HAND_OUT: Final = "hand_out"
    TREAT: Final = "treat"
    DETAIL_TAB: Final = "detail_tab"
    READMIT: Final = "readmit"
    LIMIT: Final = "limit"
    RUN_CSV: Final = "run_csv"
    STUDY_POLICIES: Final = "study_policies"
    STUDY_ADVISOR: Final = "study_advisor"
    STUDY_WORLD: Final = "study_world"
    STUDY_LINK: Final = "study_link"
    STUDY_ROUNDS: Final = "study_rounds"
    STUDY_REPLICATES: Final = "study_replicates"
    STUDY_SEED: Final = "study_seed"
    STUDY_LEARNS: Final = "study_learns"
    STUDY_COMPLIANCE: Final = "study_compliance"
    STUDY_RADIUS: Final = "study_radius"
    STUDY_PLAUSIBILITY: Final = "study_plausibility"
    STUDY_ADOPTION: Final = "study_adoption"
    STUDY_CAP: Final = "study_cap"
    STUDY_LIMITS: Final = "study_limits"
    STUDY_AXES: Final = "study_axes"
    STUDY_THEORY: Final = "study_theory"
    STUDY_RUN: Final = "study_run"
    STUDY_CANCEL: Final = "study_cancel"
    STUDY_CSV: Final = "study_csv"
    STUDY_TABLE: Final = "study_table"
    COMPARE_TAB: Final = "compare_tab"
    COMPARE_ASK: Final = "compare_ask"
    COMPARE_LEARN: Final = "compare_learn"
    COMPARE_BALLOTS: Final = "compare_ballots"
    COMPARE_N: Final = "compare_n"
    COMPARE_ASKS: Final = "compare_asks"
    COMPARE_GO: Final = "compare_go"
    COMPARE_CANCEL: Final = "compare_cancel"
    COMPARE_RESULT: Final = "compare_result"
    COMPARE_FIRST: Final = "compare_first"
    COMPARE_SECOND: Final = "compare_second"
    AHEAD_START: Final = "ahead_start"
    AHEAD_EXPORT: Final = "ahead_export"
    AHEAD_IMPORT: Final = "ahead_import"
    LLM_PRESET: Final = "llm_preset"
    LLM_URL: Final = "llm_url"
    LLM_MODEL: Final = "llm_model"
    LLM_SAMPLES: Final = "llm_samples"
    LLM_CALLS: Final = "llm_calls"
    LLM_TOKENS: Final = "llm_tokens"
    LLM_COST: Final = "llm_cost"
    LLM_PAYLOAD: Final = "llm_payload"
    LLM_CONSENT: Final = "llm_consent"
    LLM_ON: Final = "llm_on"
    LLM_TEST: Final = "llm_test"
    LLM_VERIFY: Final = "llm_verify"
    LLM_AUDIT: Final = "llm_audit"
    CASE_BACK: Final = "case_back"
    CASE_NEXT: Final = "case_next"
    CASE_RESET: Final = "case_reset"
    CASE_PRESENT: Final = "case_present"
    CASE_MATHS: Final = "case_maths"
    CASE_DOWNLOAD: Final = "case_download"
    CASE_STEP: Final = "case_step"
    CASE_STEP_TEN: Final = "case_step_ten"
    CASE_PLAY: Final = "case_play"
    CASE_SPEED: Final = "case_speed"


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
    asked: tuple[str, str] = ("", "")  # the cohort and the patient that the address asked for at the last look
    lost: str = ""  # what is wrong with that address
    followed: bool = False  # whether the run that the address names was looked at: afterwards the reader chooses
    tour: bool | None = None  # open or closed; None before the first look
    notes: dict[str, str] = field(default_factory=dict)


def app_state() -> AppState:
    """The state of this session, made on its first run."""
    if _STATE not in st.session_state:
        st.session_state[_STATE] = AppState()
    return st.session_state[_STATE]


class Slot(Generic[T]):
    """What one page keeps for a session, declared by the module that needs it. of_cohort: its row numbers mean nothing
    in another cohort, so it is dropped when another one is chosen."""

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
    """The present value of a widget, also before it is drawn or while it is on another page."""
    return st.session_state.get(key, default)


def keep(key: str, value: Any) -> None:
    """Give a widget its first value, before it is drawn."""
    st.session_state.setdefault(key, value)


def si_units() -> bool:
    return widget(Key.UNITS, "US") == "SI"
