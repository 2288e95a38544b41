"""What an address asks for, and the ways out of everything that is empty or cannot be done."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from libra_core.study.live import LiveRun
from libra_core.study.spec import StudySpec
from pages.ui.regret.form import work_of
from pages.ui.session import loaders
from pages.ui.session.jobs import AT_ONCE, KEPT, Job, keep, kept
from tests.pages.conftest import ROUTER

HEALTHY = b"age,sex,sbp,dbp\n" + b"40,F,112,70\n50,M,118,75\n" * 5


def opened(page: str, **params: str) -> AppTest:
    app = AppTest.from_file(ROUTER, default_timeout=60)
    for name, value in params.items():
        app.query_params[name] = value
    return app.switch_page(f"{page}.py").run()


def texts(app: AppTest) -> str:
    return "\n".join(str(e.value) for kind in (app.markdown, app.warning, app.info, app.error) for e in kind)


def links(app: AppTest) -> list[str]:
    return [e.proto.page for e in app.get("page_link")]


@pytest.mark.parametrize("page", ["cohort", "recommend", "compare"])
def test_an_address_leads_to_a_patient(page: str) -> None:
    app = opened(page, cohort="accord-like", patient="a-00007")
    assert not app.exception
    assert "A-00007" in texts(app)


def test_the_address_counts_once_then_the_reader_chooses() -> None:
    app = opened("recommend", patient="N-00007")
    app.button(key="step").click().run()
    assert app.session_state["libra"].row is None


@pytest.mark.parametrize("page", ["cohort", "recommend", "compare"])
@pytest.mark.parametrize(
    ("params", "said"),
    [({"patient": "999999"}, "IDs look like"), ({"cohort": "nowhere"}, "a cohort that is not here")],
    ids=["patient", "cohort"],
)
def test_an_address_that_leads_nowhere_says_so_and_the_page_stands(
    page: str, params: dict[str, str], said: str
) -> None:
    app = opened(page, **params)
    assert not app.exception
    assert any(said in w.value for w in app.warning)


@pytest.mark.parametrize("page", ["recommend", "compare"])
def test_a_cohort_without_simulated_patients_offers_another(app: AppTest, page: str) -> None:
    app.file_uploader[0].upload("healthy.csv", HEALTHY)
    app.run()
    app.switch_page(f"{page}.py").run()
    assert not app.exception
    assert "No patient in this cohort enters the simulation" in texts(app)
    assert links(app)


def test_a_filter_that_leaves_nobody_says_so(app: AppTest) -> None:
    app.file_uploader[0].upload("healthy.csv", HEALTHY)
    app.run()
    app.toggle(key="only_arrivals").set_value(True).run()
    assert not app.exception
    assert "Switch this off" in texts(app)


def test_a_cohort_file_that_is_gone_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(name: str) -> None:
        raise FileNotFoundError(2, "No such file or directory", f"{name}.csv")

    monkeypatch.setattr(loaders, "cohort", gone)
    for page in ("cohort", "recommend", "compare"):
        app = opened(page)
        assert not app.exception
        assert any("cannot be read" in e.value for e in app.error)


def test_an_unknown_study_leads_back_to_the_ready_made_one() -> None:
    app = opened("case_study", study="abc")
    assert not app.exception
    assert "No stored study" in texts(app)
    assert ".." not in texts(app)
    assert links(app)


def test_a_study_that_would_take_hours_is_refused_with_a_way_out() -> None:
    job = Job(work_of(StudySpec(rounds=20_000, replicates=200)))
    job.wait(10)
    assert "Choose fewer methods" in job.problem


def test_heavy_work_waits_for_its_turn_and_can_be_cancelled() -> None:
    hold, done = threading.Event(), threading.Event()

    def work(progress: Callable[[float], None], cancel: threading.Event) -> str:
        hold.wait(10)
        return "done"

    first, second = Job(work), Job(work)
    third, fourth = Job(work), Job(work)
    light = Job(lambda progress, cancel: done.set(), heavy=False)
    assert done.wait(5)  # light work does not wait
    while not (third.waiting and fourth.waiting):
        done.wait(0.01)
    fourth.cancel()
    fourth.wait(5)
    assert "cancelled" in fourth.problem
    hold.set()
    for job in (first, second, third, light):
        job.wait(5)
    assert [job.result for job in (first, second, third)] == ["done"] * 3
    assert AT_ONCE.acquire(timeout=1)  # every place was given back
    AT_ONCE.release()


def test_work_is_found_again_by_its_name_and_the_oldest_is_forgotten() -> None:
    jobs = [Job(lambda progress, cancel: None, heavy=False) for _ in range(KEPT + 3)]
    for job in jobs:
        job.wait(5)
    names = [keep(job) for job in jobs]
    assert kept(names[-1]) is jobs[-1]
    assert kept(names[0]) is None
    assert kept("") is None
    assert len(set(names)) == len(names)


def run_of(app: AppTest) -> LiveRun:
    return app.session_state["libra.live"].run


def test_a_run_comes_back_from_its_address() -> None:
    first = opened("recommend")
    first.selectbox(key="policy").set_value("glrb").run()
    first.number_input(key="seed").set_value(3).run()
    first.button(key="step_ten").click().run()
    first.button(key="step").click().run()
    address = {name: str(value) for name, value in first.query_params.items()}
    again = opened("recommend", **address)
    assert run_of(again).rows == run_of(first).rows
    assert len(run_of(again).rows) == 11
    assert again.selectbox(key="policy").value == "glrb"
    assert again.number_input(key="seed").value == 3


@pytest.mark.parametrize(
    "wrong",
    [
        {"method": "nobody"},
        {"advisor": "language-model"},
        {"seed": "-1"},
        {"seed": "٣"},
        {"treated": "9" * 400},
        {"treated": "2001"},
        {"treated": "x"},
    ],
    ids=str,
)
def test_an_address_that_no_run_has_begins_anew(wrong: dict[str, str]) -> None:
    app = opened("recommend", **({"method": "libra", "advisor": "random", "seed": "3", "treated": "4"} | wrong))
    assert not app.exception
    assert run_of(app).rows == []
    assert app.number_input(key="seed").value == 0


def test_a_run_in_which_a_person_chose_who_is_treated_has_no_address() -> None:
    app = opened("recommend")
    app.button(key="step").click().run()
    assert app.query_params["treated"] == "1"
    app = app.switch_page("cohort.py").run().switch_page("recommend.py").run()
    app.session_state["libra"].row = 7
    app.run().button(key="treat").click().run()
    assert len(run_of(app).rows) == 2
    assert "treated" not in app.query_params


def test_a_picked_patient_stays_in_the_address_of_a_run() -> None:
    app = opened("recommend")
    app.button(key="step").click().run()
    app.session_state["libra"].row = 7
    app.run()
    assert (app.query_params["treated"], app.query_params["patient"]) == ("1", "N-00008")
    again = opened("recommend", **{name: str(value) for name, value in app.query_params.items()})
    assert again.session_state["libra"].row == 7
    assert len(run_of(again).rows) == 1
    again.button(key="step").click().run()
    assert "patient" not in again.query_params
