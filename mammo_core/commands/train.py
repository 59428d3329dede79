"""`mammo train`, `search`, `reproduce`: a training from a recipe or saved settings, many to search
among settings, or one once more.
"""

import argparse
import textwrap
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain, groupby
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mammo_core.commands.command import Command, at_least, note_look, say, say_aside
from mammo_core.commands.runs import add_here_argument, ended_well
from mammo_core.config import DataConfig, RunConfig, load_settings
from mammo_core.errors import ConfigError, RunError
from mammo_core.files import checkpoints_root
from mammo_core.runs.folder import RunFolder, find_checkpoint

if TYPE_CHECKING:
    from mammo_core.training.recipes import Recipe


def add_data_arguments(parser: argparse.ArgumentParser, *, is_required: bool = False) -> None:
    parser.add_argument(
        "--data",
        metavar="DIR",
        required=is_required,
        help="a folder, or a registered data set's name",
    )
    parser.add_argument(
        "--adapter", metavar="NAME", help="the kind of data set (default: recognised)"
    )
    parser.add_argument("--label-rule", metavar="NAME", help="what makes an image positive")


def add_set_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="change one setting, as in optim.epochs=3; may be repeated. Another model.backbone "
        "takes its normalisation and weights along",
    )


_ONE_RECIPE: Final = "settings that work; needs --data; see `mammo recipes`"


def add_start_arguments(parser: argparse.ArgumentParser, *, recipe_help: str = _ONE_RECIPE) -> None:
    """Of a recipe or saved settings, on which data, with what changed."""
    start = parser.add_mutually_exclusive_group(required=True)
    start.add_argument("--recipe", metavar="NAME", help=recipe_help)
    start.add_argument("--config", type=Path, metavar="FILE", help="settings as in a run.json")
    add_data_arguments(parser)
    add_set_argument(parser)


def _recipes_in_words() -> str:
    """Their names by project, for --help."""
    from mammo_core.training.recipes import RECIPES

    lines = ["recipes, by project (`mammo recipes show NAME` tells all of one):"]
    for project, recipes in groupby(RECIPES, key=lambda recipe: recipe.project):
        names = textwrap.wrap(
            ", ".join(recipe.name for recipe in recipes), 92, break_on_hyphens=False
        )
        lines += [f"  {project}:", *(f"    {line}" for line in names)]
    return "\n".join(lines)


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _recipes_in_words()
    several_too = f"{_ONE_RECIPE}; several with commas between them are a run each"
    add_start_arguments(parser, recipe_help=several_too)
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
    add_here_argument(parser)
    parser.add_argument(
        "--ranks",
        type=at_least(1),
        default=1,
        metavar="N",
        help="processes of the cluster that train one network together, each with a GPU where "
        "there are any",
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
    from mammo_core.training.series import create_series, start_series

    plans = [_series_of(_config(one), one) for one in _for_each_recipe(arguments)]
    warned = [(*plan[0].balance.warnings(), *check_start(plan)) for plan in plans]
    if arguments.preflight:
        for plan, warnings in zip(plans, warned, strict=True):
            _preflight(plan, warnings)
        return 0
    for warning in dict.fromkeys(chain.from_iterable(warned)):
        say_aside(f"Warning: {warning}")
    started = []
    for plan in plans:
        if arguments.no_start:
            runs = create_series(plan, checkpoints_root())
        else:
            runs = start_series(
                plan, checkpoints_root(), is_here=arguments.here, ranks=arguments.ranks
            )
        started.append(runs)
        for run in runs:
            say(run.path)
    if not arguments.wait:
        return 0
    is_alone = sum(map(len, started)) == 1
    outcomes = [
        _plan_finished(plan, runs, is_alone=is_alone)
        for plan, runs in zip(plans, started, strict=True)
    ]
    return 0 if all(outcomes) else 1


def _for_each_recipe(arguments: argparse.Namespace) -> list[argparse.Namespace]:
    """One for each of several recipes, the rest alike."""
    names = [one.strip() for one in (arguments.recipe or "").split(",")]
    return [
        argparse.Namespace(**vars(arguments) | {"recipe": name or None})
        for name in dict.fromkeys(names)
    ]


def _plan_finished(plan: Sequence[RunConfig], runs: Sequence[RunFolder], *, is_alone: bool) -> bool:
    """Follow the runs of one recipe to their end, and tell them."""
    outcomes = [_finished(run, is_one_of_many=not is_alone) for run in runs]
    is_well = all(outcomes)
    if is_well and len(runs) > 1:
        _tell_series(plan[0])
    elif len(runs) > 1:
        _tell_how_to_go_on(plan[0])
    return is_well


def _tell_how_to_go_on(config: RunConfig) -> None:
    """With a series in which not every run has finished."""
    say_aside("Not all have finished. Look into what went wrong, then go on with the rest:")
    say_aside(f"  mammo resume {config.series}")
    if config.data.folds:
        say_aside(f"  mammo ensemble {config.series} --method out-of-fold")


def _series_of(config: RunConfig, arguments: argparse.Namespace) -> list[RunConfig]:
    """As many as asked for; else as the recipe has folds or seeds."""
    from mammo_core.training.by_recipe import series_configs
    from mammo_core.training.recipes import get_recipe
    from mammo_core.training.series import fold_configs, seed_configs

    if arguments.folds is not None:
        return fold_configs(config, arguments.folds)
    if arguments.seeds is not None:
        return seed_configs(config, arguments.seeds)
    return series_configs(get_recipe(arguments.recipe), config) if arguments.recipe else [config]


def _preflight(configs: Sequence[RunConfig], warnings: Sequence[str]) -> None:
    """Measure the first; the others of a series take as long."""
    from mammo_core.training.measuring import measure
    from mammo_core.training.preflight import GUESSED_AUC

    told, _ = measure(configs[0], report=lambda *_: None)
    if len(configs) > 1:
        say(f"The first of {len(configs)} runs, which come one after the other:")
    unit = "patches" if configs[0].patches else "images"
    for count in told.splits:
        say(
            f"{count.split:5} {count.women:6} women {count.images:7} {unit} "
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
        f"{test.images:,} {unit} positive): 95 % {low:.2f} to {high:.2f}."
    )
    for warning in dict.fromkeys((*warnings, *told.warnings)):
        say(f"Warning: {warning}")


def _finished(run: RunFolder, *, is_one_of_many: bool) -> bool:
    """Follow `run` to its end and tell it."""
    if is_one_of_many:
        say_aside(f"{run.run_id}:")
    return ended_well(run)


def _tell_series(config: RunConfig) -> None:
    from mammo_core.training.series import join_folds, members_of, spread_of

    note_look(*members_of(config.series, checkpoints_root()), by="mammo train")
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
    """Checked, and with the changes asked for."""
    from mammo_core.training.by_recipe import configure, refuse_without_weights
    from mammo_core.training.recipes import get_recipe, with_changes

    changes = changes_of(arguments.set)
    if arguments.config:
        config = with_changes(_saved(arguments), changes)
        config.check()
        return config
    if not arguments.data:
        raise ConfigError("A recipe needs data: add --data DIR.")
    recipe = get_recipe(arguments.recipe)
    refuse_without_weights(recipe, changes)
    return configure(recipe, data_of(arguments, recipe), changes, root=checkpoints_root())


def _saved(arguments: argparse.Namespace) -> RunConfig:
    """The settings of --config, on --data where that is given."""
    from mammo_core.training.by_recipe import task_of

    saved = load_settings(arguments.config, RunConfig)
    config = replace(saved, series="")  # another run of a series would be one too many in it
    if (arguments.label_rule or arguments.adapter) and not arguments.data:
        raise ConfigError("--adapter and --label-rule describe --data; add --data DIR.")
    if not arguments.data:
        return config
    data = data_of(arguments)
    rule = arguments.label_rule or config.data.label_rule
    data = replace(config.data, folder=data.folder, adapter=data.adapter, label_rule=rule)
    task = task_of(data) if arguments.label_rule else config.task
    return replace(config, data=data, task=task)


def data_of(arguments: argparse.Namespace, recipe: "Recipe | None" = None) -> DataConfig:
    """What the folder is and how it is labelled, found out where it was not said."""
    from mammo_core.datasets.dataset import find_folder, get_adapter, recognise_adapter
    from mammo_core.training.by_recipe import rule_of

    folder = find_folder(arguments.data)
    adapter = get_adapter(arguments.adapter) if arguments.adapter else recognise_adapter(folder)
    usual = rule_of(recipe, adapter.name) if recipe else adapter.label_rules[0].name
    label_rule = arguments.label_rule or usual
    kept = str(folder.resolve()) if folder == Path(arguments.data) else arguments.data
    return DataConfig(folder=kept, adapter=adapter.name, label_rule=label_rule)


def changes_of(pairs: list[str], *, option: str = "--set") -> dict[str, str]:
    changes = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise ConfigError(f"{option} {pair!r} has no value. Write it as optim.epochs=3.")
        changes[name.strip()] = value.strip()
    return changes


def _add_search_arguments(parser: argparse.ArgumentParser) -> None:
    add_start_arguments(parser)
    parser.add_argument("--trials", type=int, required=True, metavar="N", help="how many trainings")
    parser.add_argument(
        "--over",
        action="append",
        default=[],
        metavar="NAME=RANGE",
        help="a setting and what to draw it from: optim.learning_rate=log:1e-5..1e-3, "
        "model.dropout=0..0.5, optim.batch_size=8,16,32; may be repeated",
    )
    parser.add_argument(
        "--search-seed", type=at_least(0), default=0, metavar="N", help="of the draws"
    )
    add_here_argument(parser)
    parser.add_argument("--wait", action="store_true", help="return when all trials have ended")


def _search(arguments: argparse.Namespace) -> int:
    from mammo_core.runs.jobs import start_run
    from mammo_core.runs.searches import TABLE_NAME, SearchConfig
    from mammo_core.training.preflight import check_start
    from mammo_core.training.searching import check_search

    base = _config(arguments)
    search = SearchConfig(
        base=base,
        over=changes_of(arguments.over, option="--over"),
        trials=arguments.trials,
        seed=arguments.search_seed,
    )
    check_search(search, is_here=arguments.here)
    for warning in check_start([base]):
        say_aside(f"Warning: {warning}")
    run = start_run(
        search, checkpoints_root(), what="search", total=search.trials, is_here=arguments.here
    )
    say(run.path)
    if not arguments.wait:
        return 0
    is_well = ended_well(run)
    if run.file(TABLE_NAME).exists():
        for line in run.file(TABLE_NAME).read_text(encoding="utf-8").splitlines():
            say(line)
    return 0 if is_well else 1


def _add_reproduce_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", metavar="RUN", help="a finished training, as `mammo runs` lists it")
    parser.add_argument(
        "--data", metavar="DIR", help="the folder of the same data, where it has moved since"
    )
    parser.add_argument(
        "--against",
        metavar="RUN",
        help="train nothing; hold this run against it, which was trained from the same settings",
    )
    parser.add_argument(
        "--tolerance",
        type=float,
        metavar="X",
        help="how far a score may be off where another device or other software was used "
        "(default: 0.01)",
    )


def finished_training(name: str) -> RunFolder:
    """What can be trained once more: a run of one network."""
    run = find_checkpoint(name)
    if not run.is_checkpoint:
        raise RunError(
            f"{run.run_id} is no finished training of one network. Give one of its members."
        )
    return run


def settings_again(run: RunFolder) -> RunConfig:
    """Its settings, apart from the series it was part of: one more would be one too many in it."""
    return replace(run.settings(RunConfig), series="")


def _reproduce(arguments: argparse.Namespace) -> int:
    """0 where it came out the same, bit for bit or within the tolerance; else 1."""
    from mammo_core.training.reproduction import TOLERANCE, hold_against, refuse_incomplete

    before = finished_training(arguments.run)
    again = find_checkpoint(arguments.against) if arguments.against else None
    for run in filter(None, (before, again)):
        refuse_incomplete(run)
    if again is None:
        again = _trained_again(before, arguments.data)
        if again is None:
            return 1
    result = hold_against(before, again)
    for told in result.circumstances:
        say_aside(told)
    tolerance = TOLERANCE if arguments.tolerance is None else arguments.tolerance
    say(result.in_words(tolerance))
    return 0 if result.is_exact or result.is_within(tolerance) else 1


def _trained_again(before: RunFolder, folder: str | None) -> RunFolder | None:
    """By the same settings, apart from the series it was part of; None where it did not finish."""
    from mammo_core.runs.naming import run_title
    from mammo_core.training.preflight import check_start
    from mammo_core.training.series import start_series

    config = settings_again(before)
    if folder:
        config = replace(config, data=replace(config.data, folder=folder))
    check_start([config])
    (run,) = start_series([config], checkpoints_root(), title=f"{run_title(before)}, trained again")
    say(run.path)
    return run if ended_well(run) else None


TRAIN = Command(
    name="train",
    summary="train a model",
    add_arguments=_add_arguments,
    run=_run,
)
SEARCH = Command(
    name="search",
    summary="try settings out: many trainings, the worse ones ended early",
    add_arguments=_add_search_arguments,
    run=_search,
)
REPRODUCE = Command(
    name="reproduce",
    summary="train a run once more and say whether it comes out the same",
    add_arguments=_add_reproduce_arguments,
    run=_reproduce,
)
