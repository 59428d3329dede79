"""Features that can be named, against images whose answer is known."""

from pathlib import Path

import numpy as np
import pytest

from mammo_core.datasets.dataset import read_dataset
from mammo_core.datasets.radiomics import features_of, measure_features
from mammo_core.errors import TableError

SQUARE = np.zeros((60, 60), dtype=bool)
SQUARE[10:50, 10:50] = True


def silent(done: int, total: int, message: str) -> None: ...


def test_a_plain_square_has_the_numbers_of_a_plain_square() -> None:
    grey = np.where(SQUARE, np.float32(0.5), np.float32(0.0))
    told = features_of(grey, SQUARE)
    assert told["mean"] == told["percentile 5"] == pytest.approx(0.5)
    assert told["spread"] == told["entropy"] == told["contrast at 1"] == 0.0
    assert told["homogeneity at 4"] == told["energy at 1"] == pytest.approx(1.0)
    assert told["area"] == pytest.approx(1600 / 3600)
    assert told["extent"] == told["solidity"] == pytest.approx(1.0)
    assert told["eccentricity"] == pytest.approx(0.0, abs=1e-6)


def test_a_checkerboard_is_all_contrast_from_pixel_to_pixel() -> None:
    """Straight neighbours differ always, oblique ones never: half of the pairs at distance 1."""
    rows, columns = np.indices(SQUARE.shape)
    board = np.where(SQUARE, ((rows + columns) % 2).astype(np.float32), 0.0).astype(np.float32)
    told = features_of(board, SQUARE)
    assert told["contrast at 1"] == pytest.approx(31**2 / 2, rel=0.02)
    assert told["contrast at 4"] == 0.0
    assert told["entropy"] == pytest.approx(1.0)
    assert told["mean"] == pytest.approx(0.5)


def test_what_lies_outside_changes_nothing() -> None:
    rng = np.random.default_rng(0)
    grey = rng.random(SQUARE.shape, dtype=np.float32)
    other = np.where(SQUARE, grey, np.float32(0.0))
    here, there = features_of(grey, SQUARE), features_of(other, SQUARE)
    texture = [name for name in here if not name.startswith("pattern")]  # these look 2 pixels out
    assert {name: here[name] for name in texture} == {name: there[name] for name in texture}


def test_too_few_pixels_have_no_texture() -> None:
    assert features_of(np.ones((9, 9), dtype=np.float32), np.eye(9, dtype=bool)) == {}


@pytest.mark.slow
def test_every_image_of_a_set_is_measured_and_boxes_alone_where_asked(
    twelve_women: Path,
) -> None:
    dataset = read_dataset(twelve_women)
    whole = measure_features(dataset, region="breast", report=silent, processes=1)
    assert whole["image_id"].tolist() == dataset.manifest["image_id"].tolist()
    assert whole.drop(columns="image_id").notna().all(axis=None)
    marked = measure_features(dataset, region="boxes", report=silent, processes=1)
    assert set(marked["image_id"]) == set(dataset.boxes["image_id"])
    both = whole.merge(marked, on="image_id", suffixes=(" of all", " of box"))
    assert (both["area of box"] < both["area of all"]).all()
    assert (both["mean of box"] > both["mean of all"]).mean() > 0.8  # a lesion is bright


def test_a_set_without_boxes_has_no_features_of_boxes(twelve_women: Path) -> None:
    from dataclasses import replace

    dataset = read_dataset(twelve_women)
    bare = replace(dataset, boxes=dataset.boxes.iloc[:0])
    with pytest.raises(TableError, match="has no boxes"):
        measure_features(bare, region="boxes", report=silent)
