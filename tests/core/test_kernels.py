"""The compiled kernels' cache cannot go stale, and importing the core stays light."""

import os
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


def test_only_environments_name_the_disease() -> None:
    allowed = set((ROOT / "environments").glob("*.py"))
    for path in set(ROOT.rglob("*.py")) - allowed:
        assert "hypertension" not in path.read_text().lower(), path


def test_the_solver_is_imported_only_on_demand() -> None:
    """cvxpy takes a second to import and a plain decision does not need it."""
    code = "import libra_core.study, sys; sys.exit('cvxpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(ROOT).parent, check=False).returncode == 0


TINY = """
from libra_core.kernels import kernel

@kernel
def twice(x):
    return x + x
"""
# Both processes read the empty index before either writes it.
TOGETHER = """
import sys, time
from pathlib import Path
from tiny import twice

cache = twice._cache._cache_file
found = cache._load_index

def load_index():
    index = found()
    if cache.__dict__.setdefault("loads", 0):  # the first look is for something to load, the second for saving
        Path(sys.argv[1]).touch()
        while not Path(sys.argv[2]).exists():
            time.sleep(0.01)
    cache.loads += 1
    return index

cache._load_index = load_index
print(twice(eval(sys.argv[3])))
"""


def test_processes_that_compile_at_once_never_read_each_others_code(tmp_path: Path) -> None:
    (tmp_path / "tiny.py").write_text(TINY)
    env = os.environ | {"LIBRA_HOME": str(tmp_path), "PYTHONPATH": os.pathsep.join((str(tmp_path), str(ROOT.parent)))}
    python = {"cwd": tmp_path, "env": env, "stdout": subprocess.PIPE, "text": True}
    pairs = (("a", "b", "3"), ("b", "a", "1.25"))
    both = [subprocess.Popen([sys.executable, "-c", TOGETHER, *words], **python) for words in pairs]
    assert [process.communicate(timeout=100)[0] for process in both] == ["6\n", "2.5\n"]
    files = sorted(tmp_path.rglob("*.nbc"))
    assert len(files) == 2  # neither wrote over the other's
    code = "from tiny import twice; print(twice(3), twice(1.25))"
    assert subprocess.run([sys.executable, "-c", code], **python, check=False).stdout == "6 2.5\n"
