"""The Recommend page: steps, play, reset, a picked patient, every method and advisor."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from libra_core.policies import REGISTRY
from pages.ui.advice import LABELS

TABS = ("Why this plan", "Ranked alternatives", "Each treatment", "Limits and contraindications", "Run log")


@pytest.fixture
def recommend(app: AppTest) -> AppTest:
    return app.switch_page("recommend.py").run()


def rows(app: AppTest) -> list:
    return app.session_state["libra"].live.run.rows


def words(app: AppTest) -> str:
    return "\n".join(m.value for m in app.markdown)


def test_the_first_look_is_a_preview(recommend: AppTest) -> None:
    assert not recommend.exception
    assert "preview" in words(recommend)
    assert rows(recommend) == []


def test_steps_are_counted_and_shown(recommend: AppTest) -> None:
    recommend.button(key="step").click().run()
    recommend.button(key="step_ten").click().run()
    assert not recommend.exception
    assert len(rows(recommend)) == 11
    assert "Simulated outcome" in words(recommend)
    assert {m.label: m.value for m in recommend.metric}["Patients treated"] == "11"


@pytest.mark.parametrize("tab", TABS)
@pytest.mark.parametrize("units", ["US", "SI"])
def test_every_tab_opens_in_both_units(recommend: AppTest, tab: str, units: str) -> None:
    recommend.button(key="step_ten").click().run()
    recommend.session_state["detail_tab"] = tab
    recommend.segmented_control(key="units").set_value(units).run()
    assert not recommend.exception


def test_play_treats_patients_until_it_is_switched_off(recommend: AppTest) -> None:
    recommend.toggle(key="play").set_value(True).run()
    playing = len(rows(recommend))
    assert playing >= 1
    recommend.toggle(key="play").set_value(False).run()
    recommend.run()
    assert len(rows(recommend)) == playing


def test_reset_begins_anew_and_the_same_seed_repeats(recommend: AppTest) -> None:
    recommend.button(key="step_ten").click().run()
    before = [row.decision for row in rows(recommend)]
    recommend.button(key="reset").click().run()
    assert rows(recommend) == []
    recommend.button(key="step_ten").click().run()
    assert [row.decision for row in rows(recommend)] == before


def test_a_patient_picked_on_the_cohort_page_is_previewed_then_treated(app: AppTest) -> None:
    app.text_input(key="find").set_value("N-00003").run()
    app.switch_page("recommend.py").run()
    assert "**N-00003**" in words(app)
    assert rows(app) == []
    app.button(key="treat").click().run()
    assert [row.row for row in rows(app)] == [2]
    assert "**N-00003**" in words(app)


@pytest.mark.parametrize("policy", REGISTRY)
def test_every_method_plays(recommend: AppTest, policy: str) -> None:
    recommend.selectbox(key="policy").select(policy).run()
    recommend.button(key="step_ten").click().run()
    for tab in TABS:
        recommend.session_state["detail_tab"] = tab
        recommend.run()
        assert not recommend.exception, tab
    assert not recommend.error
    assert len(rows(recommend)) == 10
    assert "nan" not in words(recommend)


@pytest.mark.parametrize("advisor", LABELS)
def test_every_advisor_can_be_asked(recommend: AppTest, advisor: str) -> None:
    recommend.selectbox(key="advisor").select(advisor).run()
    recommend.button(key="step_ten").click().run()
    assert not recommend.exception
    assert rows(recommend)[-1].calls > 0


def test_a_cohort_in_which_nobody_enters_says_so(app: AppTest) -> None:
    app.file_uploader[0].upload("low.csv", b"age,sex,sbp,dbp\n44,F,112,70\n51,M,118,74\n")
    app.run()
    app.switch_page("recommend.py").run()
    assert not app.exception
    assert any("Nobody in this cohort enters" in i.value for i in app.info)


def test_an_uploaded_cohort_plays(app: AppTest) -> None:
    app.file_uploader[0].upload("clinic.csv", b"age,sex,sbp,dbp\n44,F,152,90\n51,M,148,84\n70,F,171,80\n")
    app.run()
    app.switch_page("recommend.py").run()
    app.button(key="step_ten").click().run()
    assert not app.exception
    assert len(rows(app)) == 10


def test_the_check_for_a_better_plan_answers(recommend: AppTest) -> None:
    recommend.button(key="step_ten").click().run()
    recommend.session_state["detail_tab"] = "Ranked alternatives"
    recommend.run()
    recommend.button(key="check").click().run()
    assert not recommend.exception
    assert any("within the limits" in e.value for e in [*recommend.success, *recommend.info])
