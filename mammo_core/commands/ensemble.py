"""`mammo ensemble`: several checkpoints as one."""

import argparse
import sys

from mammo_core.commands.command import Command
from mammo_core.paths import checkpoints_root


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "members",
        nargs="+",
        metavar="MEMBER",
        help="a finished training, or an evaluation of one; all on the same images",
    )
    parser.add_argument(
        "--method",
        choices=("mean", "rank-mean"),
        default="mean",
        help="of calibrated probabilities, or of the places among each one's validation scores",
    )


def _run(arguments: argparse.Namespace) -> int:
    from mammo_core.metrics.ensemble import Averaging
    from mammo_core.training.ensemble import make_ensemble

    run = make_ensemble(
        arguments.members, method=Averaging(arguments.method), root=checkpoints_root()
    )
    print(run.path)
    print(run.read_status().message, file=sys.stderr)
    return 0


ENSEMBLE = Command(
    name="ensemble",
    summary="join the scores of several checkpoints",
    add_arguments=_add_arguments,
    run=_run,
)
