"""The Cohort page: both built-in cohorts, good and bad files, and a patient by ID."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

GOOD = b"""age,sex,sbp,dbp,weight_kg,height_cm,serum_k,sodium
63,F,152,88,81,165,4.4,3100
47,M,138,84,95,180,,2900
71,F,900,70,60,158,4.0,2500
55,M,149,91,88,176,5.6,4100
"""
BAD = {
    "empty.csv": b"",
    "header.csv": b"age,sex,sbp\n",
    "words.csv": b"this is not a table at all",
    "binary.csv": bytes(range(256)) * 20,
    "other.csv": b"name,colour\nAnn,red\nBob,blue\n",
}


def upload(app: AppTest, name: str, content: bytes) -> AppTest:
    app.file_uploader[0].upload(name, content)
    return app.run()


def metrics(app: AppTest) -> dict[str, str]:
    return {m.label: m.value for m in app.metric}


def test_the_real_cohort_is_the_first_thing_seen(app: AppTest) -> None:
    assert not app.exception
    assert int(metrics(app)["Patients"].replace(",", "")) > 1000
    assert any("Real people" in m.value for m in app.markdown)


def test_the_synthetic_cohort_says_so(app: AppTest) -> None:
    app.selectbox(key="cohort").select("accord-like").run()
    assert not app.exception
    assert metrics(app)["Patients"] == "1,000"
    assert any("Synthetic: no real person" in m.value for m in app.markdown)


@pytest.mark.parametrize("tab", ["Patients", "Distributions", "Measured and assumed", "Import report"])
def test_every_tab_opens(app: AppTest, tab: str) -> None:
    app.session_state["cohort_tab"] = tab
    app.run()
    assert not app.exception


def test_a_good_file_becomes_the_cohort_in_use(app: AppTest) -> None:
    upload(app, "clinic.csv", GOOD)
    assert not app.exception
    assert metrics(app)["Patients"] == "3"
    assert any("3 patients are ready" in s.value and "1 row" in s.value for s in app.success)


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_gets_a_sentence_and_leaves_the_cohort_alone(app: AppTest, name: str) -> None:
    before = metrics(app)["Patients"]
    upload(app, name, BAD[name])
    assert not app.exception
    assert any("was not used" in e.value for e in app.error)
    assert metrics(app)["Patients"] == before


def test_a_patient_is_found_by_id(app: AppTest) -> None:
    app.text_input(key="find").set_value("n-00002").run()
    assert not app.exception
    assert any("N-00002" in m.value for m in app.markdown)


def test_an_unknown_id_gets_a_sentence(app: AppTest) -> None:
    app.text_input(key="find").set_value("X-9").run()
    assert not app.exception
    assert any("IDs look like" in w.value for w in app.warning)


def test_another_cohort_forgets_the_patient(app: AppTest) -> None:
    app.text_input(key="find").set_value("N-00002").run()
    app.selectbox(key="cohort").select("accord-like").run()
    assert app.session_state["libra"].row is None
