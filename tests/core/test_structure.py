"""The house: every import that stands in the code, type-only ones included, leads downwards, and no room is too big."""

import ast
import re
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HOUSE = ("libra_core", "pages", "tests", "benchmarks")
LINES, MODULES = 300, 15

# Bottom up, as drawn in docs/architecture.md. Rooms of one floor may know each other, as far as no circle arises.
FLOORS = (
    ("", "arrays", "chain", "digits", "files", "spreadsheet", "streams"),
    ("kernels",),
    ("glm",),
    ("feasible",),
    ("problem",),
    ("recourse",),
    ("clinical", "cases"),
    ("cohort",),
    ("advisors",),
    ("policies",),
    ("environments",),
    ("study", "summary", "certainty"),
    ("records",),
    ("report",),
    ("warm",),
    ("cli", "__main__"),
    ("pages/ui/draw",),
    ("pages/ui/session",),
    ("pages/ui/shell",),
    tuple(
        f"pages/ui/{page}"
        for page in ["cohort", "recommend", "compare", "regret", "feedback", "case_study", "settings", "about"]
    ),
    ("pages",),
)
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}


def files(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULE = {name_of(path): path for path in files("libra_core", "pages")}


def imports(path: Path) -> Iterator[str]:
    """Every module and name that a file imports, wherever it does."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are written out"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def known(name: str) -> str | None:
    """The file's module that an imported name comes from; None for what is not ours."""
    while name and name not in MODULE:
        name = name.rpartition(".")[0]
    return name or None


GRAPH = {
    name: {found for imported in imports(path) if (found := known(imported)) not in (None, name)}
    for name, path in MODULE.items()
}


def room_of(module: str) -> str:
    parts = module.split(".")
    if parts[0] == "libra_core":
        return parts[1] if len(parts) > 1 else ""
    return "/".join(parts[:3]) if len(parts) > 2 else "pages"


def test_no_import_circle() -> None:
    """A package that offers a name of its own file is no circle: the file does not read it back."""
    try:
        TopologicalSorter(GRAPH).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_every_room_has_its_floor() -> None:
    rooms = {room_of(name) for name, path in MODULE.items() if path.name != "__init__.py" or path.stat().st_size}
    assert rooms - FLOOR.keys() == set()


def test_rooms_import_only_downwards() -> None:
    upwards = [
        f"{module} -> {imported}"
        for module, found in GRAPH.items()
        for imported in found
        if FLOOR[room_of(imported)] > FLOOR[room_of(module)]
    ]
    assert upwards == []


def test_a_page_reads_no_other_page() -> None:
    across = [
        f"{module} -> {imported}"
        for module, found in GRAPH.items()
        for imported in found
        if room_of(imported).startswith("pages/ui/")
        and FLOOR[room_of(imported)] == FLOOR[room_of(module)]
        and room_of(imported) != room_of(module)
    ]
    assert across == []


def test_the_script_of_a_page_reads_its_own_folder_only() -> None:
    shared = {"pages/ui/draw", "pages/ui/session", "pages/ui/shell"}
    for module in (name for name in GRAPH if room_of(name) == "pages"):
        rooms = {room for room in map(room_of, GRAPH[module]) if room.startswith("pages/ui/")}
        assert rooms <= {*shared, f"pages/ui/{module.removeprefix('pages.')}"}, module


def test_the_core_never_imports_streamlit() -> None:
    assert [path for path in files("libra_core") if any(n.split(".")[0] == "streamlit" for n in imports(path))] == []


def test_only_tests_import_tests() -> None:
    outside = files("libra_core", "pages", "benchmarks", "examples", "docs", "data")
    assert [path for path in outside if any(name.split(".")[0] == "tests" for name in imports(path))] == []


def test_no_module_is_named_like_one_of_the_standard_library() -> None:
    ours = [path for path in files(*HOUSE) if not path.stem.startswith("__")]
    assert [path for path in ours if path.stem in sys.stdlib_module_names] == []


def test_no_module_is_too_long() -> None:
    lengths = {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8").count("\n") for path in files(*HOUSE)}
    assert {path: n for path, n in lengths.items() if n > LINES} == {}


def test_no_folder_is_too_full() -> None:
    counts: dict[str, int] = {}
    for path in files(*HOUSE):
        if path.name not in ("__init__.py", "conftest.py"):
            folder = str(path.parent.relative_to(ROOT))
            counts[folder] = counts.get(folder, 0) + 1
    assert {folder: n for folder, n in counts.items() if n > MODULES} == {}


def test_the_drawing_names_the_rooms_of_the_house_in_their_order() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    drawn = re.search(r"```\n(.*?)```", text, re.DOTALL)
    assert drawn is not None
    floors = [set(re.findall(r"(?<![\w/])((?:pages/)?[\w/]+)(?:/|\.py)(?!\w)", line)) for line in drawn[1].splitlines()]
    seen = [floor for line in floors for floor in sorted({FLOOR[r] for r in line if r in FLOOR}, reverse=True)]
    assert seen == sorted(seen, reverse=True)
    assert {room for line in floors for room in line} >= set(FLOOR) - {"", "__main__"}
    for place in re.findall(r"`((?:[\w.]+/)+)[^`/]*`", text):
        assert (ROOT / place).is_dir() or (ROOT / "libra_core" / place).is_dir(), place
