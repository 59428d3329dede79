"""Maps of 4 x 2 cells of 10 x 10 pixels held against a lesion drawn by hand."""

import numpy as np
import pytest

from mammo_core.explain.fidelity import Agreement, Marked, agreement_of, draw_boxes
from mammo_core.types import Box, Geometry

BREAST = np.ones((40, 20), dtype=bool)


def marked(*, top: int, left: int, bottom: int, right: int) -> Marked:
    lesion = np.zeros((40, 20), dtype=bool)
    lesion[top:bottom, left:right] = True
    pixels = np.zeros((1, 40, 20), dtype=np.float32)
    return Marked(image_id="I", group_id="W", pixels=pixels, breast=BREAST, lesion=lesion)


ONE_CELL = marked(top=10, left=0, bottom=20, right=10)  # row 1, column 0


def agreement(*rows: list[float], offset: float = 0.0) -> Agreement:
    return agreement_of(np.array(rows, dtype=np.float32), ONE_CELL, offset=offset)


def test_a_map_of_the_lesion_and_nothing_else_agrees_in_every_way() -> None:
    found = agreement([0, 0], [3, 0], [0, 0], [0, 0])
    assert (found.pointing, found.energy, found.overlap) == (1.0, 1.0, 1.0)


def test_chance_is_matched_for_area() -> None:
    found = agreement([0, 0], [3, 0], [0, 0], [0, 0])
    # Widened by 5 pixels: rows 5 to 25, columns 0 to 15, of 800 pixels.
    assert found.chance_pointing == pytest.approx(20 * 15 / 800)
    assert found.chance_energy == pytest.approx(100 / 800)
    assert found.chance_overlap == pytest.approx(1 / 8)  # one place of eight fits, and fits wholly


def test_a_map_that_looks_elsewhere_agrees_in_nothing() -> None:
    found = agreement([0, 0], [0, 0], [0, 0], [0, 3])
    assert (found.pointing, found.energy, found.overlap) == (0.0, 0.0, 0.0)


def test_evidence_is_shared_out_and_the_cells_around_the_peak_count_for_overlap() -> None:
    found = agreement([0, 0], [4, 2], [0, 0], [2, 0])
    assert found.energy == 0.5
    assert found.overlap == 0.5  # the lesion and the cell beside it


def test_a_flat_map_points_nowhere() -> None:
    for level in (0.0, 1.0):
        found = agreement(*[[level, level]] * 4)
        assert (found.pointing, found.overlap) == (0.0, 0.0)


def test_cells_are_where_they_look() -> None:
    found = agreement([0, 0], [0, 0], [0, 3], [0, 0], offset=-10.0)
    assert (found.pointing, found.energy) == (1.0, 1.0)


def test_boxes_are_drawn_where_the_prepared_image_has_them() -> None:
    geometry = Geometry(
        source_size=(80, 40), prepared_size=(40, 20), crop=Box(x0=0, y0=0, x1=40, y1=80),
        is_flipped=True, scale=(0.5, 0.5), offset=(0.0, 0.0),
    )  # fmt: skip
    mask = draw_boxes([Box(x0=30, y0=20, x1=40, y1=40)], geometry)
    assert np.argwhere(mask).min(axis=0).tolist() == [10, 0]
    assert mask.sum() == 10 * 5
    speck = draw_boxes([Box(x0=0, y0=0, x1=0.2, y1=0.2)], geometry)
    assert speck.sum() == 1
