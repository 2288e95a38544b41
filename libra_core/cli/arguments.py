"""Options that the commands share: patients, names, numbers within limits, and a file for the JSON that is checked
before the work starts.

The names below spare a --help the registries, which take long to import; a test compares them.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
import tomllib
from collections.abc import Callable, Iterable
from pathlib import Path
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any

from libra_core import files

if TYPE_CHECKING:
    from libra_core.cohort import Cohort

SEED_MAX = 2**63 - 1
POLICIES = (
    "oracle, random, advisor-only, guideline, glrb, rlinucb, linucb, glm-ucb, linucb-posthoc, greedy, thompson, libra, "
    "hr-bandit, libra-trial, libra-distil"
)
RECOMMENDED = "libra-distil"
ADVISORS = (
    "near-optimal, noisy:0.3, biased:0.5, random, adversarial, refuses, guideline, guideline+recorded, llm, recorded, "
    "adaptive, turncoat:1000, poison, always:1, contrarian"
)
ADVISOR_FILES = {
    "adversaries",
    "agreement",
    "base",
    "clinician",
    "guideline",
    "language_model",
    "llm",
    "panel",
    "recording",
    "simulated",
}
TWISTS = "diminishing, saturation, floor, interaction, heavy-tails, drift, slow-drift"
GUIDELINE = "guideline"


def cohort_help() -> str:
    """The help of --cohort, with the built-in cohorts of the first protocol."""
    try:
        protocol = tomllib.loads(next(iter(files.protocols().values())).read_text(encoding="utf-8"))
        names = f" ({', '.join(spec['name'] for spec in protocol['cohorts'])})"
    except (StopIteration, OSError, ValueError, KeyError, TypeError):  # the command itself says what is wrong with it
        names = ""
    return f"a built-in cohort{names} or a CSV file"


def advisor_help() -> str:
    """The help of --advisor. An advisor that was added to the folder is found by importing the registry."""
    names, package = ADVISORS, importlib.util.find_spec("libra_core.advisors")
    if package and any(file.name not in ADVISOR_FILES for file in iter_modules(package.submodule_search_locations)):
        from libra_core.advisors import kinds

        names = ", ".join(kinds())
    return f"one of {names} (another number: noisy:0.5, turncoat:200; a recording of your own: recorded:FILE)"


ROW_HELP = "the patient's ID as on the pages, or the row counted from 0"


def row_of(cohort: Cohort, patient: str) -> int:
    """The row of a patient, given by ID or row number. Raises IndexError or ValueError with a sentence."""
    if patient in cohort.ids:
        return cohort.ids.index(patient)
    try:
        row = int(patient)
    except ValueError:
        raise ValueError(
            f"there is no patient {patient!r} in {cohort.name}: give an ID from {cohort.ids[0]} to {cohort.ids[-1]}, "
            f"or a row from 0 to {len(cohort) - 1}"
        ) from None
    return cohort.patient(row).row


def whole(low: int, high: int) -> Callable[[str], int]:
    """An argparse type: a whole number from low to high."""

    def read(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = low - 1
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"give a whole number from {low:,} to {high:,}, not {text!r}")
        return value

    return read


def number(low: float, high: float) -> Callable[[str], float]:
    """An argparse type: a number from low to high."""

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not low <= value <= high:  # nan is refused too
            raise argparse.ArgumentTypeError(f"give a number from {low:g} to {high:g}, not {text!r}")
        return value

    return read


def check_writable(path: Path | None) -> None:
    """Raise ValueError with a sentence if the file given cannot be written."""
    if path is not None:
        files.check_writable(path)


def write_json(path: Path | None, content: dict[str, Any]) -> None:
    """Write the result to the file given. Raises OSError with a sentence."""
    if path is not None:
        files.write(path, (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode())


def asks(policy: str) -> bool:
    """Whether a policy asks the chosen advisor; some ask none, one always asks its own."""
    from libra_core.policies import REGISTRY

    return policy in REGISTRY and REGISTRY[policy].needs_advisor and REGISTRY[policy].own_advisor is None


def say_unused(options: Iterable[str], why: str) -> None:
    """Report on stderr the options given that change nothing."""
    if names := ", ".join(options):
        print(f"Not used: {names}. {why}", file=sys.stderr)
