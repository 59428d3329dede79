"""`mammo published`: models whose authors offer the weights: what they are, and import."""

import argparse
from pathlib import Path

from mammo_core.commands.command import Command, say, say_aside
from mammo_core.files import checkpoints_root
from mammo_core.words import NOTICE
from mammo_core.zoo.published import PUBLISHED, Published, get_published


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="the models known here, and where to have each")
    listing.add_argument("name", nargs="?", help="one of them, with all that is known of it")
    bring = actions.add_parser("import", help="the authors' files as a checkpoint")
    bring.add_argument("name", metavar="NAME")
    bring.add_argument("files", type=Path, nargs="+", metavar="FILE")
    bring.add_argument("--name", dest="called", help="what to call it here (default: NAME)")


def _run(arguments: argparse.Namespace) -> int:
    return {"list": _list, "import": _import}[arguments.action](arguments)


def _list(arguments: argparse.Namespace) -> int:
    if arguments.name:
        for line in told(get_published(arguments.name)):
            say(line)
        return 0
    for entry in PUBLISHED:
        say(f"{entry.name:24} {entry.title}; by {entry.scores}; {entry.weights_licence}")
    say_aside("More of one: mammo published list NAME")
    return 0


def told(entry: Published) -> list[str]:
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


PUBLISHED_MODELS = Command(
    name="published",
    summary="published models: list them, bring the authors' weights",
    add_arguments=_add_arguments,
    run=_run,
)
