"""`mammo train`: start a training from a recipe or from saved settings."""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from mammo_core.commands.command import Command
from mammo_core.config import DataConfig, RunConfig, load_settings
from mammo_core.errors import ConfigError
from mammo_core.paths import checkpoints_root
from mammo_core.types import RunState


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    start = parser.add_mutually_exclusive_group(required=True)
    start.add_argument("--recipe", metavar="NAME", help="settings that work; needs --data")
    start.add_argument("--config", type=Path, metavar="FILE", help="settings as in a run.json")
    parser.add_argument("--data", metavar="DIR", help="a folder, or a registered data set's name")
    parser.add_argument("--adapter", metavar="NAME", help="what the folder is; else recognised")
    parser.add_argument("--label-rule", metavar="NAME", help="what makes an image positive")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="change one setting, as in optim.epochs=3; may be repeated",
    )
    parser.add_argument("--wait", action="store_true", help="return when the run is over")


def _run(arguments: argparse.Namespace) -> int:
    from mammo_core.runs.launch import create_run, start_worker
    from mammo_core.training.recipes import with_changes

    config = with_changes(_config(arguments), _changes(arguments.set))
    config.check()
    run = create_run(
        config, checkpoints_root(), what=_short(config.model.backbone), total=config.optim.epochs
    )
    process = start_worker(run, kind="train")
    print(run.path)
    if not arguments.wait:
        return 0
    process.wait()
    status = run.read_status()
    print(f"{status.state}: {status.message}", file=sys.stderr)
    return 0 if status.state is RunState.FINISHED else 1


def _config(arguments: argparse.Namespace) -> RunConfig:
    if arguments.config:
        config = load_settings(arguments.config, RunConfig)
        if not arguments.data:
            return config
        data = _data(arguments)
        return replace(config, data=replace(config.data, folder=data.folder, adapter=data.adapter))
    if not arguments.data:
        raise ConfigError("A recipe needs data: add --data DIR.")
    from mammo_core.datasets.reading import get_adapter, get_label_rule
    from mammo_core.training.recipes import get_recipe

    data = _data(arguments)
    task = get_label_rule(get_adapter(data.adapter), data.label_rule).task
    return get_recipe(arguments.recipe).configure(data, task)


def _data(arguments: argparse.Namespace) -> DataConfig:
    """What the folder is and how it is labelled, found out where it was not said."""
    from mammo_core.datasets.reading import find_folder, get_adapter, recognise_adapter

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


def _short(backbone: str) -> str:
    """A name fit for a folder."""
    return "".join(letter if letter.isalnum() else "_" for letter in backbone)


TRAIN = Command(
    name="train",
    summary="train a model",
    add_arguments=_add_arguments,
    run=_run,
)
