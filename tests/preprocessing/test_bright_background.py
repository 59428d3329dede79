"""Which way round a film is: told by its flat background."""

import cv2
import numpy as np
import pytest

from mammo_core.preprocessing.judge import has_bright_background
from mammo_core.types import Pixels
from tests.datasets.builders.drawn import film_with_white_strip


def breast_on(background: float, tissue: float, *, noise: float = 0.0) -> Pixels:
    """A textured half disc at the right edge of a frame of 256 x 192."""
    y, x = np.mgrid[:256, :192]
    draws = np.random.default_rng(3)
    texture = cv2.GaussianBlur(draws.normal(0, 1, (256, 192)), (0, 0), 3.0) * 0.4
    is_breast = (y - 128) ** 2 + (x - 192) ** 2 < 130**2
    pixels = np.where(is_breast, tissue + texture, background)
    return np.clip(pixels + draws.normal(0, noise, pixels.shape), 0, 1).astype(np.float32)


@pytest.mark.parametrize("noise", [0.0, 0.03, 0.1])
def test_a_dark_background_is_dark_and_a_bright_one_bright(noise: float) -> None:
    assert not has_bright_background(breast_on(0.0, 0.5, noise=noise))
    assert not has_bright_background(breast_on(0.15, 0.6, noise=noise))
    assert has_bright_background(breast_on(1.0, 0.5, noise=noise))
    assert has_bright_background(breast_on(0.85, 0.4, noise=noise))


def test_a_thin_frame_around_a_film_does_not_decide() -> None:
    for background, frame in ((0.1, 1.0), (0.9, 0.0)):
        pixels = breast_on(background, 0.5)
        pixels[:10] = pixels[-10:] = pixels[:, :8] = pixels[:, -8:] = frame
        assert has_bright_background(pixels) == (background > 0.5)


def test_letters_and_a_white_label_do_not_decide() -> None:
    pixels = breast_on(0.0, 0.5)
    pixels[12:60, 10:50] = 1.0
    assert not has_bright_background(pixels)


def test_a_strip_of_unexposed_film_does_not_decide() -> None:
    film = film_with_white_strip()
    assert not has_bright_background(film / np.float32(255))


def test_a_saturated_chest_wall_does_not_decide() -> None:
    pixels = breast_on(0.0, 0.6)
    pixels[60:200, 130:] = 1.0
    assert not has_bright_background(pixels)


def test_an_image_without_background_is_left_as_it_is() -> None:
    texture = np.random.default_rng(0).random((200, 200)).astype(np.float32)
    assert not has_bright_background(texture)
    assert not has_bright_background(np.full((50, 50), 0.9, dtype=np.float32))
    assert not has_bright_background(np.ones((1, 1), dtype=np.float32))
