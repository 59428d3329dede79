import os
from pathlib import Path

import numpy as np
import pytest

from mammo_core.config import EmbedConfig
from mammo_core.datasets.dataset import read_dataset
from mammo_core.inference.checkpoint import load_checkpoint
from mammo_core.inference.embedding import embed_into
from mammo_core.inference.scoring import score_images
from mammo_core.preprocessing.reading.read import read_mammogram
from mammo_core.runs.folder import RunFolder, RunStatus
from mammo_core.runs.sidecars import EMBEDDINGS_FILE, read_embeddings
from mammo_core.types import RunState
from tests.inference.made_up import write_checkpoint
from tests.phantoms import put_phantoms


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunFolder:
    monkeypatch.setenv("MAMMO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MAMMO_CHECKPOINTS", str(tmp_path / "runs"))
    (tmp_path / "runs" / "made-up").mkdir(parents=True)
    checkpoint = RunFolder(write_checkpoint(tmp_path / "runs" / "made-up"))
    checkpoint.write_status(RunStatus(state=RunState.FINISHED))
    put_phantoms(tmp_path / "set", women=2)
    (tmp_path / "job").mkdir()
    return RunFolder(tmp_path / "job")


def embed(job: RunFolder, *, is_stopped: bool = False) -> str:
    config = EmbedConfig(
        checkpoint="made-up", folder=os.fspath(job.path.parent / "set"), adapter="phantom_set",
        label_rule="lesion",
    )  # fmt: skip
    return embed_into(job, config, report=lambda *_: None, should_stop=lambda: is_stopped)


@pytest.mark.slow
def test_every_image_of_a_set_is_placed_where_reading_it_would_place_it(job: RunFolder) -> None:
    assert embed(job) == "8 images placed by made-up."
    checkpoint = load_checkpoint(job.path.parent / "runs" / "made-up")
    kept = read_embeddings(job, checkpoint.card)
    dataset = read_dataset(job.path.parent / "set")
    assert kept is not None
    assert kept.images["image_id"].tolist() == dataset.manifest["image_id"].tolist()
    for path, vector in zip(dataset.manifest["path"][:2], kept.vectors[:2], strict=True):
        (reading,) = score_images(checkpoint, [read_mammogram(dataset.root / path)])
        np.testing.assert_allclose(vector, reading.embedding, rtol=2e-3, atol=1e-3)  # 16 bits kept


def test_a_job_that_was_stopped_keeps_nothing(job: RunFolder) -> None:
    assert embed(job, is_stopped=True) == "Stopped on request; nothing was kept."
    assert not job.file(EMBEDDINGS_FILE).exists()
