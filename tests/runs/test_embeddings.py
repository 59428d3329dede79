from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mammo_core.errors import CheckpointError
from mammo_core.runs.folder import RunFolder
from mammo_core.runs.sidecars import EMBEDDINGS_FILE, Embeddings, read_embeddings, write_embeddings
from mammo_core.types import Split
from tests.predictions import made_up_card

CARD = made_up_card("made-up")
THREE = Embeddings(
    vectors=np.array([[1.0, 0.0], [0.0, 2.0], [0.5, 0.5]], dtype=np.float32),
    images=pd.DataFrame(
        {
            "image_id": ["a", "b", "007"],
            "group_id": ["w1", "w1", "w2"],
            "side": ["R", None, "L"],
            "view": ["CC", "MLO", None],
            "label": ["cancer", "no cancer", "no cancer"],
            "split": ["train", "train", "val"],
        }
    ),
)


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    folder = RunFolder(tmp_path)
    write_embeddings(folder, THREE, weights_sha256=CARD.weights_sha256)
    return folder


def test_what_was_kept_is_found_again(run: RunFolder) -> None:
    kept = read_embeddings(run, CARD)
    assert kept is not None
    np.testing.assert_array_equal(kept.vectors, THREE.vectors)
    assert kept.images["image_id"].tolist() == ["a", "b", "007"]
    assert kept.images["side"].isna().tolist() == [False, True, False]
    np.testing.assert_array_equal(kept.of(Split.VAL), [[0.5, 0.5]])


def test_a_checkpoint_without_embeddings_has_none(tmp_path: Path) -> None:
    assert read_embeddings(RunFolder(tmp_path), CARD) is None


def test_embeddings_of_other_weights_are_refused(run: RunFolder) -> None:
    other = replace(CARD, weights_sha256="1" * 64)
    with pytest.raises(CheckpointError, match="other weights"):
        read_embeddings(run, other)


def test_a_damaged_file_says_what_to_do(run: RunFolder) -> None:
    path = run.file(EMBEDDINGS_FILE)
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(CheckpointError, match="Delete embeddings"):
        read_embeddings(run, CARD)
