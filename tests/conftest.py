"""What all tests share: the --slow switch, records of their own, and who works beside whom under pytest-xdist."""

import os
import tempfile
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
KEPT = tempfile.TemporaryDirectory(prefix="libra-tests-")  # of this worker, and gone with it
os.environ.setdefault("LIBRA_DATABASE_URL", f"sqlite:///{KEPT.name}/records.sqlite")
os.environ.setdefault("LIBRA_ADVICE_DB", f"{KEPT.name}/advice.sqlite")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slow", action="store_true", help="also run the long form of the tests marked slow")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    skip = pytest.mark.skip(reason="long form of a test: run it with --slow")
    for item in items:
        item.add_marker(pytest.mark.xdist_group(_group(item.path.relative_to(TESTS))))
        if "slow" in item.keywords and not config.getoption("--slow"):
            item.add_marker(skip)


def _group(path: Path) -> str:
    """Tests of one group run one after the other in one process: a file shares its fixtures, the browser tests share
    one server and one Chromium, and crashes and load have no second crash or load beside them."""
    return path.parts[0] if path.parts[0] in ("e2e", "stress") else path.as_posix()
