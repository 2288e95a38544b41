"""The tour: opens by itself once, walks over three pages, can be closed on each, and comes back from About."""

from streamlit.testing.v1 import AppTest

from tests.pages.conftest import ROUTER


def step(app: AppTest) -> str:
    """The step on show; empty when there is none."""
    return next((str(m.value) for m in app.markdown if str(m.value).startswith("**Tour")), "")


def test_it_walks_over_three_pages_and_ends(app: AppTest) -> None:
    assert "1 of 3: Choose patients" in step(app)
    app.button(key="tour_next").click().run()
    assert "2 of 3: See a recommendation" in step(app)
    assert app.button(key="step").label == "Next patient"
    app.button(key="tour_next").click().run()
    assert "3 of 3: Judge it" in step(app)
    app.button(key="tour_close").click().run()
    assert not step(app)
    app.switch_page("cohort.py").run()
    assert not step(app)
    assert not app.exception


def test_closed_is_closed_on_every_page(app: AppTest) -> None:
    app.button(key="tour_close").click().run()
    for page in ("cohort", "recommend", "feedback"):
        app.switch_page(f"{page}.py").run()
        assert not step(app)


def test_who_comes_by_the_address_of_another_page_is_left_in_peace() -> None:
    app = AppTest.from_file(ROUTER, default_timeout=60)
    app.switch_page("recommend.py").run()
    assert not step(app)


def test_it_comes_back_from_about(app: AppTest) -> None:
    app.button(key="tour_close").click().run()
    app.switch_page("about.py").run()
    app.button(key="tour_again").click().run()
    assert "1 of 3" in step(app)
