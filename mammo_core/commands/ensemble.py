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
        choices=("mean", "rank-mean", "out-of-fold"),
        default="mean",
        help="of calibrated probabilities; of the places among each one's validation scores; or "
        "every woman by the fold that never saw her (name one of the folds, or their series)",
    )


def _run(arguments: argparse.Namespace) -> int:
    from mammo_core.metrics.ensemble import Averaging
    from mammo_core.training.ensemble import make_ensemble
    from mammo_core.training.series import join_folds, series_of

    method, root = Averaging(arguments.method), checkpoints_root()
    if method is Averaging.OUT_OF_FOLD:
        run = join_folds(series_of(arguments.members[0], root), root)
    else:
        run = make_ensemble(arguments.members, method=method, root=root)
    print(run.path)
    print(run.read_status().message, file=sys.stderr)
    return 0


ENSEMBLE = Command(
    name="ensemble",
    summary="join the scores of several checkpoints",
    add_arguments=_add_arguments,
    run=_run,
)
