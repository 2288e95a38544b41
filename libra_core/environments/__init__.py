"""Environments. Importing this package registers its own, and each `NAME.py` beside a `NAME.toml` in
LIBRA_PROTOCOL_DIR.

Such a file runs as part of the program: anyone who can write to the folder can change what the program does.
"""

from __future__ import annotations

import importlib.util

from libra_core.clinical import protocols
from libra_core.environments import hypertension, hypertension_rules, synthetic, twists  # noqa: F401 -- importing registers
from libra_core.environments.base import ENVIRONMENTS, TWISTS, Environment, EnvironmentSpec, make_environment


def _load_beside_protocols() -> None:
    """The environment of each protocol that brings its own file."""
    for name, path in protocols().items():
        file = path.with_suffix(".py")
        spec = importlib.util.spec_from_file_location(f"libra_protocol_{name}", file) if file.exists() else None
        if spec is not None and spec.loader is not None:
            spec.loader.exec_module(importlib.util.module_from_spec(spec))


_load_beside_protocols()

__all__ = ["ENVIRONMENTS", "TWISTS", "Environment", "EnvironmentSpec", "make_environment"]
