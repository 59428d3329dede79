"""`mammo phantom`: write synthetic mammograms."""

import argparse
from pathlib import Path

from mammo_core.commands.command import Command
from mammo_core.errors import ConfigError
from mammo_core.types import Size


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--out", type=Path, metavar="DIR", help="write a data set here")
    what.add_argument("--samples", type=Path, metavar="DIR", help="write the few samples here")
    parser.add_argument("--women", type=int, default=200, help="how many women (default 200)")
    parser.add_argument("--seed", type=int, default=0, help="same seed, same bytes (default 0)")
    parser.add_argument("--size", default="1024x512", help="height x width (default 1024x512)")
    parser.add_argument("--format", choices=("png", "dicom"), default="png", help="of the images")
    parser.add_argument("--contrast", type=float, default=1.0, help="of the lesions (default 1)")


def _run(arguments: argparse.Namespace) -> int:
    from mammo_core.preprocessing.phantom import write_phantom_set
    from mammo_core.preprocessing.phantom_samples import write_samples

    if arguments.samples:
        write_samples(arguments.samples)
        print(f"Seven synthetic mammograms, with their truth, in {arguments.samples}")
        return 0
    write_phantom_set(
        arguments.out,
        women=arguments.women,
        seed=arguments.seed,
        size=_parse_size(arguments.size),
        image_format=arguments.format,
        lesion_contrast=arguments.contrast,
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
