"""Changes of a half disc of grey 0.5, whose every pixel one can name."""

from dataclasses import replace

import numpy as np

from mammo_core.config import PrepareSettings
from mammo_core.preprocessing.changes import (
    compressed,
    halved,
    mirrored,
    prepared_without_breast,
    rotated,
    windowed,
    without_background,
    without_letters,
)
from mammo_core.preprocessing.prepare import prepare
from mammo_core.types import Mammogram
from tests.preprocessing.drawings import HEIGHT, RADIUS, WIDTH, half_disc, mammogram_of

LETTER = (slice(20, 40), slice(340, 370))  # far from the breast
NEAR_SKIN = (HEIGHT // 2, RADIUS + 6)  # outside the breast, within the room that letters leave


def with_letter() -> Mammogram:
    pixels = half_disc()
    pixels[LETTER] = 1.0
    pixels[NEAR_SKIN] = 0.1
    return mammogram_of(pixels)


def test_twice_mirrored_is_as_it_was_and_once_is_not() -> None:
    lettered = with_letter()
    once = mirrored(lettered)
    assert once.pixels[30, WIDTH - 1 - 350] == 1.0
    np.testing.assert_array_equal(mirrored(once).pixels, lettered.pixels)


def test_a_quarter_turn_takes_the_breast_from_the_left_edge_to_the_lower() -> None:
    square = mammogram_of(half_disc()[HEIGHT // 2 - 200 : HEIGHT // 2 + 200])
    turned = rotated(square, 90.0)
    np.testing.assert_allclose(
        turned.pixels[1:-1, 1:-1], np.rot90(square.pixels)[1:-1, 1:-1], atol=1e-4
    )
    assert turned.pixels[-10, 200] == 0.5
    assert turned.pixels[10, 200] == 0.0


def test_a_wider_window_shows_tissue_darker_and_a_narrower_brighter_and_black_stays() -> None:
    image = mammogram_of(half_disc())
    inside, outside = (HEIGHT // 2, 50), (10, WIDTH - 10)
    assert windowed(image, 1.25).pixels[inside] == np.float32(0.4)
    assert windowed(image, 0.8).pixels[inside] == np.float32(0.625)
    assert windowed(image, 0.4).pixels.max() == 1.0
    assert windowed(image, 1.25).pixels[outside] == 0.0


def test_jpeg_changes_little_and_something() -> None:
    image = with_letter()
    difference = np.abs(compressed(image, 80).pixels - image.pixels)
    assert 0.0 < difference.max() < 0.35
    assert difference.mean() < 0.01


def test_half_the_resolution_is_half_the_pixels_at_twice_the_spacing() -> None:
    plain = mammogram_of(half_disc())
    image = replace(plain, info=replace(plain.info, spacing_mm=(0.1, 0.1)))
    half = halved(image)
    assert half.size == (HEIGHT // 2, WIDTH // 2)
    assert half.info.spacing_mm == (0.2, 0.2)
    assert half.pixels[HEIGHT // 4, 20] == 0.5


def test_letters_go_and_what_is_near_the_skin_stays_until_the_background_goes_too() -> None:
    image = with_letter()
    lettered, bare = without_letters(image), without_background(image)
    assert lettered.pixels[LETTER].max() == bare.pixels[LETTER].max() == 0.0
    assert lettered.pixels[NEAR_SKIN] == np.float32(0.1)
    assert bare.pixels[NEAR_SKIN] == 0.0
    assert bare.pixels[HEIGHT // 2, 50] == 0.5


def test_without_its_breast_a_prepared_image_shows_its_letters_alone() -> None:
    settings = PrepareSettings(
        size=(240, 200), crop="none", is_masked=False, mean=(0.0,), std=(1.0,)
    )
    image = with_letter()
    whole = prepare(image, settings).pixels[0]
    blank = prepared_without_breast(image, settings)[0]
    assert blank[120, 20] == 0.0
    assert abs(whole[120, 20] - 0.5) < 1e-4
    assert blank[15, 175] == whole[15, 175] > 0.9
    masked = prepared_without_breast(image, replace(settings, is_masked=True))
    assert masked.max() == masked.min() == 0.0  # a model prepared so sees no letters either
