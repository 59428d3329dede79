"""`mammo checkpoints`: what is here, what each is, may it read fast, and its way in and out."""

import argparse
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from mammo_core.commands.command import (
    Command,
    at_least,
    note_look,
    say,
    say_aside,
    show_progress,
)
from mammo_core.commands.files import folder_of
from mammo_core.errors import MammoError, RunError
from mammo_core.files import checkpoints_root, samples_root
from mammo_core.runs.folder import RunFolder, find_run, list_checkpoints
from mammo_core.types import Level
from mammo_core.words import many

if TYPE_CHECKING:
    from mammo_core.inference.checkpoint import Checkpoint
    from mammo_core.runs.card import Metric, ModelCard


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    actions.add_parser("list", help="the checkpoints on this computer")
    _named(
        actions.add_parser("show", help="what one is, what it was trained on, and how well it did")
    )
    check = actions.add_parser(
        "check", help="compare its engine with torch, and find out whether it may read fast"
    )
    _named(check)
    embed = actions.add_parser(
        "embed", help="recompute from its data set the embeddings that tell unfamiliar images"
    )
    _named(embed)
    embed.add_argument("--data", metavar="DIR", help="where its data set is now")
    seen = actions.add_parser(
        "seen", help="rewrite the list of women it has seen, from its data set"
    )
    _named(seen)
    seen.add_argument("--data", metavar="DIR", help="where its data set is now")
    pictures = actions.add_parser(
        "pictures",
        help="keep small pictures of its validation and test images, if drawn ones",
    )
    _named(pictures)
    pictures.add_argument(
        "--data", type=Path, required=True, metavar="DIR", help="where its data set is"
    )
    pictures.add_argument(
        "--side", type=at_least(1), default=128, metavar="PIXELS", help="default 128"
    )
    pack = actions.add_parser(
        "pack", help="make one checkpoint in 16 bits of the finished folds of a cross-validation"
    )
    pack.add_argument(
        "series", metavar="SERIES", help="its name, or a run of it; or a run that is no fold"
    )
    pack.add_argument("--name", required=True, help="what to call it")
    pack.add_argument("--data-title", default="", metavar="WORDS", help="what its data are called")
    pack.add_argument(
        "--licence",
        default="",
        metavar="WORDS",
        help="under which licence its data are, and whom they are owed to",
    )
    pack.add_argument(
        "--limit",
        action="append",
        default=[],
        metavar="WORDS",
        help="a sentence to be said beside every score; may be repeated",
    )
    pack.add_argument("--imaging", choices=("film", "digital"), help="what its images are")
    pack.add_argument(
        "--out", type=Path, metavar="DIR", help="where to put it (default: among the checkpoints)"
    )
    _named(
        actions.add_parser(
            "samples", help="keep its readings of the sample images, so that they open at once"
        )
    )
    bring = actions.add_parser("import", help="import one from a zip")
    bring.add_argument("file", type=Path, metavar="ZIP")
    bring.add_argument("--name", help="what to call it; default imported-<hash of its card>")
    out = actions.add_parser("export", help="write one to a zip")
    _named(out)
    out.add_argument("--out", type=Path, required=True, metavar="ZIP")
    out.add_argument(
        "--with-women",
        action="store_true",
        help="also files about individual women: predictions, epochs, embeddings; mind the licence "
        "of the data",
    )


def _named(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="a checkpoint's name or folder")


def _run(arguments: argparse.Namespace) -> int:
    actions = {
        "list": _list, "show": _show, "check": _check, "embed": _embed, "seen": _seen,
        "pictures": _pictures,
        "pack": _pack, "samples": _samples, "import": _import, "export": _export,
    }  # fmt: skip
    return actions[arguments.action](arguments)


def _list(arguments: argparse.Namespace) -> int:
    for run in list_checkpoints():
        if not run.is_checkpoint:
            continue
        try:
            card = run.card()
        except MammoError as error:
            say(f"{run.run_id:44} {error}")
            continue
        say(f"{run.run_id:44} {card.title}; {_tested_in_words(card)}")
    return 0


def _show(arguments: argparse.Namespace) -> int:
    from mammo_core.inference.verdict import promise_in_words, threshold_in_words
    from mammo_core.runs.operating_points import locked_points, note_opening

    run = RunFolder(folder_of(arguments.name))
    card = run.card()
    try:
        note_opening(
            run,
            by="mammo checkpoints show",
            now=datetime.now(UTC).isoformat(timespec="seconds"),
        )
    except RunError as error:  # where a folder can only be read, what is known is still told
        say_aside(str(error))
    for line in _described(card):
        say(line)
    positive = " or ".join(card.task.positive)
    for point in locked_points(run):
        say(
            f"threshold   {threshold_in_words(point)} by {point.level} ({point.pooling}), "
            f"{'made with the model' if point.comes_with_model else 'locked'} "
            f"{point.locked_at[:10]} for {point.aim}. {promise_in_words(point, positive)}"
        )
    for sentence in card.limits:
        say(f"limit       {sentence}")
    return 0


def _described(card: "ModelCard") -> Iterator[str]:
    height, width = card.prepare.size
    yield f"name        {card.model_id}"
    yield f"title       {card.title}"
    yield f"task        {card.task.title}; the score is of {' or '.join(card.task.positive)}"
    seen = f"{card.prepare.channels} x {height} x {width}"
    if card.model.views == 2:
        seen = f"two views of a breast (CC and MLO) together, each {seen}"
    elif card.model.views > 2:
        seen = f"{card.model.views} views of an exam, each in its place, each {seen}"
    yield f"network     {card.model.backbone}, {seen}"
    yield f"weights     SHA-256 {card.weights_sha256}"
    yield f"data        {card.data.describe(Level.IMAGE)} Licence: {card.data.licence}."
    kinds = " and ".join(card.data.file_kinds) or "not stated"
    yield f"images      {card.data.seen}; files it was measured on: {kinds}"
    for count in card.data.splits:
        yield (
            f"{card.split_name(count.split):11} {many(count.images, *card.counted)} of "
            f"{many(count.women, 'woman', 'women')}, {count.positive_images:,} positive"
        )
    yield f"start       {card.training.start_in_words(card.model.weights)}"
    yield f"trained     {card.training.finished_at[:10]}, {card.training.epochs} epochs"
    for metric in card.metrics_to_show:
        yield f"{metric.name:11} {_metric_in_words(metric, card)}"


def _metric_in_words(metric: "Metric", card: "ModelCard") -> str:
    where = f"by {card.case(metric.level)}, {card.split_name(metric.split)}"
    if metric.value is None or metric.low is None or metric.high is None:
        return f"{where}: {metric.method}"
    return (
        f"{metric.value:.3f} (95 % {metric.low:.3f} to {metric.high:.3f}), {where}: "
        f"{metric.positives:,} positive, {metric.negatives:,} not, "
        f"{many(metric.women, 'woman', 'women')}"
    )


def _tested_in_words(card: "ModelCard") -> str:
    """On how many women; not with what result, for a list is no reason to open a test set."""
    known = [metric for metric in card.metrics if metric.name == "auc"]
    return f"tested on {many(known[-1].women, 'woman', 'women')}" if known else "not tested"


def _check(arguments: argparse.Namespace) -> int:
    from mammo_core.inference.checkpoint import load_checkpoint
    from mammo_core.inference.engine import open_engine
    from mammo_core.inference.openvino import find_check

    checkpoint = load_checkpoint(folder_of(arguments.name), device="auto")
    engine = open_engine(checkpoint, tell=say_aside)
    say(f"Scores come from {engine.name}. {engine.note}".strip())
    check = find_check(checkpoint.card)
    if check is not None and check.difference is not None:
        say(f"Its logits differ from torch's by at most {check.difference:.1e}.")
    return _check_fast(checkpoint)


def _check_fast(checkpoint: "Checkpoint") -> int:
    from mammo_core.inference.fast import check_fast

    def report(done: int, total: int, message: str) -> None:
        if done == total:
            say_aside(message)

    found = check_fast(checkpoint, report=report)
    if found.images:
        say(
            f"{found.engine} on {many(found.images, 'validation image', 'validation images')} of "
            f"{many(found.women, 'woman', 'women')}: logits change by at most "
            f"{found.difference:.2g}; {found.crossed} cases cross "
            f"{many(len(found.points), 'locked threshold', 'locked thresholds')}."
        )
    say(f"Fast reading is off. {found.problem}" if found.problem else "Fast reading is on.")
    return 1 if found.problem else 0


def _embed(arguments: argparse.Namespace) -> int:
    from mammo_core.training.session import embed_run

    run = RunFolder(folder_of(arguments.name))
    count = embed_run(run, folder=arguments.data, report=lambda done, total, message: None)
    say(f"{many(count, 'image', 'images')} embedded.")
    return 0


def _seen(arguments: argparse.Namespace) -> int:
    from mammo_core.training.lineage import retell_seen

    run = RunFolder(folder_of(arguments.name))
    women = retell_seen(run, folder=arguments.data, report=lambda done, total, message: None)
    say(f"{run.run_id} has a new list of whom it has seen: {many(women, 'woman', 'women')}.")
    return 0


def _pictures(arguments: argparse.Namespace) -> int:
    from mammo_core.training.lineage import picture_scored

    run = RunFolder(folder_of(arguments.name))
    count = picture_scored(run, arguments.data, side=arguments.side)
    say(f"{many(count, 'picture', 'pictures')} kept beside {run.run_id}.")
    return 0


def _pack(arguments: argparse.Namespace) -> int:
    from mammo_core.shipping.packing import Wording, pack, pack_single
    from mammo_core.training.series import is_of_folds, members_of, series_of

    source, root = checkpoints_root(), arguments.out or checkpoints_root()
    series = series_of(arguments.series, source)
    wording = Wording(
        title=arguments.data_title,
        licence=arguments.licence,
        imaging=arguments.imaging,
        limits=tuple(arguments.limit),
    )
    if is_of_folds(series, source):
        run = pack(
            series,
            arguments.name,
            source=source,
            root=root,
            wording=wording,
            report=show_progress,
        )
        packed = members_of(series, source)
    else:
        packed = [_single_to_pack(arguments.series)]
        run = pack_single(packed[0], arguments.name, root=root, wording=wording)
    note_look(run, *packed, by="mammo checkpoints pack")
    for line in _described(run.card()):
        say(line)
    say(run.path)
    return 0


def _single_to_pack(name: str) -> RunFolder:
    """The run of that name; of several seeds one has to be chosen."""
    from mammo_core.training.series import siblings_of

    seeds = siblings_of(name, checkpoints_root())
    if seeds:
        raise RunError(
            f"{name} are {len(seeds)} seeds, each a model of its own. Name the one to pack: "
            f"{', '.join(run.run_id for run in seeds)}."
        )
    return find_run(name, checkpoints_root())


def _samples(arguments: argparse.Namespace) -> int:
    from mammo_core.inference.kept import SAMPLE_READINGS, keep_readings
    from mammo_core.preprocessing.samples import list_samples

    run = RunFolder(folder_of(arguments.name))
    count = keep_readings(run, list_samples(samples_root()))
    say(f"{many(count, 'reading', 'readings')} kept in {run.file(SAMPLE_READINGS)}.")
    return 0


def _import(arguments: argparse.Namespace) -> int:
    from mammo_core.inference.archive import import_checkpoint

    run = import_checkpoint(arguments.file, checkpoints_root(), name=arguments.name)
    say(run.path)
    return 0


def _export(arguments: argparse.Namespace) -> int:
    from mammo_core.inference.archive import export_checkpoint

    names = export_checkpoint(
        folder_of(arguments.name), arguments.out, is_with_women=arguments.with_women
    )
    say(f"{arguments.out}: {', '.join(names)}")
    return 0


CHECKPOINTS = Command(
    name="checkpoints",
    summary="list, show, check, import and export checkpoints",
    add_arguments=_add_arguments,
    run=_run,
)
