"""What the commands share: who is meant, numbers within limits, a place for the JSON that is known to be good before
the work starts, and a word about an option that has nothing to act on."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from libra_core import files

if TYPE_CHECKING:
    from libra_core.cohort import Cohort

SEED_MAX = 2**63 - 1


def cohort_help() -> str:
    """What --cohort takes."""
    from libra_core.clinical import default_protocol  # here and below: a --help imports what it lists, and no more

    return f"a built-in cohort ({', '.join(spec.name for spec in default_protocol().cohorts)}) or a CSV file"


def advisor_help() -> str:
    """What --advisor takes: the names that the pages offer too."""
    from libra_core.advisors import kinds

    return f"one of {', '.join(kinds())} (with another share than these, for instance noisy:0.5)"


ROW_HELP = "the patient's ID as on the pages, or the row counted from 0"


def row_of(cohort: Cohort, patient: str) -> int:
    """The row of a patient, named by ID or by row. Raises IndexError or ValueError with a sentence."""
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
    """Raise ValueError with a sentence if a file was asked for and cannot be written."""
    if path is not None:
        files.check_writable(path)


def write_json(path: Path | None, content: dict[str, Any]) -> None:
    """Write the result where it was asked for. Raises OSError with a sentence."""
    if path is not None:
        files.write(path, (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode())


def asks(policy: str) -> bool:
    """Whether a policy asks the advisor that was chosen; some ask nobody, one always asks its own."""
    from libra_core.policies import REGISTRY

    return REGISTRY[policy].needs_advisor and REGISTRY[policy].own_advisor is None


def say_unused(options: Iterable[str], why: str) -> None:
    """Tell on stderr that options which were given change nothing."""
    if names := ", ".join(options):
        print(f"Not used: {names}. {why}", file=sys.stderr)
