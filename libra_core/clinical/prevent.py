"""PREVENT, base model: the 10-year risk of total cardiovascular disease (Khan et al., Circulation 2024;149:430)."""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType

import numpy as np

from libra_core.arrays import Floats
from libra_core.clinical.rules import Columns

# What the equations read, and the range they were made for: years, mg/dL, mmHg, mL/min/1.73 m². `cvd` must be 0.
RANGES = MappingProxyType(
    {"age": (30, 79), "total_cholesterol": (130, 320), "hdl": (20, 100), "sbp": (90, 200), "egfr": (15, 150)}
)
INPUTS = (*RANGES, "female", "diabetes", "smokes", "treated", "statin", "cvd")

# term -> (women, men); see `prevent` for what each term is.
COEFFICIENTS = {
    "1": (-3.307728, -3.031168),
    "A": (0.7939329, 0.7688528),
    "N": (0.0305239, 0.0736174),
    "H": (-0.1606857, -0.0954431),
    "S1": (-0.2394003, -0.4347345),
    "S2": (0.3600781, 0.3362658),
    "DM": (0.8667604, 0.7692857),
    "SMK": (0.5360739, 0.4386871),
    "E1": (0.6045917, 0.5378979),
    "E2": (0.0433769, 0.0164827),
    "TX": (0.3151672, 0.288879),
    "ST": (-0.1477655, -0.1337349),
    "TX S2": (-0.0663612, -0.0475924),
    "ST N": (0.1197879, 0.150273),
    "A N": (-0.0819715, -0.0517874),
    "A H": (0.0306769, 0.0191169),
    "A S2": (-0.0946348, -0.1049477),
    "A DM": (-0.27057, -0.2251948),
    "A SMK": (-0.078715, -0.0895067),
    "A E1": (-0.1637806, -0.1543702),
}


def prevent(c: Columns) -> Floats:
    """The risk, 0 to 1, (n,), from the columns of INPUTS: 1 / (1 + exp(-L)). nan where the equations do not apply.

    Not validated as an effect of treatment: a risk at another pressure is what it would be if pressure were the only
    change.

    >>> one = dict(age=50, female=1, total_cholesterol=200, hdl=45, sbp=160, diabetes=1, egfr=90, treated=1)
    >>> one |= dict(smokes=0, statin=0, cvd=0)
    >>> prevent({name: np.array([value]) for name, value in one.items()}).round(3).tolist()  # the published example
    [0.147]
    """
    pressure, kidney = c["sbp"], c["egfr"]
    terms = {
        "1": np.ones_like(pressure, dtype=float),
        "A": (c["age"] - 55) / 10,
        "N": 0.02586 * (c["total_cholesterol"] - c["hdl"]) - 3.5,
        "H": (0.02586 * c["hdl"] - 1.3) / 0.3,
        "S1": (np.minimum(pressure, 110) - 110) / 20,
        "S2": (np.maximum(pressure, 110) - 130) / 20,
        "DM": c["diabetes"],
        "SMK": c["smokes"],
        "E1": (np.minimum(kidney, 60) - 60) / -15,
        "E2": (np.maximum(kidney, 60) - 90) / -15,
        "TX": c["treated"],
        "ST": c["statin"],
    }
    total = np.zeros_like(terms["1"])
    for name, (woman, man) in COEFFICIENTS.items():
        left, _, right = name.partition(" ")
        total = total + np.where(c["female"] == 1, woman, man) * terms[left] * (terms[right] if right else 1.0)
    inside = [(c[name] >= low) & (c[name] <= high) for name, (low, high) in RANGES.items()]
    return np.where(np.all([c["cvd"] == 0, *inside], axis=0), 1 / (1 + np.exp(-total)), np.nan)


def excluded(c: Columns, label: Callable[[str], str]) -> str:
    """Why the equations do not apply to the first patient, to follow their name; empty where they do. label: what a
    column is called inside a sentence."""
    if c["cvd"][0]:
        return "is for people without cardiovascular disease so far"
    for name, (low, high) in RANGES.items():
        if not low <= c[name][0] <= high:
            return f"is made for {label(name)} from {low} to {high}"
    return ""
