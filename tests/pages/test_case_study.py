"""The Case study page through the router: its screens, what the address remembers, the run, and faults in words."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from pages.ui.session import loaders


@pytest.fixture
def page(app: AppTest) -> AppTest:
    return app.switch_page("case_study.py").run()


def texts(app: AppTest) -> str:
    return "\n".join(str(e.value) for kind in (app.markdown, app.caption, app.info) for e in kind)


def test_next_and_back_turn_the_screens_and_the_address_follows(page: AppTest) -> None:
    assert "1 of 8" in texts(page)
    for n in range(2, 9):
        page.button(key="case_next").click().run()
        assert f"{n} of 8" in texts(page)
        assert page.query_params["screen"] == str(n)
        assert not page.exception
    assert page.button(key="case_next").disabled
    page.button(key="case_back").click().run()
    assert "7 of 8" in texts(page)


@pytest.mark.parametrize(("screen", "shown"), [("0", 1), ("99", 8), ("x", 1), ("-3", 1), ("", 1), ("4", 4)])
def test_an_address_that_makes_no_sense_leads_somewhere(app: AppTest, screen: str, shown: int) -> None:
    app.switch_page("case_study.py")
    app.query_params["screen"] = screen
    app.run()
    assert f"{shown} of 8" in texts(app)
    assert not app.exception


def test_every_screen_shows_the_config_hash_and_the_warning(app: AppTest) -> None:
    app.switch_page("case_study.py")
    for present in ("0", "1"):
        for n in range(1, 9):
            app.query_params["screen"], app.query_params["present"] = str(n), present
            app.run()
            assert not app.exception
            assert loaders.case("").main.hash in texts(app)
            assert "Simulated outcomes" in texts(app)


def test_the_run_steps_and_the_address_remembers_how_far(app: AppTest) -> None:
    app.switch_page("case_study.py")
    app.query_params["screen"] = "6"
    app.run()
    app.button(key="case_step").click().run()
    app.button(key="case_step_ten").click().run()
    assert app.query_params["at"] == "11"
    lost = app.metric[0].value
    other = AppTest.from_file(app._script_path, default_timeout=60).run().switch_page("case_study.py")
    other.query_params["screen"], other.query_params["at"] = "6", "11"
    other.run()
    assert other.metric[0].value == lost, "another session, or a restarted server, comes to the same patient"
    other.button(key="case_reset").click().run()
    assert "1 of 8" in texts(other)
    assert "at" not in other.query_params


@pytest.mark.parametrize("at", ["-5", "x", "100000"])
def test_a_wrong_number_of_patients_is_put_right(app: AppTest, at: str) -> None:
    app.switch_page("case_study.py")
    app.query_params["screen"], app.query_params["at"] = "6", at
    app.run()
    assert not app.exception
    assert len(app.session_state["libra.case"].run.rows) in (0, 500)


def test_a_study_that_is_not_stored_is_told_in_a_sentence(app: AppTest) -> None:
    app.switch_page("case_study.py")
    app.query_params["study"] = "000000000000"
    app.run()
    assert not app.exception
    assert "No stored study has the config hash" in texts(app)


def test_units_reach_the_screens(app: AppTest) -> None:
    app.switch_page("case_study.py").run()
    us = str([t.value for t in app.table])
    app.segmented_control(key="units").set_value("SI")
    app.run()
    assert str([t.value for t in app.table]) != us
