"""The breast is found on every ground: digital black, grey film, with labels, tape and bands."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from mammo_core.errors import ReadError
from mammo_core.preprocessing.breast import Mask, add_room, find_breast, is_chest_wall_right
from mammo_core.types import Pixels
from tests.preprocessing.drawings import HEIGHT, RADIUS, half_disc

TRUTH = half_disc() > 0


def overlap(mask: Mask, truth: Mask = TRUTH) -> float:
    """Intersection over union: 1 where both agree."""
    return float((mask & truth).sum() / (mask | truth).sum())


def on_film(pixels: Pixels, *, noise: float = 0.01) -> Pixels:
    """The drawing on a ground that rises from 0.05 at the top to 0.25 at the bottom, with grain."""
    grain = np.random.default_rng(0).normal(0, noise, pixels.shape)
    ground = np.linspace(0.05, 0.25, HEIGHT)[:, None]
    return np.clip(ground + pixels + grain, 0, 1).astype(np.float32)


def test_a_breast_on_black_is_found() -> None:
    assert overlap(find_breast(half_disc())) > 0.95


def test_a_breast_on_uneven_grainy_film_is_found() -> None:
    assert overlap(find_breast(on_film(half_disc()))) > 0.95


def test_a_dark_hole_inside_the_breast_belongs_to_it() -> None:
    pixels = half_disc()
    pixels[220:260, 40:80] = 0.0
    assert find_breast(pixels)[220:260, 40:80].all()


def test_a_fading_skin_line_belongs_to_the_breast() -> None:
    rows, columns = np.mgrid[:HEIGHT, :400] + 0.5
    depth = RADIUS - np.hypot(rows - HEIGHT / 2, columns)
    pixels = np.clip(depth / 40, 0, 1).astype(np.float32) * np.float32(0.5)
    assert overlap(find_breast(pixels), depth > 0) > 0.95


def test_a_nipple_belongs_to_the_breast() -> None:
    pixels = half_disc()
    pixels[234:246, 155:168] = 0.5
    assert find_breast(pixels)[236:244, 160:166].all()


def test_letters_and_labels_do_not_belong_to_it() -> None:
    pixels = half_disc()
    pixels[20:120, 250:390] = 1.0  # brighter than the breast, and large
    pixels[200:210, 300:340] = 1.0
    mask = find_breast(pixels)
    assert overlap(mask) > 0.95
    assert not mask[:, 250:].any()


@pytest.mark.parametrize("ground", ["black", "film"])
def test_a_band_of_tape_or_bare_film_does_not_belong_to_it(ground: str) -> None:
    pixels = half_disc() if ground == "black" else on_film(half_disc())
    pixels[:12, :] = 1.0
    pixels[:, -9:] = 0.9
    mask = find_breast(pixels)
    assert overlap(mask) > 0.95
    assert not mask[:12].any()
    assert not mask[:, -9:].any()


def test_black_padding_around_a_film_is_not_taken_for_its_ground() -> None:
    pixels = on_film(half_disc())
    pixels[:, 320:] = 0.0
    assert overlap(find_breast(pixels)) > 0.95


def test_a_breast_that_fills_the_frame_is_the_whole_frame() -> None:
    texture = np.random.default_rng(1).normal(0.5, 0.1, (60, 50)).astype(np.float32)
    tissue = np.kron(texture, np.ones((6, 6), dtype=np.float32))
    assert find_breast(np.clip(tissue, 0, 1)).all()


@pytest.mark.parametrize("value", [0.0, 0.7])
def test_an_image_of_one_value_is_refused(value: float) -> None:
    with pytest.raises(ReadError, match="same value") as refusal:
        find_breast(np.full((50, 40), value, dtype=np.float32))
    assert refusal.value.code == "no_breast"


@pytest.mark.parametrize("is_right", [False, True])
def test_the_chest_wall_is_where_the_breast_is_tallest(is_right: bool) -> None:
    assert is_chest_wall_right(find_breast(half_disc(is_right=is_right))) is is_right


def test_room_is_two_percent_of_the_longer_side() -> None:
    mask = np.zeros((400, 300), dtype=np.bool_)
    mask[180:220, 140:160] = True
    rows, columns = np.nonzero(add_room(mask))
    assert rows.min() == pytest.approx(172, abs=2)
    assert rows.max() == pytest.approx(227, abs=2)
    assert columns.min() == pytest.approx(132, abs=2)


@settings(max_examples=60, deadline=None)
@given(
    arrays(
        np.float32,
        array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=40),
        elements=st.floats(0, 1, width=32),
    )
)
def test_any_image_gives_a_mask_of_its_size_or_is_refused(pixels: Pixels) -> None:
    if pixels.max() - pixels.min() < 1e-6:
        with pytest.raises(ReadError):
            find_breast(pixels)
        return
    mask = find_breast(pixels)
    assert mask.shape == pixels.shape
    assert mask.any()
