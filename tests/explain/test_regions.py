"""Regions on maps of a few cells over a breast drawn by hand."""

import numpy as np
import pytest
from numpy.typing import NDArray

from mammo_core.explain.regions import (
    STANDS_OUT,
    Regions,
    find_regions,
    quadrant_of,
)
from mammo_core.reading import Across, Depth, Region, is_flat
from mammo_core.types import Box, Geometry, Laterality, View

SIZE = (160, 80)  # 8 x 4 cells of 20 x 20 pixels
LEFT_CC = {"side": Laterality.LEFT, "view": View.CC}


def breast(*, is_right: bool = False) -> NDArray[np.bool_]:
    """Half an ellipse on the left edge: 160 high, 80 deep, its nipple at row 80."""
    rows, columns = np.mgrid[0:160, 0:80] + 0.5
    mask = ((rows - 80) / 80) ** 2 + (columns / 80) ** 2 < 1.0
    return np.ascontiguousarray(mask[:, ::-1]) if is_right else mask


def as_it_lies(*, is_flipped: bool = False) -> Geometry:
    return Geometry(
        source_size=SIZE,
        prepared_size=SIZE,
        crop=Box(x0=0, y0=0, x1=80, y1=160),
        is_flipped=is_flipped,
        scale=(1.0, 1.0),
        offset=(0.0, 0.0),
    )


def cells(**values: float) -> NDArray[np.float32]:
    """`r1c2=3.0` puts 3 into row 1, column 2 of a map of 8 x 4 cells."""
    evidence = np.zeros((8, 4), dtype=np.float32)
    for name, value in values.items():
        evidence[int(name[1]), int(name[3])] = value
    return evidence


def only(found: Regions) -> Region:
    (region,) = found.inside
    return region


def test_a_region_is_boxed_in_whole_cells_and_told_in_words() -> None:
    found = find_regions(cells(r2c1=3.0, r2c2=1.0), as_it_lies(), breast(), **LEFT_CC)
    region = only(found)
    assert region.box == Box(x0=20, y0=40, x1=40, y1=60)
    assert (region.share, region.peak, found.outside) == (0.75, 3.0, 0.0)
    assert region.words == "outer, middle third"  # 30 pixels above the nipple, 50 of 80 behind it


def test_cells_of_half_the_peak_belong_to_it() -> None:
    region = only(find_regions(cells(r2c1=2.0, r2c2=1.0, r3c2=1.0), as_it_lies(), breast()))
    assert region.box == Box(x0=20, y0=40, x1=60, y1=80)
    assert region.share == 1.0


def test_the_flank_of_a_peak_is_no_region_of_its_own() -> None:
    assert len(find_regions(cells(r3c0=5.0, r3c1=2.0), as_it_lies(), breast()).inside) == 1


def test_two_peaks_are_two_regions_the_stronger_first() -> None:
    found = find_regions(cells(r2c0=2.0, r6c1=6.0), as_it_lies(), breast(), **LEFT_CC)
    assert [region.share for region in found.inside] == [0.75, 0.25]
    assert [region.across for region in found.inside] == [Across.INNER, Across.OUTER]


def test_nothing_below_full_colour_is_a_region() -> None:
    evidence = cells(r3c1=0.9)
    assert find_regions(evidence, as_it_lies(), breast()).inside == ()
    assert len(find_regions(evidence, as_it_lies(), breast(), is_relative=True).inside) == 1
    assert find_regions(cells(), as_it_lies(), breast()) == Regions(inside=(), outside=0.0)


def test_evidence_outside_the_breast_is_told_and_is_no_region() -> None:
    found = find_regions(cells(r0c3=3.0, r4c1=1.0), as_it_lies(), breast())
    assert found.outside == 0.75
    assert only(found).share == 0.25


@pytest.mark.parametrize(
    ("column", "depth"), [(0, Depth.POSTERIOR), (1, Depth.MIDDLE), (3, Depth.ANTERIOR)]
)
def test_depth_is_told_in_thirds_from_the_nipple(column: int, depth: Depth) -> None:
    evidence = cells(**{f"r4c{column}": 2.0})
    assert only(find_regions(evidence, as_it_lies(), breast())).depth is depth


def test_upper_and_lower_are_told_of_an_mlo_and_central_is_near_the_nipples_height() -> None:
    def words(row: int) -> str:
        evidence = cells(**{f"r{row}c0": 2.0})
        where = {"side": Laterality.LEFT, "view": View.MLO}
        return only(find_regions(evidence, as_it_lies(), breast(), **where)).words

    assert words(1) == "upper, posterior third"
    assert words(4) == "central, posterior third"
    assert words(6) == "lower, posterior third"


def test_a_right_breast_is_measured_from_its_own_nipple_and_boxed_where_it_lies() -> None:
    turned = as_it_lies(is_flipped=True)
    region = only(
        find_regions(
            cells(r2c0=2.0), turned, breast(is_right=True), side=Laterality.RIGHT, view=View.CC
        )
    )
    assert region.box == Box(x0=60, y0=40, x1=80, y1=60)
    assert region.words == "outer, posterior third"


def test_where_side_view_or_outline_do_not_tell_nothing_is_said() -> None:
    evidence, lies = cells(r2c0=2.0), as_it_lies()
    assert only(find_regions(evidence, lies, breast())).words == "posterior third"
    of_other_side = find_regions(evidence, lies, breast(), side=Laterality.RIGHT, view=View.CC)
    assert only(of_other_side).across is None  # mirrored, or turned upside down: who knows
    whole_frame = np.ones(SIZE, dtype=bool)
    assert only(find_regions(evidence, lies, whole_frame, **LEFT_CC)).words == ""


def test_cells_lie_where_they_look() -> None:
    region = only(find_regions(cells(r4c2=2.0), as_it_lies(), breast(), offset=-7.5))
    assert region.box == Box(x0=32.5, y0=72.5, x1=52.5, y1=92.5)


def at(across: Across, from_nipple: float) -> Region:
    box = Box(x0=0, y0=0, x1=1, y1=1)
    return Region(box=box, share=1.0, peak=1.0, across=across, from_nipple=from_nipple)


def test_a_quadrant_needs_a_region_in_both_views_at_one_depth() -> None:
    outer, upper = at(Across.OUTER, 0.5), at(Across.UPPER, 0.6)
    assert quadrant_of([outer], [upper]) == "upper outer quadrant"
    assert quadrant_of([at(Across.INNER, 0.5)], [at(Across.LOWER, 0.5)]) == "lower inner quadrant"
    assert quadrant_of([outer], []) == ""
    assert quadrant_of([outer], [at(Across.UPPER, 0.9)]) == ""  # not the same thing
    assert quadrant_of([outer], [at(Across.CENTRAL, 0.5)]) == ""


def test_a_map_without_contrast_has_no_regions_however_high_it_lies() -> None:
    even = np.full((8, 4), 4 * STANDS_OUT, dtype=np.float32)
    even[2, 1] *= 1.2  # below 1.25 times the median
    assert is_flat(even)
    assert find_regions(even, as_it_lies(), breast()) == Regions(inside=(), outside=0.0)
    even[2, 1] *= 1.1
    assert not is_flat(even)
    assert find_regions(even, as_it_lies(), breast()).inside


def test_a_map_of_zeros_is_not_called_flat() -> None:
    assert not is_flat(cells())
