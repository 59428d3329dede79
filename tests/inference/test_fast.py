"""Fast reading is off until it was measured on stored validation images to change nothing."""

from pathlib import Path

import numpy as np
import pytest

from mammo_core.config import DataConfig, ModelConfig, RunConfig, save_settings
from mammo_core.datasets.dataset import Dataset, read_dataset
from mammo_core.datasets.prepared import prepare_dataset
from mammo_core.errors import CheckpointError
from mammo_core.explain.closed_form import Head
from mammo_core.inference.checkpoint import Batch, Checkpoint, Outputs, load_checkpoint
from mammo_core.inference.engine import (
    Engine,
    FastCheck,
    find_fast_check,
    has_bf16,
    open_engine,
    why_not_fast,
)
from mammo_core.inference.fast import check_fast, compare
from mammo_core.runs.folder import RunFolder, card_hash
from mammo_core.runs.operating_points import LockedPoint, Promise, lock_point
from mammo_core.types import Level
from tests.inference.made_up import PREPARE, write_checkpoint
from tests.phantoms import put_phantoms
from tests.quick import some_slow

NOT_YET = FastCheck(model_id="made-up", card_sha256="", engine="made up", checked_at="")


@pytest.fixture(autouse=True)
def own_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MAMMO_HOME", str(tmp_path / "home"))


def trained_on(folder: Path, *, women: int) -> Checkpoint:
    """A checkpoint of random weights, validated on every image of a synthetic set."""
    put_phantoms(folder / "set", women=women)
    (folder / "model").mkdir()
    write_checkpoint(folder / "model")
    data = DataConfig(folder=str(folder / "set"), adapter="phantom_set", label_rule="lesion")
    config = RunConfig(data=data, model=ModelConfig(backbone="light_cnn"), prepare=PREPARE)
    save_settings(config, folder / "model" / "run.json")
    manifest = read_dataset(folder / "set").manifest
    table = manifest[["image_id"]].assign(model_id="made-up", score=0.5, split="val")
    table.to_csv(folder / "model" / "predictions.csv", index=False)
    return load_checkpoint(folder / "model")


def quietly(done: int, total: int, message: str) -> None:
    """Progress is not looked at here."""


def lock_at(checkpoint: Checkpoint, threshold: float, level: Level) -> None:
    run = RunFolder(checkpoint.folder)
    point = LockedPoint(
        threshold=threshold, level=level, pooling="max", calibration="none", split="val",
        dataset="set", aim="a test", locked_at="2026-01-01T00:00:00+00:00",
        promise=Promise(found=1, positives=1, left_alone=1, negatives=1),
        card_sha256=card_hash(run),
    )  # fmt: skip
    lock_point(run, point)


def says(*logits: float) -> Engine:
    """An engine that has its answers ready: the logit of cancer of the first image, the next..."""
    left = list(logits)

    def run(batch: Batch) -> Outputs:
        count = len(batch)
        answers = np.array([[0.0, left.pop(0)] for _ in range(count)], np.float32)
        maps = np.zeros((count, 1, 1, 1), np.float32)
        return Outputs(logits=answers, feature_map=maps, embedding=maps[:, :, 0, 0])

    head = Head(pooling="avg", weight=np.zeros((2, 1)), bias=np.zeros(2))
    return Engine(name="made up", run=run, head=head)


@pytest.fixture
def one_woman(tmp_path: Path) -> tuple[Checkpoint, Dataset]:
    """Two breasts in two views each, prepared; in the order R CC, R MLO, L CC, L MLO."""
    checkpoint = trained_on(tmp_path, women=1)
    dataset = read_dataset(tmp_path / "set")
    prepare_dataset(dataset, PREPARE, processes=1, report=quietly)
    return checkpoint, dataset


@pytest.mark.slow
def test_no_case_may_cross_a_locked_threshold(one_woman: tuple[Checkpoint, Dataset]) -> None:
    checkpoint, dataset = one_woman
    full, fast = says(-2.0, -0.01, 2.0, 2.0), says(-2.0, 0.01, 2.0, 2.0)
    lock_at(checkpoint, 0.5, Level.BREAST)
    found = compare(checkpoint, NOT_YET, dataset, (full, fast))
    assert (found.images, found.women, found.crossed) == (4, 1, 1)
    assert found.difference == pytest.approx(0.02)
    assert "moved to the other side of a locked threshold" in found.problem


@pytest.mark.slow
def test_a_case_is_pooled_as_its_threshold_wants_it(one_woman: tuple[Checkpoint, Dataset]) -> None:
    checkpoint, dataset = one_woman
    lock_at(checkpoint, 0.5, Level.BREAST)
    full, fast = says(1.0, -0.01, 2.0, 2.0), says(1.0, 0.01, 2.0, 2.0)  # R MLO is not R's highest
    found = compare(checkpoint, NOT_YET, dataset, (full, fast))
    assert (found.crossed, found.problem) == (0, "")


@pytest.mark.parametrize("change", some_slow([0.1, -0.3, float("nan")], quick=1))
def test_no_logit_may_change_by_a_tenth(
    one_woman: tuple[Checkpoint, Dataset], change: float
) -> None:
    checkpoint, dataset = one_woman
    full, fast = says(0.0, 0.0, 0.0, 0.0), says(0.0, 0.0, 0.0, change)
    found = compare(checkpoint, NOT_YET, dataset, (full, fast))
    assert "less than 0.1 is allowed" in found.problem


@pytest.mark.slow
def test_fast_is_off_until_it_was_checked_and_after_a_new_threshold(tmp_path: Path) -> None:
    checkpoint = trained_on(tmp_path, women=16)
    assert "has not been checked yet" in why_not_fast(checkpoint)
    with pytest.raises(CheckpointError, match="Fast reading with made-up is off"):
        open_engine(checkpoint, is_fast=True)
    found = check_fast(checkpoint, processes=1, report=quietly)
    assert found == find_fast_check(checkpoint)
    if not has_bf16():
        assert why_not_fast(checkpoint) == "This processor does not calculate in bf16."
        return
    assert (found.engine, found.images, found.women) == ("openvino bf16", 64, 16)
    assert found.problem == ""
    assert found.difference is not None
    assert 0.0 < found.difference < 0.1
    assert open_engine(checkpoint, is_fast=True).name == "openvino bf16"
    lock_at(checkpoint, 0.99, Level.IMAGE)
    assert "A threshold was locked since it was checked" in why_not_fast(checkpoint)
    assert check_fast(checkpoint, processes=1, report=quietly).points[0].threshold == 0.99
    assert why_not_fast(checkpoint) == ""


@pytest.mark.parametrize(
    ("women", "spoil", "complaint"),
    [
        (3, "nothing", "12 of its validation images are on this computer; at least 64"),
        (1, "manifest.csv", "not on this computer"),
        (1, "images", "0 of its validation images"),
    ],
)
def test_without_its_images_fast_stays_off_and_says_so(
    tmp_path: Path, women: int, spoil: str, complaint: str
) -> None:
    checkpoint = trained_on(tmp_path, women=women)
    place = tmp_path / "set" / spoil
    if place.is_dir():
        for image in place.iterdir():
            image.unlink()
    elif place.exists():
        place.unlink()
    found = check_fast(checkpoint, processes=1, report=quietly)
    if has_bf16():
        assert complaint in found.problem
    assert why_not_fast(checkpoint) == found.problem


def test_a_checkpoint_from_elsewhere_does_not_say_what_it_was_validated_on(tmp_path: Path) -> None:
    checkpoint = load_checkpoint(write_checkpoint(tmp_path))
    found = check_fast(checkpoint, report=quietly)
    if has_bf16():
        assert found.problem == "It does not say which images it was validated on."
    assert found.problem
