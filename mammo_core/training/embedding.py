"""The embeddings kept with a checkpoint: of its training images and of those it was chosen on.

Written at the end of a training; for a checkpoint without them made again from its data set.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file

from mammo_core.config import RunConfig, load_settings
from mammo_core.datasets.reading import fingerprint_of
from mammo_core.errors import CheckpointError, RunError
from mammo_core.files import sha256_of
from mammo_core.runs.card import read_card
from mammo_core.runs.embeddings import COLUMNS, MOST_IMAGES, Embeddings, write_embeddings
from mammo_core.runs.folder import RunFolder
from mammo_core.training.batches import EvaluationBatches
from mammo_core.training.data import load_dataset, load_images
from mammo_core.training.machine import make_fabric
from mammo_core.training.network import make_network
from mammo_core.types import Split
from mammo_core.zoo.classifier import Classifier

KEPT_SPLITS = (Split.TRAIN, Split.VAL)

Report = Callable[[int, int, str], None]


def keep_embeddings(
    run: RunFolder, classifier: Classifier, batches: Mapping[Split, EvaluationBatches]
) -> int:
    """Write the embeddings of `batches` beside the card of `run`; how many."""
    embeddings = embeddings_of(classifier, batches)
    weights = sha256_of(run.file("weights.safetensors"))
    write_embeddings(run, embeddings, weights_sha256=weights)
    return len(embeddings.images)


@torch.no_grad()
def embeddings_of(
    classifier: Classifier,
    batches: Mapping[Split, EvaluationBatches],
    *,
    most: int = MOST_IMAGES,
) -> Embeddings:
    """Of at most `most` images a split, evenly spread over it."""
    classifier.eval()
    vectors: list[NDArray[np.float32]] = []
    tables: list[pd.DataFrame] = []
    for split, of_split in batches.items():
        rows = _few(len(of_split.images), most)
        for images, _ in replace(of_split, rows=rows).epoch(0):
            vectors.append(classifier.embed(classifier.features(images)).float().cpu().numpy())
        table = of_split.images.manifest.iloc[rows]
        tables.append(table.assign(split=str(split))[list(COLUMNS)])
    return Embeddings(vectors=np.concatenate(vectors), images=pd.concat(tables, ignore_index=True))


def embed_run(run: RunFolder, *, folder: str | None = None, report: Report) -> int:
    """Make the embeddings of a finished run from its data set, which lies in `folder` where that
    has moved; how many. Other images than it was trained on are refused.
    """
    card = read_card(run.file("model_card.json"))
    config = load_settings(run.file("run.json"), RunConfig)
    if folder is not None:
        config = replace(config, data=replace(config.data, folder=folder))
    dataset = load_dataset(config)
    if fingerprint_of(dataset.manifest) != card.data.fingerprint:
        raise RunError(
            f"The images in {config.data.folder} are not those {run.run_id} was trained on: their "
            "ids, labels or splits differ. Name the folder of the data set as it was."
        )
    if sha256_of(run.file("weights.safetensors")) != card.weights_sha256:
        raise CheckpointError(f"The weights of {run.run_id} are not those of its card.")
    fabric = make_fabric(config)
    images = load_images(dataset, config, report=report, should_stop=lambda: False)
    network = make_network(config, fabric.device)
    network.classifier.load_state_dict(load_file(run.file("weights.safetensors")))
    return keep_embeddings(
        run,
        network.classifier.float(),
        {
            split: EvaluationBatches(images=images[split], config=config, device=fabric.device)
            for split in KEPT_SPLITS
        },
    )


def _few(count: int, most: int) -> NDArray[np.intp]:
    every = np.arange(count)
    return every if count <= most else np.linspace(0, count - 1, most).astype(np.intp)
