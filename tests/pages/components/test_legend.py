"""What the bar beside a heatmap says its colours are."""

from dataclasses import replace

import numpy as np
import pytest

from mammo_core.explain.drawn import DrawnMap
from mammo_core.explain.regions import Regions
from mammo_core.preprocessing.cases import CaseImage
from mammo_core.reading import OWN_METHOD
from mammo_core.types import ImageInfo, ImageRef
from pages.components.read.pictures import facts_of, legend_of
from pages.components.read.reading import CaseReading
from tests.reports.read_cases import reading


class OneImage:
    """As much of a case as a legend asks for."""

    class Image:
        ref = ImageRef(image_id="one")
        title = "L CC"

    images = (Image(),)


def read_by(method: str, *, is_relative: bool) -> CaseReading:
    one = replace(reading(0.5, ImageRef(image_id="one")), method=method, is_relative=is_relative)
    heat = np.full((8, 4), 128, dtype=np.uint8)
    return CaseReading(
        readings={"one": one},
        regions={"one": Regions(inside=(), outside=0.0)},
        drawn={"one": DrawnMap(heat=heat)},
        seconds={},
    )


@pytest.mark.parametrize(
    ("method", "is_relative", "text", "full", "below"),
    [
        ("grad_cam", False, "What moved the score", "1 in 200 images", "50 % of it"),
        ("layer_cam", True, "What moved the score", "most in this image", ""),
        (OWN_METHOD, False, "What the network marks", "1 on the network's own", "50 % of it"),
    ],
)
def test_the_bar_says_what_is_coloured_and_what_full_colour_is(
    method: str, is_relative: bool, text: str, full: str, below: str
) -> None:
    legend = legend_of(OneImage(), [read_by(method, is_relative=is_relative)])  # type: ignore[arg-type]
    assert legend.text == text
    assert full in legend.high_text
    assert below in legend.said
    assert bool(legend.said) == bool(below)


def test_what_may_be_shown_of_a_file_says_by_what_and_how_its_image_was_made() -> None:
    info = ImageInfo(
        ref=ImageRef(image_id="one"), kind="DICOM", bits=12, is_synthetic=True, imaging="digital",
        making=(("Made by", "Hologic"),),
    )  # fmt: skip
    told = dict(facts_of(CaseImage(number=1, info=info, size=(8, 4))))
    assert (told["Imaging"], told["Made by"]) == ("digital", "Hologic")
    assert told["Drawn"] == "no woman was imaged"
