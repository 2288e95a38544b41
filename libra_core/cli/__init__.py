"""The command line: `libra COMMAND`, or `python -m libra_core COMMAND`.

A command is a module of this folder with `declare(parser)` and `run(arguments)`. It is imported only when the command
is used.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

from libra_core.cli import terminal

COMMANDS = {  # name -> what it does, and an example for the end of its --help
    "cohort": ("check a cohort", "cohort check nhanes"),
    "recommend": ("recommend for one patient", "recommend --cohort nhanes --row 12"),
    "simulate": (
        "compare policies over many simulated patients",
        "simulate --environment synthetic --policies linucb,glrb,libra --rounds 1000",
    ),
    "advise": ("ask an advisor about one patient, and decide", "advise --cohort nhanes --row 12 --advisor guideline"),
    "report": ("write a report as HTML, PDF or slides", "report --cohort nhanes --row 12 --format pdf --out sheet.pdf"),
    "replay": (
        "verify that a clinician's session is completely recorded and that its proposals can be recomputed",
        "replay 4f1c20 --cohort patients.csv",
    ),
    "warm": ("compile the numerical kernels ahead of their first use", "warm"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 0: done; 1: the check failed; 2: unusable input or output, with the reason; 130: stopped."""
    try:
        with terminal.prepared():
            arguments = command_line().parse_args(argv)
            return int(arguments.run(arguments))
    except BrokenPipeError:  # the reader, such as `| head`, has closed the pipe
        terminal.silence(sys.stdout)
        return 0
    except (ValueError, IndexError, OSError) as error:  # each carries a sentence for a person
        print(terminal.sentence(error), file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(terminal.STOPPED, file=sys.stderr)
        return 130


def command_line() -> argparse.ArgumentParser:
    """Every command with its options, and one example at the end of each --help."""
    program = "libra" if Path(sys.argv[0]).stem == "libra" else "python -m libra_core"
    parser = _Parser(
        prog=program,
        description="Bandit recourse for treatment planning: a research demonstration with simulated outcomes.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, (purpose, example) in COMMANDS.items():
        commands.add_parser(
            name,
            help=purpose,
            module=f"{__name__}.{name}",
            example=f"{program} {example}",
        )
    return parser


class _Help(argparse.HelpFormatter):
    """Leaves the example at the end on one line, which argparse would wrap."""

    EXAMPLE = "example:"

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return text if text.startswith(self.EXAMPLE) else super()._fill_text(text, width, indent)


class _Parser(argparse.ArgumentParser):
    """Takes its options from the command's module when the command is used; reports an error in one sentence."""

    def __init__(self, *args: Any, module: str = "", example: str = "", **options: Any) -> None:
        super().__init__(*args, **options)
        self.formatter_class = _Help
        self.epilog = f"{_Help.EXAMPLE}\n  {example}" if example else None
        self.module = module

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        if self.module:
            command = import_module(self.module)
            self.set_defaults(run=command.run)
            command.declare(self)
            self.module = ""
        return super().parse_known_args(args, namespace)

    def print_help(self, file: Any = None) -> None:
        print(self.format_help(), end="", file=file)  # argparse's own hides that a disk is full

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{message} (`{self.prog} --help` lists what there is)\n")
