"""While the kernels compile, pages that make no plan open at once and say so; the others wait, and say why."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from streamlit.testing.v1 import AppTest

from pages.ui.session import loaders
from pages.ui.shell import frame
from tests.pages.conftest import ROUTER


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """A compiler that works until this event is set."""
    done = threading.Event()
    thread = threading.Thread(target=done.wait, daemon=True)
    thread.start()
    monkeypatch.setattr(loaders, "compiler", lambda: thread)
    yield done
    done.set()


def said(app: AppTest) -> str:
    return "\n".join(str(e.value) for kind in (app.caption, app.info) for e in kind)


@pytest.mark.parametrize("page", ["cohort", "regret", "settings", "about"])
def test_a_page_without_plans_opens_while_the_solver_is_prepared(compiled: threading.Event, page: str) -> None:
    app = AppTest.from_file(ROUTER, default_timeout=60).switch_page(f"{page}.py").run()
    assert not app.exception
    assert "Preparing the solver" in said(app)
    compiled.set()
    loaders.compiler().join()
    app.run()
    assert "Preparing the solver" not in said(app)


@pytest.mark.parametrize("page", frame.NEED_SOLVER)
def test_a_page_with_plans_waits_and_says_why(
    compiled: threading.Event, page: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []

    def info(_: object, text: str, **__: object) -> None:
        told.append(text)
        compiled.set()

    monkeypatch.setattr("streamlit.delta_generator.DeltaGenerator.info", info)
    app = AppTest.from_file(ROUTER, default_timeout=60).switch_page(f"{page}.py").run()
    assert not app.exception
    assert not loaders.compiler().is_alive()
    assert "Preparing the solver: plans need it" in told[0]
    assert "Preparing the solver" not in said(app)


def test_the_solver_is_prepared_once_for_the_server() -> None:
    assert loaders.compiler() is loaders.compiler()
