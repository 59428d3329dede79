"""The embeddings kept with a checkpoint: of its training images and of those it was chosen on.

Written at the end of a training; for a checkpoint without them made again from its data set.
"""

from dataclasses import replace

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file

from mammo_core.errors import CheckpointError
from mammo_core.files import sha256_of
from mammo_core.runs.card import read_card
from mammo_core.runs.embeddings import COLUMNS, MOST_IMAGES, Embeddings, write_embeddings
from mammo_core.runs.folder import RunFolder
from mammo_core.training.batches import EvaluationBatches
from mammo_core.training.data import ImageSet
from mammo_core.training.machine import make_fabric
from mammo_core.training.network import make_network
from mammo_core.training.own_images import Report, find_images
from mammo_core.types import Split
from mammo_core.zoo.classifier import Classifier

KEPT_SPLITS = (Split.TRAIN, Split.VAL)


def keep_embeddings(run: RunFolder, *parts: Embeddings) -> int:
    """Write them beside the card of `run`; how many."""
    images = pd.concat([part.images for part in parts], ignore_index=True)
    whole = Embeddings(vectors=np.concatenate([part.vectors for part in parts]), images=images)
    weights = sha256_of(run.file("weights.safetensors"))
    write_embeddings(run, whole, weights_sha256=weights)
    return len(images)


@torch.no_grad()
def embeddings_of(
    classifier: Classifier, batches: EvaluationBatches, split: Split, *, most: int = MOST_IMAGES
) -> Embeddings:
    """Of at most `most` images, evenly spread over the split."""
    classifier.eval()
    rows = _few(len(batches.images), most)
    vectors = [
        classifier.embed(classifier.features(images)).float().cpu().numpy()
        for images, _ in replace(batches, rows=rows).epoch(0)
    ]
    table = _table(batches.images, rows, split)
    return Embeddings(vectors=np.concatenate(vectors), images=table)


def embeddings_among(
    vectors: NDArray[np.float32], images: ImageSet, split: Split, *, most: int = MOST_IMAGES
) -> Embeddings:
    """The same, where the `vectors` of all images are known already."""
    rows = _few(len(images), most)
    return Embeddings(vectors=vectors[rows], images=_table(images, rows, split))


def embed_run(run: RunFolder, *, folder: str | None = None, report: Report) -> int:
    """Make the embeddings of a finished run from its data set, which lies in `folder` where that
    has moved; how many. Other images than it was trained on are refused.
    """
    card = read_card(run.file("model_card.json"))
    if sha256_of(run.file("weights.safetensors")) != card.weights_sha256:
        raise CheckpointError(f"The weights of {run.run_id} are not those of its card.")
    own = find_images(run, folder=folder, report=report)
    config, fabric = own.config, make_fabric(own.config)
    network = make_network(config, fabric.device)
    network.classifier.load_state_dict(load_file(run.file("weights.safetensors")))
    classifier = network.classifier.float()
    parts = [
        embeddings_of(
            classifier,
            EvaluationBatches(images=own.splits[split], config=config, device=fabric.device),
            split,
        )
        for split in KEPT_SPLITS
    ]
    return keep_embeddings(run, *parts)


def _table(images: ImageSet, rows: NDArray[np.intp], split: Split) -> pd.DataFrame:
    """Which images they are."""
    return images.manifest.iloc[rows].assign(split=str(split))[list(COLUMNS)]


def _few(count: int, most: int) -> NDArray[np.intp]:
    every = np.arange(count)
    return every if count <= most else np.linspace(0, count - 1, most).astype(np.intp)
