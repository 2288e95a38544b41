"""One way to compile: `@kernel`, cached on disk under a key made of all kernel sources.

numba notices a change in a cached function's own file only, not in the files of the functions it calls; a key over
every source makes a stale cache impossible. A first compilation takes some seconds, so the app does it in the
background and `libra warm` does it ahead of time. Several processes may compile at once: see `kernel`.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba

from libra_core.files import home

ROOT = Path(__file__).resolve().parent
SOURCES = (  # every file with a kernel in it (a test compares this list with the code)
    "kernels.py",
    "glm/choice.py",
    "glm/estimator.py",
    "glm/link.py",
    "policies/check.py",
    "policies/counsel.py",
    "recourse/ascent.py",
    "recourse/linear_step.py",
    "recourse/optimistic.py",
    "recourse/plans.py",
)


PROCESS = uuid.uuid4().hex[:12]


def _cache_dir() -> Path:
    """home()/kernels/<key>, or the temporary folder where the installation is read-only."""
    digest = hashlib.sha256(numba.__version__.encode())
    for name in SOURCES:
        digest.update((ROOT / name).read_bytes())
    key = digest.hexdigest()[:16]
    local = home() / "kernels" / key
    try:
        local.mkdir(parents=True, exist_ok=True)
        if os.access(local, os.W_OK):
            return local
    except OSError:
        pass
    return Path(tempfile.gettempdir()) / f"libra-kernels-{os.getuid() if hasattr(os, 'getuid') else 0}" / key


numba.config.CACHE_DIR = str(_cache_dir())  # type: ignore[attr-defined]


def kernel(function: Callable[..., Any], **options: Any) -> Any:
    """Compile on first use. Division by zero gives inf or nan, as in numpy; sums may be reordered.

    numba numbers the files of a function's compiled forms from what its index lists. Two processes that compile two
    forms at once would take the same number, and one would read the other's machine code: the names are made unique.
    """
    made = numba.njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"}, **options)(
        function
    )
    file = made._cache._cache_file
    file._data_name_pattern = file._data_name_pattern.replace(".nbc", f".{PROCESS}.nbc")
    return made


def inlined(function: Callable[..., Any]) -> Any:
    """A kernel whose body is copied into its callers: for the few innermost functions."""
    return kernel(function, forceinline=True)
