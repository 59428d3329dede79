"""The evaluating process: `python -m mammo_core.inference.worker RUN_FOLDER`.

Nothing heavy is imported before the heart beats; see runs/process.py.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mammo_core.config import EvaluateConfig, load_settings
from mammo_core.paths import checkpoints_root, shipped_checkpoints_root
from mammo_core.runs.folder import RunFolder, find_run
from mammo_core.runs.jobs import Progress, carry_out, device_of

if TYPE_CHECKING:
    import pandas as pd


def main(folder: Path) -> int:
    return carry_out(RunFolder(folder), _evaluate, device=device_of("auto"))


def _evaluate(run: RunFolder) -> str:
    from mammo_core.datasets.dataset import find_folder, read_dataset
    from mammo_core.datasets.predictions import write_predictions
    from mammo_core.inference.checkpoint import load_checkpoint
    from mammo_core.inference.engine import open_engine
    from mammo_core.inference.evaluate import evaluate
    from mammo_core.partners import lone_in_words, partners_of
    from mammo_core.runs.evaluations import left_out_in_words, write_left_out

    config = load_settings(run.file("run.json"), EvaluateConfig)
    found = find_run(config.checkpoint, checkpoints_root(), shipped_checkpoints_root())
    checkpoint = load_checkpoint(found.path, device="auto")
    done = evaluate(
        checkpoint,
        read_dataset(find_folder(config.folder), config.adapter, config.label_rule),
        name=config.folder,
        split=config.split,
        processes=config.processes,
        report=Progress(run),
        should_stop=lambda: run.asked_to_stop,
        engine=open_engine(checkpoint),
    )
    if done is None:
        return "Stopped on request."
    write_left_out(run, done.left_out)
    write_predictions(done.predictions, run.file("predictions.csv"))
    women = done.predictions["group_id"].nunique()
    is_paired = checkpoint.card.model.views == 2
    words = (
        f"{len(done.predictions)} images of {women} women scored by {config.checkpoint}.",
        left_out_in_words(done.left_out),
        lone_in_words(partners_of(done.predictions)) if is_paired else None,
        _memory_in_words(found, done.predictions.assign(content=list(done.contents))),
    )
    told = [sentence for sentence in words if sentence]
    for sentence in told[1:]:
        sys.stderr.write(f"{sentence}\n")  # the log keeps it
    return " ".join(told)


def _memory_in_words(checkpoint: RunFolder, women: "pd.DataFrame") -> str | None:
    """Whom of these women it learnt from; None where it is known to be nobody."""
    from mammo_core.runs.sidecars import learnt_from, read_seen, unknown_seen

    seen = read_seen(checkpoint)
    if seen is None:
        return unknown_seen(checkpoint.run_id)
    known = learnt_from(seen, women)
    if not known:
        return None
    return (
        f"It learnt from {len(known)} of these women (first: {known[0]}): scores of theirs show "
        "what it remembers, not what it can do."
    )


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
