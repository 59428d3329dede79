"""`mammo stress`: a checkpoint's scores of images as they might have come."""

import argparse
from datetime import UTC, datetime

from mammo_core.commands.command import Command
from mammo_core.commands.judging import (
    add_judging_arguments,
    judged_by,
    named_run,
    show_progress,
)


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    add_judging_arguments(parser)
    parser.add_argument(
        "--images", type=int, default=400, help="about so many, whole women (default 400)"
    )


def _run(arguments: argparse.Namespace) -> int:
    from mammo_core.datasets.held_out import judged_images
    from mammo_core.inference.checkpoint import load_checkpoint
    from mammo_core.inference.engine import torch_engine
    from mammo_core.inference.stress import stress, summarise
    from mammo_core.runs.operating_points import card_hash, point_in_force
    from mammo_core.runs.stress import FILE_NAME, add_stress

    run = named_run(arguments)
    checkpoint = load_checkpoint(run.path)
    dataset, name, split = judged_images(run, checkpoint.card, judged_by(arguments))
    stressed = stress(
        torch_engine(checkpoint),
        checkpoint.card,
        dataset,
        most=arguments.images,
        seed=arguments.seed,
        report=show_progress,
    )
    assert stressed is not None  # nobody can ask a command to stop
    found = summarise(
        stressed,
        point_in_force(run),
        dataset=name,
        split=split,
        seed=arguments.seed,
        measured_at=datetime.now(UTC).isoformat(timespec="seconds"),
        card_sha256=card_hash(run),
    )
    add_stress(run, found)
    print("\n".join((f"{run.run_id} under stress.", *found.sentences)))
    print(f"Kept in {run.file(FILE_NAME)}")
    return 0


STRESS = Command(
    name="stress",
    summary="score a checkpoint's images as they might have come",
    add_arguments=_add_arguments,
    run=_run,
)
