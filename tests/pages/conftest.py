"""The app as one session sees it: always through the router, never a page by itself."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

ROUTER = Path(__file__).resolve().parents[2] / "pages" / "router.py"


@pytest.fixture
def app() -> AppTest:
    return AppTest.from_file(ROUTER, default_timeout=20).run()
