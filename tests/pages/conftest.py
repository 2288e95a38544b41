"""The app as one session sees it: always through the router, never a page by itself."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from libra_core.advisors.llm.settings import NAMES
from libra_core.records import Database
from pages.ui.draw.cards import JOINER
from pages.ui.session import access
from tests.support.llm_server import LLMServer

ROUTER = Path(__file__).resolve().parents[2] / "pages" / "router.py"


def unescaped(text: str) -> str:
    """What a person reads of a text that a page shows as it is."""
    return text.replace("\\", "").replace(JOINER, "")


@pytest.fixture
def app() -> AppTest:
    return AppTest.from_file(ROUTER, default_timeout=60).run()


@pytest.fixture
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No language model from outside, a store of answers of one's own, and no waiting between retries."""
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LIBRA_ADVICE_DB", str(tmp_path / "advice.sqlite"))
    monkeypatch.setattr("openai._base_client.INITIAL_RETRY_DELAY", 0.01)


@pytest.fixture(scope="module")
def server() -> Iterator[LLMServer]:
    """A real server on this machine that speaks a language model's protocol."""
    with LLMServer() as running:
        yield running


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Database]:
    """The record of this test alone."""
    url = f"sqlite:///{tmp_path / 'records.sqlite'}"
    monkeypatch.setenv("LIBRA_DATABASE_URL", url)
    access._database.cache_clear()
    found = Database(url)
    yield found
    access._database.cache_clear()
