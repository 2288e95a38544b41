"""Every page of the dashboard for a second disease: run by environments/test_second_disease.py in a process of its own,
since the protocol is read once, from LIBRA_PROTOCOL_DIR. Prints one line for each page that worked."""

from __future__ import annotations

from pathlib import Path

from streamlit.testing.v1 import AppTest

ROUTER = Path(__file__).resolve().parents[2] / "pages" / "router.py"


def fresh(page: str) -> AppTest:
    app = AppTest.from_file(ROUTER, default_timeout=60).run()
    assert not app.exception, "cohort"
    return app.switch_page(f"{page}.py").run()


def well(app: AppTest, page: str) -> None:
    """Nothing broke, nothing was refused, and no word is about blood pressure."""
    assert not app.exception, page
    assert not app.error, (page, [e.value for e in app.error])
    said = " ".join(str(e.value) for e in (*app.markdown, *app.caption, *app.info)).lower()
    assert "mmhg" not in said, page
    print(f"{page}: ok")


def cohort() -> None:
    app = fresh("cohort")
    values = [m.value for m in app.metric]
    assert values[0] == "600", values
    for tab in ("Distributions", "Measured and assumed", "Import report"):
        app.session_state["cohort_tab"] = tab
        app.run()
        assert not app.exception, tab
    well(app, "cohort")


def recommend() -> None:
    app = fresh("recommend")
    for _ in range(3):
        app.button(key="step_ten").click().run()
    assert any("mmol/mol" in m.value for m in app.metric)
    for tab in ("Ranked alternatives", "Each treatment", "Limits and contraindications", "Run log"):
        app.session_state["detail_tab"] = tab
        app.run()
        assert not app.exception, tab
    well(app, "recommend")


def compare() -> None:
    app = fresh("compare")
    app.button(key="compare_learn").click().run()
    app.session_state["libra.learning"].wait(60)
    app.run()
    assert any("metformin" in m.value.lower() or "SGLT2" in m.value for m in app.markdown)
    well(app, "compare")


def regret() -> None:
    app = fresh("regret")
    app.number_input(key="study_rounds").set_value(100)
    app.number_input(key="study_replicates").set_value(2)
    app.button(key="study_run").click().run()
    app.session_state["libra.study"].wait(60)
    app.run()
    assert any("settings" in c.value for c in app.caption)
    well(app, "regret")


def feedback() -> None:
    app = fresh("feedback")
    app.button(key="fb_start").click().run()
    assert any(b.key.startswith("fb_first") for b in app.button), [b.key for b in app.button]
    well(app, "feedback")


def case_study() -> None:
    app = fresh("case_study")
    for screen in range(1, 9):
        app.query_params["screen"] = str(screen)
        app.run()
        assert any(f"{screen} of 8" in m.value for m in app.markdown), screen
        well(app, f"case_study {screen}")


def rest() -> None:
    well(fresh("settings"), "settings")
    well(fresh("about"), "about")


if __name__ == "__main__":
    for page in (cohort, recommend, compare, regret, feedback, case_study, rest):
        page()
    print("every page works")
