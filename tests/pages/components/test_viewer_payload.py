import json
import struct
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from mammo_core.types import Box, Window
from pages.components.shared.viewer.hanging import Pane, RegionBox, side_by_side
from pages.components.shared.viewer.viewer import (
    Legend,
    frame_of,
    overview_of,
    pack,
)


@pytest.fixture
def pane() -> Pane:
    return Pane(
        key="one",
        title="One",
        pixels=np.array([[1, 2], [3, 65535]], dtype=np.uint16),
        windows=(Window(name="Normal", low=0, high=4),),
        spacing_mm=0.2,
        breast=Box(x0=0, y0=0, x1=1, y1=1),
        heat=np.array([[7, 8, 9]], dtype=np.uint8),
        boxes=(
            RegionBox(x0=0, y0=0, x1=1, y1=2, text="0.9"),
            RegionBox(x0=0, y0=1, x1=1, y1=2, text="1", is_round=True),
        ),
    )


def unpacked(message: bytes) -> tuple[dict[str, Any], bytes]:
    (length,) = struct.unpack_from("<I", message)
    return json.loads(message[4 : 4 + length]), message[4 + length :]


def test_the_browser_finds_pixels_and_heat_where_the_header_says(pane: Pane) -> None:
    header, buffers = unpacked(pack(side_by_side([pane]), height=640, legend=Legend()))
    first, second = header["offsets"]
    assert np.frombuffer(buffers, "<u2", 4, first).tolist() == [1, 2, 3, 65535]
    assert np.frombuffer(buffers, "u1", 3, second).tolist() == [7, 8, 9]
    assert header["cells"][0]["boxes"] == [
        [0, 0, 1, 2, "0.9", False],
        [0, 1, 1, 2, "1", True],
    ]


def test_every_buffer_starts_where_a_typed_array_may(pane: Pane) -> None:
    message = pack(side_by_side([pane, pane]), height=640, legend=Legend())
    header, buffers = unpacked(message)
    assert (len(message) - len(buffers)) % 8 == 0
    assert [offset % 8 for offset in header["offsets"]] == [0, 0, 0, 0]


def test_panes_share_millimetres_then_breasts_then_heights(pane: Pane) -> None:
    other = replace(pane, key="other", spacing_mm=0.1, breast=Box(x0=0, y0=0, x1=1, y1=2))

    def units(*panes: Pane) -> list[float]:
        header, _ = unpacked(pack(side_by_side(panes), height=640, legend=Legend()))
        return [cell["unit"] for cell in header["cells"]]

    assert units(pane, other) == [0.2, 0.1]
    assert units(pane, replace(other, spacing_mm=None)) == [1.0, 0.5]
    assert units(pane, replace(other, spacing_mm=None, breast=None)) == [0.5, 0.5]


def test_the_corner_names_side_and_view_and_repeats_no_title(pane: Pane) -> None:
    sided = replace(pane, title="R CC", side="R", view="CC", note="0.31, phantom-light")
    header, _ = unpacked(pack(side_by_side([sided, pane]), height=640, legend=Legend()))
    assert [(cell["name"], cell["notes"]) for cell in header["cells"]] == [
        ("R CC", ["0.31, phantom-light"]),
        ("One", []),
    ]


def test_without_windows_the_whole_range_is_shown(pane: Pane) -> None:
    header, _ = unpacked(
        pack(side_by_side([replace(pane, windows=())]), height=640, legend=Legend())
    )
    assert header["cells"][0]["windows"] == [
        {"name": "Full range", "low": 1, "high": 65535, "is_sigmoid": False}
    ]


def test_a_region_outside_the_breast_is_in_view_from_the_start(pane: Pane) -> None:
    header, _ = unpacked(pack(side_by_side([pane]), height=640, legend=Legend()))
    assert header["cells"][0]["focus"] == [0, 0, 1, 2]


FULL = np.zeros((1100, 1300), dtype=np.uint16)


def test_the_overview_is_half_of_what_the_page_holds_where_more_can_be_asked_for() -> None:
    pixels = np.zeros((301, 400), dtype=np.uint16)
    pixels[:2, :2] = [[10, 20], [30, 41]]
    shown = Pane(key="one", title="", pixels=pixels, full=FULL, reduction=3.25)
    assert overview_of(shown).shape == (150, 200)
    assert overview_of(shown)[0, 0] == 25
    assert overview_of(replace(shown, full=None)) is pixels


def test_stored_pixels_are_square_in_the_frame_that_they_are_laid_in() -> None:
    """Sides are rounded when an image is reduced: 1300 / 3.25 is 400, 1100 / 3.25 is 338.46."""
    shown = Pane(
        key="one", title="", pixels=np.zeros((338, 400), np.uint16), full=FULL, reduction=3.25
    )
    height, width = frame_of(shown)
    assert (1100 / height, 1300 / width) == pytest.approx((3.25, 3.25))
