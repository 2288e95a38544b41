"""The Recommend page: steps, play, reset, a picked patient, every method and advisor."""

from __future__ import annotations

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from libra_core.advisors import LLM, kinds
from libra_core.digits import fixed
from libra_core.policies import REGISTRY
from libra_core.policies.trial import ALPHA
from pages.ui.draw.words import caution
from tests.support import by_hand
from tests.support.llm_server import LLMServer

TABS = ("Why this plan", "Ranked alternatives", "Each treatment", "Limits and contraindications", "Run log")


@pytest.fixture
def recommend(app: AppTest) -> AppTest:
    return app.switch_page("recommend.py").run()


def rows(app: AppTest) -> list:
    return app.session_state["libra.live"].run.rows


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


@pytest.mark.parametrize("advisor", [name for name in kinds() if name != LLM])
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
    assert any("No patient in this cohort enters" in i.value for i in app.info)


def test_an_uploaded_cohort_plays(app: AppTest) -> None:
    app.file_uploader[0].upload("clinic.csv", b"age,sex,sbp,dbp\n44,F,152,90\n51,M,148,84\n70,F,171,80\n")
    app.run()
    app.switch_page("recommend.py").run()
    app.button(key="step_ten").click().run()
    assert not app.exception
    assert len(rows(app)) == 10


def test_a_bad_file_after_a_good_one_leaves_the_patient_and_the_plan_alone(app: AppTest) -> None:
    """Found by a hostile tester: the plan of one cohort's patient stood under the name of another's."""
    app.file_uploader[0].upload("clinic.csv", b"age,sex,sbp,dbp\n44,F,152,90\n51,M,148,84\n").run()
    app.switch_page("recommend.py").run()
    app.button(key="step").click().run()
    before = rows(app)[-1].decision
    assert before.patient.startswith("U-")
    app.switch_page("cohort.py").run()
    app.file_uploader[0].upload("oops.csv", b"not a table").run()
    assert any("was not used" in e.value and "stays in use" in e.value for e in app.error)
    app.switch_page("recommend.py").run()
    assert not app.exception
    assert rows(app)[-1].decision == before
    shown = " ".join(m.value for m in app.markdown)
    assert before.patient in shown
    assert "N-00001" not in shown


def test_the_check_for_a_better_plan_answers(recommend: AppTest) -> None:
    recommend.button(key="step_ten").click().run()
    recommend.session_state["detail_tab"] = "Ranked alternatives"
    recommend.run()
    recommend.button(key="check").click().run()
    assert not recommend.exception
    assert any("no better plan exists within the limits, up to" in e.value for e in recommend.success)


def test_few_patients_seen_is_said_until_enough_have_come(recommend: AppTest) -> None:
    recommend.button(key="step_ten").click().run()
    assert "few patients seen so far: 9" in words(recommend)
    for _ in range(5):
        recommend.button(key="step_ten").click().run()
    assert "few patients seen" not in words(recommend)


def test_a_patient_unlike_those_seen_wears_a_badge(recommend: AppTest) -> None:
    state = recommend.session_state["libra"]
    for _ in range(8):
        recommend.button(key="step_ten").click().run()
    run = recommend.session_state["libra.live"].run
    cohort = run.environment.cohort
    state.row = next(int(r) for r in cohort.arrivals if "sbp" in run.outside(int(r)))
    recommend.run()
    assert not recommend.exception
    assert "outside the data seen" in words(recommend)
    assert "Systolic pressure" in next(m.value for m in recommend.markdown if "outside the data seen" in m.value)


def test_a_limit_of_ones_own_starts_the_run_anew_and_is_kept(recommend: AppTest) -> None:
    recommend.session_state["detail_tab"] = "Limits and contraindications"
    recommend.button(key="step_ten").click().run()
    recommend.toggle(key="limit-gentle_start").set_value(True).run()
    assert not recommend.exception
    assert rows(recommend) == []
    recommend.button(key="step_ten").click().run()
    run = recommend.session_state["libra.live"].run
    assert run.spec.environment.limits == ("gentle_start",)
    budget = run.environment.problem.feasible.constraints[0]
    used = [float(budget.use(np.array(row.decision.delta))) for row in run.rows]
    assert max(used) <= budget.limit + 1e-6
    assert max(used) > 0
    assert any("one and a half" in c.value for c in recommend.caption)


def test_the_trial_shows_its_evidence_and_a_lost_one_can_be_taken_back(recommend: AppTest) -> None:
    recommend.selectbox(key="policy").select("libra-trial").run()
    recommend.selectbox(key="advisor").select("adversarial").run()
    recommend.button(key="step_ten").click().run()
    assert "no verdict yet" in words(recommend)
    assert "Evidence that following it does harm" in words(recommend)
    trial = recommend.session_state["libra.live"].run.policy.trial
    trial.log_wealth[:] = np.log(1 / ALPHA) + 0.1  # as after many harmful rounds
    trial.dismissed[:] = True
    recommend.run()
    assert any("failed its trial" in w.value for w in recommend.warning)
    recommend.button(key="readmit").click().run()
    assert not recommend.exception
    assert "no verdict yet" in words(recommend)
    assert recommend.session_state["libra.live"].run.readmitted == [10]


def test_the_effort_of_a_plan_is_on_its_card(recommend: AppTest) -> None:
    recommend.button(key="step_ten").click().run()
    decision = rows(recommend)[-1].decision
    assert any(decision.delta)
    assert any("for one plan" in c.value for c in recommend.caption)


@pytest.mark.parametrize("tab", ["Ranked alternatives", "Each treatment"])
def test_no_effect_is_shown_before_anybody_was_treated(recommend: AppTest, tab: str) -> None:
    recommend.session_state["detail_tab"] = tab
    recommend.run()
    said = [*(i.value for i in recommend.info), *(c.value for c in recommend.caption)]
    assert any("nothing is known about any" in text for text in said)
    recommend.button(key="step_ten").click().run()
    said = [*(i.value for i in recommend.info), *(c.value for c in recommend.caption)]
    assert not any("nothing is known about any" in text for text in said)


@pytest.mark.usefixtures("clean")
def test_looking_may_ask_a_language_model_and_the_page_says_so(app: AppTest, server: LLMServer) -> None:
    app.switch_page("settings.py").run()
    app.text_input(key="llm_url").set_value(server.base_url)
    app.text_input(key="llm_model").set_value("good")
    app.toggle(key="llm_on").set_value(True).run()
    app.switch_page("recommend.py").run()
    assert "The language model is asked" not in words(app)
    app.selectbox(key="advisor").select("language-model").run()
    assert not app.exception
    assert "even if you only view the patient" in words(app)


def test_the_sheet_for_the_patient_is_offered(recommend: AppTest) -> None:
    assert any(b.proto.label == "Sheet for the patient (PDF)" for b in recommend.get("download_button"))


@pytest.mark.parametrize(
    ("text", "begins"),
    [
        ("PREGNANCY, or no reliable contraception: do NOT start this drug", ":red[:material/error:"),
        ("eGFR below 30: kidney advice", ":material/warning: eGFR below 30"),
        ("after starting: creatinine in 1-2 weeks", ":material/event_upcoming: After starting"),
    ],
)
def test_what_must_not_be_overlooked_is_red(text: str, begins: str) -> None:
    assert caution(text).startswith(begins)


def test_fall_pressure_net_benefit_and_outcome_are_those_of_the_policy(recommend: AppTest) -> None:
    """For a plan with a burden and an indication, each number against the protocol's own entries."""
    for _ in range(8):
        recommend.button(key="step_ten").click().run()
    run = recommend.session_state["libra.live"].run
    cohort, had = run.environment.cohort, {row.decision.arm for row in run.rows}
    plans = (run.decision_for(int(row)) for row in cohort.arrivals)
    plan = next(d for d in plans if d.arm in had and by_hand.both_parts(cohort, d.row, d.arm))
    recommend.session_state["libra"].row = plan.row
    recommend.run()
    shown = {m.label: m.value for m in recommend.metric}
    now, fall = cohort.frame.at[plan.row, "sbp"], plan.mean
    assert shown["Expected fall, 3 months"] == f"{fixed(fall)} mmHg"
    assert shown["Systolic pressure"] == f"{fixed(now)} → {fixed(round(now) - round(fall))} mmHg"
    assert shown["Net benefit"] == f"{fixed(by_hand.net(cohort, plan.row, plan.arm, fall))} mmHg"
    parts = by_hand.parts(cohort, plan.row, plan.arm)
    assert any(c.value.startswith(parts[0].upper() + parts[1:]) for c in recommend.caption)
    recommend.button(key="treat").click().run()
    done = rows(recommend)[-1]
    assert f"{'fell' if done.outcome >= 0 else 'rose'} by {fixed(abs(done.outcome))} mmHg" in words(recommend)


def test_the_table_of_treatments_shows_each_fall(recommend: AppTest) -> None:
    recommend.session_state["detail_tab"] = "Each treatment"
    for _ in range(6):
        recommend.button(key="step_ten").click().run()
    run = recommend.session_state["libra.live"].run
    last, had = run.rows[-1].decision, [row.decision.arm for row in run.rows[:-1]]
    table = recommend.table[0].value
    for k, option in enumerate(last.options):
        said = table["Expected fall with habits, mmHg"].iloc[k]
        if option.eligible and option.arm in had:
            fall, low, high = map(fixed, (option.mean, option.low, option.high))
            assert said == f"{fall} ({low} to {high})"
        else:
            assert said == ("not known yet" if option.eligible else "–")


def test_recorded_advice_says_which_model_when_and_with_what_text(app: AppTest) -> None:
    app.switch_page("recommend.py").run()
    app.selectbox(key="advisor").set_value("recorded").run()
    assert not app.exception
    said = next(m.value for m in app.markdown if "Recorded advice" in m.value)
    for part in ("Claude", "recorded", "2026-11-24", "hypertension"):
        assert part in said
    app.selectbox(key="advisor").set_value("near-optimal").run()
    assert not any("Recorded advice" in m.value for m in app.markdown)
