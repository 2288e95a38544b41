"""Environments. Importing this package registers them all; a new one is a new file and a line here."""

from libra_core.environments import hypertension, synthetic  # noqa: F401 -- importing registers
from libra_core.environments.base import ENVIRONMENTS, Environment, EnvironmentSpec, make_environment

__all__ = ["ENVIRONMENTS", "Environment", "EnvironmentSpec", "make_environment"]
