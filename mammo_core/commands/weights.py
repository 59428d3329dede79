"""`mammo weights`: pre-trained weights on this computer, and how to bring more."""

import argparse
from pathlib import Path

from mammo_core.commands.command import Command, say
from mammo_core.files import weights_root


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    actions.add_parser("list", help="known weights, and which of them are on this computer")
    fetch = actions.add_parser("fetch", help="download from the hub (goes online)")
    fetch.add_argument("name")
    bring = actions.add_parser("import", help="import a .safetensors or .pth file")
    bring.add_argument("file", type=Path)
    bring.add_argument("--backbone", required=True)
    bring.add_argument("--name", help="what to call them; default BACKBONE-<file name>")
    bring.add_argument("--licence", default="unknown")


def _run(arguments: argparse.Namespace) -> int:
    return {"list": _list, "fetch": _fetch, "import": _import}[arguments.action](arguments)


def _list(arguments: argparse.Namespace) -> int:
    from mammo_core.zoo import catalog

    here = {path.stem for path in weights_root().glob("*.safetensors")}
    for weights in catalog.WEIGHTS:
        state = "here" if weights.name in here else "fetch" if weights.hub else "by hand"
        say(f"{weights.name:36} {state:8} {weights.licence}")
    for name in sorted(here - {weights.name for weights in catalog.WEIGHTS}):
        say(f"{name:36} here     imported")
    return 0


def _fetch(arguments: argparse.Namespace) -> int:
    from mammo_core.zoo.acquire import fetch

    say(fetch(arguments.name))
    return 0


def _import(arguments: argparse.Namespace) -> int:
    from mammo_core.zoo.acquire import import_file

    name = arguments.name or f"{arguments.backbone}-{arguments.file.stem}"
    path = import_file(
        arguments.file,
        backbone=arguments.backbone,
        name=name,
        origin=arguments.file.name,
        licence=arguments.licence,
    )
    say(path)
    return 0


WEIGHTS = Command(
    name="weights",
    summary="pre-trained weights: list, fetch, import",
    add_arguments=_add_arguments,
    run=_run,
)
