"""Policies. Importing this package registers them all; a new one is a new file and a line here."""

from libra_core.policies import baselines, distil, glrb, libra  # noqa: F401 -- importing registers
from libra_core.policies.base import REGISTRY, Policy
from libra_core.policies.config import PolicyConfig
from libra_core.policies.decision import REASONS, ArmOption, Decision, Proposal, Reason

RECOMMENDED = distil.LibraDistil.name  # what pages and commands start with

__all__ = [
    "REASONS",
    "RECOMMENDED",
    "REGISTRY",
    "ArmOption",
    "Decision",
    "Policy",
    "PolicyConfig",
    "Proposal",
    "Reason",
]
