"""`mammo example`: a study of drawn women, made from nothing, to look at and to take apart."""

import argparse
from typing import Final

from mammo_core.commands.command import Command, say
from mammo_core.commands.runs import ended_well
from mammo_core.files import checkpoints_root


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--delete", action="store_true", help="delete everything that the example project made"
    )


def _run(arguments: argparse.Namespace) -> int:
    """Asked again it goes on, or finds what is there."""
    from mammo_core.example import (
        DATA_NAME,
        REPORT_NAME,
        begin_example,
        delete_example,
        networks_of,
    )

    root = checkpoints_root()
    if arguments.delete:
        delete_example(root)
        say("The example project is deleted.")
        return 0
    example = begin_example(root)
    if not ended_well(example):
        return 1
    for run in networks_of(example):
        say(run.path)
    say(example.file(REPORT_NAME))
    say(f"The women are the registered data set {DATA_NAME!r}; all of it is synthetic.")
    return 0


EXAMPLE: Final = Command(
    name="example",
    summary="make a study of drawn women: two models, thresholds, a report",
    add_arguments=_add_arguments,
    run=_run,
)
