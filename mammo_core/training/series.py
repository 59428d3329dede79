"""Runs that belong together: the folds of a cross-validation, or several seeds of one recipe.

Needs no torch: starting them and putting their results together is work on settings and tables.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from mammo_core.config import RunConfig, load_settings, save_settings
from mammo_core.datasets.predictions import (
    DECIMALS,
    read_predictions,
    with_score,
    write_predictions,
)
from mammo_core.errors import ConfigError, RunError
from mammo_core.metrics.cases import pool_cases
from mammo_core.metrics.ensemble import (
    MEMBERS_NAME,
    Averaging,
    Ensemble,
    Member,
    calibrated,
    make_member,
    save_ensemble,
)
from mammo_core.metrics.seeds import FEWEST, SeedSpread
from mammo_core.runs.card import read_card
from mammo_core.runs.folder import RunFolder, RunStatus, list_runs
from mammo_core.runs.launch import create_run, new_run_id, start_worker
from mammo_core.types import Level, RunState, Split, Task


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


def create_series(configs: Sequence[RunConfig], root: Path) -> list[RunFolder]:
    """A folder for each, for somebody else to start."""
    for config in configs:
        config.check()
    return [
        create_run(
            config,
            root,
            what=f"{config.model.backbone.replace(':', '_')}-{number}",
            total=config.optim.epochs,
        )
        for number, config in enumerate(configs)
    ]


def start_series(configs: Sequence[RunConfig], root: Path) -> list[RunFolder]:
    """Start them all; they wait for the device one after the other."""
    runs = create_series(configs, root)
    for run, config in zip(runs, configs, strict=True):
        start_worker(run, kind=config.kind)
    return runs


def members_of(series: str, root: Path) -> list[RunFolder]:
    """The finished runs of a series, by fold and seed."""
    found = [
        (config.data.fold, config.seed, run)
        for run in list_runs(root)
        if run.is_checkpoint and _series_of(run) == series
        for config in (load_settings(run.file("run.json"), RunConfig),)
    ]
    return [run for _, _, run in sorted(found, key=lambda entry: entry[:2])]


def _series_of(run: RunFolder) -> str:
    """Empty for checkpoints brought from elsewhere, whatever their settings look like."""
    try:
        document = json.loads(run.file("run.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return ""
    return str(document.get("series", "")) if isinstance(document, dict) else ""


def series_of(name: str, root: Path) -> str:
    """The series a run of that name belongs to; else the name, which may be one."""
    named = [run for run in list_runs(root) if run.run_id == name]
    return (_series_of(named[0]) if named else "") or name


def join_folds(series: str, root: Path) -> RunFolder:
    """One predictions table in which every woman was scored by a network that never saw her.

    Networks differ in how sure they are, so a fold's scores are first made probabilities on its own
    validation women; only then may they stand in one table.
    """
    members = members_of(series, root)
    configs = [load_settings(run.file("run.json"), RunConfig) for run in members]
    if not configs or len(members) != configs[0].data.folds:
        wanted = configs[0].data.folds if configs else "no"
        raise RunError(
            f"{len(members)} of {wanted} folds of {series} are finished. Wait, or resume the rest."
        )
    ensemble = Ensemble(
        method=Averaging.OUT_OF_FOLD, members=tuple(_member_of(run) for run in members)
    )
    parts = [
        _calibrated(run, member, configs[0].task)
        for run, member in zip(members, ensemble.members, strict=True)
    ]
    joined = pd.concat(parts, ignore_index=True).assign(model_id=series)
    folder = RunFolder(root / series)
    folder.path.mkdir(exist_ok=True)
    save_settings(configs[0], folder.file("run.json"))
    save_ensemble(ensemble, folder.file(MEMBERS_NAME))
    write_predictions(joined, folder.file("predictions.csv"))
    message = f"Out-of-fold scores of {joined['group_id'].nunique()} women, calibrated by fold."
    folder.write_status(
        RunStatus(state=RunState.FINISHED, done=len(members), total=len(members), message=message)
    )
    return folder


def spread_of(series: str, root: Path) -> SeedSpread:
    """The AUC by breast (else by image) of the seeds of a series on the same test women."""
    aucs = [_test_auc(run) for run in members_of(series, root)]
    known = tuple(auc for auc in aucs if auc is not None)
    if len(known) < FEWEST:
        raise RunError(f"{len(known)} runs of {series} have a test AUC; a spread needs two.")
    return SeedSpread(values=known)


def _test_auc(run: RunFolder) -> float | None:
    metrics = read_card(run.file("model_card.json")).metrics
    by_level = {m.level: m.value for m in metrics if m.name == "auc" and m.split == Split.TEST}
    return by_level.get(Level.BREAST, by_level.get(Level.IMAGE))


def _member_of(run: RunFolder) -> Member:
    table = read_predictions(run.file("predictions.csv"))
    val = pool_cases(table[table["split"] == Split.VAL], Level.IMAGE)
    hashed = read_card(run.file("model_card.json")).weights_sha256
    return make_member(val, run_id=run.run_id, weights_sha256=hashed)


def _calibrated(run: RunFolder, member: Member, task: Task) -> pd.DataFrame:
    """The test rows of a run, their scores made probabilities on its validation rows."""
    table = read_predictions(run.file("predictions.csv"))
    test = table[table["split"] == Split.TEST]
    score = calibrated(member, test["score"].to_numpy(dtype=np.float64))
    return with_score(test, score.round(DECIMALS), task)
