"""stub"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Worth:
    elsewhere: float = 0.3
    side_effects: float = 1.0
    monitoring: float = 1.0
    pills: float = 1.0
    indications: float = 1.0
