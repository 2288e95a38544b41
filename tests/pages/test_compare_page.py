"""Compare: four sources side by side, the language model only when asked, and a page that stays up whatever it does."""

import io
import zipfile

import pytest
from streamlit.testing.v1 import AppTest

from libra_core.advisors import make_advisor
from libra_core.advisors.llm.record import rows_of
from libra_core.advisors.llm.store import open_store
from libra_core.cohort import load_cohort
from libra_core.digits import fixed
from libra_core.records import LOCAL, Database, Repository, SessionLog, SessionSpec, Stamp
from libra_core.study.live import LiveRun
from libra_core.study.spec import inputs_digest
from tests.pages.conftest import ROUTER
from tests.support import by_hand
from tests.support.llm_server import LLMServer

pytestmark = pytest.mark.usefixtures("clean")


def compare_page(server: LLMServer | None = None, model: str = "good") -> AppTest:
    app = AppTest.from_file(ROUTER, default_timeout=60).run()
    if server is not None:
        app.switch_page("settings.py").run()
        app.text_input(key="llm_url").set_value(server.base_url)
        app.text_input(key="llm_model").set_value(model)
        app.toggle(key="llm_on").set_value(True).run()
    return app.switch_page("compare.py").run()


def texts(app: AppTest) -> str:
    parts = [app.markdown, app.caption, app.info, app.success, app.warning, app.error]
    return "\n".join(str(element.value) for part in parts for element in part)


def test_a_clinicians_decision_stands_beside_the_others(monkeypatch, tmp_path):
    url = f"sqlite:///{tmp_path / 'records.sqlite'}"
    cohort = load_cohort("nhanes")
    database = Database(url)
    repository = Repository(database, LOCAL)
    spec = SessionSpec(
        "nhanes", inputs_digest(cohort), cohort.protocol.name, companions=(), blinded=False, worth=cohort.protocol.worth
    )
    log = SessionLog(repository, repository.begin(spec, "Morning round").id, cohort)
    case = log.current()
    now = "2026-11-24T08:00:00.000+00:00"
    log.accept(case.position, Stamp("key-1", now, 5.0))
    database.close()
    monkeypatch.setenv("LIBRA_DATABASE_URL", url)
    app = compare_page()
    assert "**Clinician**" not in texts(app), "this patient was not decided about"
    app.session_state["libra"].row = case.row
    app.run()
    assert not app.exception
    assert "**Clinician**" in texts(app)
    assert "Morning round" in texts(app)


def open_tab(app: AppTest, name: str) -> AppTest:
    app.session_state["compare_tab"] = name
    return app.run()


def test_offline_a_recorded_model_speaks_with_its_date_and_nobody_is_asked():
    app = compare_page()
    assert not app.exception
    shown = texts(app).replace("\\", "")
    assert "**Language model** :gray-badge[recorded]" in shown
    assert "recorded 2026-11-24, prompt hypertension-3" in shown
    assert "No language model is asked." in shown
    assert "Nothing recorded against it" in shown


def test_offline_without_a_recording_shows_three_plans_and_says_that_no_model_speaks():
    app = AppTest.from_file(ROUTER, default_timeout=60)
    app.query_params["cohort"] = "accord-like"
    app = app.run().switch_page("compare.py").run()
    assert not app.exception
    shown = texts(app)
    for title in ("**Guideline**", "**Language model** :gray-badge[off]", "**Bandit**", "**LIBRA**"):
        assert title in shown
    assert "switched off" in shown
    assert "ACC/AHA 2017" in shown.replace("\\", "")
    assert "not contraindicated" in shown


def test_learning_gives_the_expectations_a_meaning():
    app = compare_page()
    assert "seen no patient yet" in texts(app)
    app.button(key="compare_learn").click().run()
    assert not app.exception
    assert "learned from 200 simulated patients" in texts(app)


def test_the_model_is_asked_only_by_a_press(server):
    server.seen.clear()
    app = compare_page(server)
    assert server.seen["good"] == 0
    assert "Not asked about this patient yet" in texts(app)
    app.button(key="compare_ask").click().run()
    assert not app.exception
    assert server.seen["good"] == 3
    shown = texts(app).replace("\\", "")
    assert "A test server says so." in shown
    assert "vote share 100%" in shown
    assert "hypertension-" in shown
    assert "| Sample | Treatment | Place on its shuffled menu |" in shown
    app.run()
    assert server.seen["good"] == 3, "drawing the page again asks nobody"


@pytest.mark.parametrize(
    ("mode", "sentence"),
    [
        ("401", "does not accept the API key"),
        ("503", "reports an internal error"),
        ("html", "not a language model server"),
        ("cut", "connection was lost"),
        ("unknown-arm", "unusable twice"),
        ("infeasible", "unusable twice"),
        ("truncated", "cut off twice"),
        ("refusal", "declined to answer"),
        ("quota", "no quota left"),
    ],
)
def test_the_page_stays_up_under_faults(server, mode, sentence):
    app = compare_page(server, f"fault:{mode}")
    app.button(key="compare_ask").click().run()
    assert not app.exception
    assert sentence in texts(app).replace("\\", "")
    assert "**LIBRA**" in texts(app)
    assert open_store().rows()[-1]["kind"] in ("advice", "decision")


@pytest.mark.parametrize("model", ["fault:500", "fault:unknown-arm", "fault:html"])
def test_recommend_stays_up_and_libra_plays_its_own_action(server, model):
    app = compare_page(server, model)
    app.session_state["advisor"] = "language-model"
    server.seen.clear()
    app.switch_page("recommend.py").run()
    assert not app.exception
    assert "no usable advice came" in texts(app)
    asked = server.seen[model]
    app.run()
    assert server.seen[model] == asked > 0, "a page that is drawn again does not wait again"
    app.button(key="step").click().run()
    assert not app.exception


def test_a_models_words_are_shown_as_text(server):
    app = compare_page(server, "fault:markup")
    app.button(key="compare_ask").click().run()
    shown = texts(app)
    assert "<script>" not in shown
    assert "\\<script\\>" in shown


def test_the_answer_and_what_libra_made_of_it_are_in_the_log(server):
    app = compare_page(server)
    app.button(key="compare_ask").click().run()
    advice, decision = open_store().rows()
    assert advice["kind"] == "advice"
    assert decision["kind"] == "decision"
    assert decision["advice_row"] == advice["seq"]
    assert decision["final_choice"]
    assert open_store().verify().ok


def test_a_cohort_is_compared_in_the_background():
    app = open_tab(compare_page(), "Whole cohort")
    app.selectbox(key="compare_n").set_value(100)
    app.button(key="compare_go").click().run()
    app.session_state["libra.comparison"].wait(60)
    app.run()
    assert not app.exception
    shown = texts(app)
    assert "Cohen's kappa" in shown
    assert "simulation's true means" in shown
    assert "bound" in shown
    assert any("of 100 patients" in m.value for m in app.metric)
    assert len(app.dataframe) == 2


def test_a_comparison_can_be_cancelled_and_belongs_to_its_cohort():
    app = open_tab(compare_page(), "Whole cohort")
    app.selectbox(key="compare_n").set_value(1000)
    app.button(key="compare_go").click().run()
    job = app.session_state["libra.comparison"]
    job.cancel()
    job.wait(60)
    assert len(job.result) < 1000
    app.run()
    assert not app.exception
    app.switch_page("cohort.py").run()
    app.selectbox(key="cohort").set_value("accord-like").run()
    app.switch_page("compare.py").run()
    open_tab(app, "Whole cohort")
    assert "see where they agree" in texts(app)


def test_answers_are_stored_ahead_and_compared(server):
    app = compare_page(server)
    app.switch_page("cohort.py").run()
    app.selectbox(key="cohort").set_value("accord-like").run()
    app.switch_page("compare.py").run()
    open_tab(app, "Stored answers")
    assert "patients who enter the simulation, 3 questions each" in texts(app)
    assert any(button.key == "ahead_recording" for button in app.get("download_button"))
    app.button(key="ahead_start").click().run()
    job = app.session_state["libra.ahead"]
    job.cancel()
    job.wait(60)
    app.run()
    assert not app.exception
    assert "run it again to go on" in texts(app)
    open_tab(app, "Whole cohort")
    app.selectbox(key="compare_n").set_value(100)
    app.button(key="compare_go").click().run()
    app.session_state["libra.comparison"].wait(60)
    app.run()
    assert not app.exception
    assert "Language model (stored answers)" in app.session_state["libra.comparison"].result.arms


def saved() -> None:
    """In a page of its own: the stored answers about a small cohort as a file to take away, before and after asking."""
    import os

    import streamlit as st

    from libra_core.advisors.llm import precompute
    from libra_core.advisors.llm.record import rows_of
    from libra_core.cohort import load_cohort
    from pages.ui.session import llm

    cohort = load_cohort(os.environ["SMALL"])
    llm.update(base_url=os.environ["SMALL_URL"], model="good", enabled=True)
    st.session_state["none"] = llm.recording_zip(cohort)
    precompute(llm.advisor(cohort), rows_of(cohort)[:3])
    st.session_state["some"] = llm.recording_zip(cohort)
    st.session_state["said"] = [llm.advisor(cohort).recall(cohort.case(row)).advice for row in rows_of(cohort)[:3]]


def test_stored_answers_can_be_taken_away_as_a_recording(server, monkeypatch, tmp_path):
    rows = "".join(f"{40 + 5 * n},F,{140 + 5 * n}\n" for n in range(6))
    (tmp_path / "clinic.csv").write_text(f"age,sex,sbp\n{rows}")
    monkeypatch.setenv("SMALL", str(tmp_path / "clinic.csv"))
    monkeypatch.setenv("SMALL_URL", server.base_url)
    app = AppTest.from_function(saved, default_timeout=60).run()
    assert not app.exception
    with zipfile.ZipFile(io.BytesIO(app.session_state["none"])) as file:
        assert "no answer is stored yet" in file.read(file.namelist()[0]).decode().lower()
    with zipfile.ZipFile(io.BytesIO(app.session_state["some"])) as file:
        assert sorted(file.namelist()) == ["recording.jsonl", "recording.toml"]
        file.extractall(tmp_path)
    cohort = load_cohort(str(tmp_path / "clinic.csv"))
    world = LiveRun.start(cohort, "glrb").environment
    recorded = make_advisor(f"recorded:{tmp_path / 'recording.toml'}", world, 0)
    for row, live in zip(rows_of(cohort), app.session_state["said"], strict=False):
        again = recorded.advise(cohort.case(row))
        assert (again.arm, again.rationale, again.vote_share) == (live.arm, live.rationale, live.vote_share)
        assert again.delta == pytest.approx(live.delta, abs=1e-6)


def test_no_effect_is_claimed_before_the_model_has_seen_anybody(app: AppTest) -> None:
    app.switch_page("compare.py").run()
    assert any("Effect not known yet" in m.value for m in app.markdown)
    assert not any("Expected fall" in m.value for m in app.markdown)
    app.button(key="compare_learn").click().run()
    assert any("Expected fall" in m.value for m in app.markdown)


def test_the_cards_show_the_fall_and_what_parts_it_from_the_net_benefit(app: AppTest) -> None:
    app.switch_page("compare.py").run()
    app.button(key="compare_learn").click().run()
    run = app.session_state["libra.compare"]
    cohort, had = run.environment.cohort, [row.decision.arm for row in run.rows]
    plans = (run.decision_for(int(row)) for row in cohort.arrivals)
    plan = next(d for d in plans if had.count(d.arm) > 1 and by_hand.both_parts(cohort, d.row, d.arm))
    app.session_state["libra"].row = plan.row
    app.run()
    fall, low, high = plan.mean, plan.low, plan.high
    said = "\n".join(m.value for m in app.markdown)
    assert f"**Expected fall {fixed(fall)} mmHg** :small[({fixed(low)} to {fixed(high)}), simulated]" in said
    net = by_hand.net(cohort, plan.row, plan.arm, fall)
    assert f"Net benefit {fixed(net)} mmHg: {by_hand.parts(cohort, plan.row, plan.arm)}" in said
    assert f"{had.count(plan.arm)} patients had this treatment." in said
