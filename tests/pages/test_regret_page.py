"""The Regret page: a study runs in the background, shows what it found, and can be cancelled."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from libra_core.policies import RECOMMENDED
from pages.ui.regret.view import UPPER, with_theory


@pytest.fixture
def regret(app: AppTest) -> AppTest:
    app.switch_page("regret.py").run()
    app.number_input(key="study_rounds").set_value(100)
    app.number_input(key="study_replicates").set_value(2)
    return app


def run(app: AppTest) -> AppTest:
    app.button(key="study_run").click().run()
    app.session_state["libra.study"].wait(60)
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
    assert len(regret.session_state["libra.study"].result[0].policies) == (3 if world == "synthetic" else 4)
    assert any("settings" in c.value for c in regret.caption)


def test_a_cancelled_study_keeps_nothing(regret: AppTest) -> None:
    regret.number_input(key="study_rounds").set_value(20_000)
    regret.number_input(key="study_replicates").set_value(50)
    regret.button(key="study_run").click().run()
    regret.button(key="study_cancel").click().run()
    regret.session_state["libra.study"].wait(60)
    regret.run()
    assert not regret.exception
    assert any("cancelled" in i.value for i in regret.info)


def test_no_method_gets_a_sentence(regret: AppTest) -> None:
    regret.multiselect(key="study_policies").set_value([])
    run(regret)
    assert not regret.exception
    assert any("at least one policy" in e.value for e in regret.error)


CLINIC = b"age,sex,sbp,dbp\n44,F,152,90\n51,M,148,84\n70,F,171,80\n"


def captions(app: AppTest) -> str:
    return "\n".join(c.value for c in app.caption)


def small(app: AppTest) -> AppTest:
    app.switch_page("regret.py").run()
    app.number_input(key="study_rounds").set_value(100)
    app.number_input(key="study_replicates").set_value(2)
    return app


def test_an_uploaded_cohort_in_use_is_the_one_that_is_studied(app: AppTest) -> None:
    app.file_uploader[0].upload("clinic.csv", CLINIC).run()
    run(small(app))
    assert not app.exception
    assert not app.error
    assert app.session_state["libra.study"].subject.environment.cohort.startswith("clinic")


def test_after_a_bad_upload_the_study_is_over_the_file_still_in_use(app: AppTest) -> None:
    app.file_uploader[0].upload("clinic.csv", CLINIC).run()
    run(small(app))
    app.switch_page("cohort.py").run()
    app.file_uploader[0].upload("broken.csv", b"not,a\n").run()
    run(small(app))
    assert not app.exception
    assert app.session_state["libra.study"].subject.environment.cohort.startswith("clinic")


@pytest.mark.parametrize("learns", ["shared", "one-pass", "refit", "mle"])
def test_the_settings_reach_the_study(regret: AppTest, learns: str) -> None:
    regret.selectbox(key="study_learns").select(learns)
    regret.selectbox(key="study_compliance").select("full")
    regret.selectbox(key="study_radius").select("theory")
    regret.selectbox(key="study_adoption").select("plausible")
    regret.slider(key="study_plausibility").set_value(0.8)
    regret.number_input(key="study_cap").set_value(5)
    run(regret)
    assert not regret.error
    spec = regret.session_state["libra.study"].subject
    assert spec.environment.compliance == "full"
    assert (spec.config.shared, spec.config.estimator) == (learns == "shared", learns.replace("shared", "one-pass"))
    assert (spec.config.radius, spec.config.adoption) == ("theory", "plausible")
    assert (spec.config.plausibility, spec.config.max_calls) == (0.8, 5)
    study = regret.session_state["libra.study"].result[0]
    calls = {p.name: p.calls.max() for p in study.policies}
    assert 0 < calls[RECOMMENDED] <= 5
    regret.toggle(key="study_theory").set_value(True).run()
    # the truth is larger than the theorem assumes (|theta| <= 1), so even the theorem's radius promises nothing here
    assert "a shape to compare with, not a guarantee" in captions(regret)


def test_theory_is_drawn_on_every_kind_of_axes_and_may_be_hidden(regret: AppTest) -> None:
    run(regret)
    assert "Upper bound for GLRB" not in captions(regret), "theory is for those who ask for it"
    regret.toggle(key="study_theory").set_value(True).run()
    assert "a shape to compare with, not a guarantee" in captions(regret)
    for axes in ("log-log", "log²", "linear"):
        regret.segmented_control(key="study_axes").set_value(axes).run()
        assert not regret.exception, axes
        assert "Upper bound for GLRB" in captions(regret)
    regret.toggle(key="study_theory").set_value(False).run()
    assert "Upper bound for GLRB" not in captions(regret)


def test_the_verdict_on_the_advisor_is_told(regret: AppTest) -> None:
    regret.multiselect(key="study_policies").set_value(["libra-trial"])
    run(regret)
    assert any("failed its trial" in m.value for m in regret.markdown)


def test_the_budget_of_questions_is_told(regret: AppTest) -> None:
    run(regret)
    said = next(m.value for m in regret.markdown if "Its rule allows at most" in m.value)
    assert "whoever advises (40 + 0.29 d log²(1 + T) an advisor)" in said


def test_theory_is_in_the_curves_to_take_away(regret: AppTest) -> None:
    run(regret)
    study, theory = regret.session_state["libra.study"].result
    table = with_theory(study, theory)
    upper = table[table["policy"] == UPPER]
    assert list(upper["t"]) == list(study.t)
    assert list(upper["regret_mean"]) == list(theory.upper)
    assert table["advisor_calls_mean"][table["policy"] == "Theory: limit for libra"].is_monotonic_increasing
    assert table["config_hash"].nunique() == 1
    assert len(table) == len(study.t) * (len(study.policies) + 1 + len(theory.calls))  # no lower bound is known here


def test_a_further_limit_reaches_the_study(regret: AppTest) -> None:
    limit = regret.multiselect(key="study_limits")
    limit.select(limit.options[0])
    run(regret)
    assert not regret.error
    assert len(regret.session_state["libra.study"].subject.environment.limits) == 1
