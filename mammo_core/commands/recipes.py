"""`mammo recipes`: list them, show one, run one from its split to its report."""

import argparse
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from mammo_core.commands.command import Command, say, say_aside
from mammo_core.commands.runs import ended_well, refuse_no_folder, write_report
from mammo_core.commands.train import add_data_arguments, add_set_argument, changes_of, data_of
from mammo_core.files import audits_root, checkpoints_root, shipped_checkpoints_root
from mammo_core.runs.folder import RunFolder

if TYPE_CHECKING:
    from mammo_core.reports.study.results import Results
    from mammo_core.training.recipes import Recipe


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION")
    listed = actions.add_parser("list", help="all recipes, by project (what no ACTION does)")
    listed.set_defaults(action="list")
    shown = actions.add_parser("show", help="one recipe: settings, figures, known defects")
    shown.add_argument("name", metavar="NAME")
    runs = actions.add_parser("run", help="split, train, evaluate and report in one go")
    runs.add_argument("name", metavar="NAME")
    add_data_arguments(runs, is_required=True)
    add_set_argument(runs)
    runs.add_argument(
        "--also-on",
        action="append",
        default=[],
        metavar="DIR",
        help="score this data set as well, as an external test; may be repeated",
    )
    runs.add_argument(
        "--out", type=Path, metavar="FILE", help="the report (default: RUN-report.html here)"
    )


def _run(arguments: argparse.Namespace) -> int:
    action = {"show": _show, "run": _run_recipe}.get(arguments.action, _list)
    return action(arguments)


def _list(arguments: argparse.Namespace) -> int:
    from mammo_core.training.by_recipe import published_of
    from mammo_core.training.recipes import RECIPES

    for project, recipes in groupby(RECIPES, key=lambda recipe: recipe.project):
        say(f"{project}:")
        for recipe in recipes:
            data = recipe.datasets[0] if recipe.datasets else "any data set"
            figures = "; ".join(row.figures for row in published_of(recipe))
            told = f"published: {figures}" if figures else ""
            columns = (
                f"{recipe.name:40}", f"{recipe.kind:12}", f"{data:16}",
                f"{recipe.label_rule or 'first rule':20}", f"{recipe.model.backbone:17}", told,
            )  # fmt: skip
            say(f"  {' '.join(columns)}".rstrip())
    return 0


def _show(arguments: argparse.Namespace) -> int:
    from mammo_core.training.recipes import get_recipe

    for line in _told(get_recipe(arguments.name)):
        say(line)
    return 0


def _told(recipe: "Recipe") -> Iterator[str]:
    from mammo_core.datasets.dataset import get_adapter
    from mammo_core.records import to_document
    from mammo_core.training.by_recipe import published_of

    titles = [get_adapter(name).title for name in recipe.datasets]
    yield f"{recipe.name}: {recipe.title}"
    yield recipe.summary
    yield f"Project: {recipe.project}, {recipe.kind}."
    yield f"Data: {' or '.join(titles) or 'any'}; label rule: {recipe.label_rule or 'the first'}."
    yield f"Split: {_split_in_words(recipe)}"
    yield f"Threshold: {_THRESHOLDS[recipe.threshold]}."
    for row in published_of(recipe):
        yield row.in_words
    for defect in recipe.defects:
        yield f"{'Puts right, or says' if recipe.kind == 'done right' else 'Defect'}: {defect}"
    for part in ("model", "prepare", "augment", "balance", "optim", "patches"):
        settings = getattr(recipe, part)
        for name, value in (to_document(settings) if settings is not None else {}).items():
            yield f"  {part}.{name}={value}"


_THRESHOLDS = {
    "validation": "chosen on validation women, unless one is locked",
    "half": "0.5, chosen on nobody",
    "test": "chosen on the test cases themselves, which flatters",
}


def _split_in_words(recipe: "Recipe") -> str:
    dealing = recipe.dealing
    if recipe.folds:
        return f"{recipe.folds} folds by woman."
    told = "images are dealt out, not women" if dealing.is_by_image else "women are dealt out"
    parts = [told]
    if dealing.has_copies:
        parts.append("after images of the rarer class were copied")
    if dealing.is_test_validation:
        parts.append("and the test images choose the epoch")
    several = f" {recipe.seeds} runs of other seeds, averaged." if recipe.seeds else ""
    own = "" if dealing.is_by_image else "; the test set that the data bring is kept"
    return f"{', '.join(parts)}{own}.{several}"


def _run_recipe(arguments: argparse.Namespace) -> int:
    from mammo_core.datasets.dataset import find_folder, recognise_adapter
    from mammo_core.training import by_recipe
    from mammo_core.training.preflight import check_start
    from mammo_core.training.recipes import get_recipe
    from mammo_core.training.series import start_series

    recipe, changes = get_recipe(arguments.name), changes_of(arguments.set)
    refuse_no_folder(arguments.out)  # before hours of training, not after
    for folder in arguments.also_on:
        recognise_adapter(find_folder(folder))  # else it is refused
    by_recipe.refuse_without_weights(recipe, changes)
    data, root = data_of(arguments, recipe), checkpoints_root()
    config = by_recipe.configure(recipe, data, changes, root=root)
    configs = by_recipe.series_configs(recipe, config)
    other = by_recipe.other_data_in_words(recipe, data)
    for warning in filter(None, (other, *config.balance.warnings(), *check_start(configs))):
        say_aside(f"Warning: {warning}")
    runs = start_series(configs, root)
    for number, run in enumerate(runs, start=1):
        say_aside(f"Run {number} of {len(runs)}: {run.path}")
        if not ended_well(run):
            return 1
    run = by_recipe.joined(runs, root)
    if len(runs) > 1:
        say_aside(run.read_status().message)
    say(run.path)
    for line in _results(run, recipe):
        say(line)
    say(write_report(run, arguments.out, by="mammo recipes run"))
    outcomes = [_scored(run, folder) for folder in arguments.also_on]
    return 0 if all(outcomes) else 1


def _results(run: RunFolder, recipe: "Recipe") -> Iterator[str]:
    """What came out, and beside it what was published."""
    from mammo_core.reports.study.results import measure_study
    from mammo_core.reports.study.study import read_study
    from mammo_core.training.by_recipe import published_of

    roots = (checkpoints_root(), shipped_checkpoints_root())
    yield from results_in_words(measure_study(read_study(run, roots, audits=audits_root())))
    for row in published_of(recipe):
        yield row.in_words


def results_in_words(results: "Results") -> Iterator[str]:
    from mammo_core.metrics.rates import more_rates
    from mammo_core.reports.study.result_sections import auc_in_words
    from mammo_core.reports.wording import rate_in_words

    yield f"{auc_in_words(results).rstrip('.')}."
    if results.point is None:
        yield results.why_no_point
        return
    point = results.point
    rates = {
        "sensitivity": point.delivered.sensitivity,
        "specificity": point.delivered.specificity,
        "precision": point.delivered.ppv,
    }
    told = "; ".join(f"{name} {rate_in_words(rate)}" for name, rate in rates.items())
    yield f"At {point.threshold:.4f} (chosen for {point.aim}) by {point.cases.level}: {told}."
    shown = [one for one in more_rates(point.cases, point.threshold) if one.name in _ALSO]
    told = "; ".join(
        f"{one.name} {one.value:.3f} ({one.low:.3f} to {one.high:.3f})"
        for one in shown
        if one.low is not None and one.high is not None
    )
    if told:
        yield f"{told}."


_ALSO = ("Accuracy", "F1")


def _scored(run: RunFolder, folder: str) -> bool:
    """An external test of `run` on `folder`, told."""
    from mammo_core.commands.evaluate import evaluate

    if not run.is_checkpoint:
        say_aside(f"{run.run_id} is made of several models: score {folder} with each of them.")
        return False
    return evaluate(run, folder, adapter=None, label_rule=None, split="all", is_awaited=True)


RECIPES = Command(
    name="recipes",
    summary="recipes by project: list, show, run one from split to report",
    add_arguments=_add_arguments,
    run=_run,
)
