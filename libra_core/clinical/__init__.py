"""A disease as data: features, treatments, rules, and the feasible box of each patient."""

from libra_core.clinical.feature import Feature
from libra_core.clinical.load import ProtocolError, default_protocol, load_protocol
from libra_core.clinical.protocol import Protocol
from libra_core.clinical.rules import Alert, Condition, Derived, Rule
from libra_core.clinical.treatment import Block, CohortSpec, FeasibleSpec, Limit, Outcome, Treatment
from libra_core.files import PROTOCOL_DIR, protocols

__all__ = [
    "PROTOCOL_DIR",
    "Alert",
    "Block",
    "CohortSpec",
    "Condition",
    "Derived",
    "FeasibleSpec",
    "Feature",
    "Limit",
    "Outcome",
    "Protocol",
    "ProtocolError",
    "Rule",
    "Treatment",
    "default_protocol",
    "load_protocol",
    "protocols",
]
