"""The Cohort page: both built-in cohorts, good and bad files, and a patient by ID."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from tests.pages.conftest import unescaped

GOOD = b"""age,sex,sbp,dbp,weight_kg,height_cm,serum_k,sodium
63,F,152,88,81,165,4.4,3100
47,M,138,84,95,180,,2900
71,F,900,70,60,158,4.0,2500
55,M,149,91,88,176,5.6,4100
"""
UNUSABLE = {
    "empty": (b"", "choose a CSV with a header"),
    "header only": (b"age,sex,sbp\n", "row"),
    "not a table": (b"this is not a table at all", "separate the columns by comma"),
    "binary": (bytes(range(256)) * 20, "save the sheet as CSV"),
    "workbook": (b"PK\x03\x04" + bytes(200), "save the sheet as CSV"),
    "PDF": (b"%PDF-1.4 ...", "export the table itself as CSV"),
    "other table": (b"name,colour\nAnn,red\nBob,blue\n", "age"),
    "wrong delimiter": (b"age/sex/sbp\n63/F/152\n47/M/138\n", "separate the columns by comma"),
    "duplicate columns": (b"age,sex,sbp,sbp\n63,F,152,150\n47,M,138,139\n", "keep one"),
    "only text": (b"age,sex,sbp\nold,F,high\nyoung,M,low\n", "Correct these columns"),
    "no usable rows": (b"age,sex,sbp\n,F,\n,M,\n", "Correct these columns"),
}
PARTLY = {
    "text in numbers": (b"age,sex,sbp\n63,F,high\n47,M,138\n", "1", "text, not a number"),
    "impossible": (b"age,sex,sbp\n63,F,900\n47,M,138\n", "1", "outside 60 to 260 mmHg"),
    "mmol in mg": (
        b"age,sex,sbp,sodium_mg_day\n63,F,152,140\n47,M,138,150\n55,M,140,120\n",
        "3",
        "looks like mmol/day, not mg/day: rename it",
    ),
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


@pytest.mark.parametrize("case", UNUSABLE)
def test_a_useless_file_gets_a_sentence_that_says_what_to_do(app: AppTest, case: str) -> None:
    content, says = UNUSABLE[case]
    before = metrics(app)["Patients"]
    upload(app, "clinic.csv", content)
    assert not app.exception
    told = [unescaped(e.value) for e in app.error]
    assert any("was not used" in text and says in text for text in told), told
    assert metrics(app)["Patients"] == before


@pytest.mark.parametrize("case", PARTLY)
def test_what_was_refused_in_a_usable_file_is_said_beside_the_upload(app: AppTest, case: str) -> None:
    content, patients, says = PARTLY[case]
    upload(app, "clinic.csv", content)
    assert not app.exception
    assert metrics(app)["Patients"] == patients
    told = [unescaped(w.value) for w in app.warning]
    assert any(says in text for text in told), told


def test_two_hundred_thousand_rows_are_taken(app: AppTest) -> None:
    upload(app, "registry.csv", b"age,sex,sbp\n" + b"63,F,152\n47,M,138\n" * 100_000)
    assert not app.exception
    assert metrics(app)["Patients"] == "200,000"
    assert any("the first 5,000 of 200,000" in c.value for c in app.caption)


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
