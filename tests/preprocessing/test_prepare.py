"""From a mammogram to what a model sees, and back, on drawings whose numbers are plain."""

from dataclasses import replace
from typing import Literal

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mammo_core.config import PrepareSettings
from mammo_core.errors import ReadError
from mammo_core.preprocessing.prepare import (
    place_box,
    prepare,
    prepare_grey,
    restore_box,
    restore_map,
)
from mammo_core.types import Box, Mammogram, Prepared
from tests.preprocessing.drawings import HEIGHT, WIDTH, half_disc, mammogram_of

PLAIN = PrepareSettings(size=(128, 64), mean=(0.0,), std=(1.0,))
RIGHT = mammogram_of(half_disc(is_right=True))
LEFT = mammogram_of(half_disc())


@st.composite
def any_settings(draw: st.DrawFn) -> PrepareSettings:
    return PrepareSettings(
        size=(draw(st.integers(16, 300)), draw(st.integers(16, 300))),
        crop=draw(st.sampled_from(("breast", "none"))),
        margin=draw(st.floats(0, 0.2)),
        fit=draw(st.sampled_from(("pad", "stretch"))),
        is_square_first=draw(st.booleans()),
        is_turned=draw(st.booleans()),
    )


def test_the_chest_wall_comes_to_the_left_whichever_side_it_was() -> None:
    left, right = prepare(LEFT, PLAIN), prepare(RIGHT, PLAIN)
    assert right.geometry.is_flipped
    assert not left.geometry.is_flipped
    np.testing.assert_allclose(left.pixels, right.pixels, atol=1e-6)
    assert left.pixels[0, 64, 0] == pytest.approx(0.5, abs=1e-4)
    assert left.pixels[0, 64, 63] == 0.0


def test_an_unturned_right_breast_keeps_its_chest_wall_at_the_right_edge() -> None:
    pixels = prepare(RIGHT, replace(PLAIN, is_turned=False)).pixels[0]
    assert pixels[64, 63] == pytest.approx(0.5, abs=1e-4)
    assert pixels[64, 0] == 0.0


@pytest.mark.parametrize("is_turned", [False, True])
def test_padding_lies_beyond_the_nipple_whichever_way_the_breast_looks(is_turned: bool) -> None:
    wide = replace(PLAIN, size=(128, 128), margin=0.0, is_turned=is_turned)  # half of it is padding
    pixels = prepare(RIGHT, wide).pixels[0]
    filled = np.flatnonzero(pixels.any(axis=0))
    chest_wall, padding = (0, pixels[:, 70:]) if is_turned else (127, pixels[:, :58])
    assert pixels[64, chest_wall] == pytest.approx(0.5, abs=1e-4)
    assert filled.size == pytest.approx(64, abs=2)
    assert not padding.any()


def test_padding_keeps_the_breast_round_and_stretching_fills_the_frame() -> None:
    # The half disc is twice as high as wide; in a square frame it fills the height alone.
    padded = prepare(LEFT, replace(PLAIN, size=(128, 128), margin=0.0)).pixels[0]
    stretched = prepare(LEFT, replace(PLAIN, size=(128, 128), margin=0.0, fit="stretch")).pixels[0]
    assert np.flatnonzero(padded.any(axis=0)).max() == pytest.approx(63, abs=2)
    assert np.flatnonzero(stretched.any(axis=0)).max() == pytest.approx(127, abs=2)
    assert np.flatnonzero(padded.any(axis=1)).size == pytest.approx(128, abs=3)


def test_square_first_gives_the_aspect_ratio_of_the_stretched_frame() -> None:
    # 480 x 400 becomes square: what was 320 high and 160 wide is now 320 high and 192 wide.
    geometry = prepare(LEFT, replace(PLAIN, is_square_first=True)).geometry
    assert geometry.scale[1] / geometry.scale[0] == pytest.approx(HEIGHT / WIDTH, rel=0.02)


def test_a_single_resampling_equals_squaring_and_then_preparing() -> None:
    squared = mammogram_of(np.repeat(half_disc(), 6, axis=1).reshape(480, 480, 5).mean(axis=2))
    once = prepare(LEFT, replace(PLAIN, is_square_first=True)).pixels
    twice = prepare(squared, PLAIN).pixels
    assert np.abs(once - twice).mean() < 0.01


SMALL_SQUARES = replace(PLAIN, is_square_first=True, square_side=160)


def test_a_frame_reduced_to_a_small_square_is_as_unsharp_as_a_data_set_of_small_squares() -> None:
    noise = np.random.default_rng(3).normal(0.0, 0.15, (HEIGHT, WIDTH)).astype(np.float32)
    full = np.clip(half_disc() + np.where(half_disc() > 0, noise, 0), 0, 1).astype(np.float32)
    small = cv2.resize(full, (160, 160), interpolation=cv2.INTER_AREA)
    of_data_set = prepare(mammogram_of(small), SMALL_SQUARES).pixels
    np.testing.assert_array_equal(prepare(mammogram_of(full), SMALL_SQUARES).pixels, of_data_set)
    in_one_step = prepare(mammogram_of(full), replace(PLAIN, is_square_first=True)).pixels
    assert np.abs(in_one_step - of_data_set).mean() > 0.01


def test_a_place_is_found_again_in_an_image_that_was_reduced_to_a_small_square() -> None:
    geometry = prepare(RIGHT, SMALL_SQUARES).geometry
    assert geometry.source_size == RIGHT.size
    lesion = Box(x0=250, y0=200, x1=280, y1=250)
    assert restore_box(place_box(lesion, geometry), geometry) == pytest.approx(lesion)
    one_step = prepare(RIGHT, replace(PLAIN, is_square_first=True)).geometry
    near, exact = place_box(lesion, geometry), place_box(lesion, one_step)
    assert (near.x0, near.y0) == pytest.approx((exact.x0, exact.y0), abs=2)


def test_a_square_side_without_a_square_is_refused() -> None:
    (problem,) = replace(PLAIN, square_side=160).check()
    assert "stretched to a square first" in problem


def test_letters_are_masked_and_the_mask_can_be_left_out() -> None:
    pixels = half_disc()
    pixels[90:110, 140:160] = 1.0  # within the crop, outside the breast
    masked = prepare(mammogram_of(pixels), PLAIN)
    assert masked.pixels.max() < 0.6
    assert any("background" in note for note in masked.notes)
    assert prepare(mammogram_of(pixels), replace(PLAIN, is_masked=False)).pixels.max() > 0.9


def test_a_grey_ground_becomes_black_and_tissue_keeps_its_grey() -> None:
    on_grey = mammogram_of(np.where(half_disc() > 0, np.float32(0.5), np.float32(0.2)))
    pixels = prepare(on_grey, PLAIN).pixels[0]
    assert pixels[64, 20] == pytest.approx(0.5, abs=1e-3)
    assert pixels[0, 63] == 0.0
    # The mask is two or three pixels generous: only there the grey of the ground is left.
    assert ((pixels > 0.01) & (pixels < 0.45)).sum() < 3 * 2 * (128 + 64)
    assert np.flatnonzero(prepare(on_grey, PLAIN).pixels[0].any(axis=0)).max() < 63


def test_without_a_crop_the_whole_frame_is_seen() -> None:
    geometry = prepare(LEFT, replace(PLAIN, crop="none")).geometry
    assert geometry.crop == Box(x0=0, y0=0, x1=WIDTH, y1=HEIGHT)


def test_percentiles_of_the_breast_become_black_and_white() -> None:
    pixels = half_disc()
    pixels[: HEIGHT // 2][pixels[: HEIGHT // 2] > 0] = 0.3
    prepared = prepare(mammogram_of(pixels), replace(PLAIN, percentiles=(10.0, 90.0)))
    assert prepared.pixels[0, 100, 5] == pytest.approx(1.0)
    assert prepared.pixels[0, 28, 5] == pytest.approx(0.0)
    assert any("0.300 to 0.500" in note for note in prepared.notes)


def test_a_breast_of_one_grey_is_not_stretched_and_says_so() -> None:
    prepared = prepare(LEFT, replace(PLAIN, percentiles=(40.0, 60.0)))
    assert prepared.pixels.max() == pytest.approx(0.5, abs=1e-3)
    assert any("single grey value" in note for note in prepared.notes)


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        (replace(PLAIN, has_clahe=True), "CLAHE"),
        (replace(PLAIN, filter="laplacian"), "laplacian"),
        (replace(PLAIN, is_square_first=True), "square"),
        (replace(PLAIN, fit="stretch"), "stretched"),
    ],
)
def test_every_step_is_noted_and_changes_the_pixels(changed: PrepareSettings, word: str) -> None:
    pixels = half_disc()[:, ::2] * np.linspace(0.5, 1.0, WIDTH // 2, dtype=np.float32)
    plain, other = prepare(mammogram_of(pixels), PLAIN), prepare(mammogram_of(pixels), changed)
    assert any(word in note for note in other.notes)
    assert not any(word in note for note in plain.notes)
    assert not np.array_equal(plain.pixels, other.pixels)


def test_three_channels_are_the_same_image_by_three_means() -> None:
    settings = replace(PLAIN, channels=3, mean=(0.0, 0.25, 0.5), std=(1.0, 1.0, 0.5))
    pixels = prepare(LEFT, settings).pixels
    assert pixels.shape == (3, 128, 64)
    np.testing.assert_allclose(pixels[:, 64, 0], [0.5, 0.25, 0.0], atol=1e-4)


@pytest.mark.parametrize(("bits", "kind"), [(8, np.uint8), (14, np.uint16)])
def test_what_a_cache_keeps_gives_exactly_what_reading_gives(bits: int, kind: type) -> None:
    mammogram = mammogram_of(half_disc() * np.float32(0.777), bits=bits)
    levels = prepare_grey(mammogram, PLAIN).levels
    assert levels.dtype == kind
    from_cache = levels.astype(np.float32) / np.float32(np.iinfo(kind).max)
    np.testing.assert_array_equal(prepare(mammogram, PLAIN).pixels[0], from_cache)


def test_an_image_smaller_than_the_frame_is_enlarged() -> None:
    small = mammogram_of(np.ascontiguousarray(half_disc()[::8, ::8]))
    pixels = prepare(small, PLAIN).pixels[0]
    assert pixels[64, 20] == pytest.approx(0.5, abs=1e-3)


def test_an_empty_frame_is_refused() -> None:
    with pytest.raises(ReadError, match="same value") as refusal:
        prepare(mammogram_of(np.zeros((50, 40), dtype=np.float32)), PLAIN)
    assert refusal.value.code == "no_breast"


def test_tissue_without_an_outline_is_kept_whole_and_noted() -> None:
    texture = np.random.default_rng(1).uniform(0.3, 0.7, (60, 50)).astype(np.float32)
    prepared = prepare(mammogram_of(np.kron(texture, np.ones((6, 6), np.float32))), PLAIN)
    assert prepared.geometry.crop == Box(x0=0, y0=0, x1=300, y1=360)
    assert "whole frame" in prepared.notes[0]


@pytest.mark.slow
@settings(max_examples=80, deadline=None)
@given(any_settings(), st.sampled_from([LEFT, RIGHT]), st.floats(0, 1), st.floats(0, 1))
def test_a_point_comes_back_within_half_a_prepared_pixel(
    chosen: PrepareSettings, mammogram: Mammogram, along: float, down: float
) -> None:
    geometry = prepare(mammogram, chosen).geometry
    crop = geometry.crop
    x, y = crop.x0 + along * (crop.x1 - crop.x0), crop.y0 + down * (crop.y1 - crop.y0)
    there = place_box(Box(x0=x, y0=y, x1=x, y1=y), geometry)
    assert -0.01 <= there.x0 <= chosen.size[1] + 0.01
    assert -0.01 <= there.y0 <= chosen.size[0] + 0.01
    # A heatmap knows whole prepared pixels only: the point comes back from the pixel's centre.
    column, row = np.floor(there.x0) + 0.5, np.floor(there.y0) + 0.5
    back = restore_box(Box(x0=column, y0=row, x1=column, y1=row), geometry)
    assert abs(back.x0 - x) <= 0.5 / geometry.scale[1] + 1e-6
    assert abs(back.y0 - y) <= 0.5 / geometry.scale[0] + 1e-6


@settings(max_examples=40, deadline=None)
@given(any_settings(), st.sampled_from([LEFT, RIGHT]))
def test_the_pixels_lie_where_the_geometry_says(
    chosen: PrepareSettings, mammogram: Mammogram
) -> None:
    prepared = prepare(mammogram, replace(chosen, mean=(0.0,), std=(1.0,)))
    seen = prepared.pixels[0] > 0.25
    rows, columns = np.nonzero(seen)
    tissue = np.argwhere(mammogram.pixels > 0)
    (y0, x0), (y1, x1) = tissue.min(axis=0), tissue.max(axis=0) + 1
    there = place_box(Box(x0=x0, y0=y0, x1=x1, y1=y1), prepared.geometry)
    assert rows.min() == pytest.approx(there.y0, abs=2)
    assert rows.max() + 1 == pytest.approx(there.y1, abs=2)
    assert columns.min() == pytest.approx(there.x0, abs=2)
    assert columns.max() + 1 == pytest.approx(there.x1, abs=2)


@pytest.mark.parametrize("mammogram", [LEFT, RIGHT], ids=["left", "right"])
@pytest.mark.parametrize("fit", ["pad", "stretch"])
def test_a_heatmap_comes_back_to_where_it_was_hot(
    mammogram: Mammogram, fit: Literal["pad", "stretch"]
) -> None:
    geometry = prepare(mammogram, replace(PLAIN, fit=fit)).geometry
    x = 60 if mammogram is LEFT else WIDTH - 60
    spot = place_box(Box(x0=x - 20, y0=180, x1=x + 20, y1=220), geometry)
    values = np.zeros(PLAIN.size, dtype=np.float32)
    values[round(spot.y0) : round(spot.y1), round(spot.x0) : round(spot.x1)] = 1.0
    restored = restore_map(values, geometry)
    assert restored.shape == (HEIGHT, WIDTH)
    rows, columns = np.nonzero(restored > 0.5)
    assert rows.mean() == pytest.approx(200, abs=3)
    assert columns.mean() == pytest.approx(x, abs=3)


def test_a_coarse_map_covers_the_whole_crop_and_nothing_else() -> None:
    prepared: Prepared = prepare(RIGHT, PLAIN)
    restored = restore_map(np.full((4, 2), 0.7, dtype=np.float32), prepared.geometry)
    crop = prepared.geometry.crop
    inside = restored[int(crop.y0) : int(crop.y1), int(crop.x0) : int(crop.x1)]
    np.testing.assert_allclose(inside, 0.7, rtol=1e-6)
    assert restored.sum() == pytest.approx(inside.sum())


def test_a_box_comes_back_from_a_mirrored_image() -> None:
    geometry = prepare(RIGHT, PLAIN).geometry
    box = Box(x0=300, y0=180, x1=340, y1=220)
    there = place_box(box, geometry)
    assert there.x0 < there.x1
    back = restore_box(there, geometry)
    assert (back.x0, back.y0, back.x1, back.y1) == pytest.approx((300, 180, 340, 220))
