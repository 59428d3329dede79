"""Runs that belong together: the folds of a cross-validation, or several seeds of one recipe.

Needs no torch: starting them and putting their results together is work on settings and tables.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from mammo_core.config import RunConfig, save_settings
from mammo_core.datasets.dataset import name_of_folder
from mammo_core.datasets.predictions import (
    read_predictions,
    with_score,
    write_predictions,
)
from mammo_core.errors import ConfigError, RunError
from mammo_core.metrics.cases import pool_cases
from mammo_core.metrics.compare import FEWEST, SeedSpread
from mammo_core.metrics.ensemble import (
    Averaging,
    Ensemble,
    Member,
    calibrated,
    make_class_fold,
    make_fold,
    save_ensemble,
)
from mammo_core.metrics.multiclass import has_classes, report_classes, tempered
from mammo_core.runs.card import Metric
from mammo_core.runs.folder import MEMBERS_NAME, RunFolder, RunStatus, list_runs
from mammo_core.runs.jobs import create_run, new_run_id, start
from mammo_core.runs.naming import LONGEST_TITLE, About, last_name, write_about
from mammo_core.scores import rounded
from mammo_core.types import Level, RunState, Split, Task
from mammo_core.words import UNITS, many, short_day
from mammo_core.zoo.catalog import get_backbone


def fold_configs(config: RunConfig, folds: int) -> list[RunConfig]:
    """One run per fold; together they test on every woman once."""
    series = new_run_id(f"{folds}folds", now=datetime.now(UTC))
    return [
        replace(config, series=series, data=replace(config.data, folds=folds, fold=fold))
        for fold in range(folds)
    ]


def seed_configs(config: RunConfig, seeds: int) -> list[RunConfig]:
    """The same women, `seeds` times from other random weights and orders."""
    if seeds < 2:
        raise ConfigError(f"{seeds} seeds have no spread; at least 2 do.")
    series = new_run_id(f"{seeds}seeds", now=datetime.now(UTC))
    return [replace(config, series=series, seed=config.seed + number) for number in range(seeds)]


def default_title(config: RunConfig, *, now: datetime, data: str = "") -> str:
    """What a run of `config` is called where nobody named it: its network, its data, its day.
    `data` is what the data set is called, where that is known better than here.
    """
    network = get_backbone(config.model.backbone).title
    data = data or name_of_folder(config.data.folder)
    return f"{network} on {last_name(data)}, {short_day(now)}"[:LONGEST_TITLE]


def create_series(configs: Sequence[RunConfig], root: Path, *, title: str = "") -> list[RunFolder]:
    """A folder for each, for somebody else to start. Each is called by `title`, else by its
    default, and by the fold or seed that it is.
    """
    for config in configs:
        config.check()
    runs = [
        create_run(
            config,
            root,
            what=f"{config.model.backbone.replace(':', '_')}-{number}",
            total=config.optim.epochs,
        )
        for number, config in enumerate(configs)
    ]
    now = datetime.now(UTC)
    for run, config in zip(runs, configs, strict=True):
        which = _which_of(config) if len(configs) > 1 else ""
        whole = title.strip() or default_title(config, now=now)
        write_about(run, About(title=f"{whole[: LONGEST_TITLE - len(which)]}{which}"))
    return runs


def _which_of(config: RunConfig) -> str:
    data = config.data
    return f", fold {data.fold + 1} of {data.folds}" if data.folds else f", seed {config.seed}"


def start_series(
    configs: Sequence[RunConfig],
    root: Path,
    *,
    title: str = "",
    is_here: bool = False,
    ranks: int = 1,
    own: Callable[[RunFolder], None] = lambda run: None,
) -> list[RunFolder]:
    """Start them all, on the cluster where there is one, each by so many processes; with `is_here`,
    or without a cluster, they wait for the device of this computer one after the other. Before any
    begins, `own` is given each.
    """
    runs = create_series(configs, root, title=title)
    for run in runs:
        own(run)
    for run, config in zip(runs, configs, strict=True):
        start(run, kind=config.kind, is_here=is_here, ranks=ranks)
    return runs


def members_of(series: str, root: Path) -> list[RunFolder]:
    """The finished runs of a series, by fold and seed."""
    found = [
        (config.data.fold, config.seed, run)
        for run in list_runs(root)
        if run.is_checkpoint and _series_of(run) == series
        for config in (run.settings(RunConfig),)
    ]
    return [run for _, _, run in sorted(found, key=lambda entry: entry[:2])]


def _series_of(run: RunFolder) -> str:
    """Empty for checkpoints brought from elsewhere, whatever their settings look like."""
    try:
        return str(run.document().get("series", ""))
    except RunError:
        return ""


def series_of(name: str, root: Path) -> str:
    """The series a run of that name belongs to; else the name, which may be one."""
    named = [run for run in list_runs(root) if run.run_id == name]
    return (_series_of(named[0]) if named else "") or name


def finished_folds(series: str, root: Path) -> list[RunFolder]:
    """Every fold of a series, or a RunError that tells how many there are."""
    members = members_of(series, root)
    wanted = members[0].settings(RunConfig).data.folds if members else 0
    if not members or len(members) != wanted:
        raise RunError(
            f"{len(members)} of {wanted if members else 'no'} folds of {series} are finished. "
            "Wait, or resume the rest."
        )
    return members


def join_folds(
    series: str, root: Path, *, own: Callable[[RunFolder], None] = lambda run: None
) -> RunFolder:
    """One predictions table in which every woman was scored by a network that never saw her; `own`
    is given its folder before anybody can see it.

    Networks differ in how sure they are, so a fold's scores are first made probabilities on its own
    validation women (of more than two classes, all by one temperature); only then may they stand in
    one table. Where those women are too few for that, the fold's scores stand there as they are,
    and the closing words say so.
    """
    members = finished_folds(series, root)
    configs = [run.settings(RunConfig) for run in members]
    ensemble = Ensemble(
        method=Averaging.OUT_OF_FOLD,
        members=tuple(fold_member(run, configs[0].task) for run in members),
    )
    parts = [
        _calibrated(run, member, configs[0].task)
        for run, member in zip(members, ensemble.members, strict=True)
    ]
    joined = pd.concat(parts, ignore_index=True).assign(model_id=series)
    folder = RunFolder(root / series)
    folder.path.mkdir(exist_ok=True)
    own(folder)
    save_settings(configs[0], folder.settings_file)
    save_ensemble(ensemble, folder.file(MEMBERS_NAME))
    write_predictions(joined, folder.predictions_file)
    women = f"Out-of-fold scores of {joined['group_id'].nunique()} women"
    agreement = _agreement_in_words(joined, configs[0].task)
    message = " ".join([f"{women}, {_how(ensemble)}", *agreement, *map(_fold_in_words, members)])
    folder.write_status(
        RunStatus(state=RunState.FINISHED, done=len(members), total=len(members), message=message)
    )
    return folder


def spread_of(series: str, root: Path) -> SeedSpread:
    """The AUC by breast (else by image) of the seeds of a series on the same test women."""
    aucs = [_test_auc(run) for run in members_of(series, root)]
    known = tuple(auc.value for auc in aucs if auc is not None and auc.value is not None)
    if len(known) < FEWEST:
        raise RunError(f"{len(known)} runs of {series} have a test AUC; a spread needs two.")
    return SeedSpread(values=known)


def _how(ensemble: Ensemble) -> str:
    """How the scores of the folds came into one table."""
    members = ensemble.members
    as_they_are = [str(place) for place, one in enumerate(members) if not one.is_calibrated]
    if not as_they_are:
        return "calibrated by fold."
    return (
        f"calibrated by fold but for {len(as_they_are)} of {len(members)} (fold "
        f"{', '.join(as_they_are)}): on the validation women there, higher scores did not mean "
        "a positive case, so these scores stand as they are, on another scale than the rest. Read "
        "those folds alone, below, before any number over all women."
    )


def _agreement_in_words(joined: pd.DataFrame, task: Task) -> list[str]:
    """Of ordered classes, how far the calls of all women agree with the truth."""
    if not (task.is_ordered and has_classes(joined, task)):
        return []
    report = report_classes(joined, task, Level.IMAGE)
    if report.kappa is None or report.kappa_interval is None:
        return ["Too few women for a quadratic kappa with its interval."]
    low, high = report.kappa_interval
    count = many(int(report.confusion.sum()), "image", "images")
    return [f"Quadratic kappa {report.kappa:.3f} ({low:.3f} to {high:.3f}) of {count}."]


def _fold_in_words(run: RunFolder) -> str:
    """What a fold came to alone, whose scale concerns nobody."""
    config = run.settings(RunConfig)
    fold, positive = config.data.fold, " or ".join(config.task.positive)
    auc = _test_auc(run)
    if auc is None or auc.value is None:
        return f"Fold {fold}: no test AUC."
    one, more = UNITS[auc.level]
    known = auc.low is not None and auc.high is not None
    interval = f" ({auc.low:.3f} to {auc.high:.3f})" if known else " (no interval)"
    return (
        f"Fold {fold}: test AUC {auc.value:.3f}{interval} of {many(auc.positives, one, more)} with "
        f"and {auc.negatives} without {positive}, {many(auc.women, 'woman', 'women')}."
    )


def _test_auc(run: RunFolder) -> Metric | None:
    """By breast, else by image."""
    metrics = run.card().metrics
    by_level = {m.level: m for m in metrics if m.name == "auc" and m.split == Split.TEST}
    return by_level.get(Level.BREAST, by_level.get(Level.IMAGE))


def fold_member(run: RunFolder, task: Task) -> Member:
    """Calibrated on its own validation rows."""
    hashed = run.card().weights_sha256
    return member_on(validation_rows(run), task, run_id=run.run_id, weights_sha256=hashed)


def validation_rows(run: RunFolder) -> pd.DataFrame:
    table = read_predictions(run.predictions_file)
    return table[table["split"] == Split.VAL]


def member_on(rows: pd.DataFrame, task: Task, *, run_id: str, weights_sha256: str) -> Member:
    """What scores mean, by these validation rows."""
    if has_classes(rows, task):
        return make_class_fold(rows, task, run_id=run_id, weights_sha256=weights_sha256)
    cases = pool_cases(rows, Level.IMAGE)
    return make_fold(cases, run_id=run_id, weights_sha256=weights_sha256)


def _calibrated(run: RunFolder, member: Member, task: Task) -> pd.DataFrame:
    """The test rows of a run, their scores made probabilities on its validation rows."""
    table = read_predictions(run.predictions_file)
    test = table[table["split"] == Split.TEST]
    if has_classes(table, task):
        return tempered(test, member.score_map, task)
    score = calibrated(member, test["score"].to_numpy(dtype=np.float64))
    return with_score(test, rounded(score), task)


def siblings_of(series: str, root: Path) -> list[RunFolder]:
    """Every run of a series by fold and seed; what was put together from them is none."""
    found = [
        (config.data.fold, config.seed, run)
        for run in list_runs(root)
        if run.run_id != series
        for config in _settings(run)
        if config.series == series
    ]
    return [run for _, _, run in sorted(found, key=lambda entry: entry[:2])]


def _settings(run: RunFolder) -> tuple[RunConfig, ...]:
    """None where the run is no training, or its settings cannot be read."""
    try:
        return (run.settings(RunConfig),)
    except ConfigError:
        return ()
