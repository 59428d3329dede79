from dataclasses import replace

import numpy as np
import pytest

from mammo_core.explain.cells import PlacedMap, mean_of_maps
from mammo_core.types import Box, Geometry

WHOLE = Geometry(
    source_size=(80, 40),
    prepared_size=(80, 40),
    crop=Box(x0=0, y0=0, x1=40, y1=80),
    is_flipped=False,
    scale=(1.0, 1.0),
    offset=(0.0, 0.0),
)
HALF = replace(WHOLE, prepared_size=(40, 20), scale=(0.5, 0.5))
TURNED = replace(WHOLE, is_flipped=True)


def placed(evidence: np.ndarray, geometry: Geometry = WHOLE, offset: float = 0.0) -> PlacedMap:
    return PlacedMap(evidence=np.float32(evidence), geometry=geometry, offset=offset)


def with_peak(row: int, column: int) -> np.ndarray:
    evidence = np.zeros((8, 4))
    evidence[row, column] = 2.0
    return evidence


def test_maps_on_the_same_cells_are_averaged_cell_by_cell() -> None:
    mean = mean_of_maps([placed(with_peak(1, 1)), placed(with_peak(6, 2))])
    assert mean[1, 1] == mean[6, 2] == 1.0
    assert mean.sum() == 2.0


def test_a_map_of_a_smaller_frame_lies_at_the_same_place_of_the_image() -> None:
    np.testing.assert_allclose(
        mean_of_maps([placed(with_peak(1, 1)), placed(with_peak(1, 1), HALF)]), with_peak(1, 1)
    )


def test_a_map_of_a_turned_image_is_turned_back() -> None:
    mean = mean_of_maps([placed(with_peak(1, 0)), placed(with_peak(1, 3), TURNED)])
    np.testing.assert_allclose(mean, with_peak(1, 0))


def test_a_map_on_coarser_cells_is_interpolated_between_them() -> None:
    coarse = placed(np.array([[0.0], [1.0]]))  # middles at rows 20 and 60
    mean = mean_of_maps([placed(np.zeros((8, 4))), coarse])
    assert mean[:, 0] * 2 == pytest.approx([0, 0, 0.125, 0.375, 0.625, 0.875, 1, 1])


def test_cells_that_look_elsewhere_than_their_tiles_are_taken_where_they_look() -> None:
    moved = placed(with_peak(2, 2), offset=-10.0)  # each cell looks one cell up and to the left
    np.testing.assert_allclose(mean_of_maps([placed(np.zeros((8, 4))), moved])[1, 1], 1.0)


def test_beyond_its_frame_a_map_says_nothing() -> None:
    upper = replace(WHOLE, prepared_size=(40, 40), crop=Box(x0=0, y0=0, x1=40, y1=40))
    mean = mean_of_maps([placed(np.zeros((8, 4))), placed(np.ones((4, 4)), upper)])
    assert mean[:4].tolist() == [[0.5] * 4] * 4
    assert not mean[4:].any()
