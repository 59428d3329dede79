"""What the commands that judge a checkpoint on a data set have in common."""

import argparse
import sys

from mammo_core.datasets.held_out import Judged
from mammo_core.paths import checkpoints_root, shipped_checkpoints_root
from mammo_core.runs.folder import RunFolder, find_run


def add_judging_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", metavar="RUN", help="a checkpoint's name")
    parser.add_argument(
        "--data",
        metavar="DIR",
        help="a data set's folder or name (default: the test images of what it learnt from)",
    )
    parser.add_argument("--adapter", metavar="NAME", help="what the folder is; else recognised")
    parser.add_argument("--label-rule", metavar="NAME", help="what makes an image positive")
    parser.add_argument("--split", choices=("all", "train", "val", "test"), default="all")
    parser.add_argument("--seed", type=int, default=0, help="of all that is drawn (default 0)")


def judged_by(arguments: argparse.Namespace) -> Judged:
    return Judged(
        data=arguments.data,
        adapter=arguments.adapter,
        label_rule=arguments.label_rule,
        split=arguments.split,
    )


def named_run(arguments: argparse.Namespace) -> RunFolder:
    return find_run(arguments.run, checkpoints_root(), shipped_checkpoints_root())


def show_progress(done: int, total: int, message: str) -> None:
    end = "\n" if done == total else ""
    print(f"\r{message:<60}", end=end, file=sys.stderr, flush=True)
