"""`mammo published`: models whose authors offer the weights: what they are, and import."""

import argparse
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from mammo_core.commands.command import Command, note_look, say, say_aside
from mammo_core.errors import ConfigError, MammoError, RunError
from mammo_core.files import checkpoints_root
from mammo_core.runs.card import OTHER_FILES
from mammo_core.runs.evaluations import list_evaluations
from mammo_core.runs.folder import RunFolder, find_checkpoint, list_checkpoints
from mammo_core.types import CANCER, Mammogram
from mammo_core.words import NOTICE
from mammo_core.zoo.published import PUBLISHED, PublishedModel, get_published, is_published

if TYPE_CHECKING:
    from mammo_core.datasets.dataset import Dataset
    from mammo_core.inference.published import Documented


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(name=None)
    actions = parser.add_subparsers(dest="action", metavar="ACTION")
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
    return actions[arguments.action or "list"](arguments)


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
    """The documented scores, and where their images are to be had; with images, whether each has
    the score that is documented of it.
    """
    found = find_checkpoint(arguments.name)
    card = found.card()
    entry = get_published(card.model.backbone)
    if not entry.oracles:
        raise ConfigError(f"The authors of {entry.title} document no score of an image.")
    for oracle in entry.oracles:
        say(f"{oracle.of} {oracle.score:.4f}  {oracle.image}")
    say_aside(entry.oracle_note)
    for sentence in (one for one in card.limits if one.startswith(OTHER_FILES)):
        say_aside(sentence)
    return _hold(found, entry, arguments.images) if arguments.images else 0


def _hold(found: RunFolder, entry: PublishedModel, files: Sequence[Path]) -> int:
    """Beside what is documented of each; 1 where one is another, or none could be compared."""
    from mammo_core.inference.published import as_named, documented
    from mammo_core.preprocessing.reading.read import read_mammogram

    images = [as_named(read_mammogram(file), file.name) for file in files]
    known = documented(entry, [image.ref for image in images])
    scores = _scores_of(found, images, known)
    is_well = bool(scores)
    for row, (file, one) in enumerate(zip(files, known, strict=True)):
        if one.oracle is None:
            say(f"not compared  {file.name}: {one.why_not}")
            continue
        is_same = abs(scores[row] - one.oracle.score) <= entry.oracle_within
        is_well = is_well and is_same
        say(
            f"{'the same' if is_same else 'ANOTHER':12}  {file.name}: {scores[row]:.4f} here, "
            f"{one.oracle.score:.4f} documented; the same is within {entry.oracle_within:g}"
        )
    say_aside(NOTICE)
    return 0 if is_well else 1


def _scores_of(
    found: RunFolder, images: Sequence[Mammogram], known: Sequence["Documented"]
) -> dict[int, float]:
    """Of those in `images` that are compared, each read beside the others of its exam."""
    from mammo_core.inference.checkpoint import load_checkpoint
    from mammo_core.inference.engine import open_engine
    from mammo_core.inference.scoring import score_images

    exams = {image.ref.exam_id for image, one in zip(images, known, strict=True) if one.oracle}
    rows = [
        row
        for row, image in enumerate(images)
        if image.ref.exam_id in exams and known[row].has_seat
    ]
    if not rows:
        return {}
    checkpoint = load_checkpoint(found.path, device="auto")
    engine = open_engine(checkpoint, tell=say_aside)
    readings = score_images(checkpoint, [images[row] for row in rows], engine=engine)
    return {row: reading.score for row, reading in zip(rows, readings, strict=True)}


def _evaluate(arguments: argparse.Namespace) -> int:
    """Score what is not scored yet, then hold all of it side by side."""
    from mammo_core.datasets.dataset import find_folder, read_dataset
    from mammo_core.datasets.predictions import read_predictions
    from mammo_core.inference.evaluate import memory_in_words
    from mammo_core.metrics.several import counted_rows, place
    from mammo_core.reports.standings import standings_in_words

    chosen = _chosen(arguments)
    rule = _rule(arguments)
    dataset = read_dataset(find_folder(arguments.data), label_rule=rule)
    say_aside(f"Labels of all models by one rule: {rule}.")
    tables = {}
    for run in chosen:
        try:
            evaluated = _scored(run, arguments.data, dataset)
        except MammoError as error:
            say_aside(f"{run.run_id} is left out: {error}")
            continue
        note_look(evaluated, by="mammo published evaluate")
        tables[run.run_id] = read_predictions(evaluated.predictions_file)
    if not tables:
        raise ConfigError("None of the models scored this data set.")
    first = chosen[0].run_id if chosen[0].run_id in tables else next(iter(tables))
    standings = place(tables, first=first)
    told = {one.name for one in standings.placed}
    scored = [run for run in chosen if run.run_id in told]
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
        names += [run.run_id for run in list_checkpoints() if _is_told_of(run)]
    if not names:
        raise ConfigError(
            "No model was named, and none of the published ones is imported. Import one (mammo "
            "published import), then name it with --checkpoint or take --all."
        )
    return [find_checkpoint(name) for name in dict.fromkeys(names)]


def _is_told_of(run: RunFolder) -> bool:
    """A published model of cancer; a card that cannot be read is said, and stops nobody else."""
    if not run.is_checkpoint:
        return False
    try:
        card = run.card()
    except MammoError as error:
        say_aside(f"{run.run_id} is left out: {error}")
        return False
    return is_published(card.model.backbone) and card.task == CANCER


def _rule(arguments: argparse.Namespace) -> str:
    """What makes an image positive, the same for every model: as was asked; else as the model
    learnt that all are held beside; else as the set was registered, or its first.
    """
    from mammo_core.datasets.dataset import find_folder, list_registered, recognise_adapter
    from mammo_core.files import datasets_root

    if arguments.label_rule:
        return str(arguments.label_rule)
    known = [rule.name for rule in recognise_adapter(find_folder(arguments.data)).label_rules]
    wanted = [
        one.label_rule for one in list_registered(datasets_root()) if one.name == arguments.data
    ]
    if arguments.against:
        with suppress(MammoError):  # it is left out, and why is said, when it is to score
            wanted.insert(0, find_checkpoint(arguments.against).card().data.label_rule)
    return next((rule for rule in wanted if rule in known), known[0])


def _scored(run: RunFolder, data: str, dataset: "Dataset") -> RunFolder:
    """The run in which `run` scored the set as it is now; where there is none, it scores it."""
    from mammo_core.commands.evaluate import evaluate

    run.card()  # of a damaged one nothing is started
    rule = dataset.label_rule.name
    found = _evaluation(run, dataset, tell=say_aside)
    if found is None and evaluate(
        run, data, adapter=None, label_rule=rule, split="all", is_awaited=True
    ):
        found = _evaluation(run, dataset)
    if found is None:
        raise RunError("it could not be scored.")
    return found


def _evaluation(
    run: RunFolder, dataset: "Dataset", *, tell: Callable[[str], object] = lambda line: None
) -> RunFolder | None:
    """The newest run in which `run`, as it is, has scored all of the data set, as it is."""
    from mammo_core.inference.evaluate import why_outdated

    for one in list_evaluations(list_checkpoints()):
        is_same = (
            one.config.checkpoint == run.run_id
            and one.config.split == "all"
            and not one.config.split_of
            and one.config.label_rule == dataset.label_rule.name
            and one.run.has_predictions
        )
        if not (is_same and _is_in(one.config.folder, dataset.root)):
            continue
        why = why_outdated(one.run, run, dataset)
        if not why:
            return one.run
        tell(f"{one.run.run_id} does not count for {run.run_id}: {why}.")
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
    from mammo_core.inference.cost import cost_in_words, measure_exam

    say("Cost of an exam of four images, network alone, on this computer as busy as it is:")
    for run in runs:
        try:
            said = cost_in_words(measure_exam(run.path))
        except RunError as error:
            said = str(error)
        say(f"{run.run_id:28} {said}")


PUBLISHED_MODELS = Command(
    name="published",
    summary="published models: list them, bring the authors' weights",
    add_arguments=_add_arguments,
    run=_run,
)
