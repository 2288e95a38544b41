"""`python -m libra_core cohort check`: whether a table can be used, and the report on it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from libra_core.cli.arguments import check_writable, cohort_help, write_json


def declare(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    check = actions.add_parser(
        "check",
        help="exit 0: usable; 2: not, with the reasons",
        example=f"{parser.prog} check patients.csv",
    )
    check.add_argument("source", metavar="PATH|NAME", help=cohort_help())
    check.add_argument("--json", type=Path, metavar="FILE", help="write the report as JSON")


def run(arguments: argparse.Namespace) -> int:
    from libra_core.cohort import CohortError, load_cohort

    check_writable(arguments.json)
    try:
        cohort = load_cohort(arguments.source)
    except CohortError as error:
        print("\n".join(error.report.sentences()), file=sys.stderr)
        write_json(arguments.json, {"schema": 1, "usable": False, "n": 0, "report": error.report.to_dict()})
        return 2
    report = cohort.report
    result = {"schema": 1, "usable": True, "n": len(cohort), "arrivals": len(cohort.arrivals)}
    print(f"{cohort.label}: {len(cohort):,} people, usable.")
    print(cohort.arrivals_sentence)
    print("\n".join(report.sentences()))
    write_json(arguments.json, {**result, "name": cohort.name, "kind": cohort.kind, "report": report.to_dict()})
    return 0
