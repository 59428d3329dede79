"""`mammo train`: start a training from a recipe or from saved settings."""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from mammo_core.commands.command import Command, say, say_aside
from mammo_core.commands.runs import follow
from mammo_core.config import DataConfig, RunConfig, load_settings
from mammo_core.errors import ConfigError
from mammo_core.files import checkpoints_root
from mammo_core.runs.folder import RunFolder
from mammo_core.types import RunState, Task


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    start = parser.add_mutually_exclusive_group(required=True)
    start.add_argument("--recipe", metavar="NAME", help="settings that work; needs --data")
    start.add_argument("--config", type=Path, metavar="FILE", help="settings as in a run.json")
    parser.add_argument("--data", metavar="DIR", help="a folder, or a registered data set's name")
    parser.add_argument(
        "--adapter", metavar="NAME", help="the kind of data set (default: recognised)"
    )
    parser.add_argument("--label-rule", metavar="NAME", help="what makes an image positive")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="change one setting, as in optim.epochs=3; may be repeated",
    )
    parser.add_argument(
        "--preflight", action="store_true", help="measure what it would need, and stop"
    )
    several = parser.add_mutually_exclusive_group()
    several.add_argument("--folds", type=int, metavar="K", help="cross-validation by woman")
    several.add_argument(
        "--seeds",
        type=int,
        metavar="N",
        help="the same N times with other seeds, to see the role of chance",
    )
    then = parser.add_mutually_exclusive_group()
    then.add_argument(
        "--wait", action="store_true", help="report every epoch; return when training has ended"
    )
    then.add_argument(
        "--no-start",
        action="store_true",
        help="only create the run's folder, for torchrun to start",
    )


def _run(arguments: argparse.Namespace) -> int:
    from mammo_core.training.preflight import check_start
    from mammo_core.training.recipes import with_changes
    from mammo_core.training.series import (
        create_series,
        fold_configs,
        seed_configs,
        start_series,
    )

    config = with_changes(_config(arguments), _changes(arguments.set))
    config.check()
    configs = [config]
    if arguments.folds:
        configs = fold_configs(config, arguments.folds)
    elif arguments.seeds:
        configs = seed_configs(config, arguments.seeds)
    warnings = (*config.balance.warnings(), *check_start(configs))
    if arguments.preflight:
        return _preflight(configs, warnings)
    for warning in warnings:
        say_aside(f"Warning: {warning}")
    make = create_series if arguments.no_start else start_series
    runs = make(configs, checkpoints_root())
    for run in runs:
        say(run.path)
    if not arguments.wait:
        return 0
    outcomes = [_finished(run, is_one_of_many=len(runs) > 1) for run in runs]
    is_well = all(outcomes)
    if is_well and len(runs) > 1:
        _tell_series(configs[0])
    return 0 if is_well else 1


def _preflight(configs: Sequence[RunConfig], warnings: Sequence[str]) -> int:
    """Measure the first; the others of a series take as long."""
    from mammo_core.training.measuring import measure
    from mammo_core.training.preflight import GUESSED_AUC

    told, _ = measure(configs[0], report=lambda *_: None)
    if len(configs) > 1:
        say(f"The first of {len(configs)} runs, which come one after the other:")
    for count in told.splits:
        say(
            f"{count.split:5} {count.women:6} women {count.images:7} images "
            f"{count.positive_images:6} positive"
        )
    low, high = told.test_interval
    say(f"{told.trained_weights:,} of {told.all_weights:,} weights are trained.")
    say(
        f"{told.seconds_per_batch:.2f} s a batch, {told.batches_per_epoch} batches an epoch: about "
        f"{told.seconds / 60:.1f} minutes on this computer as it is now."
    )
    if told.memory_gb is not None:
        say(f"Memory in use: {told.memory_gb:.1f} GB.")
    test = told.splits[-1]
    say(
        f"An AUC of {GUESSED_AUC} on these {test.women:,} test women ({test.positive_images:,} of "
        f"{test.images:,} images positive): 95 % {low:.2f} to {high:.2f}."
    )
    for warning in dict.fromkeys((*warnings, *told.warnings)):
        say(f"Warning: {warning}")
    return 0


def _finished(run: RunFolder, *, is_one_of_many: bool) -> bool:
    """Follow `run` to its end and tell it."""
    if is_one_of_many:
        say_aside(f"{run.run_id}:")
    status = follow(run, say_aside)
    say_aside(f"{status.state}: {status.message}")
    return status.state is RunState.FINISHED


def _tell_series(config: RunConfig) -> None:
    from mammo_core.training.series import join_folds, spread_of

    if config.data.folds:
        joined = join_folds(config.series, checkpoints_root())
        say(joined.path)
        say_aside(joined.read_status().message)
        return
    spread = spread_of(config.series, checkpoints_root())
    told = ", ".join(f"{value:.3f}" for value in spread.values)
    say_aside(
        f"Test AUC of {len(spread.values)} seeds: {told}; mean {spread.mean:.3f}, standard "
        f"deviation {spread.deviation:.3f}."
    )


def _config(arguments: argparse.Namespace) -> RunConfig:
    if arguments.config:
        saved = load_settings(arguments.config, RunConfig)
        config = replace(saved, series="")  # another run of a series would be one too many in it
        if (arguments.label_rule or arguments.adapter) and not arguments.data:
            raise ConfigError("--adapter and --label-rule describe --data; add --data DIR.")
        if not arguments.data:
            return config
        data = _data(arguments)
        rule = arguments.label_rule or config.data.label_rule
        data = replace(config.data, folder=data.folder, adapter=data.adapter, label_rule=rule)
        task = _task_of(data) if arguments.label_rule else config.task
        return replace(config, data=data, task=task)
    if not arguments.data:
        raise ConfigError("A recipe needs data: add --data DIR.")
    from mammo_core.training.recipes import get_recipe

    data = _data(arguments)
    return get_recipe(arguments.recipe).configure(data, _task_of(data))


def _task_of(data: DataConfig) -> Task:
    from mammo_core.datasets.dataset import get_adapter, get_label_rule

    return get_label_rule(get_adapter(data.adapter), data.label_rule).task


def _data(arguments: argparse.Namespace) -> DataConfig:
    """What the folder is and how it is labelled, found out where it was not said."""
    from mammo_core.datasets.dataset import find_folder, get_adapter, recognise_adapter

    folder = find_folder(arguments.data)
    adapter = get_adapter(arguments.adapter) if arguments.adapter else recognise_adapter(folder)
    label_rule = arguments.label_rule or adapter.label_rules[0].name
    kept = str(folder.resolve()) if folder == Path(arguments.data) else arguments.data
    return DataConfig(folder=kept, adapter=adapter.name, label_rule=label_rule)


def _changes(pairs: list[str]) -> dict[str, str]:
    changes = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise ConfigError(f"--set {pair!r} has no value. Write it as optim.epochs=3.")
        changes[name.strip()] = value.strip()
    return changes


TRAIN = Command(
    name="train",
    summary="train a model",
    add_arguments=_add_arguments,
    run=_run,
)
