"""`mammo prepare`: read and prepare a data set ahead, so that trainings start at once."""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from mammo_core.commands.command import Command
from mammo_core.config import PrepareSettings, RunConfig, load_settings
from mammo_core.paths import cache_root

_MOST_TOLD = 20  # unreadable files


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("data", metavar="DIR", help="a folder, or a registered data set's name")
    parser.add_argument("--adapter", metavar="NAME", help="what the folder is; else recognised")
    start = parser.add_mutually_exclusive_group()
    start.add_argument("--recipe", metavar="NAME", help="prepare as this recipe does")
    start.add_argument("--config", type=Path, metavar="FILE", help="prepare as this run.json does")
    parser.add_argument(
        "--size", type=int, nargs=2, metavar=("ROWS", "COLUMNS"), help="another size than theirs"
    )
    parser.add_argument("--processes", type=int, default=0, metavar="N", help="default: all cores")
    parser.add_argument("--plan", action="store_true", help="say what it would take, and stop")


def _run(arguments: argparse.Namespace) -> int:
    from mammo_core.datasets.prepared import in_words, plan_preparing, prepare_dataset
    from mammo_core.datasets.reading import find_folder, read_in_question

    settings = _settings(arguments)
    dataset = read_in_question(find_folder(arguments.data), arguments.adapter)
    plan = plan_preparing(dataset, settings)
    rows, columns = settings.size
    print(
        f"{dataset.adapter.title}: {plan.files} images as {rows} x {columns}, "
        f"{len(plan.missing)} to prepare. They take up to {plan.most_bytes / 2**30:.1f} GB in "
        f"{cache_root()}, where {plan.free_bytes / 2**30:.1f} GB are free."
    )
    if arguments.plan:
        return 0
    built = prepare_dataset(dataset, settings, processes=arguments.processes, report=_show_progress)
    print()
    for problem in built.unreadable[:_MOST_TOLD]:
        print(f"{problem.file}: {problem.reason}", file=sys.stderr)
    print(in_words(built))
    return 1 if built.unreadable else 0


def _settings(arguments: argparse.Namespace) -> PrepareSettings:
    settings = PrepareSettings()
    if arguments.config:
        settings = load_settings(arguments.config, RunConfig).prepare
    elif arguments.recipe:
        from mammo_core.training.recipes import get_recipe

        settings = get_recipe(arguments.recipe).prepare
    if arguments.size:
        settings = replace(settings, size=tuple(arguments.size))
    return settings


def _show_progress(done: int, total: int, message: str) -> None:
    print(f"\r{message:<60}", end="", flush=True)


PREPARE = Command(
    name="prepare",
    summary="read and prepare a data set ahead of training",
    add_arguments=_add_arguments,
    run=_run,
)
