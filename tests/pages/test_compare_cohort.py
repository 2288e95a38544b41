"""Compare for the whole cohort: every number worked out again from the sources, by another way where there is one."""

import io
import re
import zipfile

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from libra_core.advisors import make_advisor
from libra_core.advisors.agreement import agreement, disagreements
from libra_core.advisors.llm.record import rows_of
from libra_core.advisors.recording import recording_for
from libra_core.cohort import load_cohort
from libra_core.digits import fixed
from libra_core.report import wording
from libra_core.study.live import LiveRun
from pages.ui.compare.cohort import plans_csv
from pages.ui.compare.methods import GUIDELINE, LIBRA, RECORDED, stored_survey
from tests.support.compare_page import compare_page, open_tab, simulate, texts, view

pytestmark = pytest.mark.usefixtures("clean")


def test_a_cohort_is_compared_at_once():
    app = open_tab(compare_page(), "Whole cohort")
    assert not app.exception
    shown, survey = texts(app), stored_survey("nhanes")
    share = np.mean(survey.arms[LIBRA] == survey.arms[GUIDELINE])
    assert f"the guideline's drug for {share:.0%}" in shown
    assert "Cohen's kappa" in shown
    alt = next(chart.alt for chart in app.get("plotly_chart"))
    pair = agreement(survey.arms[RECORDED], survey.arms[GUIDELINE])
    assert f"{RECORDED} and {GUIDELINE}: {pair.share:.0%}, kappa {pair.kappa:.2f}" in alt


def test_what_each_loses_is_told_for_all_and_by_subgroup():
    app = view(compare_page(), "What each loses")
    shown, survey = texts(app), stored_survey("nhanes")
    assert "simulation's true means" in shown
    best = min(survey.plans, key=lambda name: survey.plans[name].lost.mean())
    assert f"**{best}** lost least" in shown
    losses = app.dataframe[0].value.set_index("Patients")
    assert list(losses.index) == ["everybody", *(name for name, mask in survey.groups.items() if mask.any())]
    for name, plans in survey.plans.items():
        for group, mask in survey.groups.items():
            if mask.any():
                low, high = (float(x) for x in re.findall(r"[\d.]+", losses.at[group, name])[1:])
                assert low - 0.05 <= plans.lost[mask].mean() <= high + 0.05


def test_why_they_differ_is_told_in_the_models_own_words():
    app = view(compare_page(), "Where and why they differ")
    survey, cohort = stored_survey("nhanes"), load_cohort("nhanes")
    shown = texts(app).replace("\\", "")
    i, j, where = disagreements(survey.arms[RECORDED], survey.arms[LIBRA])[0]
    one, other = (wording.treatment(cohort, arm) for arm in (i, j))
    assert f"{RECORDED} says **{one}**, LIBRA says **{other}**: {len(where):,} patients" in shown
    said = recording_for("hypertension", "nhanes").answers[cohort.ids[int(survey.rows[where[0]])]]
    assert said["rationale"] in shown
    table_ = app.dataframe[0].value
    assert len(table_) >= 6
    assert int(table_.set_index("Patients").at["men", "Number"]) == survey.groups["men"].sum()
    app.selectbox(key="compare_first").set_value(LIBRA).run()
    assert "They name the same drug for everybody." in texts(app)


def test_the_models_second_answers_are_held_against_its_first():
    app = view(compare_page(), "The model against itself")
    recording, cohort = recording_for("hypertension", "nhanes"), load_cohort("nhanes")
    both = [(recording.answers[name], again) for name, again in recording.again.items() if name in recording.answers]
    same = np.mean([first["arm"] == again["arm"] for first, again in both])
    codes = {code: k for k, code in enumerate(cohort.protocol.arm_codes)}
    found = agreement(*(np.array([codes[answer["arm"]] for answer in side]) for side in zip(*both, strict=True)))
    values = {metric.label: metric.value for metric in app.metric}
    assert values["Same drug"] == f"{same:.0%}"
    assert values["Cohen's kappa"] == fixed(found.kappa, 2)
    assert f"Asked twice about {len(both)} patients" in texts(app)


def test_how_libra_learned_is_told_and_can_be_done_again():
    app = view(compare_page(), "How LIBRA learned")
    assert any("of 3,000 patients" in m.value for m in app.metric)
    assert any(said in texts(app) for said in ("limit on questions", "theoretical limit", "at most"))
    simulate(app, 300)
    assert not app.exception
    assert any("of 300 patients" in m.value for m in app.metric)
    assert "run" in app.query_params
    app.button(key="compare_forget").click().run()
    assert any("of 3,000 patients" in m.value for m in app.metric)
    assert "run" not in app.query_params


def test_learning_can_be_cancelled_and_belongs_to_its_cohort():
    app = view(compare_page(), "How LIBRA learned")
    app.selectbox(key="compare_n").set_value(3000)
    app.button(key="compare_learn").click().run()
    job = app.session_state["libra.learning"]
    job.cancel()
    job.wait(60)
    assert job.result is None
    app.run()
    assert not app.exception
    assert any("of 3,000 patients" in m.value for m in app.metric), "the stored methods are back"
    app.switch_page("cohort.py").run()
    app.selectbox(key="cohort").set_value("accord-like").run()
    app.switch_page("compare.py").run()
    open_tab(app, "Whole cohort")
    assert "see where they agree" in texts(app)


def test_every_plan_can_be_taken_away():
    survey, cohort = stored_survey("nhanes"), load_cohort("nhanes")
    read = pd.read_csv(io.BytesIO(plans_csv(survey, cohort, False)))
    assert len(read) == sum(int(plans.given.sum()) for plans in survey.plans.values())
    mine = read[read["source"] == LIBRA]["simulated loss, mmHg"]
    assert mine.to_numpy() == pytest.approx(survey.plans[LIBRA].lost)


def test_answers_are_stored_ahead_and_compared(server):
    app = compare_page(server)
    app.switch_page("cohort.py").run()
    app.selectbox(key="cohort").set_value("accord-like").run()
    app.switch_page("compare.py").run()
    open_tab(app, "Stored answers")
    assert "patients who enter the simulation, 3 questions each" in texts(app)
    app.button(key="ahead_start").click().run()
    job = app.session_state["libra.ahead"]
    job.cancel()
    job.wait(60)
    app.run()
    assert not app.exception
    assert "run it again to go on" in texts(app)
    open_tab(app, "Whole cohort")
    simulate(app, 300)
    assert not app.exception
    assert "Language model (stored answers)" in next(chart.alt for chart in app.get("plotly_chart"))


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
