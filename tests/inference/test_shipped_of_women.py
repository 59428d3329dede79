"""The checkpoint that reads women's mammograms: small, honest, and of one mind about a full image
and the small square picture that its data set made of it.
"""

import itertools
from pathlib import Path

import cv2
import numpy as np
import pytest

from mammo_core.datasets.predictions import read_predictions
from mammo_core.errors import CheckpointError
from mammo_core.files import shipped_checkpoints_root
from mammo_core.inference.checkpoint import Checkpoint, load_checkpoint
from mammo_core.inference.interpretation import make_reference, remark
from mammo_core.inference.lesions import find_lesions, open_finder
from mammo_core.inference.scoring import score_images
from mammo_core.metrics.cases import pool_cases
from mammo_core.metrics.multiclass import report_classes
from mammo_core.metrics.threshold import operating_point
from mammo_core.metrics.uncertainty import auc_with_interval
from mammo_core.preprocessing.phantoms.files import encode_dicom
from mammo_core.preprocessing.phantoms.view import render_view
from mammo_core.preprocessing.phantoms.women import VIEWS, PhantomSettings, draw_women, header_of
from mammo_core.preprocessing.reading.read import read_mammogram
from mammo_core.reading import Looking
from mammo_core.runs.card import KAPPA
from mammo_core.runs.folder import RunFolder
from mammo_core.runs.measured import froc_of
from mammo_core.runs.operating_points import locked_points
from mammo_core.runs.sidecars import read_embeddings, read_seen
from mammo_core.types import Level, Mammogram, Split

FOLDER = shipped_checkpoints_root() / "rsna-mobilenetv2"
RUN = RunFolder(FOLDER)
ABSOLUTE = ("/home", "/tmp", "/root", "/work", "/Users", "C:")
MOST_BYTES = 25_000_000  # of weights; all that stands beside them is a tenth of it


@pytest.fixture(scope="module")
def checkpoint() -> Checkpoint:
    return load_checkpoint(FOLDER)


def test_it_is_whole_and_small() -> None:
    assert RUN.weights_file.stat().st_size < MOST_BYTES
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 1.1 * MOST_BYTES
    assert RUN.read_status().state.is_over


def test_its_card_says_what_its_scores_out_of_fold_give(checkpoint: Checkpoint) -> None:
    table = read_predictions(RUN.predictions_file)
    assert table["split"].isna().all()
    assert (table.groupby("group_id")["fold"].nunique() == 1).all()
    for metric in checkpoint.card.metrics:
        cases = pool_cases(table, metric.level)
        found = auc_with_interval(cases)
        assert (metric.value, metric.low, metric.high) == pytest.approx(
            (found.value, found.low, found.high)
        )
        assert (metric.positives, metric.negatives) == (cases.positives, cases.negatives)
    assert {metric.level for metric in checkpoint.card.metrics} == {Level.IMAGE, Level.BREAST}


def test_its_thresholds_did_what_they_say_they_did(checkpoint: Checkpoint) -> None:
    points = locked_points(RUN)
    table = read_predictions(RUN.predictions_file)
    assert len(points) >= 3
    for point in points:
        found = operating_point(pool_cases(table, point.level), point.threshold)
        assert point.promise.found == found.true_positives
        assert point.promise.left_alone == found.true_negatives


def test_it_tells_whom_it_learnt_from() -> None:
    seen = read_seen(RUN)
    assert seen is not None
    assert seen.groupby("dataset")["group_id"].nunique().min() > 100


def test_it_knows_how_far_a_new_image_usually_lies_from_those_it_learnt(
    checkpoint: Checkpoint,
) -> None:
    kept = read_embeddings(RUN, checkpoint.card)
    assert kept is not None
    assert make_reference(kept) is not None


def full_and_square(folder: Path) -> tuple[list[Mammogram], list[Mammogram]]:
    """What a hospital has of a drawn exam, and what the data sets here made of such images."""
    (woman,) = draw_women(PhantomSettings(women=1, seed=11))
    full, square = [], []
    for breast, view in itertools.product(woman.breasts, VIEWS):
        path = folder / f"{breast.side}{view}.dcm"
        header = header_of(woman, breast, view, uid_seed="11")
        path.write_bytes(encode_dicom(render_view(breast, view, (3328, 2560)), header))
        full.append(read_mammogram(path))
        levels = np.rint(full[-1].pixels * 255).astype(np.uint8)
        squashed = cv2.resize(levels, (640, 640), interpolation=cv2.INTER_AREA)
        cv2.imwrite(str(path.with_suffix(".jpg")), squashed)
        square.append(read_mammogram(path.with_suffix(".jpg")))
    assert full[0].pixels.shape == (3328, 2560)
    return full, square


@pytest.mark.slow
def test_a_full_dicom_scores_as_its_small_square_picture_does(
    checkpoint: Checkpoint, tmp_path: Path
) -> None:
    both = full_and_square(tmp_path)
    scores = [
        [reading.score for reading in score_images(checkpoint, images, took=lambda _: None)]
        for images in both
    ]
    np.testing.assert_allclose(scores[0], scores[1], atol=0.02)
    for point in locked_points(RUN):
        called = np.asarray(scores) >= point.threshold
        assert (called[0] == called[1]).all()
    assert "never measured on DICOM" in str(remark(checkpoint.card, both[0][0]))


@pytest.mark.slow
def test_the_lesion_finder_sees_a_full_dicom_as_its_small_square_picture(tmp_path: Path) -> None:
    """It learnt from films that were stretched to a square."""
    finder = open_finder(shipped_checkpoints_root() / "ddsm-lesions-mobilenetv2", Looking(window=3))
    for full, square in zip(*full_and_square(tmp_path), strict=True):
        one, other = (find_lesions(finder, image).evidence for image in (full, square))
        apart = np.abs(one - other)
        assert one.max() > 0.0
        assert apart.mean() < 0.02


@pytest.mark.parametrize("name", ["rsna-mobilenetv2", "rsna-density", "ddsm-lesions-mobilenetv2"])
def test_nothing_that_ships_names_a_folder_of_the_machine_it_was_made_on(name: str) -> None:
    for path in (shipped_checkpoints_root() / name).iterdir():
        if path.suffix != ".safetensors":
            text = path.read_text(encoding="utf-8")
            assert not any(f'"{place}' in text or f",{place}" in text for place in ABSOLUTE)


def test_the_model_of_density_agrees_with_radiologists_as_its_card_says() -> None:
    run = RunFolder(shipped_checkpoints_root() / "rsna-density")
    (told,) = [
        metric
        for metric in run.card().metrics
        if metric.name == KAPPA and metric.level is Level.IMAGE
    ]
    report = report_classes(read_predictions(run.predictions_file), run.card().task, Level.IMAGE)
    assert report.kappa == pytest.approx(told.value)
    assert told.low is not None
    assert told.low > 0.5  # below that it would not ship


def test_the_lesion_finder_was_measured_on_women_it_did_not_learn_from() -> None:
    run = RunFolder(shipped_checkpoints_root() / "ddsm-lesions-mobilenetv2")
    (found,) = froc_of(run)
    assert found.split == Split.TEST
    assert found.usual.found.low is not None
    assert found.usual.found.low > 0.5
    with pytest.raises(CheckpointError, match="gives no score for a mammogram"):
        load_checkpoint(run.path)
