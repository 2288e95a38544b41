"""The Feedback page under test: opened, clicked, read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import ElementList

from libra_core.records import LOCAL, Database, Repository, SessionLog
from tests.support.kit import NHANES

ROUTER = Path(__file__).resolve().parents[2] / "pages" / "router.py"


def page(session: str = "") -> AppTest:
    app = AppTest.from_file(ROUTER, default_timeout=60)
    if session:
        app.query_params["session"] = session
    return app.run().switch_page("feedback.py").run()


def at(elements: ElementList, key: str) -> Any:
    """The widget of this key; those about a patient end with the session, which a test need not know."""
    return next(e for e in elements if e.key == key or (e.key or "").startswith(f"{key}_"))


def click(app: AppTest, key: str) -> AppTest:
    at(app.button, key).click()
    app.run()
    assert not app.exception, app.exception
    return app


def texts(app: AppTest) -> str:
    kinds = (app.markdown, app.caption, app.error, app.warning, app.info)
    return "\n".join(str(element.value) for kind in kinds for element in kind)


def slider(app: AppTest) -> str:
    """How the keys of the first patient's sliders begin."""
    return f"fb_habit_1_{app.session_state['feedback'].log.id[:8]}"


def the_session(database: Database) -> SessionLog:
    repository = Repository(database, LOCAL)
    return SessionLog(repository, repository.sessions()[0].id, NHANES)


def choose(app: AppTest, position: int, which: int = 1) -> int:
    pills = at(app.button_group, f"fb_arm_{position}")
    arm = sorted(eligible(app))[which]
    pills.set_value(arm)
    app.run()
    return arm


def eligible(app: AppTest) -> list[int]:
    log = app.session_state["feedback"].log
    return [k for k, ok in enumerate(NHANES.patient(log.current().row).eligible) if ok]
