"""What images look like to a model, one vector each, kept beside its card.

embeddings.safetensors holds `vectors` (images, length), half precision; which images they are
stands in the file's own metadata, with the hash of the weights they come from.
"""

import json
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from mammo_core.errors import CheckpointError
from mammo_core.files import replace_file
from mammo_core.runs.card import ModelCard
from mammo_core.runs.folder import RunFolder
from mammo_core.types import Split

FILE_NAME: Final = "embeddings.safetensors"
COLUMNS: Final = ("image_id", "group_id", "side", "view", "label", "split")

#: Per split; more make a neighbour no nearer to speak of, and the file large.
MOST_IMAGES: Final = 4000

_VECTORS: Final = "vectors"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Embeddings:
    """`vectors[i]` belongs to row i of `images`, which has COLUMNS."""

    vectors: NDArray[np.float32]
    images: pd.DataFrame

    def of(self, split: Split) -> NDArray[np.float32]:
        rows: NDArray[np.float32] = self.vectors[(self.images["split"] == split).to_numpy()]
        return rows


def write_embeddings(run: RunFolder, embeddings: Embeddings, *, weights_sha256: str) -> None:
    table = embeddings.images[list(COLUMNS)].astype("string")
    about = {name: [None if pd.isna(v) else v for v in table[name]] for name in COLUMNS}
    metadata = {"weights_sha256": weights_sha256, "images": json.dumps(about)}
    vectors = np.ascontiguousarray(embeddings.vectors, dtype=np.float16)
    replace_file(run.file(FILE_NAME), save({_VECTORS: vectors}, metadata=metadata))


def read_embeddings(run: RunFolder, card: ModelCard) -> Embeddings | None:
    """None where the checkpoint has none, which is no fault: they can be made later."""
    path = run.file(FILE_NAME)
    if not path.exists():
        return None
    try:
        with safe_open(path, framework="np") as file:
            metadata = file.metadata() or {}
            vectors = np.asarray(file.get_tensor(_VECTORS), dtype=np.float32)
        images = pd.DataFrame(json.loads(metadata["images"]), dtype="string")
    except (SafetensorError, KeyError, ValueError, RecursionError) as error:
        raise CheckpointError(
            f"The embeddings of {run.run_id} cannot be read ({error}). Delete {FILE_NAME} and make "
            "them again with `mammo checkpoints embed`."
        ) from None
    if metadata.get("weights_sha256") != card.weights_sha256:
        raise CheckpointError(
            f"The embeddings of {run.run_id} come from other weights than its own. Make them again "
            "with `mammo checkpoints embed`."
        )
    if vectors.ndim != 2 or len(vectors) != len(images) or set(COLUMNS) - set(images.columns):
        raise CheckpointError(
            f"The embeddings of {run.run_id} do not fit together: {len(images)} images, vectors of "
            f"shape {vectors.shape}. Make them again with `mammo checkpoints embed`."
        )
    return Embeddings(vectors=vectors, images=images)
