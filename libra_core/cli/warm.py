"""`libra warm`: compile the numerical kernels."""

import argparse

from libra_core.warm import warm


def declare(parser: argparse.ArgumentParser) -> None:
    """It has no options."""


def run(arguments: argparse.Namespace) -> int:
    warm()
    return 0
