"""What is no mammogram: blank frames and masks; and what only looks a little like one of these."""

import numpy as np
import pytest

from mammo_core.config import PrepareSettings
from mammo_core.errors import ReadError
from mammo_core.preprocessing.judge import unfit_of
from mammo_core.preprocessing.prepare import prepare
from mammo_core.preprocessing.raster import decode_raster
from mammo_core.types import Mammogram, Unfit
from tests.datasets.builders.drawn import blank_film, film_with_white_strip, mask, texture


def read(values: np.ndarray, *, highest: int = 255) -> Mammogram:
    kind = ">u2" if highest > 255 else "u1"
    height, width = values.shape
    head = f"P5 {width} {height} {highest}\n".encode()
    return decode_raster(head + values.astype(kind).tobytes(), image_id="x")


def test_a_film_of_which_nothing_is_brighter_than_8_of_255_is_blank() -> None:
    assert read(blank_film()).info.unfit is Unfit.BLANK
    assert read(np.full((64, 64), 90)).info.unfit is Unfit.BLANK


def test_noise_that_a_window_stretches_to_full_contrast_is_blank() -> None:
    frame = read(blank_film((512, 384)) + np.uint16(100), highest=4095)
    assert frame.pixels.max() == 1.0
    assert frame.info.unfit is Unfit.BLANK


def test_a_letter_on_a_blank_film_does_not_make_it_a_mammogram() -> None:
    film = blank_film((256, 192))
    film[4:8, 4:8] = 255
    assert read(film).info.unfit in (Unfit.BLANK, Unfit.MASK)


def test_two_values_are_a_mask() -> None:
    assert read(mask((96, 72), (10, 10, 30, 40))).info.unfit is Unfit.MASK


@pytest.mark.parametrize("darker_by", [1, 4, 12])
def test_a_breast_is_neither_however_dark_its_film(darker_by: int) -> None:
    assert read(texture(1) // darker_by).info.unfit is None


def test_a_dark_breast_beside_a_white_letter_is_no_mask() -> None:
    film = texture(1, (256, 192)) // 8
    film[4:30, 150:190] = 255
    assert read(film).info.unfit is None


def test_preparing_refuses_what_is_no_mammogram_and_says_which_kind() -> None:
    with pytest.raises(ReadError, match="blank") as refusal:
        prepare(read(blank_film()), PrepareSettings(size=(32, 16)))
    assert unfit_of(refusal.value) is Unfit.BLANK
    assert unfit_of(ReadError("truncated", "This picture ends early.")) is None


def test_a_film_with_a_white_strip_is_read_as_it_is() -> None:
    film = film_with_white_strip()
    read_film = read(film)
    np.testing.assert_allclose(read_film.pixels, film / 255, atol=1e-6)
    assert read_film.notes == ()
