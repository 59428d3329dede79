"""From a recipe and a data set to the runs it asks for. Needs no torch."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import pandas as pd

from mammo_core.config import DataConfig, RunConfig
from mammo_core.datasets.dataset import get_adapter, get_label_rule
from mammo_core.datasets.published import PUBLISHED, Published
from mammo_core.errors import ConfigError, RunError
from mammo_core.metrics.cases import Cases, levels_of, pool_cases, rules_of
from mammo_core.metrics.ensemble import Averaging
from mammo_core.metrics.rates import more_rates
from mammo_core.metrics.threshold import HALF, SUGGESTED_SENSITIVITY, Aim, choose_threshold
from mammo_core.metrics.uncertainty import auc_with_interval, rates_at
from mammo_core.runs.folder import RunFolder, list_runs
from mammo_core.training.ensemble import make_ensemble
from mammo_core.training.preflight import refuse_missing_weights
from mammo_core.training.recipes import RECIPES, Recipe, with_changes
from mammo_core.training.series import fold_configs, join_folds, seed_configs
from mammo_core.types import CANCER, Level, Split, Task
from mammo_core.zoo.catalog import FROM_CHECKPOINT

_WEIGHTS: Final = "model.weights"
_NOT_READ_YET: Final = DataConfig(folder="", adapter="", label_rule="")


def refuse_without_weights(recipe: Recipe, changes: dict[str, str]) -> None:
    """Before any data are looked at: are the weights here that a run will start from?"""
    if not recipe.continues or _WEIGHTS in changes:
        refuse_missing_weights(with_changes(recipe.configure(_NOT_READ_YET, CANCER), changes))


def rule_of(recipe: Recipe, adapter: str) -> str:
    """The label rule a recipe is for, where the data set knows it; else the set's first."""
    known = [rule.name for rule in get_adapter(adapter).label_rules]
    return recipe.label_rule if recipe.label_rule in known else known[0]


def task_of(data: DataConfig) -> Task:
    return get_label_rule(get_adapter(data.adapter), data.label_rule).task


def other_data_in_words(recipe: Recipe, data: DataConfig) -> str:
    """That a recipe is used on what it was not made for; "" where it is not."""
    if not recipe.datasets or data.adapter in recipe.datasets:
        return ""
    meant = " or ".join(get_adapter(name).title for name in recipe.datasets)
    return (
        f"{recipe.name} was made for {meant}; these data are {get_adapter(data.adapter).title}, "
        "so its published figures are of other women."
    )


def configure(
    recipe: Recipe, data: DataConfig, changes: dict[str, str], *, root: Path
) -> RunConfig:
    """The settings of a run of `recipe` on `data`, split as the recipe says."""
    config = with_changes(recipe.configure(recipe.deal(data), task_of(data)), changes)
    if _WEIGHTS not in changes:
        config = gone_on(config, recipe, list_runs(root))
    config.check()
    return config


def gone_on(config: RunConfig, recipe: Recipe, runs: Sequence[RunFolder]) -> RunConfig:
    """`config` from the weights of that of `runs` which `recipe` goes on from, where it does."""
    if not recipe.continues:
        return config
    origin = origin_of_recipe(recipe.continues, config.data, runs)
    weights = f"{FROM_CHECKPOINT}{origin.run_id}"
    return replace(config, model=replace(config.model, weights=weights))


def origin_of_recipe(name: str, data: DataConfig, runs: Sequence[RunFolder]) -> RunFolder:
    """The newest finished run of the recipe of that name on the same data; where it has learnt
    patches, on any: boxes are marked in few data sets.
    """
    for run in runs:
        if not run.is_checkpoint:
            continue
        try:
            config = run.settings(RunConfig)
        except ConfigError:
            continue  # from elsewhere, or of another version of this program
        is_fit = config.patches is not None or config.data.folder == data.folder
        if config.recipe == name and is_fit and not config.data.folds:
            return run
    raise RunError(
        f"No finished run of {name} on these data is here to go on from. Run it first: `mammo "
        f"recipes run {name} --data {data.folder}`."
    )


def series_configs(recipe: Recipe, config: RunConfig) -> list[RunConfig]:
    """One run, or as many as the recipe has folds or seeds."""
    if recipe.folds:
        return fold_configs(config, recipe.folds)
    return seed_configs(config, recipe.seeds) if recipe.seeds else [config]


def joined(runs: Sequence[RunFolder], root: Path) -> RunFolder:
    """What the finished runs of a recipe come to: the folds in one table, the seeds averaged."""
    if len(runs) == 1:
        return runs[0]
    config = runs[0].settings(RunConfig)
    if config.data.folds:
        return join_folds(config.series, root)
    return make_ensemble([run.run_id for run in runs], method=Averaging.MEAN, root=root)


def published_of(recipe: Recipe) -> tuple[Published, ...]:
    return tuple(row for row in PUBLISHED if row.title in recipe.published)


def titles_of(config: RunConfig | None) -> tuple[str, ...]:
    """The published figures that a run by these settings stands beside: not those that its recipe
    reached on other women, as on MIAS.
    """
    named = [recipe for recipe in RECIPES if config is not None and recipe.name == config.recipe]
    return tuple(
        row.title for one in named for row in published_of(one) if row.dataset in one.datasets
    )


def threshold_of(config: RunConfig, table: pd.DataFrame, level: Level) -> float | None:
    """What cases are called by where no operating point is locked: as the recipe says, else as
    chosen on the validation cases of `table`; None where there is none to be had.
    """
    if config.threshold == "half":
        return HALF
    split = Split.TEST if config.threshold == "test" else Split.VAL
    rows = table[(table["split"] == split).fillna(value=False)]
    if rows.empty or level not in levels_of(rows):
        return None
    cases = pool_cases(rows, level, rules_of(rows, level)[0])
    if not cases.positives:
        return None
    return choose_threshold(cases, Aim.SENSITIVITY, SUGGESTED_SENSITIVITY).threshold


def figures_beside(row: Published, cases: Cases, threshold: float | None) -> str:
    """Of a run's `cases` the figures that `row` gives, each with its interval."""
    told = []
    if row.auc is not None:
        auc = auc_with_interval(cases)
        told.append(f"AUC {auc.value:.3f} ({auc.low:.3f} to {auc.high:.3f})")
    if threshold is not None:
        rates = rates_at(cases, threshold)
        for name, given, rate in (
            ("sensitivity", row.sensitivity, rates.sensitivity),
            ("specificity", row.specificity, rates.specificity),
            ("precision", row.precision, rates.ppv),
        ):
            if given is not None and rate.total:
                told.append(f"{name} {rate.value:.3f} ({rate.low:.3f} to {rate.high:.3f})")
        given_by_name = {"Accuracy": row.accuracy, "F1": row.f1}
        told += [
            f"{one.name} {one.value:.3f} ({one.low:.3f} to {one.high:.3f})"
            for one in more_rates(cases, threshold)
            if given_by_name.get(one.name) is not None
            and one.low is not None
            and one.high is not None
        ]
    return ", ".join(told)
