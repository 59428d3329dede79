"""Runs that belong together: the folds of a cross-validation, or several seeds of one recipe.

Needs no torch: starting them and putting their results together is work on settings and tables.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

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
from mammo_core.records import to_document
from mammo_core.runs.card import Metric
from mammo_core.runs.folder import MEMBERS_NAME, RunFolder, RunStatus, list_runs
from mammo_core.runs.jobs import create_run, new_run_id, place_for, start
from mammo_core.runs.naming import LONGEST_TITLE, About, last_name, write_about
from mammo_core.runs.sidecars import read_seen
from mammo_core.scores import rounded
from mammo_core.tables import check_predictions
from mammo_core.types import Level, RunState, Split, Task
from mammo_core.words import UNITS, many, short_day
from mammo_core.zoo.catalog import get_backbone


def fold_configs(config: RunConfig, folds: int) -> list[RunConfig]:
    """One run per fold; together they test on every woman once."""
    if folds < 2:
        raise ConfigError(f"{folds} folds cannot test on every woman once; at least 2 can.")
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
    for config in configs:  # nothing is made where it cannot begin
        place_for(config.kind, is_here=is_here, ranks=ranks)
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
    named = [run for run in list_runs(root) if run.run_id == name and not run.is_ensemble]
    return (_series_of(named[0]) if named else "") or name


def is_of_folds(series: str, root: Path) -> bool:
    """Whether there are folds of that series, at whatever stage they are."""
    return any(run.settings(RunConfig).data.folds for run in siblings_of(series, root))


def finished_folds(series: str, root: Path) -> list[RunFolder]:
    """Every fold of a series, each once and all of one recipe on one data set; else a RunError that
    tells what is wrong with which.
    """
    members, runs = members_of(series, root), siblings_of(series, root)
    if not runs:
        raise RunError(
            f"There are no folds named {series!r}. `mammo train --folds` makes some, and `mammo "
            "runs` lists what there is."
        )
    folds = runs[0].settings(RunConfig).data.folds
    if not folds:
        raise RunError(
            f"{series} are seeds, not folds: all of them were tested on the same women. To put "
            f"their scores together: mammo ensemble {' '.join(run.run_id for run in runs)}."
        )
    _refuse_other_settings(members)
    told = [_lacking_in_words(series, folds, runs), *_doubled_in_words(members)]
    if any(told):
        raise RunError(" ".join(filter(None, told)))
    _refuse_other_data(series, members)
    return members


def _lacking_in_words(series: str, folds: int, runs: Sequence[RunFolder]) -> str:
    """Which folds are not finished, and what has become of each; "" where all are."""
    states: dict[int, list[str]] = {fold: [] for fold in range(folds)}
    for run in runs:
        told = f"{run.run_id}, {run.read_status().state}"
        states.setdefault(_fold(run), []).append("" if run.is_checkpoint else told)
    lacking = [
        f"fold {fold + 1} ({'; '.join(told) or 'there is no run of it'})"
        for fold, told in states.items()
        if "" not in told
    ]
    if not lacking:
        return ""
    words = (
        f"{folds - len(lacking)} of {folds} folds of {series} are finished, but not "
        f"{', '.join(lacking)}. Wait, or go on with those that are over: mammo resume {series}."
    )
    if all(states.values()):
        return words
    return (
        f"{words} One that is gone is trained anew by: mammo train --config RUN/run.json --set "
        f"data.fold=K --set series={series}, RUN being another fold and K one less than its number."
    )


def _doubled_in_words(members: Sequence[RunFolder]) -> list[str]:
    counted = Counter(map(_fold, members))
    return [
        f"Fold {fold + 1} is here {count} times: "
        f"{', '.join(run.run_id for run in members if _fold(run) == fold)}. Move all but one "
        "elsewhere, or delete them."
        for fold, count in counted.items()
        if count > 1
    ]


def _fold(run: RunFolder) -> int:
    return run.settings(RunConfig).data.fold


#: In which folds may differ: which it is, and where and how fast it was trained.
_MAY_DIFFER: Final = ("data.fold", "data.folder", "device", "workers")


def _refuse_other_settings(members: Sequence[RunFolder]) -> None:
    named = [_by_name(to_document(run.settings(RunConfig))) for run in members]
    for run, other in zip(members[1:], named[1:], strict=True):
        names = sorted(
            name
            for name in {*named[0], *other} - {*_MAY_DIFFER}
            if named[0].get(name) != other.get(name)
        )
        if names:
            raise RunError(
                f"{run.run_id} and {members[0].run_id} are not folds of one training: their "
                f"{', '.join(names)} differ. Train the one that was made otherwise anew, by the "
                "settings of the others: mammo train --config RUN/run.json --set data.fold=K --set "
                "series=SERIES, and remove it."
            )


def _by_name(document: dict[str, Any], inside: str = "") -> dict[str, Any]:
    """Every single setting by its dotted name."""
    named: dict[str, Any] = {}
    for name, value in document.items():
        is_group = isinstance(value, dict)
        named |= _by_name(value, f"{inside}{name}.") if is_group else {f"{inside}{name}": value}
    return named


def _refuse_other_data(series: str, members: Sequence[RunFolder]) -> None:
    """Refuse folds that were dealt from other women or labels: a woman might be tested on twice, or
    by nobody.
    """
    tables = [read_predictions(run.predictions_file) for run in members]
    tested = pd.concat(
        [
            table.loc[table["split"] == Split.TEST, ["group_id"]].assign(run_id=run.run_id)
            for run, table in zip(members, tables, strict=True)
        ]
    )
    folds = tested.groupby("group_id")["run_id"].nunique()
    twice = sorted(folds.index[folds > 1])
    _refuse_differing(series, twice, of=len(folds), what="test women are of more than one fold")
    labelled = pd.concat([table[["image_id", "label"]].dropna() for table in tables])
    labels = labelled.groupby("image_id")["label"].nunique()
    changed = sorted(labels.index[labels > 1])
    _refuse_differing(series, changed, of=len(labels), what="images have more than one label")
    _refuse_unknown(series, members)


def _refuse_unknown(series: str, members: Sequence[RunFolder]) -> None:
    """Each fold knows the images that the others were tested on, where it tells whom it has seen
    and nobody was left out.
    """
    tables = [seen for run in members if (seen := read_seen(run)) is not None]
    has_all = members[0].settings(RunConfig).data.train_share == 1.0
    if len(tables) < len(members) or not has_all:
        return
    is_content_known = all(table["content"].notna().all() for table in tables)
    columns = ["image_id", "group_id", *(["content"] if is_content_known else [])]
    rows = [table[columns].fillna("") for table in tables]
    tested = pd.concat(
        [
            known[(seen["split"] == Split.TEST).fillna(value=False)]
            for known, seen in zip(rows, tables, strict=True)
        ]
    ).drop_duplicates()
    for known in rows:
        found = tested.merge(known.drop_duplicates(), how="left", indicator=True)
        unknown = sorted(found.loc[found["_merge"] == "left_only", "image_id"])
        _refuse_differing(series, unknown, of=len(tested), what="images are not known to all folds")


def _refuse_differing(series: str, names: Sequence[str], *, of: int, what: str) -> None:
    if names:
        raise RunError(
            f"The folds of {series} were not made from one data set: {len(names)} of {of} {what} "
            f"(first: {names[0]}). Train all folds anew from one data set that stays as it is."
        )


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
    check_predictions(joined)
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
    as_they_are = [str(n) for n, one in enumerate(members, start=1) if not one.is_calibrated]
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
    fold, positive = config.data.fold + 1, " or ".join(config.task.positive)
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
        if run.run_id != series and not run.is_ensemble
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
