"""`mammo stress`: a checkpoint's scores of images as they might have come."""

import argparse

from mammo_core.commands.command import Command
from mammo_core.commands.judging import add_judging_arguments, run_judging


def _run(arguments: argparse.Namespace) -> int:
    return run_judging("stress", arguments)


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    add_judging_arguments(parser, images=400)


STRESS = Command(
    name="stress",
    summary="score a checkpoint's images as they might have come",
    add_arguments=_add_arguments,
    run=_run,
)
