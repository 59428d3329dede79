from dataclasses import replace

import numpy as np
import pytest

from mammo_core.preprocessing.prepare import grey_values, to_heat, to_pane
from mammo_core.types import Box, Geometry, ImageInfo, ImageRef, Mammogram, Window


@pytest.fixture
def mammogram() -> Mammogram:
    """400 x 200, 12 bits, 0.1 mm: a half disc of value 2000 on the left edge, rows 100 to 300."""
    rows, columns = np.mgrid[0:400, 0:200]
    inside = (columns**2 + (rows - 199.5) ** 2) < 100**2
    wide = np.where(inside, 2000, 0).astype(np.uint16)
    return Mammogram(
        info=ImageInfo(
            ref=ImageRef(image_id="one"),
            kind="made up",
            bits=12,
            spacing_mm=(0.1, 0.1),
            is_spacing_at_detector=True,
            windows=(Window(name="Window 1", low=0, high=4000),),
        ),
        pixels=(wide / 4000).astype(np.float32),
        wide=wide,
    )


def test_each_pixel_is_the_mean_of_those_it_covers(mammogram: Mammogram) -> None:
    wide = np.zeros((400, 200), dtype=np.uint16)
    wide[200, 50] = 4000
    shown = to_pane(replace(mammogram, wide=wide), longest=200)
    assert shown.pixels.shape == (200, 100)
    assert shown.pixels.dtype == np.uint16
    assert shown.pixels[100, 25] == 1000


def test_measures_follow_the_reduction(mammogram: Mammogram) -> None:
    shown = to_pane(mammogram, longest=200)
    assert shown.reduction == 2.0
    assert shown.spacing_mm == pytest.approx(0.2)
    assert shown.is_spacing_at_detector
    assert (shown.breast.x0, shown.breast.x1) == (0, pytest.approx(50, abs=3))
    assert (shown.breast.y0, shown.breast.y1) == pytest.approx((50, 150), abs=3)


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
    info = replace(mammogram.info, bits=8)
    shown = to_pane(replace(mammogram, info=info, wide=None), longest=400)
    assert shown.pixels.max() == 128  # half of 255, rounded
    assert [window.name for window in shown.windows] == ["Whole range", "Tissue"]


def test_the_chest_wall_is_named(mammogram: Mammogram) -> None:
    assert to_pane(mammogram, longest=400).chest_wall == "left"
    mirrored = replace(mammogram, pixels=mammogram.pixels[:, ::-1].copy())
    assert to_pane(mirrored, longest=400).chest_wall == "right"


def test_pixels_that_are_not_square_give_no_millimetres(mammogram: Mammogram) -> None:
    info = replace(mammogram.info, spacing_mm=(0.1, 0.2))
    assert to_pane(replace(mammogram, info=info), longest=400).spacing_mm is None


def test_heat_lies_on_the_reduced_frame_where_the_map_lay_on_the_source() -> None:
    """A frame of 400 x 200, its lower half cropped to 20 x 20: a map cell covers 50 x 50 pixels."""
    geometry = Geometry(
        source_size=(400, 200),
        prepared_size=(20, 20),
        crop=Box(x0=0, y0=200, x1=200, y1=400),
        is_flipped=False,
        scale=(0.1, 0.1),
        offset=(-20.0, 0.0),
    )
    values = np.zeros((4, 4), dtype=np.float32)
    values[0, 3] = 2.0  # more than full colour: the upper right of the crop
    heat = to_heat(values, geometry, longest=100)
    assert heat.shape == (100, 50)
    # The cell covers rows 50 to 62 and columns 37 to 50; beyond its middle it is full colour.
    assert np.argwhere(heat == 255).min(axis=0).tolist() == [50, 44]
    assert np.argwhere(heat == 255).max(axis=0).tolist() == [55, 49]
    assert not heat[:50].any()
    # 2 prepared pixels are 20 of the source and 5 of the reduced frame.
    moved = to_heat(values, geometry, longest=100, offset=2.0)
    assert np.argwhere(moved == 255).min(axis=0).tolist() == [50, 49]
    assert np.argwhere(moved == 255).max(axis=0).tolist() == [60, 49]


def test_a_part_has_the_values_that_the_whole_image_is_shown_with(mammogram: Mammogram) -> None:
    """Before windowing where that was kept, else the picture in its own depth."""
    assert grey_values(mammogram)[200, 50] == 2000
    assert grey_values(replace(mammogram, wide=None))[200, 50] == round(2000 / 4000 * 4095)
