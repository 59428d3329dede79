"""`mammo explain-check`: a checkpoint's heatmaps held against lesions whose place is known."""

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
        "--method", default="grad_cam", metavar="NAME", help="of explanation (default grad_cam)"
    )
    parser.add_argument(
        "--images", type=int, default=200, help="about so many, whole women (default 200)"
    )


def _run(arguments: argparse.Namespace) -> int:
    from mammo_core.datasets.held_out import judged_images
    from mammo_core.explain.fidelity import Explained, check_fidelity, summarise
    from mammo_core.explain.methods import get_method
    from mammo_core.inference.checkpoint import load_checkpoint
    from mammo_core.runs.fidelity import FILE_NAME, add_fidelity
    from mammo_core.runs.operating_points import card_hash

    run = named_run(arguments)
    method = get_method(arguments.method)
    checkpoint = load_checkpoint(run.path)
    dataset, name, split = judged_images(run, checkpoint.card, judged_by(arguments))
    table = check_fidelity(
        Explained(model=checkpoint.model, card=checkpoint.card, method=method),
        dataset,
        most=arguments.images,
        seed=arguments.seed,
        report=show_progress,
    )
    assert table is not None  # nobody can ask a command to stop
    fidelity = summarise(
        table,
        method=method.name,
        dataset=name,
        split=split,
        seed=arguments.seed,
        measured_at=datetime.now(UTC).isoformat(timespec="seconds"),
        card_sha256=card_hash(run),
    )
    add_fidelity(run, fidelity)
    print("\n".join((f"{method.title} of {run.run_id}.", *fidelity.sentences)))
    print(f"Kept in {run.file(FILE_NAME)}")
    return 0


EXPLAIN_CHECK = Command(
    name="explain-check",
    summary="hold a checkpoint's heatmaps against marked lesions",
    add_arguments=_add_arguments,
    run=_run,
)
