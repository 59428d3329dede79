"""The evaluating process: `python -m mammo_core.inference.worker RUN_FOLDER`.

Nothing heavy is imported before the heart beats; see runs/process.py.
"""

import sys
from pathlib import Path

from mammo_core.config import EvaluateConfig, load_settings
from mammo_core.paths import checkpoints_root, shipped_checkpoints_root
from mammo_core.runs.folder import RunFolder, find_run
from mammo_core.runs.process import Progress, carry_out, device_of


def main(folder: Path) -> int:
    return carry_out(RunFolder(folder), _evaluate, device=device_of("auto"))


def _evaluate(run: RunFolder) -> str:
    from mammo_core.datasets.predictions import write_predictions
    from mammo_core.datasets.reading import find_folder, read_dataset
    from mammo_core.inference.checkpoint import load_checkpoint
    from mammo_core.inference.engine import open_engine
    from mammo_core.inference.evaluate import evaluate
    from mammo_core.partners import lone_in_words, partners_of
    from mammo_core.runs.seen import learnt_from, read_seen

    config = load_settings(run.file("run.json"), EvaluateConfig)
    found = find_run(config.checkpoint, checkpoints_root(), shipped_checkpoints_root())
    checkpoint = load_checkpoint(found.path, device="auto")
    predictions = evaluate(
        checkpoint,
        read_dataset(find_folder(config.folder), config.adapter, config.label_rule),
        name=config.folder,
        split=config.split,
        processes=config.processes,
        report=Progress(run),
        should_stop=lambda: run.asked_to_stop,
        engine=open_engine(checkpoint),
    )
    if predictions is None:
        return "Stopped on request."
    write_predictions(predictions, run.file("predictions.csv"))
    women = predictions["group_id"].nunique()
    words = f"{len(predictions)} images of {women} women scored by {config.checkpoint}."
    if checkpoint.card.model.views == 2:
        words = f"{words} {lone_in_words(partners_of(predictions))}".strip()
    seen = read_seen(found)
    known = learnt_from(seen, predictions) if seen is not None else []
    if not known:
        return words
    return (
        f"{words} It learnt from {len(known)} of these women (first: {known[0]}): scores of theirs "
        "show what it remembers, not what it can do."
    )


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
