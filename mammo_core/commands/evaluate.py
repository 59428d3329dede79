"""`mammo evaluate`, `ensemble`: a whole data set scored by a checkpoint; several checkpoints as
one.
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from mammo_core.commands.command import Command, say, say_aside
from mammo_core.commands.runs import follow
from mammo_core.config import EvaluateConfig
from mammo_core.files import checkpoints_root
from mammo_core.runs.folder import RunFolder, find_checkpoint
from mammo_core.types import Level, RunState

if TYPE_CHECKING:
    from mammo_core.datasets.adapters.adapter import Adapter


def _add_evaluate_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--checkpoint", required=True, metavar="NAME")
    parser.add_argument("--data", required=True, metavar="DIR", help="a folder, or a set's name")
    parser.add_argument(
        "--adapter", metavar="NAME", help="the kind of data set (default: recognised)"
    )
    parser.add_argument("--label-rule", metavar="NAME", help="what makes an image positive")
    parser.add_argument("--split", choices=("all", "train", "val", "test"), default="all")
    parser.add_argument(
        "--wait", action="store_true", help="report progress; return when all images are scored"
    )


def _run_evaluate(arguments: argparse.Namespace) -> int:
    is_well = evaluate(
        find_checkpoint(arguments.checkpoint),
        arguments.data,
        adapter=arguments.adapter,
        label_rule=arguments.label_rule,
        split=arguments.split,
        is_awaited=arguments.wait,
    )
    return 0 if is_well else 1


def evaluate(
    found: RunFolder,
    data: str,
    *,
    adapter: str | None,
    label_rule: str | None,
    split: Literal["all", "train", "val", "test"],
    is_awaited: bool,
) -> bool:
    """Start scoring `data` with a checkpoint and, where awaited, tell what comes of it; whether all
    is well so far.
    """
    from mammo_core.datasets.dataset import (
        find_folder,
        get_adapter,
        recognise_adapter,
        refuse_missing,
    )
    from mammo_core.runs.jobs import start_run

    folder = find_folder(data)
    refuse_missing(folder)
    kind = get_adapter(adapter) if adapter else recognise_adapter(folder)
    is_registered = folder != Path(data)
    config = EvaluateConfig(
        checkpoint=found.run_id,
        folder=data if is_registered else str(folder.resolve()),
        adapter=kind.name,
        label_rule=label_rule or rule_for(kind, found),
        split=split,
    )
    run = start_run(config, checkpoints_root(), what="evaluate", total=0)
    say(run.path)
    if not is_awaited:
        return True
    status = follow(run, say_aside)
    say_aside(f"{status.state}: {status.message}")
    if status.state is not RunState.FINISHED:
        return False
    for line in _results(run):
        say_aside(line)
    return True


def _results(run: "RunFolder") -> list[str]:
    """The AUC of all that was scored, by breast and by image, and where the table lies."""
    from mammo_core.metrics.cases import levels_of, pool_cases, why_no_auc
    from mammo_core.metrics.uncertainty import auc_with_interval
    from mammo_core.tables import check_predictions, read_table

    path = run.predictions_file
    table = check_predictions(read_table(path, what="predictions table"))
    labelled = table[table["positive"].notna()]
    lines = []
    for level in (Level.BREAST, Level.IMAGE):
        if labelled.empty or level not in levels_of(labelled):
            continue
        cases = pool_cases(labelled, level)
        reason = why_no_auc(cases)
        if reason:
            lines.append(f"No AUC by {level}: {reason}")
            continue
        auc = auc_with_interval(cases)
        lines.append(
            f"AUC by {level}: {auc.value:.3f} (95 % {auc.low:.3f} to {auc.high:.3f}; "
            f"{auc.positives:,} positive, {auc.negatives:,} negative, {auc.groups:,} women)"
        )
    return [*lines, f"Scores of {len(table):,} images: {path}"]


def rule_for(adapter: "Adapter", checkpoint: "RunFolder") -> str:
    """That which the checkpoint learnt by, where this data set knows it; else the set's first."""
    learnt = checkpoint.card().data.label_rule
    known = [rule.name for rule in adapter.label_rules]
    return learnt if learnt in known else known[0]


EVALUATE = Command(
    name="evaluate",
    summary="score a whole data set with a checkpoint",
    add_arguments=_add_evaluate_arguments,
    run=_run_evaluate,
)


def _add_ensemble_arguments(parser: argparse.ArgumentParser) -> None:
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


def _run_ensemble(arguments: argparse.Namespace) -> int:
    from mammo_core.metrics.ensemble import Averaging
    from mammo_core.training.ensemble import make_ensemble
    from mammo_core.training.series import join_folds, series_of

    method, root = Averaging(arguments.method), checkpoints_root()
    if method is Averaging.OUT_OF_FOLD:
        run = join_folds(series_of(arguments.members[0], root), root)
    else:
        run = make_ensemble(arguments.members, method=method, root=root)
    say(run.path)
    say_aside(run.read_status().message)
    return 0


ENSEMBLE = Command(
    name="ensemble",
    summary="join the scores of several checkpoints",
    add_arguments=_add_ensemble_arguments,
    run=_run_ensemble,
)
