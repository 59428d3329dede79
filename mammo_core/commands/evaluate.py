"""`mammo evaluate`, `ensemble`: a whole data set scored by a checkpoint; several checkpoints as
one.
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from mammo_core.commands.command import Command, note_look, say, say_aside
from mammo_core.commands.runs import ended_well
from mammo_core.config import EvaluateConfig
from mammo_core.errors import ConfigError, MammoError
from mammo_core.files import checkpoints_root, datasets_root
from mammo_core.runs.folder import RunFolder, find_checkpoint, list_checkpoints
from mammo_core.types import Level, Task

if TYPE_CHECKING:
    import pandas as pd

    from mammo_core.datasets.adapters.adapter import Adapter


def _add_evaluate_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--checkpoint", metavar="NAME")
    parser.add_argument("--data", metavar="DIR", help="a folder, or a set's name")
    parser.add_argument(
        "--all",
        action="store_true",
        help="every checkpoint on every registered set whose classes agree, one after the other; "
        "with --checkpoint or --data that one alone",
    )
    parser.add_argument(
        "--adapter", metavar="NAME", help="the kind of data set (default: recognised)"
    )
    parser.add_argument("--label-rule", metavar="NAME", help="what makes an image positive")
    parser.add_argument("--split", choices=("all", "train", "val", "test"), default="all")
    parser.add_argument(
        "--split-of",
        metavar="RUN",
        default="",
        help="split the women as that run did, to compare with it: with --split test",
    )
    parser.add_argument(
        "--wait", action="store_true", help="report progress; return when all images are scored"
    )


def _run_evaluate(arguments: argparse.Namespace) -> int:
    if arguments.all:
        _refuse_beside_all(arguments)
        return _fill_matrix(arguments)
    if not (arguments.checkpoint and arguments.data):
        raise ConfigError("Name a --checkpoint and its --data, or fill the matrix with --all.")
    is_well = evaluate(
        find_checkpoint(arguments.checkpoint),
        arguments.data,
        adapter=arguments.adapter,
        label_rule=arguments.label_rule,
        split=arguments.split,
        split_of=arguments.split_of,
        is_awaited=arguments.wait,
    )
    return 0 if is_well else 1


def _refuse_beside_all(arguments: argparse.Namespace) -> None:
    """Refuse what is asked of one evaluation alone."""
    asked = {
        "--adapter": arguments.adapter,
        "--label-rule": arguments.label_rule,
        "--split": arguments.split != "all",
        "--split-of": arguments.split_of,
    }
    names = [name for name, is_asked in asked.items() if is_asked]
    if names:
        raise ConfigError(
            f"{', '.join(names)} cannot go with --all: every set is read as it was registered, and "
            "scored whole. Name one --checkpoint and its --data instead."
        )


def _fill_matrix(arguments: argparse.Namespace) -> int:
    """One after the other: they would wait for each other anyway, and each result is told."""
    from mammo_core.datasets.dataset import list_registered
    from mammo_core.datasets.matrix import pairings_of
    from mammo_core.runs.evaluations import list_evaluations
    from mammo_core.runs.jobs import start_run

    runs = list_checkpoints()
    models = [run for run in runs if run.is_checkpoint]
    pairings = pairings_of(
        [run for run in models if arguments.checkpoint in (None, run.run_id)],
        [e for e in list_registered(datasets_root()) if arguments.data in (None, e.name)],
        list_evaluations(runs),
    )
    if not pairings:
        raise ConfigError(
            "There is nothing to evaluate: no checkpoint or no registered data set, or none of "
            "that name. Register a folder on the Data page."
        )
    for one in pairings:
        if one.why_not:
            say_aside(f"{one.checkpoint} on {one.entry.name}: not scored, {one.why_not}.")
    is_well = True
    for one in (pairing for pairing in pairings if not pairing.why_not):
        say_aside(f"{one.checkpoint} on {one.entry.name}. {one.question}".rstrip())
        run = start_run(one.settings, checkpoints_root(), what="evaluate", total=0)
        say(run.path)
        is_well = _told(run) and is_well
    return 0 if is_well else 1


def _told(run: RunFolder) -> bool:
    """Follow `run` to its end, and tell what came out; whether it ended well."""
    if not ended_well(run):
        return False
    note_look(run, *_whose_test_women(run), by="mammo evaluate")
    for line in _results(run):
        say_aside(line)
    return True


def _whose_test_women(run: RunFolder) -> list[RunFolder]:
    """The run whose split it is, where its test women were scored: a look at the same women."""
    config = run.settings(EvaluateConfig)
    if not config.split_of or config.split not in ("all", "test"):
        return []
    return [find_checkpoint(config.split_of)]


def evaluate(
    found: RunFolder,
    data: str,
    *,
    adapter: str | None,
    label_rule: str | None,
    split: Literal["all", "train", "val", "test"],
    is_awaited: bool,
    split_of: str = "",
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
        split_of=find_checkpoint(split_of).run_id if split_of else "",
    )
    run = start_run(config, checkpoints_root(), what="evaluate", total=0)
    say(run.path)
    return _told(run) if is_awaited else True


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
    return [*lines, *_classes(labelled, _task_of(run)), f"Scores of {len(table):,} images: {path}"]


def _task_of(run: RunFolder) -> Task | None:
    """None where the model is gone meanwhile: its scores are still there."""
    try:
        return find_checkpoint(run.settings(EvaluateConfig).checkpoint).card().task
    except MammoError:
        return None


def _classes(labelled: "pd.DataFrame", task: Task | None) -> list[str]:
    """Of a model of more than two classes, each class against the rest, by image."""
    from mammo_core.metrics.multiclass import has_classes, report_classes
    from mammo_core.reports.wording import estimate_in_words, number_in_words, rate_in_words

    if task is None or labelled.empty or not has_classes(labelled, task):
        return []
    report = report_classes(labelled, task, Level.IMAGE)
    lines = [
        f"{one.name}: sensitivity (recall) {rate_in_words(one.sensitivity)}; precision "
        f"{rate_in_words(one.precision)}; F1 {number_in_words(one.f1, one.f1_interval)}; AUC "
        f"against the rest {estimate_in_words(one.auc)}"
        for one in report.reports
    ]
    if report.kappa is not None:
        kappa = number_in_words(report.kappa, report.kappa_interval)
        lines.append(f"Quadratic weighted kappa: {kappa}")
    return ["By class, counted by image:", *lines]


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
    from mammo_core.training.series import join_folds, members_of, series_of

    method, root = Averaging(arguments.method), checkpoints_root()
    if method is Averaging.OUT_OF_FOLD:
        if len(arguments.members) > 1:
            raise ConfigError(
                f"{len(arguments.members)} are named, and out-of-fold joins the folds of one "
                "series. Name one of the folds, or the series."
            )
        series = series_of(arguments.members[0], root)
        run = join_folds(series, root)
        note_look(*members_of(series, root), by="mammo ensemble")  # it tells the AUC of each fold
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
