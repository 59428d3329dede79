from dataclasses import replace

import numpy as np
import pytest

from mammo_core.preprocessing.display import to_pane
from mammo_core.types import ImageRef, Mammogram, Window


@pytest.fixture
def mammogram() -> Mammogram:
    """400 x 200, 12 bits, 0.1 mm: a half disc of value 2000 on the left edge, rows 100 to 300."""
    rows, columns = np.mgrid[0:400, 0:200]
    inside = (columns**2 + (rows - 199.5) ** 2) < 100**2
    wide = np.where(inside, 2000, 0).astype(np.uint16)
    return Mammogram(
        ref=ImageRef(image_id="one"),
        pixels=(wide / 4000).astype(np.float32),
        kind="made up",
        bits=12,
        spacing_mm=(0.1, 0.1),
        is_spacing_at_detector=True,
        wide=wide,
        windows=(Window(name="Window 1", low=0, high=4000),),
    )


def test_each_pixel_is_the_mean_of_those_it_covers(mammogram: Mammogram) -> None:
    wide = np.zeros((400, 200), dtype=np.uint16)
    wide[200, 50] = 4000
    shown = to_pane(replace(mammogram, wide=wide), longest=200)
    assert shown.pixels.shape == (200, 100)
    assert shown.pixels.dtype == np.uint16
    assert shown.pixels[100, 25] == 1000


def test_measures_follow_the_reduction(mammogram: Mammogram) -> None:
    shown = to_pane(mammogram, longest=100)
    assert shown.reduction == 4.0
    assert shown.spacing_mm == pytest.approx(0.4)
    assert shown.is_spacing_at_detector
    assert shown.breast_height == pytest.approx(50, abs=4)


def test_a_small_image_is_not_enlarged(mammogram: Mammogram) -> None:
    shown = to_pane(mammogram, longest=2000)
    assert shown.reduction == 1.0
    assert mammogram.wide is not None
    np.testing.assert_array_equal(shown.pixels, mammogram.wide)


def test_the_files_window_comes_first_and_measured_ones_after(mammogram: Mammogram) -> None:
    windows = to_pane(mammogram, longest=400).windows
    assert [window.name for window in windows] == ["Window 1", "Whole range", "Tissue"]
    assert (windows[1].low, windows[1].high) == (0, 2000)


def test_without_wide_values_the_pixels_are_shown_in_their_own_depth(mammogram: Mammogram) -> None:
    shown = to_pane(replace(mammogram, wide=None, bits=8), longest=400)
    assert shown.pixels.max() == 128  # half of 255, rounded
    assert [window.name for window in shown.windows] == ["Whole range", "Tissue"]


def test_the_chest_wall_is_named(mammogram: Mammogram) -> None:
    assert to_pane(mammogram, longest=400).chest_wall == "left"
    mirrored = replace(mammogram, pixels=mammogram.pixels[:, ::-1].copy())
    assert to_pane(mirrored, longest=400).chest_wall == "right"


def test_pixels_that_are_not_square_give_no_millimetres(mammogram: Mammogram) -> None:
    assert to_pane(replace(mammogram, spacing_mm=(0.1, 0.2)), longest=400).spacing_mm is None
