"""`mammo explain-check`, `froc`, `stress`: a checkpoint judged on images it did not learn from; and
`card`: its results, thresholds, baselines, stress test, heatmaps and words, counted again.
"""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Literal

from mammo_core.commands.command import Command, at_least, note_look, say, show_progress
from mammo_core.config import JudgeConfig
from mammo_core.files import (
    audits_root,
    checkpoints_root,
    measurements_root,
    shipped_checkpoints_root,
)
from mammo_core.runs.folder import RunFolder, find_checkpoint
from mammo_core.runs.jobs import start_run
from mammo_core.types import Split

if TYPE_CHECKING:
    from mammo_core.shipping.recount import Recounted


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
        type=at_least(1),
        default=images,
        help=f"about so many, all images of a woman or none (default {images})",
    )
    parser.add_argument(
        "--seed", type=at_least(0), default=0, help="of everything random (default 0)"
    )
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
    from mammo_core.shipping.recount import CARD_WORDS, Sources, recount

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
        in_words=_in_words_as(run),
    )
    note_look(run, by="mammo card")
    others = [figure for figure in figures if not figure.is_same]
    for figure in others:
        say(f"{figure.name}: kept {_told(figure.kept)}, counted {_told(figure.found)}")
    lines = [one for one in figures if one.name == CARD_WORDS]
    numbers = [one for one in figures if one.name != CARD_WORDS]
    say(f"{run.run_id}: {_same_of(numbers)} figures are as counted.")
    if lines:
        say(f"{CARD_WORDS}: {_same_of(lines)} lines are as they would be written now.")
    if arguments.write:
        say("What was counted now is kept.")
    return 1 if others and not arguments.write else 0


def _in_words_as(run: RunFolder) -> Callable[[RunFolder], str]:
    """The card of a copy of `run` as `mammo report --card` tells it of `run`."""
    from mammo_core.reports.study.report import Format, card_text
    from mammo_core.reports.study.study import ALL
    from mammo_core.runs.naming import ships

    is_shipped = ships(run)
    return partial(
        card_text,
        roots=(checkpoints_root(), shipped_checkpoints_root()),
        audits=audits_root(),
        form=Format.MARKDOWN,
        sight=replace(ALL, is_shipped=lambda _: is_shipped),
    )


def _same_of(figures: "Sequence[Recounted]") -> str:
    return f"{sum(one.is_same for one in figures):,} of {len(figures):,}"


def _told(value: float | str | None) -> str:
    if value is None or isinstance(value, str):
        return value or "nothing"
    return f"{value:,}" if float(value).is_integer() else f"{value:.4g}"


CARD = Command(
    name="card",
    summary="count a card's results, thresholds, baselines, stress test, heatmaps and words again",
    add_arguments=_add_card_arguments,
    run=_card,
)
