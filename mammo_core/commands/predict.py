"""`mammo predict`: score images with a checkpoint."""

import argparse
import csv
import sys
from pathlib import Path

from mammo_core.commands.command import Command
from mammo_core.errors import ReadError
from mammo_core.paths import checkpoints_root, shipped_checkpoints_root


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="mammograms")
    parser.add_argument(
        "--checkpoint", required=True, metavar="NAME", help="a checkpoint's name or folder"
    )


def _run(arguments: argparse.Namespace) -> int:
    from mammo_core.inference.checkpoint import load_checkpoint
    from mammo_core.inference.predictor import score_images
    from mammo_core.preprocessing.read import read_mammogram

    checkpoint = load_checkpoint(_folder(arguments.checkpoint))
    table = csv.writer(sys.stdout)
    table.writerow(["file", "model_id", "engine", "score"])
    refused = 0
    for file in arguments.files:
        try:
            mammogram = read_mammogram(file)
        except ReadError as error:
            print(f"{file}: {error}", file=sys.stderr)
            refused += 1
            continue
        (reading,) = score_images(checkpoint, [mammogram])
        table.writerow([file, reading.model_id, reading.engine, f"{reading.score:.6f}"])
    for sentence in checkpoint.card.limits:
        print(sentence, file=sys.stderr)
    return 1 if refused else 0


def _folder(name: str) -> Path:
    """A folder as given, else a checkpoint of that name."""
    from mammo_core.runs.folder import find_run

    if (Path(name) / "model_card.json").exists():
        return Path(name)
    return find_run(name, checkpoints_root(), shipped_checkpoints_root()).path


PREDICT = Command(
    name="predict",
    summary="score images with a checkpoint",
    add_arguments=_add_arguments,
    run=_run,
)
