"""Maps of a few cells over a breast of a known outline: what is coloured, and what is warned of."""

import numpy as np
import pytest
from numpy.typing import NDArray

from mammo_core.explain.drawn import MUCH_AT_RIM, draw
from mammo_core.reading import corner_in_words
from mammo_core.types import Box, Geometry

SIZE = (200, 100)  # 10 x 5 cells of 20 x 20 pixels
LIES = Geometry(
    source_size=SIZE,
    prepared_size=SIZE,
    crop=Box(x0=0, y0=0, x1=100, y1=200),
    is_flipped=False,
    scale=(1.0, 1.0),
    offset=(0.0, 0.0),
)


def breast() -> NDArray[np.bool_]:
    """A block on the left edge: rows 20 to 179, columns 0 to 59."""
    mask = np.zeros(SIZE, dtype=np.bool_)
    mask[20:180, :60] = True
    return mask


def cells(*places: tuple[int, int], height: float = 1.0) -> NDArray[np.float32]:
    evidence = np.zeros((10, 5), dtype=np.float32)
    for row, column in places:
        evidence[row, column] = height
    return evidence


@pytest.mark.parametrize("reduction", [1, 4])
def test_nothing_outside_the_breast_is_coloured(reduction: int) -> None:
    everywhere = np.linspace(0.2, 1.0, 50, dtype=np.float32).reshape(10, 5)
    mask = np.ascontiguousarray(breast()[::reduction, ::reduction])
    heat = draw(everywhere, LIES, mask).heat
    assert heat.shape == SIZE
    assert not heat[~breast()].any()
    assert heat[25:175, :55].all()


def test_a_frame_without_an_outline_is_coloured_whole_and_has_no_rim() -> None:
    whole = np.ones(SIZE, dtype=np.bool_)
    drawn = draw(cells((0, 4)), LIES, whole)
    assert drawn.heat[5, 95] == 255
    assert drawn.at_rim == 0.0


@pytest.mark.parametrize("height", [0.004, 1.0, 3.0])
def test_evidence_on_the_skin_or_beyond_is_measured_however_faint_the_map(height: float) -> None:
    in_the_dark = draw(cells((5, 4), height=height), LIES, breast())
    assert in_the_dark.at_rim == 1.0
    in_tissue = draw(cells((5, 1), height=height), LIES, breast())
    assert in_tissue.at_rim == 0.0
    assert "100 % of the evidence lies outside the breast or on its border" in in_the_dark.warning
    assert in_tissue.warning == ""


def test_the_chest_wall_is_no_border() -> None:
    assert draw(cells((5, 0)), LIES, breast()).at_rim == 0.0


def test_evidence_spread_over_the_whole_breast_alike_is_not_warned_of() -> None:
    even = cells(*((row, column) for row in range(1, 9) for column in range(3)))
    drawn = draw(even, LIES, breast())
    # 160 x 60 pixels of breast, of which a rim of 5 at three sides is a fifth; the cells' edges
    # are drawn soft, so that a little of them lies beyond it.
    assert 0.1 < drawn.at_rim < MUCH_AT_RIM


def test_a_map_without_contrast_has_no_evidence_anywhere() -> None:
    assert draw(np.full((10, 5), 0.3, dtype=np.float32), LIES, breast()).at_rim == 0.0


@pytest.mark.parametrize(
    ("most", "said"),
    [
        (254, "at most 99 % of full colour"),
        (128, "at most 50 % of full colour"),
        (127, "faint: at most 50 % of full colour"),
        (31, "faint: at most 12 % of full colour"),
        (2, "faint: less than 1 % of full colour"),
        (0, "faint: less than 1 % of full colour"),
    ],
)
def test_a_map_below_full_colour_says_how_high_it_goes(most: int, said: str) -> None:
    heat = np.array([[0, most]], dtype=np.uint8)
    assert corner_in_words(heat, is_relative=False, stands_out=False) == said
    assert not corner_in_words(heat, is_relative=False, stands_out=True)


def test_a_map_stretched_to_its_own_image_is_not_to_be_compared() -> None:
    heat = draw(cells((5, 1)), LIES, breast()).heat
    said = corner_in_words(heat, is_relative=True, stands_out=True)
    assert said == "own scale: not to be compared with other views"


def test_full_colour_beyond_the_skin_does_not_make_a_faint_breast_look_hot() -> None:
    mixed = cells((5, 4)) + cells((5, 0), height=0.2)
    heat = draw(mixed, LIES, breast()).heat
    said = corner_in_words(heat, is_relative=False, stands_out=False)
    assert said == "faint: at most 20 % of full colour"
