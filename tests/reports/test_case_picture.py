import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mammo_core.errors import UnknownNameError
from mammo_core.reports.case.picture import (
    COLOUR_MAPS,
    Appearance,
    colour_table,
    grey_picture,
    heat_picture,
    overlay_picture,
    plain_picture,
    to_png,
    under_window,
)
from mammo_core.types import Window
from tests.reports.read_cases import read_case, unread

CASE = read_case()
VIEWER = Path(__file__).resolve().parents[2] / "pages" / "components" / "shared" / "viewer"


def test_the_colours_are_those_of_the_viewer() -> None:
    script = (VIEWER / "colours.js").read_text(encoding="utf-8")
    for name, stops in COLOUR_MAPS.items():
        after = script.split(f"{name}:")[1]
        assert re.findall(r"\b[0-9a-f]{6}\b", after)[: len(stops.split())] == stops.split()


def test_the_default_look_is_that_of_the_viewer() -> None:
    script = (VIEWER / "viewer.js").read_text(encoding="utf-8")
    assert f"opacity: {Appearance().opacity}" in script
    assert f'palette: "{Appearance().palette}"' in script


def test_a_colour_between_two_stops_lies_between_their_colours() -> None:
    table = colour_table("inferno")
    assert table.shape == (256, 3)
    assert table[0].tolist() == [0, 0, 4]
    assert table[255].tolist() == [0xFC, 0xFF, 0xA4]


def test_an_unknown_colour_map_is_told() -> None:
    with pytest.raises(UnknownNameError, match="jet"):
        colour_table("jet")


def test_a_window_maps_its_low_end_to_black_and_its_high_end_to_white() -> None:
    pixels = np.array([[0, 100, 150, 200, 300]], dtype=np.uint16)
    assert under_window(pixels, Window(name="", low=100, high=200)).tolist() == [
        [0, 0, 128, 255, 255]
    ]


def test_a_sigmoid_window_is_half_bright_in_its_middle() -> None:
    pixels = np.array([[150]], dtype=np.uint16)
    window = Window(name="", low=100, high=200, is_sigmoid=True)
    assert under_window(pixels, window).tolist() == [[128]]


def test_the_chosen_window_is_taken_and_an_unknown_one_leaves_the_first() -> None:
    image = CASE.images[0]
    assert grey_picture(image, Appearance())[:, 0].tolist() == [0, 36, 73, 109, 146, 182, 219, 255]
    assert grey_picture(image, Appearance(window="Dark"))[4, 0] == 255
    assert grey_picture(image, Appearance(window="gone"))[4, 0] == 146


def test_full_colour_is_blended_by_the_opacity_and_cold_pixels_stay_grey() -> None:
    image = CASE.images[1]  # without a region, whose box would be drawn over
    picture = overlay_picture(image, CASE, Appearance(opacity=1.0))
    left, top = (picture.shape[1] - 4) // 2, 26
    seen = picture[top : top + 8, left : left + 4]
    assert seen[0, 0].tolist() == colour_table("inferno")[255].tolist()
    assert seen[7, 3].tolist() == [255, 255, 255]


def test_a_region_is_boxed_in_pixels_of_the_picture() -> None:
    image = CASE.images[0]  # columns 2 to 6 and rows 4 to 12 of an original twice as large
    yellow = (heat_picture(image, Appearance()) == [255, 209, 102]).all(axis=2)
    assert np.argwhere(yellow[:, :3]).min(axis=0).tolist() == [2, 1]
    assert yellow[2:6, 1].all()


def test_the_notice_is_burned_into_every_picture() -> None:
    image = CASE.images[0]
    for picture in (overlay_picture(image, CASE, Appearance()), plain_picture(image, Appearance())):
        band = picture[:26].astype(int)
        assert (band.max(axis=2) > 200).sum() > 300  # bright letters
        assert picture.shape[1] >= 560  # wide enough for them


def test_an_image_that_was_not_read_has_no_colours_and_says_why() -> None:
    image = unread(CASE.images[0])
    picture = overlay_picture(image, CASE, Appearance(opacity=1.0))
    left, top = (picture.shape[1] - 4) // 2, 26
    assert picture[top, left].tolist() == [0, 0, 0]
    assert picture.shape[0] < overlay_picture(CASE.images[0], CASE, Appearance()).shape[0]


def test_a_png_holds_the_picture_and_nothing_else() -> None:
    content = to_png(grey_picture(CASE.images[0], Appearance()))
    chunks = set(re.findall(rb"tEXt|iTXt|zTXt|eXIf|tIME", content))
    assert content.startswith(b"\x89PNG")
    assert not chunks


def test_a_map_at_half_of_full_colour_has_half_of_the_ink() -> None:
    image = replace(CASE.images[0], regions=())
    assert image.heat is not None
    plain = heat_picture(replace(image, heat=np.zeros_like(image.heat)), Appearance()).astype(float)
    for height, ink in ((51, 0.09), (255, 0.45)):
        drawn = heat_picture(replace(image, heat=np.full_like(image.heat, height)), Appearance())
        colour = colour_table("inferno")[height].astype(float)
        np.testing.assert_allclose(drawn, plain + ink * (colour - plain), atol=0.51)
