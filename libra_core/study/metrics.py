"""Summaries of a study: means with intervals over replicates, tables, and the stable JSON of the command line."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
from scipy import stats

from libra_core.arrays import Floats
from libra_core.study.batch import PolicyResult, StudyResult


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
    """One row for each policy: final regret with its interval, calls beside the bound, CPU."""
    rows = []
    for policy in result.policies:
        mean, low, high = (float(v[-1]) for v in band(policy.regret))
        rows.append(
            {
                "policy": policy.name,
                "regret": mean,
                "low": low,
                "high": high,
                "calls": float(policy.calls[:, -1].mean()),
                "call_bound": policy.call_bound,
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
    """The command line's JSON, schema 1."""
    return {
        "schema": 1,
        "config": {**result.spec.as_dict(), "hash": result.spec.hash, "unit": result.unit},
        "policies": {policy.name: _policy_json(result, policy) for policy in result.policies},
    }


def _policy_json(result: StudyResult, policy: PolicyResult) -> dict[str, Any]:
    mean, low, high = (v.tolist() for v in band(policy.regret))
    out: dict[str, Any] = {
        "regret": {"t": list(result.t), "mean": mean, "low": low, "high": high},
        "advisor_calls": {"mean": float(policy.calls[:, -1].mean()), "bound": policy.call_bound},
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
