"""`mammo explain-check`: a checkpoint's heatmaps held against lesions whose place is known."""

import argparse

from mammo_core.commands.command import Command
from mammo_core.commands.judging import add_judging_arguments, run_judging


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    add_judging_arguments(parser, images=200)
    parser.add_argument(
        "--method", default="grad_cam", metavar="NAME", help="of explanation (default grad_cam)"
    )


def _run(arguments: argparse.Namespace) -> int:
    return run_judging("explain_check", arguments, method=arguments.method)


EXPLAIN_CHECK = Command(
    name="explain-check",
    summary="hold a checkpoint's heatmaps against marked lesions",
    add_arguments=_add_arguments,
    run=_run,
)
