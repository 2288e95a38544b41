"""PREVENT, base model: the 10-year risk of total cardiovascular disease (Khan et al., Circulation 2024;149:430)."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, isfinite

AGES = (30, 79)  # years for which the equations were made

# term -> (women, men); see `log_odds` for what each term is.
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


@dataclass(frozen=True)
class Person:
    """What the equation reads: years, mg/dL, mmHg, mL/min/1.73 m². None: not measured. cvd: cardiovascular disease."""

    age: float
    female: bool
    cholesterol: float | None
    hdl: float | None
    sbp: float
    diabetes: bool
    smoker: bool
    egfr: float | None
    bp_drugs: bool
    statin: bool
    cvd: bool = False


@dataclass(frozen=True)
class Risk:
    """A 10-year risk (0 to 1), or None with the reason why there is no number."""

    value: float | None
    why_not: str = ""


def prevent(person: Person) -> Risk:
    """The 10-year risk of total cardiovascular disease, risk = 1 / (1 + exp(-L)).

    Not for people under 30 or over 79, with cardiovascular disease already, or without cholesterol or eGFR: then there
    is no number, and the reason is said. Not validated as an effect of treatment: a risk "before and after" a plan is
    the same formula at another pressure, as if pressure were the only change.

    >>> round(prevent(Person(50, True, 200, 45, 160, True, False, 90, True, False)).value, 3)
    0.147
    """
    if person.cvd:
        return Risk(None, "PREVENT is for people without cardiovascular disease so far")
    if not AGES[0] <= person.age <= AGES[1]:
        return Risk(None, f"PREVENT is for people of {AGES[0]} to {AGES[1]} years")
    missing = [
        name
        for name, value in (("cholesterol", person.cholesterol), ("HDL", person.hdl), ("eGFR", person.egfr))
        if value is None or not isfinite(value)
    ]
    if missing:
        return Risk(None, f"PREVENT needs {' and '.join(missing)}, not measured here")
    return Risk(1 / (1 + exp(-log_odds(person))))


def log_odds(person: Person) -> float:
    """L: the sum of coefficient x term."""
    assert person.cholesterol is not None
    assert person.hdl is not None
    assert person.egfr is not None
    terms = {
        "1": 1.0,
        "A": (person.age - 55) / 10,
        "N": 0.02586 * (person.cholesterol - person.hdl) - 3.5,
        "H": (0.02586 * person.hdl - 1.3) / 0.3,
        "S1": (min(person.sbp, 110) - 110) / 20,
        "S2": (max(person.sbp, 110) - 130) / 20,
        "DM": float(person.diabetes),
        "SMK": float(person.smoker),
        "E1": (min(person.egfr, 60) - 60) / -15,
        "E2": (max(person.egfr, 60) - 90) / -15,
        "TX": float(person.bp_drugs),
        "ST": float(person.statin),
    }
    total = 0.0
    for name, by_sex in COEFFICIENTS.items():
        left, _, right = name.partition(" ")
        total += by_sex[0 if person.female else 1] * terms[left] * (terms[right] if right else 1.0)
    return total
