"""From a mammogram to what a model sees, and back, on drawings whose numbers are plain."""

import numpy as np
import pytest

from mammo_core.config import PrepareSettings
from mammo_core.errors import ReadError
from mammo_core.preprocessing.prepare import place_box, prepare, restore_box, restore_map
from mammo_core.types import Box, ImageRef, Mammogram, Pixels


def mammogram_of(pixels: Pixels) -> Mammogram:
    return Mammogram(ref=ImageRef(image_id="a"), pixels=pixels, kind="drawing", bits=8)


@pytest.fixture
def right_breast() -> Mammogram:
    """A half disc of radius 80 at the right edge of a frame of 240 x 200, as in a right breast."""
    y, x = np.mgrid[:240, :200]
    disc = (y - 120) ** 2 + (x - 200) ** 2 <= 80**2
    return mammogram_of(np.where(disc, 0.5, 0.0).astype(np.float32))


def test_the_chest_wall_comes_to_the_left(right_breast: Mammogram) -> None:
    prepared = prepare(right_breast, PrepareSettings(size=(64, 32), mean=(0.0,), std=(1.0,)))
    assert prepared.geometry.is_flipped
    assert prepared.pixels.shape == (1, 64, 32)
    assert prepared.pixels[0, 32, 0] == pytest.approx(0.5, abs=0.01)
    assert prepared.pixels[0, 0, 31] == 0.0


def test_a_box_comes_back_from_the_prepared_image(right_breast: Mammogram) -> None:
    geometry = prepare(right_breast, PrepareSettings(size=(64, 32))).geometry
    box = Box(x0=150, y0=90, x1=170, y1=110)
    back = restore_box(place_box(box, geometry), geometry)
    assert (back.x0, back.y0, back.x1, back.y1) == pytest.approx((150, 90, 170, 110))


def test_a_heatmap_comes_back_to_where_it_was_hot(right_breast: Mammogram) -> None:
    geometry = prepare(right_breast, PrepareSettings(size=(64, 32))).geometry
    spot = place_box(Box(x0=150, y0=90, x1=170, y1=110), geometry)
    values = np.zeros((64, 32), dtype=np.float32)
    values[round(spot.y0) : round(spot.y1), round(spot.x0) : round(spot.x1)] = 1.0
    restored = restore_map(values, geometry)
    assert restored.shape == (240, 200)
    rows, columns = np.nonzero(restored > 0.5)
    assert rows.mean() == pytest.approx(100, abs=2)
    assert columns.mean() == pytest.approx(160, abs=2)
    assert restored[:, :100].max() == 0.0


def test_an_empty_frame_is_refused() -> None:
    with pytest.raises(ReadError, match="same value") as refusal:
        prepare(mammogram_of(np.zeros((50, 40), dtype=np.float32)), PrepareSettings())
    assert refusal.value.code == "no_breast"
