"""`mammo explain-check`, `stress`: a checkpoint judged on images it did not learn from."""

import argparse
import sys
from datetime import UTC, datetime
from typing import Literal

from mammo_core.commands.command import Command
from mammo_core.config import JudgeConfig
from mammo_core.paths import measurements_root
from mammo_core.runs.folder import find_checkpoint
from mammo_core.runs.jobs import start_run


def add_judging_arguments(parser: argparse.ArgumentParser, *, images: int) -> None:
    parser.add_argument("run", metavar="RUN", help="a checkpoint's name")
    parser.add_argument(
        "--data",
        metavar="DIR",
        help="a data set's folder or name (default: the test images of what it learnt from)",
    )
    parser.add_argument("--adapter", metavar="NAME", help="what the folder is; else recognised")
    parser.add_argument("--label-rule", metavar="NAME", help="what makes an image positive")
    parser.add_argument("--split", choices=("all", "train", "val", "test"), default="all")
    parser.add_argument(
        "--images",
        type=int,
        default=images,
        help=f"about so many, whole women (default {images})",
    )
    parser.add_argument("--seed", type=int, default=0, help="of all that is drawn (default 0)")
    parser.add_argument("--job", action="store_true", help="start it as a job, and return")


def run_judging(
    kind: Literal["explain_check", "stress"], arguments: argparse.Namespace, *, method: str = ""
) -> int:
    """Judge here and now, telling what was found; or start a job and tell its folder."""
    run = find_checkpoint(arguments.run)
    config = JudgeConfig(
        kind=kind,
        checkpoint=arguments.run,
        folder=arguments.data,
        adapter=arguments.adapter,
        label_rule=arguments.label_rule,
        split=arguments.split,
        method=method,
        images=arguments.images,
        seed=arguments.seed,
    )
    if arguments.job:
        print(start_run(config, measurements_root(), what=kind, total=0).path)
        return 0

    from mammo_core.inference.judging import judge

    now = datetime.now(UTC).isoformat(timespec="seconds")
    found = judge(config, run, now=now, report=_show_progress)
    assert found is not None  # nobody can ask a command to stop
    print("\n".join((f"{run.run_id}:", *found.sentences)))
    return 0


def _show_progress(done: int, total: int, message: str) -> None:
    end = "\n" if done == total else ""
    print(f"\r{message:<60}", end=end, file=sys.stderr, flush=True)


def _add_explain_check_arguments(parser: argparse.ArgumentParser) -> None:
    add_judging_arguments(parser, images=200)
    parser.add_argument(
        "--method", default="grad_cam", metavar="NAME", help="of explanation (default grad_cam)"
    )


def _run_explain_check(arguments: argparse.Namespace) -> int:
    return run_judging("explain_check", arguments, method=arguments.method)


EXPLAIN_CHECK = Command(
    name="explain-check",
    summary="hold a checkpoint's heatmaps against marked lesions",
    add_arguments=_add_explain_check_arguments,
    run=_run_explain_check,
)


def _run_stress(arguments: argparse.Namespace) -> int:
    return run_judging("stress", arguments)


def _add_stress_arguments(parser: argparse.ArgumentParser) -> None:
    add_judging_arguments(parser, images=400)


STRESS = Command(
    name="stress",
    summary="score a checkpoint's images as they might have come",
    add_arguments=_add_stress_arguments,
    run=_run_stress,
)
