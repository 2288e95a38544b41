"""The command line: python -m libra_core cohort | recommend | simulate | advise | report | replay | warm."""

from __future__ import annotations

import argparse
import os
import sys
from typing import NoReturn

from libra_core.cli.advise import add_advise
from libra_core.cli.arguments import add_example
from libra_core.cli.cohort import add_cohort
from libra_core.cli.recommend import add_recommend
from libra_core.cli.replay import add_replay
from libra_core.cli.report import add_report
from libra_core.cli.simulate import add_simulate

EXAMPLES = {
    "cohort": "cohort check nhanes",
    "recommend": "recommend --cohort nhanes --row 12",
    "simulate": "simulate --environment synthetic --policies linucb,glrb,libra --rounds 1000",
    "advise": "advise --cohort nhanes --row 12 --advisor guideline",
    "report": "report --cohort nhanes --row 12 --format pdf --out sheet.pdf",
    "replay": "replay 4f1c20 --cohort patients.csv",
    "warm": "warm",
}


def _add_warm(subparsers: argparse._SubParsersAction) -> None:
    parser = subparsers.add_parser("warm", help="compile the numerical kernels now, so that nobody waits later")

    def run(arguments: argparse.Namespace) -> int:
        from libra_core.warm import warm

        warm()
        return 0

    parser.set_defaults(run=run)


class _Parser(argparse.ArgumentParser):
    """Answers what it cannot read with one sentence, not with every option it has."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{message} (`{self.prog} --help` lists what there is)\n")


def main(argv: list[str] | None = None) -> int:
    """Exit code 0: done; 2: the input cannot be used, with the reason in words."""
    try:
        arguments = command_line().parse_args(argv)
        code = int(arguments.run(arguments))
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # the reader (`| head`) has seen enough; what is left goes nowhere
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (ValueError, IndexError, OSError) as error:  # each carries a sentence for a person
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("Stopped; nothing was written.", file=sys.stderr)
        return 130


def command_line() -> argparse.ArgumentParser:
    """Every command with its options, and one example at the end of each --help."""
    parser = _Parser(
        prog="python -m libra_core",
        description="Bandit recourse for treatment planning: a research demonstration with simulated outcomes.",
    )
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    for add in (add_cohort, add_recommend, add_simulate, add_advise, add_report, add_replay, _add_warm):
        add(subparsers)
    for name, command in EXAMPLES.items():
        add_example(subparsers.choices[name], command)
    return parser


if __name__ == "__main__":
    sys.exit(main())
