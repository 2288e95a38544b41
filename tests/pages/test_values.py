"""Your values: sliders change plan, words, log, sheet and session; what was learned, and who may have what, stay."""

from __future__ import annotations

import hashlib
import json

import pytest
from streamlit.testing.v1 import AppTest

from libra_core.clinical import Worth
from libra_core.digits import fixed
from libra_core.records import LOCAL, Database, Repository
from libra_core.report.handout import handout_for
from libra_core.report.session import session_document
from libra_core.report.worth import own_values
from libra_core.study import LiveRun
from pages.ui.session.values import SLIDERS
from tests.support.feedback_page import click, page, the_session

FIRST = "worth_elsewhere"


@pytest.fixture
def recommend(app: AppTest) -> AppTest:
    """A run that has learned from 40 patients, the sliders open, and a patient who needs no drug now on display."""
    app = app.switch_page("recommend.py").run()
    for _ in range(4):
        app.button(key="step_ten").click().run()
    run = run_of(app)
    row = next(int(r) for r in run.environment.cohort.arrivals if not run.environment.cohort.due(int(r)).now)
    app.session_state["libra"].row = row
    app.session_state["worth_open"] = True
    return app.run()


def run_of(app: AppTest) -> LiveRun:
    return app.session_state["libra.live"].run


def learned(run: LiveRun) -> str:
    state = {k: v for k, v in run.policy.state().items() if k in ("arrays", "t", "streams")}
    return hashlib.sha256(json.dumps(state, sort_keys=True).encode()).hexdigest()


def texts(app: AppTest) -> str:
    return "\n".join(e.value for e in (*app.markdown, *app.caption))


def test_a_slider_redraws_the_plan_and_teaches_nothing(recommend: AppTest) -> None:
    run, before = run_of(recommend), learned(run_of(recommend))
    row = recommend.session_state["libra"].row
    assert "30% of the fall" in texts(recommend) or "30 % of the fall" in texts(recommend)
    recommend.slider(key=FIRST).set_value(100).run()
    assert not recommend.exception
    assert learned(run_of(recommend)) == before
    assert run.worth == Worth(1.0)
    shown = run.summary(row)
    assert shown.price.weight == 1.0
    metrics = {m.label: m.value for m in recommend.metric}
    if shown.net is not None:
        assert metrics["Net benefit"] == f"{fixed(shown.net.mean)} mmHg"
    assert "Own values: a fall counts 100%" in texts(recommend).replace(" %", "%")
    assert len(run.rows) == 40


def test_the_declared_values_are_one_click_away(recommend: AppTest) -> None:
    for name in SLIDERS:
        key = f"worth_{name}"
        recommend.slider(key=key).set_value(90 if key == FIRST else 2.0)
    recommend.run()
    assert run_of(recommend).worth == Worth(0.9, 2.0, 2.0, 2.0, 2.0)
    recommend.button(key="worth_declared").click().run()
    assert run_of(recommend).worth is None
    assert recommend.slider(key=FIRST).value == 30
    assert "Own values" not in texts(recommend)


def test_the_log_the_sheet_and_an_address_know_about_own_values(recommend: AppTest) -> None:
    recommend.slider(key="worth_pills").set_value(3.0).run()
    recommend.button(key="treat").click().run()
    recommend.session_state["detail_tab"] = "Run log"
    recommend.run()
    log = recommend.dataframe[0].value["Values"]
    assert log.iloc[0] == "own values: pills × 3"
    assert set(log.iloc[1:]) == {"as declared"}
    run, cohort = run_of(recommend), run_of(recommend).environment.cohort
    last = run.rows[-1]
    sheet = handout_for(cohort, run.summary(last.row, last), run.config_hash, 0, si=False)
    assert ("Values", "Made under own values: pills × 3.") in sheet.facts
    assert "treated" not in recommend.query_params  # values are in no address: a reload begins anew


def test_an_earlier_patient_keeps_the_values_of_the_day(recommend: AppTest) -> None:
    run = run_of(recommend)
    row = run.rows[-1]
    before = run.summary(row.row, row)
    recommend.slider(key="worth_side_effects").set_value(3.0).run()
    assert run.summary(row.row, row) == before


def test_how_far_a_value_may_go_is_drawn(recommend: AppTest) -> None:
    (chart,) = [c for c in recommend.get("plotly_chart") if "Range in which the plan stays" in c.alt]
    assert chart.alt.count("from") == len(SLIDERS)


def test_a_session_keeps_own_values_and_says_so(database: Database) -> None:
    app = page()
    app.slider(key="fb_worth_elsewhere").set_value(80)
    app.slider(key="fb_worth_indications").set_value(0.5)
    app.toggle(key="fb_blinded").set_value(False).run()
    click(app, "fb_start")
    log = the_session(database)
    own = Worth(0.8, indications=0.5)
    assert log.info.spec.worth == own
    assert log.engine.contexts(1).weight[0] in (0.8, 1.0)
    words = own_values(log.cohort, own)
    assert words[1:] in texts(page(log.id))
    repository = Repository(database, LOCAL)
    assert ("Values", f"O{words[1:]}.") in session_document(log.id, repository=repository).facts
