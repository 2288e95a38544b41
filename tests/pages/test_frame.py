"""Every page opens through the router, inside the frame, in any state of the session."""

import gc
import weakref

import pytest
from streamlit.testing.v1 import AppTest

from pages.ui.about.view import harmed
from pages.ui.shell.heap import ASIDE, THAW, Heap

PAGES = ("cohort", "recommend", "compare", "regret", "settings", "about")


def texts(app: AppTest) -> str:
    return "\n".join(str(e.value) for kind in (app.markdown, app.caption) for e in kind)


@pytest.mark.parametrize("page", PAGES)
def test_a_page_opens_inside_the_frame(app: AppTest, page: str) -> None:
    app.switch_page(f"{page}.py").run()
    assert not app.exception
    assert "not for clinical use" in texts(app)


@pytest.mark.parametrize("page", PAGES)
def test_a_page_survives_the_change_of_units(app: AppTest, page: str) -> None:
    app.switch_page(f"{page}.py").run()
    app.segmented_control(key="units").set_value("SI").run()
    assert not app.exception
    assert app.session_state["units"] == "SI"


def test_the_units_stay_when_the_page_changes(app: AppTest) -> None:
    app.segmented_control(key="units").set_value("SI").run()
    app.switch_page("about.py").run()
    assert app.segmented_control(key="units").value == "SI"


def test_about_says_how_often_a_simulated_drug_does_harm(app: AppTest) -> None:
    app.switch_page("about.py").run()
    app.session_state["about_tab"] = "Data and limits"
    app.run()
    assert not app.exception
    some, patients = harmed()
    assert 0 < some < 0.15 * patients
    assert f"**{some:,} of {patients:,}**" in texts(app)


# the collector is kept away from what lives long, and nothing that dies is kept for ever


class Knot:
    """Refers to itself: only the collector can free it."""

    def __init__(self) -> None:
        self.me = self


def test_what_lives_long_is_set_aside() -> None:
    heap = Heap()
    gc.unfreeze()
    heap.tend("cohort")
    first = gc.get_freeze_count()
    assert first > 1000
    kept = [[i] for i in range(1000)]
    for _ in range(ASIDE - 2):
        heap.tend("cohort")
    assert gc.get_freeze_count() <= first  # not at every run
    heap.tend("cohort")
    assert gc.get_freeze_count() > first + len(kept) / 2
    gc.unfreeze()


def test_what_was_set_aside_and_died_is_let_go() -> None:
    heap, knot = Heap(), Knot()
    seen = weakref.ref(knot)
    heap.tend("cohort")
    del knot
    gc.collect()
    assert seen() is not None  # out of the collector's sight
    for _ in range(THAW):
        heap.tend("cohort")
    assert seen() is None
    gc.unfreeze()
