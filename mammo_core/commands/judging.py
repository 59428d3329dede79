"""`mammo explain-check`, `froc`, `stress`: a checkpoint judged on images it did not learn from; and
`card`: its results, thresholds, baselines, stress test and heatmaps, counted again.
"""

import argparse
from datetime import UTC, datetime
from functools import partial
from typing import Literal

from mammo_core.commands.command import Command, note_look, say, show_progress
from mammo_core.config import JudgeConfig
from mammo_core.files import measurements_root
from mammo_core.runs.folder import find_checkpoint
from mammo_core.runs.jobs import start_run
from mammo_core.types import Split


def _add_arguments(parser: argparse.ArgumentParser, *, images: int) -> None:
    parser.add_argument("run", metavar="RUN", help="a checkpoint's name")
    parser.add_argument(
        "--data",
        metavar="DIR",
        help="a data set's folder or name (default: the test images of what it learnt from)",
    )
    parser.add_argument(
        "--adapter", metavar="NAME", help="the kind of data set (default: recognised)"
    )
    parser.add_argument("--label-rule", metavar="NAME", help="what makes an image positive")
    parser.add_argument("--split", choices=("all", "train", "val", "test"), default="all")
    parser.add_argument(
        "--images",
        type=int,
        default=images,
        help=f"about so many, all images of a woman or none (default {images})",
    )
    parser.add_argument("--seed", type=int, default=0, help="of everything random (default 0)")
    parser.add_argument("--job", action="store_true", help="start it as a job, and return")


def _judge(kind: Literal["explain_check", "froc", "stress"], arguments: argparse.Namespace) -> int:
    """Judge here and now, telling what was found; or start a job and tell its folder."""
    run = find_checkpoint(arguments.run)
    config = JudgeConfig(
        kind=kind,
        checkpoint=arguments.run,
        folder=arguments.data,
        adapter=arguments.adapter,
        label_rule=arguments.label_rule,
        split=arguments.split,
        method=getattr(arguments, "method", "grad_cam"),
        images=arguments.images,
        seed=arguments.seed,
    )
    if arguments.job:
        say(start_run(config, measurements_root(), what=kind, total=0).path)
        return 0

    from mammo_core.inference.judging import judge

    now = datetime.now(UTC).isoformat(timespec="seconds")
    found = judge(config, run, now=now, report=show_progress)
    assert found is not None  # nobody can ask a command to stop
    if found.split == Split.TEST:
        note_look(run, by=f"mammo {kind.replace('_', '-')}")
    for line in (f"{run.run_id}:", *found.sentences):
        say(line)
    return 0


def _add_explain_check_arguments(parser: argparse.ArgumentParser) -> None:
    _add_arguments(parser, images=200)
    parser.add_argument(
        "--method", default="grad_cam", metavar="NAME", help="of explanation (default grad_cam)"
    )


EXPLAIN_CHECK = Command(
    name="explain-check",
    summary="compare a checkpoint's heatmaps with marked lesions",
    add_arguments=_add_explain_check_arguments,
    run=partial(_judge, "explain_check"),
)


FROC = Command(
    name="froc",
    summary="take the regions of a checkpoint's heatmaps for marks, and count lesions found",
    add_arguments=partial(_add_arguments, images=400),
    run=partial(_judge, "froc"),
)


STRESS = Command(
    name="stress",
    summary="score a checkpoint's images after changes that could happen in practice",
    add_arguments=partial(_add_arguments, images=400),
    run=partial(_judge, "stress"),
)


def _add_card_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", metavar="NAME", help="a checkpoint's name")
    parser.add_argument(
        "--data", metavar="DIR", help="where the data set it learnt from is now, if it has moved"
    )
    parser.add_argument(
        "--boxes",
        metavar="DIR",
        help="a data set with marked lesions to hold its heatmaps against; women it learnt from "
        "are left out",
    )
    parser.add_argument("--box-rule", metavar="NAME", help="what makes an image positive there")
    parser.add_argument(
        "--pooling",
        choices=("max", "mean"),
        help="how a case's images make its score where thresholds are locked first (default max)",
    )
    parser.add_argument(
        "--write", action="store_true", help="keep what was counted, in place of what is there"
    )


def _card(arguments: argparse.Namespace) -> int:
    """Tell what differs; 1 where something does and nothing was written."""
    from mammo_core.metrics.cases import Pooling
    from mammo_core.shipping.recount import Sources, recount

    run = find_checkpoint(arguments.run)
    figures = recount(
        run,
        Sources(
            folder=arguments.data,
            boxes=arguments.boxes,
            box_rule=arguments.box_rule,
            pooling=Pooling(arguments.pooling) if arguments.pooling else None,
        ),
        is_written=arguments.write,
        now=datetime.now(UTC).isoformat(timespec="seconds"),
        report=show_progress,
    )
    others = [figure for figure in figures if not figure.is_same]
    for figure in others:
        say(f"{figure.name}: kept {_number(figure.kept)}, counted {_number(figure.found)}")
    say(f"{run.run_id}: {len(figures) - len(others):,} of {len(figures):,} figures are as counted.")
    if arguments.write:
        say("What was counted now is kept.")
    return 1 if others and not arguments.write else 0


def _number(value: float | None) -> str:
    return "nothing" if value is None else f"{value:.4g}"


CARD = Command(
    name="card",
    summary="count a card's results, thresholds, baselines, stress test and heatmaps again",
    add_arguments=_add_card_arguments,
    run=_card,
)
