"""`mammo phantom`: write synthetic mammograms."""

import argparse
from pathlib import Path

from mammo_core.commands.command import Command
from mammo_core.errors import ConfigError
from mammo_core.types import Size


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--women", type=int, default=200, help="how many women (default 200)")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write")
    parser.add_argument("--seed", type=int, default=0, help="same seed, same bytes (default 0)")
    parser.add_argument("--size", default="1024x512", help="height x width (default 1024x512)")
    parser.add_argument("--format", choices=("png", "dicom"), default="png", help="of the images")


def _run(arguments: argparse.Namespace) -> int:
    from mammo_core.preprocessing.phantom import write_phantom_set

    write_phantom_set(
        arguments.out,
        women=arguments.women,
        seed=arguments.seed,
        size=_parse_size(arguments.size),
        image_format=arguments.format,
    )
    print(f"{arguments.women} synthetic women, four views each, in {arguments.out}")
    return 0


def _parse_size(text: str) -> Size:
    height, _, width = text.lower().partition("x")
    if not (height.isdecimal() and width.isdecimal()):
        raise ConfigError(f"The size is {text!r}; write height x width, for example 1024x512.")
    return int(height), int(width)


PHANTOM = Command(
    name="phantom",
    summary="write synthetic mammograms, with their truth",
    add_arguments=_add_arguments,
    run=_run,
)
