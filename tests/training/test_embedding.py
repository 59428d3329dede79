from pathlib import Path

import numpy as np
import pytest
import torch

from mammo_core.cli import main
from mammo_core.config import DataConfig
from mammo_core.errors import RunError
from mammo_core.runs.card import read_card
from mammo_core.runs.folder import RunFolder
from mammo_core.runs.jobs import create_run
from mammo_core.runs.sidecars import EMBEDDINGS_FILE, SEEN_NAME, read_embeddings
from mammo_core.training.batches import EvaluationBatches
from mammo_core.training.closing import embeddings_of
from mammo_core.training.network import make_network
from mammo_core.training.recipes import get_recipe, with_changes
from mammo_core.training.session import embed_run, train
from mammo_core.types import CANCER, Split
from tests.phantoms import put_phantoms
from tests.training.made_up import CONFIG, squares

CPU = torch.device("cpu")


def quiet(done: int, total: int, message: str) -> None:
    """Nobody watches."""


@pytest.fixture
def phantoms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MAMMO_HOME", str(tmp_path / "home"))
    folder = tmp_path / "phantoms"
    put_phantoms(folder, women=12)
    return folder


@pytest.fixture
def finished(phantoms: Path, tmp_path: Path) -> RunFolder:
    data = DataConfig(folder=str(phantoms), adapter="phantom_set", label_rule="lesion")
    tiny = {
        "prepare.size": "[32, 16]",
        "optim.batch_size": "8",
        "optim.epochs": "1",
        "device": "cpu",
    }
    config = with_changes(get_recipe("smoke").configure(data, CANCER), tiny)
    run = create_run(config, tmp_path / "runs", what="light_cnn", total=1)
    train(run)
    return run


@pytest.mark.slow
def test_a_training_keeps_embeddings_and_they_can_be_made_again(
    finished: RunFolder, phantoms: Path, tmp_path: Path
) -> None:
    card = read_card(finished.file("model_card.json"))
    first = read_embeddings(finished, card)
    assert first is not None
    assert set(first.images["split"]) == {"train", "val"}
    counts = {count.split: count.images for count in card.data.splits}
    assert len(first.of(Split.TRAIN)) == counts[Split.TRAIN]

    finished.file(EMBEDDINGS_FILE).unlink()
    moved = phantoms.rename(tmp_path / "moved")
    assert embed_run(finished, folder=str(moved), report=quiet) == len(first.images)
    again = read_embeddings(finished, card)
    assert again is not None
    np.testing.assert_array_equal(again.vectors, first.vectors)
    assert again.images.equals(first.images)


@pytest.mark.slow
def test_whom_a_run_has_seen_can_be_written_down_again(
    finished: RunFolder, phantoms: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written = finished.file(SEEN_NAME).read_text()
    finished.file(SEEN_NAME).unlink()
    moved = phantoms.rename(tmp_path / "moved")
    assert main(["checkpoints", "seen", str(finished.path), "--data", str(moved)]) == 0
    assert "has a new list of whom it has seen: 12 women." in capsys.readouterr().out
    assert finished.file(SEEN_NAME).read_text() == written


@pytest.mark.slow
def test_other_images_than_it_was_trained_on_are_refused(
    finished: RunFolder, tmp_path: Path
) -> None:
    put_phantoms(tmp_path / "others", women=12, seed=1, size=(64, 32))
    with pytest.raises(RunError, match="not those"):
        embed_run(finished, folder=str(tmp_path / "others"), report=quiet)


def test_of_many_images_an_even_choice_is_kept() -> None:
    network = make_network(CONFIG, CPU)
    batches = EvaluationBatches(images=squares(10), config=CONFIG, device=CPU)
    kept = embeddings_of(network.classifier, batches, Split.TRAIN, most=4)
    assert kept.images["image_id"].tolist() == ["I000", "I003", "I006", "I009"]
    with torch.no_grad():
        images, _ = next(iter(batches.epoch(0)))
        expected = network.classifier.embed(network.classifier.features(images))
    np.testing.assert_allclose(kept.vectors[:3], expected[[0, 3, 6]].numpy(), rtol=1e-5, atol=1e-6)
