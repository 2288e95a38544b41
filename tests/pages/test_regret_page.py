"""The Regret page: a study runs in the background, shows what it found, and can be cancelled."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest


@pytest.fixture
def regret(app: AppTest) -> AppTest:
    app.switch_page("regret.py").run()
    app.number_input(key="study_rounds").set_value(100)
    app.number_input(key="study_replicates").set_value(2)
    return app


def run(app: AppTest) -> AppTest:
    app.button(key="study_run").click().run()
    app.session_state["libra"].study.wait(60)
    return app.run()


def test_the_page_invites(app: AppTest) -> None:
    app.switch_page("regret.py").run()
    assert not app.exception
    assert any("Which method loses least" in m.value for m in app.markdown)


@pytest.mark.parametrize("world", ["nhanes", "accord-like", "synthetic"])
@pytest.mark.parametrize("link", ["identity", "logistic"])
def test_a_study_runs_in_every_world(regret: AppTest, world: str, link: str) -> None:
    regret.selectbox(key="study_world").select(world)
    regret.selectbox(key="study_link").select(link)
    run(regret)
    assert not regret.exception
    assert not regret.error
    assert len(regret.session_state["libra"].study.result.policies) == 3
    assert any("settings" in c.value for c in regret.caption)


def test_a_cancelled_study_keeps_nothing(regret: AppTest) -> None:
    regret.number_input(key="study_rounds").set_value(20_000)
    regret.number_input(key="study_replicates").set_value(50)
    regret.button(key="study_run").click().run()
    regret.button(key="study_cancel").click().run()
    regret.session_state["libra"].study.wait(60)
    regret.run()
    assert not regret.exception
    assert any("cancelled" in i.value for i in regret.info)


def test_no_method_gets_a_sentence(regret: AppTest) -> None:
    regret.multiselect(key="study_policies").set_value([])
    run(regret)
    assert not regret.exception
    assert any("at least one policy" in e.value for e in regret.error)
