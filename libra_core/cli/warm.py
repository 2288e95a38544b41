"""`libra warm`: compile the numerical kernels."""

import argparse


def declare(parser: argparse.ArgumentParser) -> None:
    """It has no options."""


def run(arguments: argparse.Namespace) -> int:
    from libra_core.warm import warm

    warm()
    return 0
