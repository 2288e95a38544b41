"""Who may import whom among the pages: draw < session < shell, page folders above them, and no page from another."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SHARED = ("draw", "session", "shell")  # from the bottom up
FOLDERS = sorted(path.name for path in (ROOT / "pages" / "ui").iterdir() if any(path.glob("*.py")))


def imported(path: Path) -> set[str]:
    """The rooms under pages/ui that a file imports from, type-only and late imports included."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{a.name}" for a in node.names]
        found |= {name.split(".")[2] for name in names if name.startswith("pages.ui.")}
    return found


@pytest.mark.parametrize("room", FOLDERS)
def test_a_room_imports_only_from_below(room: str) -> None:
    below = SHARED[: SHARED.index(room) + 1] if room in SHARED else (*SHARED, room)
    for path in (ROOT / "pages" / "ui" / room).glob("*.py"):
        assert imported(path) <= set(below), f"{path.name} imports {imported(path) - set(below)}"


@pytest.mark.parametrize("page", sorted(path.stem for path in (ROOT / "pages").glob("*.py")))
def test_a_page_imports_its_own_folder_and_the_shared_rooms(page: str) -> None:
    assert imported(ROOT / "pages" / f"{page}.py") <= {*SHARED, page}


def test_rooms_are_small() -> None:
    for room in FOLDERS:
        modules = list((ROOT / "pages" / "ui" / room).glob("*.py"))
        assert len(modules) <= 15, room
        for path in modules:
            assert len(path.read_text(encoding="utf-8").splitlines()) <= 300, path


def test_the_core_never_imports_the_dashboard() -> None:
    for path in (ROOT / "libra_core").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert "import streamlit" not in text, path
        assert "from streamlit" not in text, path
        assert "from pages" not in text, path
