"""What every image of a data set looks like to a checkpoint, as a job: vectors to draw a map of."""

from collections.abc import Callable

import numpy as np

from mammo_core.config import EmbedConfig
from mammo_core.datasets.dataset import find_folder, read_dataset
from mammo_core.datasets.prepared import prepare_dataset
from mammo_core.datasets.splits import refuse_unfit
from mammo_core.errors import RunError
from mammo_core.inference.checkpoint import load_checkpoint
from mammo_core.inference.engine import open_engine
from mammo_core.inference.scoring import cached_outputs
from mammo_core.partners import has_seat
from mammo_core.runs.folder import RunFolder, find_checkpoint
from mammo_core.runs.sidecars import Embeddings, write_embeddings
from mammo_core.types import Report
from mammo_core.words import many
from mammo_core.zoo.published import slots_of


def embed_into(
    job: RunFolder, config: EmbedConfig, *, report: Report, should_stop: Callable[[], bool]
) -> str:
    """Do what `config` asks for and keep it in the folder of `job`; closing words."""
    checkpoint = load_checkpoint(find_checkpoint(config.checkpoint).path, device="auto")
    card = checkpoint.card
    dataset = read_dataset(find_folder(config.folder), config.adapter, config.label_rule)
    refuse_unfit(card, dataset)
    built = prepare_dataset(
        dataset, card.prepare, processes=0, report=report, should_stop=should_stop
    )
    unreadable = {problem.file for problem in built.unreadable}
    seated = dataset.manifest[has_seat(dataset.manifest, slots_of(card.model))]
    is_readable = [dataset.root / str(path) not in unreadable for path in seated["path"]]
    rows = seated[is_readable].reset_index(drop=True)
    if rows.empty:
        raise RunError(
            f"None of the {len(dataset.manifest)} images of {config.folder} can be read and is of "
            "a view that the model reads. Is the folder whole, and its disk mounted?"
        )
    parts, done = [], 0
    for outputs in (
        ()
        if built.was_stopped
        else cached_outputs(open_engine(checkpoint), card, dataset.root, rows)
    ):
        if should_stop():
            break
        parts.append(outputs.embedding)
        done += len(outputs.embedding)
        report(done, len(rows), f"Looking at images: {done} of {len(rows)}")
    if done < len(rows):
        return "Stopped on request; nothing was kept."
    vectors = np.concatenate(parts).astype(np.float32)
    write_embeddings(
        job, Embeddings(vectors=vectors, images=rows), weights_sha256=card.weights_sha256
    )
    return f"{many(done, 'image', 'images')} placed by {config.checkpoint}."
