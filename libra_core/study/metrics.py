"""Summaries of a study: means with intervals and quantiles over replicates, paired ratios, tables, and the stable JSON
of the command line."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from libra_core.arrays import Floats
from libra_core.study.batch import PolicyResult, StudyResult

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
REFERENCE = "glrb"  # what regret is compared with, where it was run
BOOTSTRAP = 2_000  # resamples of the replicates
NOTHING = 1e-9  # regret below it is rounding, as the oracle's


@dataclass(frozen=True)
class Ratio:
    """Mean over replicates against mean over the same replicates, with its 95 % percentile bootstrap interval.

    Replicates are resampled in pairs; with few of them the interval is too narrow. nan where the second mean is 0.
    """

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, ours: Floats, theirs: Floats) -> Ratio:
        """The ratio of two samples (R,) that belong together, replicate by replicate."""
        if not theirs.mean():
            return cls(math.nan, math.nan, math.nan)
        draws = np.random.default_rng(0).integers(0, len(ours), (BOOTSTRAP, len(ours)))
        low, high = np.quantile(ours[draws].mean(axis=1) / theirs[draws].mean(axis=1), [0.025, 0.975])
        return cls(float(ours.mean() / theirs.mean()), float(low), float(high))

    def __str__(self) -> str:
        return f"{self.value:.2f} ({self.low:.2f} to {self.high:.2f})"


def quantiles(values: Floats) -> dict[str, float]:
    """The QUANTILES of one number a replicate (R,), by percentage: {"5": ..., "50": the median, ...}."""
    return {f"{100 * q:g}": float(v) for q, v in zip(QUANTILES, np.quantile(values, QUANTILES), strict=True)}


def tenfolds(t: Floats, sums: Floats) -> tuple[Floats, Floats]:
    """What cumulative sums (R, G) on the rounds t (G,) gained from T/100 to T/10, and from T/10 to T = t[-1].

    Equal under c log t; the second is larger under c log^2 t, by (2 log T - log 10) / (2 log T - 3 log 10), 9/7 at T =
    100,000; sqrt(10) times the first under c sqrt(t); and near 0 for sums that have saturated.
    """
    first, second, last = (np.array([np.interp(share * t[-1], t, row) for row in sums]) for share in (0.01, 0.1, 1.0))
    return second - first, last - second


def reference(result: StudyResult) -> PolicyResult:
    """The policy that the others are compared with: GLRB where it was run, else the first."""
    return next((policy for policy in result.policies if policy.name == REFERENCE), result.policies[0])


def band(values: Floats, level: float = 0.95) -> tuple[Floats, Floats, Floats]:
    """(mean, low, high) over replicates (axis 0): Student's t interval of the mean; low = high = mean for one."""
    mean = values.mean(axis=0)
    n = len(values)
    if n < 2:
        return mean, mean.copy(), mean.copy()
    half = stats.t.ppf(0.5 + level / 2, n - 1) * values.std(axis=0, ddof=1) / math.sqrt(n)
    return mean, mean - half, mean + half


def regret_frame(result: StudyResult) -> pd.DataFrame:
    """One row for each policy and round of the grid, for CSV downloads and charts."""
    frames = []
    for policy in result.policies:
        mean, low, high = band(policy.regret)
        calls = policy.calls.mean(axis=0)
        columns = {"policy": policy.name, "t": result.t, "regret_mean": mean, "regret_low": low, "regret_high": high}
        frames.append(pd.DataFrame({**columns, "advisor_calls_mean": calls}))
    out = pd.concat(frames, ignore_index=True)
    return out.assign(unit=result.unit, config_hash=result.spec.hash, seed=result.spec.seed)


def summary_frame(result: StudyResult) -> pd.DataFrame:
    """One row for each policy: final regret with the interval of its mean and with its quantiles over replicates, calls
    beside the bound, CPU."""
    rows = []
    for policy in result.policies:
        mean, low, high = (float(v[-1]) for v in band(policy.regret))
        spread = quantiles(policy.regret[:, -1])
        rows.append(
            {
                "policy": policy.name,
                "regret": mean,
                "low": low,
                "high": high,
                "median": spread["50"],
                "q05": spread["5"],
                "q95": spread["95"],
                "calls": float(policy.calls[:, -1].mean()),
                "call_bound": policy.call_bound,
                "call_bound_run": policy.call_bound_run,
                "cpu_us_per_round": policy.cpu_us_per_round,
            }
        )
    return pd.DataFrame(rows)


def group_frame(result: StudyResult) -> pd.DataFrame:
    """Mean regret a patient in each subgroup, with an interval over replicates in which the subgroup occurred."""
    rows = []
    for policy in result.policies:
        for group, (regret, seen) in policy.groups.items():
            if (seen > 0).any():
                mean, low, high = (float(v) for v in band(regret[seen > 0]))
                patients = float(seen.mean())
                rows.append(
                    {"policy": policy.name, "group": group, "regret_per_patient": mean, "low": low, "high": high}
                )
                rows[-1]["patients_per_run"] = patients
    return pd.DataFrame(rows)


def as_json(result: StudyResult) -> dict[str, Any]:
    """The command line's JSON, schema 2: schema 1 with the quantiles of final regret, and its ratio to a reference."""
    return {
        "schema": 2,
        "config": {**result.spec.as_dict(), "hash": result.spec.hash, "unit": result.unit},
        "policies": {policy.name: _policy_json(result, policy) for policy in result.policies},
    }


def _against(policy: PolicyResult, other: PolicyResult) -> dict[str, Any]:
    """Final regret as a multiple of another policy's over the same replicates; null where that one lost nothing."""
    mine, theirs = policy.regret[:, -1], other.regret[:, -1]
    if not (theirs > NOTHING).all():
        return {"reference": other.name, "ratio": None, "quantiles": None}
    return {"reference": other.name, "ratio": asdict(Ratio.of(mine, theirs)), "quantiles": quantiles(mine / theirs)}


def _policy_json(result: StudyResult, policy: PolicyResult) -> dict[str, Any]:
    mean, low, high = (v.tolist() for v in band(policy.regret))
    out: dict[str, Any] = {
        "regret": {"t": list(result.t), "mean": mean, "low": low, "high": high},
        "final_regret": {"quantiles": quantiles(policy.regret[:, -1])},
        "against": _against(policy, reference(result)),
        "advisor_calls": {
            "mean": float(policy.calls[:, -1].mean()),
            "bound": policy.call_bound,
            "bound_run": policy.call_bound_run,
        },
        "cpu_us_per_round": policy.cpu_us_per_round,
    }
    if policy.dismissed is not None:
        out["advisor_dismissed"] = policy.dismissed
    if policy.groups:
        out["subgroups"] = {
            group: {"regret_per_patient": float(regret[seen > 0].mean()), "patients": float(seen.mean())}
            for group, (regret, seen) in policy.groups.items()
            if (seen > 0).any()
        }
    return out
