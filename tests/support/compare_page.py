"""The page Compare as its tests drive and read it."""

import re

from streamlit.testing.v1 import AppTest

from tests.pages.conftest import ROUTER
from tests.support.llm_server import LLMServer

LOSS = "If wrong: simulated loss against the best plan"


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


def open_tab(app: AppTest, name: str) -> AppTest:
    app.session_state["compare_tab"] = name
    return app.run()


def table(app: AppTest) -> dict[str, dict[str, str]]:
    """The table of one patient as it reads: question -> source -> cell."""
    text = next(m.value for m in app.markdown if m.value.startswith("| &nbsp;"))
    lines = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in text.splitlines()]
    names = [head.split(" :gray-badge")[0].replace("\\", "") for head in lines[0][1:]]
    cells = {line[0].strip("*").replace("\\", ""): line[1:] for line in lines[2:]}
    return {question: dict(zip(names, line, strict=True)) for question, line in cells.items()}


def view(app: AppTest, name: str) -> AppTest:
    app.session_state["compare_result"] = name
    return open_tab(app, "Whole cohort")


def simulate(app: AppTest, patients: int) -> AppTest:
    app.selectbox(key="compare_n").set_value(patients)
    app.button(key="compare_learn").click().run()
    app.session_state["libra.learning"].wait(60)
    return app.run()
