"""One way to compile: `@kernel`, cached on disk under a key made of all kernel sources.

numba notices a change in a cached function's own file only, not in the files of the functions it calls; a key over
every source makes a stale cache impossible. A first compilation takes some seconds, so `python -m libra_core warm`
does it at installation and the app does it in the background.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba

ROOT = Path(__file__).resolve().parent
SOURCES = (  # every file with a kernel in it (a test compares this list with the code)
    "kernels.py",
    "glm/estimator.py",
    "glm/link.py",
    "recourse/ascent.py",
    "recourse/linear_step.py",
    "recourse/optimistic.py",
    "recourse/plans.py",
)


def _cache_dir() -> Path:
    """data/local/kernels/<key>, or the temporary folder where the installation is read-only."""
    digest = hashlib.sha256(numba.__version__.encode())
    for name in SOURCES:
        digest.update((ROOT / name).read_bytes())
    key = digest.hexdigest()[:16]
    local = ROOT.parent / "data" / "local" / "kernels" / key
    try:
        local.mkdir(parents=True, exist_ok=True)
        if os.access(local, os.W_OK):
            return local
    except OSError:
        pass
    return Path(tempfile.gettempdir()) / f"libra-kernels-{os.getuid() if hasattr(os, 'getuid') else 0}" / key


numba.config.CACHE_DIR = str(_cache_dir())  # type: ignore[attr-defined]


def kernel(function: Callable[..., Any], **options: Any) -> Any:
    """Compile on first use. Division by zero gives inf or nan, as in numpy; sums may be reordered."""
    return numba.njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"}, **options)(
        function
    )


def inlined(function: Callable[..., Any]) -> Any:
    """A kernel whose body is copied into its callers: for the few innermost functions."""
    return kernel(function, forceinline=True)
