"""The compiled kernels' cache cannot go stale, and importing the core stays light."""

import ast
import subprocess
import sys
from pathlib import Path

from libra_core.kernels import ROOT, SOURCES


def test_the_cache_key_covers_every_file_with_a_kernel() -> None:
    found = {
        str(path.relative_to(ROOT))
        for path in ROOT.rglob("*.py")
        if any(line.startswith(("@kernel", "@inlined")) for line in path.read_text().splitlines())
    }
    assert found | {"kernels.py"} == set(SOURCES)


def test_the_core_never_imports_streamlit() -> None:
    for path in ROOT.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not any(name.split(".")[0] == "streamlit" for name in names), path


def test_only_environments_name_the_disease() -> None:
    allowed = set((ROOT / "environments").glob("*.py"))
    for path in set(ROOT.rglob("*.py")) - allowed:
        assert "hypertension" not in path.read_text().lower(), path


def test_the_solver_is_imported_only_on_demand() -> None:
    """cvxpy takes a second to import and a plain decision does not need it."""
    code = "import libra_core.study, sys; sys.exit('cvxpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(ROOT).parent, check=False).returncode == 0
