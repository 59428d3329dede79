"""`mammo published`: models whose authors offer the weights: what they are, and import."""

import argparse
from pathlib import Path

from mammo_core.commands.command import Command, note_look, say, say_aside
from mammo_core.errors import ConfigError, MammoError, RunError
from mammo_core.files import checkpoints_root
from mammo_core.runs.evaluations import list_evaluations
from mammo_core.runs.folder import RunFolder, find_checkpoint, list_checkpoints
from mammo_core.types import CANCER
from mammo_core.words import NOTICE
from mammo_core.zoo.published import PUBLISHED, PublishedModel, get_published, is_published


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="the models known here, and where to have each")
    listing.add_argument("name", nargs="?", help="one of them, with all that is known of it")
    bring = actions.add_parser("import", help="the authors' files as a checkpoint")
    bring.add_argument("name", metavar="NAME")
    bring.add_argument("files", type=Path, nargs="+", metavar="FILE")
    bring.add_argument("--name", dest="called", help="what to call it here (default: NAME)")
    check = actions.add_parser("verify", help="scores its authors document, read again here")
    check.add_argument("name", metavar="NAME", help="the checkpoint")
    check.add_argument("images", type=Path, nargs="*", metavar="FILE", help="their images")
    score = actions.add_parser("evaluate", help="imported models on one data set, side by side")
    score.add_argument("--data", required=True, metavar="D", help="a folder, or a set's name")
    score.add_argument("--all", action="store_true", help="every published model imported here")
    score.add_argument("--checkpoint", action="append", default=[], metavar="NAME")
    score.add_argument(
        "--against", metavar="NAME", help="the model that all are held beside (default: the first)"
    )
    score.add_argument("--label-rule", metavar="NAME", help="what makes an image positive")
    score.add_argument("--without-cost", action="store_true", help="measure no time and memory")


def _run(arguments: argparse.Namespace) -> int:
    actions = {"list": _list, "import": _import, "verify": _verify, "evaluate": _evaluate}
    return actions[arguments.action](arguments)


def _list(arguments: argparse.Namespace) -> int:
    if arguments.name:
        for line in told(get_published(arguments.name)):
            say(line)
        return 0
    for entry in PUBLISHED:
        say(f"{entry.name:24} {entry.title}; by {entry.scores}; weights: {entry.weights_licence}")
    say_aside("More of one: mammo published list NAME")
    return 0


def told(entry: PublishedModel) -> list[str]:
    """All that is known of a model, a line each."""
    return [
        f"name        {entry.name}",
        f"title       {entry.title}",
        f"authors     {entry.authors}",
        f"cite        {entry.citation}",
        f"licences    code {entry.code_licence}; weights {entry.weights_licence}",
        f"offered at  {entry.where}",
        f"files       {', '.join(entry.files)} ({entry.megabytes:,} MB)",
        f"scores      by {entry.scores}: {' or '.join(entry.task.positive)}; needs {entry.needs}",
        f"learnt from {entry.learnt_from} ({entry.imaging})",
        *(f"published   {one.says}, on {one.on} ({one.source})" for one in entry.figures),
        *(f"mind        {sentence}" for sentence in (*entry.problems, *entry.stand_ins)),
        f"notice      {NOTICE}",
    ]


def _import(arguments: argparse.Namespace) -> int:
    from mammo_core.inference.published import import_published

    run = import_published(
        arguments.name, arguments.files, checkpoints_root(), called=arguments.called
    )
    card = run.card()
    say(run.path)
    say_aside(f"From {card.training.weights_origin}")
    for sentence in card.limits:
        say_aside(sentence)
    return 0


def _verify(arguments: argparse.Namespace) -> int:
    """The documented scores, and where their images are to be had; with images, their scores."""
    found = find_checkpoint(arguments.name)
    entry = get_published(found.card().model.backbone)
    if not entry.oracles:
        raise ConfigError(f"The authors of {entry.title} document no score of an image.")
    for oracle in entry.oracles:
        say(f"{oracle.of} {oracle.score:.4f}  {oracle.image}")
    say_aside(entry.oracle_note)
    if not arguments.images:
        return 0
    from mammo_core.inference.checkpoint import load_checkpoint
    from mammo_core.inference.engine import open_engine
    from mammo_core.inference.scoring import score_images
    from mammo_core.preprocessing.reading.read import read_mammogram

    checkpoint = load_checkpoint(found.path, device="auto")
    images = [read_mammogram(file) for file in arguments.images]
    engine = open_engine(checkpoint, tell=say_aside)
    readings = score_images(checkpoint, images, engine=engine)
    for file, reading in zip(arguments.images, readings, strict=True):
        nearest = min(abs(reading.score - oracle.score) for oracle in entry.oracles)
        say(f"{reading.score:.4f}  {file.name} (nearest documented score: {nearest:.4f} away)")
    say_aside(NOTICE)
    return 0


def _evaluate(arguments: argparse.Namespace) -> int:
    """Score what is not scored yet, then hold all of it side by side."""
    from mammo_core.commands.evaluate import evaluate
    from mammo_core.datasets.predictions import read_predictions
    from mammo_core.inference.evaluate import memory_in_words
    from mammo_core.metrics.several import counted_rows, place
    from mammo_core.reports.standings import standings_in_words

    chosen = _chosen(arguments)
    tables = {}
    for run in chosen:
        evaluated = _evaluation(run, arguments)
        if evaluated is None:
            is_well = evaluate(
                run, arguments.data, adapter=None, label_rule=arguments.label_rule, split="all",
                is_awaited=True,
            )  # fmt: skip
            evaluated = _evaluation(run, arguments) if is_well else None
        if evaluated is None:
            say_aside(f"{run.run_id} could not be scored; it is left out.")
            continue
        note_look(evaluated, by="mammo published evaluate")
        tables[run.run_id] = read_predictions(evaluated.predictions_file)
    if not tables:
        raise ConfigError("None of the models scored this data set.")
    first = chosen[0].run_id if chosen[0].run_id in tables else next(iter(tables))
    standings = place(tables, first=first)
    scored = [run for run in chosen if run.run_id in tables]
    known = {
        run.run_id: memory_in_words(run, counted_rows(tables[run.run_id], standings)) or ""
        for run in scored
    }
    for line in standings_in_words(standings, first=first, known=known):
        say(line)
    if not arguments.without_cost:
        _tell_costs(scored)
    return 0


def _chosen(arguments: argparse.Namespace) -> list[RunFolder]:
    """The model that all are held beside first, then the others, each once."""
    names = [arguments.against] if arguments.against else []
    names += arguments.checkpoint
    if arguments.all:
        names += [
            run.run_id
            for run in list_checkpoints()
            if run.is_checkpoint and is_published(run.card().model.backbone)
            and run.card().task == CANCER
        ]  # fmt: skip
    if not names:
        raise ConfigError(
            "No model was named, and none of the published ones is imported. Import one (mammo "
            "published import), then name it with --checkpoint or take --all."
        )
    return [find_checkpoint(name) for name in dict.fromkeys(names)]


def _evaluation(run: RunFolder, arguments: argparse.Namespace) -> RunFolder | None:
    """The newest run in which `run` has scored all of the data set."""
    from mammo_core.datasets.dataset import find_folder

    folder = find_folder(arguments.data)
    for one in list_evaluations(list_checkpoints()):
        rule = arguments.label_rule or one.config.label_rule
        is_same = (
            one.config.checkpoint == run.run_id
            and one.config.split == "all"
            and not one.config.split_of
            and one.config.label_rule == rule
            and one.run.has_predictions
        )
        if is_same and _is_in(one.config.folder, folder):
            return one.run
    return None


def _is_in(name: str, folder: Path) -> bool:
    """What another evaluation was made of may be gone meanwhile."""
    from mammo_core.datasets.dataset import find_folder

    try:
        return find_folder(name).resolve() == folder.resolve()
    except MammoError:
        return False


def _tell_costs(runs: list[RunFolder]) -> None:
    """In a process of its own for each, one after the other."""
    from mammo_core.inference.cost import measure_exam

    say("Cost of an exam of four images, network alone, on this computer as busy as it is:")
    for run in runs:
        try:
            cost = measure_exam(run.path)
        except RunError as error:
            say(f"{run.run_id:28} {error}")
            continue
        say(
            f"{run.run_id:28} {cost.seconds:6.1f} s, at most {cost.peak_bytes / 2**30:.1f} GiB "
            f"({cost.engine})"
        )


PUBLISHED_MODELS = Command(
    name="published",
    summary="published models: list them, bring the authors' weights",
    add_arguments=_add_arguments,
    run=_run,
)
