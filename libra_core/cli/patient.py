"""What must be read beside a plan for one patient, as on the pages: alerts first, then what to watch and to check."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from libra_core.clinical import Alert
from libra_core.cohort import Cohort, Unmeasured
from libra_core.policies import Decision


@dataclass(frozen=True)
class Safety:
    """alerts: about the patient. watch: cautions of the plan. check: what its safety rests on without a measurement."""

    alerts: tuple[Alert, ...]
    watch: tuple[str, ...]
    check: tuple[Unmeasured, ...]
    missing: str
    doubtful: str

    @property
    def first(self) -> list[str]:
        """The lines above the plan."""
        return [f"{alert.level.upper()}: {alert.reason}" for alert in self.alerts]

    @property
    def last(self) -> list[str]:
        """The lines below the plan."""
        lines = [f"Watch:     {caution}" for caution in self.watch]
        if self.missing:
            lines.append(f"Check before starting (not recorded): {self.missing}.")
        if self.doubtful:
            lines.append(f"Check before starting (in doubt): {self.doubtful}.")
        return lines

    def as_json(self) -> dict[str, Any]:
        return {
            "alerts": [{"level": alert.level, "reason": alert.reason} for alert in self.alerts],
            "cautions": list(self.watch),
            "check_before_starting": [item.text for item in self.check],
        }


def safety_of(cohort: Cohort, decision: Decision, benefit: float = float("nan")) -> Safety:
    """What the page Recommend shows beside the same decision. benefit: see `Cohort.cautions`."""
    row, protocol = decision.row, cohort.protocol
    check = cohort.unmeasured_safety(row, decision.arm)
    inside = {item.feature: protocol.feature(item.feature).label_inside for item in check}
    return Safety(
        alerts=tuple(alert for alert in cohort.alerts(row) if alert.level != "note"),
        watch=cohort.cautions(row, decision.arm, np.asarray(decision.delta), benefit),
        check=check,
        missing=", ".join(inside[item.feature] for item in check if not item.doubt),
        doubtful="; ".join(f"{inside[item.feature]} ({item.doubt})" for item in check if item.doubt),
    )


__all__ = ["Safety", "safety_of"]
