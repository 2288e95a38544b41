"""Compare for one patient: filled at once, differences marked, the live model only when asked, and a page that stays up
whatever it does."""

import re

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from libra_core.advisors import make_advisor
from libra_core.advisors.agreement import discord
from libra_core.advisors.llm.store import open_store
from libra_core.certainty import Estimate
from libra_core.cohort import load_cohort
from libra_core.digits import fixed
from libra_core.policies import RECOMMENDED
from libra_core.problem import Actions, Contexts
from libra_core.records import LOCAL, Database, Repository, SessionLog, SessionSpec, Stamp
from libra_core.report import wording
from libra_core.study.learned import METHODS, path_of, recall
from libra_core.study.live import LiveRun
from libra_core.study.spec import inputs_digest
from libra_core.summary import summarise_plan
from pages.ui.compare.methods import BANDIT, CLINICIAN, GUIDELINE, LIBRA, RECORDED, stored_survey
from tests.pages.conftest import ROUTER
from tests.support import by_hand
from tests.support.compare_page import LOSS, compare_page, open_tab, simulate, table, texts

pytestmark = pytest.mark.usefixtures("clean")


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
    assert "Nobody has decided yet" in texts(app), "this patient was not decided about"
    app.session_state["libra"].row = case.row
    app.run()
    assert not app.exception
    assert "Clinician :gray-badge[decided]" in texts(app)
    assert "Morning round" in texts(app)
    assert "Nobody has decided yet" not in texts(app)
    open_tab(app, "Whole cohort")
    assert not app.exception
    alt = [chart.alt for chart in app.get("plotly_chart")]
    assert any("Clinician and LIBRA" in text or "LIBRA and Clinician" in text for text in alt)


def test_it_opens_filled_and_nobody_is_asked():
    app = compare_page()
    assert not app.exception
    found = table(app)
    assert list(found["Treatment"]) == [RECORDED, GUIDELINE, BANDIT, LIBRA, CLINICIAN]
    for question in ("Treatment", "Systolic blood pressure after 3 months", "Worth (net benefit)", "Safety", LOSS):
        assert all(found[question][name] for name in (RECORDED, GUIDELINE, BANDIT, LIBRA)), question
    assert found["Treatment"][CLINICIAN].startswith(":small[Nobody has decided yet")
    assert "recorded 2026-11-24, prompt hypertension-3" in found["Source"][RECORDED].replace("\\", "")
    assert "No language model is asked." in texts(app)
    assert "not known yet" not in found["Worth (net benefit)"][LIBRA]


def test_every_number_of_the_table_is_the_summarys_and_the_simulations():
    """The columns are worked out again from the stored states, the advisors and the environment, one by one."""
    app = compare_page()
    cohort, found = load_cohort("nhanes"), table(app)
    row = next(row for row in map(int, cohort.arrivals) if cohort.ids[row] in texts(app).split("**")[1::2])
    runs = {name: recall(LiveRun.start(cohort, name, "recorded")) for name in METHODS}
    said = {RECORDED: make_advisor("recorded", runs[RECOMMENDED].environment, 0).advise(cohort.case(row))}
    said |= {BANDIT: runs["glrb"].decision_for(row), LIBRA: runs[RECOMMENDED].decision_for(row)}
    libra = runs[RECOMMENDED]
    contexts = Contexts.of(cohort.patient(row))
    least = min(float(cell.split()[0].strip("*")) for cell in found[LOSS].values() if cell)
    for name, plan in said.items():
        used = libra.policy.problem.feasible.project(np.array([plan.delta]), contexts.lo, contexts.hi)
        actions = Actions(np.array([plan.arm]), used)
        lost = float((libra.environment.best(contexts) - libra.environment.worth(contexts, actions))[0])
        assert found[LOSS][name].startswith(f"**{fixed(lost, 1)} mmHg**")
        assert ("least" in found[LOSS][name]) == (float(fixed(lost, 1)) == least)
        mean, low, high = (float(v[0]) for v in libra.policy.credible(contexts, actions))
        told = summarise_plan(cohort, row, plan.arm, used[0], Estimate(mean, low, high), libra.evidence())
        after = f"**{wording.then(told)} mmHg**" if told.known else "Effect not known yet"  # nobody had the treatment
        assert after in found["Systolic blood pressure after 3 months"][name]
        assert (wording.about(told.net) if told.known else "") in found["Worth (net benefit)"][name]
        assert wording.treatment(cohort, plan.arm) in found["Treatment"][name].replace("\\", "")
        assert found["Treatment tried by"][name] == f"{libra.evidence().given[plan.arm]:,} of 3,000 patients"


@pytest.mark.parametrize("base", [GUIDELINE, LIBRA])
def test_what_differs_from_the_chosen_column_carries_a_sign(base):
    app = compare_page()
    app.selectbox(key="compare_base").set_value(base).run()
    found = table(app)
    habits = list(found)[1 : list(found).index("Systolic blood pressure after 3 months")]
    assert habits
    for question in ("Treatment", *habits):
        line = {name: cell for name, cell in found[question].items() if name != CLINICIAN}
        plain = {name: re.sub(r":orange-background\[\*\*≠\*\* (.*)\]$", r"\1", cell) for name, cell in line.items()}
        for name, cell in line.items():
            assert ("≠" in cell) == (plain[name] != plain[base]), (question, name)
    assert not any("≠" in cell for cell in found["Worth (net benefit)"].values())


def test_a_patient_is_found_by_id_by_neighbour_and_by_disagreement():
    app = compare_page()
    app.text_input(key="find").set_value("n-00012").run()
    assert "**N-00012**" in texts(app)
    assert app.query_params["patient"] == "N-00012"
    cohort = load_cohort("nhanes")
    following = cohort.ids[int(cohort.arrivals[list(cohort.arrivals).index(cohort.ids.index("N-00012")) + 1])]
    app.button(key="compare_next").click().run()
    assert f"**{following}**" in texts(app)
    app.button(key="compare_previous").click().run()
    assert "**N-00012**" in texts(app)
    app.text_input(key="find").set_value("nobody").run()
    assert "No patient of this cohort has that ID" in texts(app)
    app.selectbox(key="compare_order").set_value("Most disagreement first").run()
    place = int(re.search(r"patient ([\d,]+) of 1,900", texts(app)).group(1).replace(",", ""))
    arms = stored_survey("nhanes").arms
    apart = discord(arms)
    here = apart[list(cohort.arrivals).index(cohort.ids.index("N-00012"))]
    assert (apart > here).sum() < place <= (apart >= here).sum()


def test_without_a_stored_state_three_plans_are_shown_and_learning_is_offered():
    app = AppTest.from_file(ROUTER, default_timeout=60)
    app.query_params["cohort"] = "accord-like"
    app = app.run().switch_page("compare.py").run()
    assert not app.exception
    shown, found = texts(app), table(app)
    assert list(found["Treatment"]) == ["Language model", GUIDELINE, BANDIT, LIBRA, CLINICIAN]
    assert "switched off" in found["Treatment"]["Language model"]
    assert "ACC/AHA 2017" in shown.replace("\\", "")
    assert "not contraindicated" in shown
    assert "No learned state of the bandit and of LIBRA is stored for this cohort" in shown
    assert "seen no patient yet" in shown
    assert "Effect not known yet" in found["Systolic blood pressure after 3 months"][LIBRA]
    simulate(app, 300)
    assert not app.exception
    assert "learned from 300 simulated patients" in texts(app)
    assert "No learned state" not in texts(app)
    assert "Effect not known yet" not in table(app)["Systolic blood pressure after 3 months"][LIBRA]


def test_a_stored_state_that_cannot_be_read_is_said(monkeypatch, tmp_path):
    folder = tmp_path / "learned"
    folder.mkdir()
    run = LiveRun.start(load_cohort("nhanes"), advisor="recorded")
    monkeypatch.setattr("libra_core.study.learned.PROTOCOL_DIR", tmp_path)
    path_of(run, folder).write_bytes(b"not an archive")
    app = compare_page()
    assert not app.exception
    assert "cannot be read" in texts(app)
    assert app.button(key="compare_learn")


def test_the_model_is_asked_only_by_a_press(server):
    server.seen.clear()
    app = compare_page(server)
    assert server.seen["good"] == 0
    assert "Not asked about this patient yet" in texts(app)
    app.button(key="compare_ask").click().run()
    assert not app.exception
    assert server.seen["good"] == 3
    shown = texts(app).replace("\\", "")
    assert list(table(app)["Treatment"])[:2] == [RECORDED, "Language model (live)"]
    assert "A test server says so." in table(app)["Why, in its own words"]["Language model (live)"].replace("\\", "")
    assert "A test server says so." not in table(app)["Why, in its own words"][RECORDED].replace("\\", "")
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
    assert table(app)["Treatment"][LIBRA]
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


def test_no_effect_is_claimed_before_the_model_has_seen_anybody(app: AppTest) -> None:
    app.session_state["libra"].source = "accord-like"
    app.switch_page("compare.py").run()
    assert "Effect not known yet" in texts(app)
    assert "expected fall" not in texts(app)
    simulate(app, 300)
    assert "expected fall" in texts(app)


def test_the_table_shows_the_fall_and_what_parts_it_from_the_net_benefit(app: AppTest) -> None:
    app.switch_page("compare.py").run()
    run = app.session_state["libra.compare"].libra
    cohort, had = run.environment.cohort, run.evidence().given
    plans = (run.decision_for(int(row)) for row in cohort.arrivals)
    plan = next(d for d in plans if had[d.arm] > 1 and by_hand.both_parts(cohort, d.row, d.arm))
    app.session_state["libra"].row = plan.row
    app.run()
    falls = plan.mean, plan.low, plan.high
    said = table(app)["Worth (net benefit)"][LIBRA].replace("\\", "")
    fall, low, high = map(fixed, falls)
    assert f"expected fall {fall} ({low} to {high})" in said
    net, low, high = (fixed(by_hand.net(cohort, plan.row, plan.arm, value)) for value in falls)
    assert f"**{net} ({low} to {high}) mmHg**" in said
    assert by_hand.parts(cohort, plan.row, plan.arm) in said
    assert table(app)["Treatment tried by"][LIBRA].startswith(f"{had[plan.arm]:,} of ")
