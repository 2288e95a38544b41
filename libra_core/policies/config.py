"""The settings of policies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args, get_origin, get_type_hints

import numpy as np


@dataclass(frozen=True)
class PolicyConfig:
    """Settings shared by all policies; each uses those that apply to it.

    ridge: lambda of the ridge prior. alpha: scale of the practical radius alpha * noise * sqrt(log(2 + t)).
    radius: "practical" or "theory" (the theorem's, at level `failure` with |theta| <= `norm_bound`).
    width_threshold: Delta, the width on the mean scale above which LIBRA asks; None = the problem's default.
    plausibility: c in UCB_l >= UCB_b - c w_b. adoption: "informative" also wants w_l > Delta.
    max_calls: hard cap on calls of the advisor. trial_share: share of adoptable rounds kept as control.
    effort_cost: c of the objective, in index units for each weighted SD moved. min_gain: a feature moves only if
    it adds more than this to the index. plan_with: plan for the change as advised or as expected to be realised.
    shared: one joint estimator theta_a = theta_0 + phi_a. estimator: "one-pass"; "refit" adds a full-MLE refit of an
    arm whenever its det V has doubled; "mle" refits after every observation (the slow reference).
    """

    ridge: float = 1.0
    alpha: float = 0.3
    radius: Literal["practical", "theory"] = "practical"
    failure: float = 0.05
    norm_bound: float = 1.0
    width_threshold: float | None = None
    plausibility: float = 0.5
    adoption: Literal["informative", "plausible"] = "informative"
    max_calls: int | None = None
    trial_share: float = 0.2
    effort_cost: float = 0.0
    min_gain: float = 0.0
    plan_with: Literal["advised", "expected"] = "expected"
    shared: bool = False
    estimator: Literal["one-pass", "refit", "mle"] = "one-pass"

    def validate(self) -> PolicyConfig:
        """Return self, or raise ValueError with a sentence for a person."""
        for name, kind in get_type_hints(PolicyConfig).items():
            value = getattr(self, name)
            if get_origin(kind) is Literal and value not in get_args(kind):
                raise ValueError(f"{name} must be one of {', '.join(get_args(kind))}, got {value!r}")
        for name, low, high in (
            ("ridge", 1e-9, np.inf),
            ("alpha", 0, np.inf),
            ("failure", 1e-12, 0.5),
            ("norm_bound", 1e-9, np.inf),
            ("plausibility", 0, 1),
            ("trial_share", 0, 0.5),
            ("effort_cost", 0, np.inf),
            ("min_gain", 0, np.inf),
        ):
            value = getattr(self, name)
            if not (low <= value <= high):
                raise ValueError(f"{name} must be between {low:g} and {high:g}, got {value:g}")
        if self.width_threshold is not None and not self.width_threshold > 0:
            raise ValueError(f"width_threshold must be > 0, got {self.width_threshold:g}")
        if self.max_calls is not None and self.max_calls < 0:
            raise ValueError(f"max_calls must be >= 0, got {self.max_calls}")
        return self
