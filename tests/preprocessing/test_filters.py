"""The kernels, by numbers worked out by hand."""

import numpy as np
import pytest

from mammo_core.preprocessing.prepare import apply_filter, three_filters_picture
from mammo_core.types import Pixels


@pytest.fixture
def one_bright_pixel() -> Pixels:
    pixels = np.zeros((5, 5), dtype=np.float32)
    pixels[2, 2] = 0.9
    return pixels


def test_gaussian_spreads_a_pixel_as_1_2_1(one_bright_pixel: Pixels) -> None:
    spread = np.array([[1, 2, 1], [2, 4, 2], [1, 2, 1]]) * 0.9 / 16
    np.testing.assert_allclose(apply_filter(one_bright_pixel, "gaussian")[1:4, 1:4], spread, 1e-6)


def test_mean_spreads_a_pixel_evenly_over_nine(one_bright_pixel: Pixels) -> None:
    np.testing.assert_allclose(apply_filter(one_bright_pixel, "mean")[1:4, 1:4], 0.1, 1e-6)


def test_laplacian_sharpens_by_nine_times_the_centre_less_its_neighbours() -> None:
    pixels = np.full((5, 5), 0.4, dtype=np.float32)
    pixels[2, 2] = 0.45
    sharpened = apply_filter(pixels, "laplacian")
    assert sharpened[2, 2] == pytest.approx(9 * 0.45 - 8 * 0.4)  # 0.85
    assert sharpened[1, 1] == pytest.approx(9 * 0.4 - 7 * 0.4 - 0.45)  # 0.35


def test_laplacian_is_cut_off_at_black_and_white() -> None:
    pixels = np.zeros((5, 5), dtype=np.float32)
    pixels[2, 2] = 0.5
    sharpened = apply_filter(pixels, "laplacian")
    assert (sharpened[2, 2], sharpened[1, 1]) == (1.0, 0.0)


@pytest.mark.parametrize("name", ["gaussian", "mean", "laplacian"])
def test_an_even_image_stays_as_it_is_up_to_its_edges(name: str) -> None:
    pixels = np.full((6, 4), 0.3, dtype=np.float32)
    np.testing.assert_allclose(apply_filter(pixels, name), 0.3, 1e-5)  # type: ignore[arg-type]


def test_no_filter_changes_nothing(one_bright_pixel: Pixels) -> None:
    assert apply_filter(one_bright_pixel, "none") is one_bright_pixel


def test_the_picture_holds_the_original_and_the_three_filters_side_by_side() -> None:
    pixels = np.zeros((100, 80), dtype=np.float32)
    pixels[50, 40] = 0.9
    picture = three_filters_picture(pixels)
    assert picture.shape == (124, 320)  # four panels of 80, a strip of 24 above for the titles
    centres = picture[24 + 50, 40::80]
    np.testing.assert_array_equal(centres, [230, 57, 26, 255])  # 0.9, 0.9 / 4, 0.1, cut off at 1
    assert picture[:24, 80:160].any()


def test_the_picture_of_a_large_image_is_reduced_first() -> None:
    picture = three_filters_picture(np.full((2048, 1024), 0.5, dtype=np.float32), height=256)
    assert picture.shape == (256 + 24, 4 * 128)
