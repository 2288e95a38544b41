"""`python -m libra_core report`: a study, a session or one patient as HTML, PDF or slides."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from libra_core import files
from libra_core.cli.arguments import ROW_HELP, SEED_MAX, cohort_help, row_of, whole

if TYPE_CHECKING:
    from libra_core.report.document import Document

FORMATS = ("html", "pdf", "pptx")


def declare(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    about = parser.add_mutually_exclusive_group(required=True)
    about.add_argument("--study", metavar="HASH", help="config hash of a stored study, or case-study")
    about.add_argument("--session", metavar="ID", help="a recorded feedback session")
    about.add_argument("--cohort", metavar="PATH|NAME", help=f"with --row, a sheet for one patient: {cohort_help()}")
    parser.add_argument("--row", metavar="ID|N", help=ROW_HELP)
    parser.add_argument("--format", required=True, choices=FORMATS, help="of the file")
    parser.add_argument("--out", required=True, type=Path, metavar="FILE", help="where to write it")
    parser.add_argument("--units", choices=("US", "SI"), default="US", help="of all values (default: %(default)s)")
    seed = "of the run that the plan on a sheet comes from (default: %(default)s)"
    parser.add_argument("--seed", type=whole(0, SEED_MAX), default=0, metavar="S", help=seed)


def run(arguments: argparse.Namespace) -> int:
    from libra_core.report.write import to_bytes

    files.check_writable(arguments.out)
    content = to_bytes(document_for(arguments), arguments.format)
    files.write(arguments.out, content)
    print(f"{arguments.out}: {len(content):,} bytes. Simulated outcomes; not for clinical use.")
    return 0


def document_for(arguments: argparse.Namespace) -> Document:
    """The report that the arguments ask for. Raises ValueError with what to do."""
    si = arguments.units == "SI"
    if arguments.study:
        from libra_core.report.case import load_case
        from libra_core.report.story import case_document

        return case_document(load_case("" if arguments.study == "case-study" else arguments.study), si)
    if arguments.session:
        from libra_core.report.session import session_document

        return session_document(arguments.session, si)
    if arguments.row is None:
        raise ValueError("a hand-out is for one patient: give --row with --cohort, an ID or a row")
    from libra_core.cohort import load_cohort
    from libra_core.report.handout import handout

    cohort = load_cohort(arguments.cohort)
    return handout(cohort, row_of(cohort, arguments.row), arguments.seed, si)
