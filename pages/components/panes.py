"""The images of a case as panes of the viewer, each with its heatmap and score."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from mammo_core.paths import cases_root
from mammo_core.preprocessing.case_store import Case, CaseImage, load_case, load_mammogram
from mammo_core.preprocessing.display import DisplayImage, to_heat, to_pane
from mammo_core.preprocessing.filters import filters_png
from pages.components.reading import CaseReading
from pages.components.viewer import Pane, ReaderBox, RegionBox

if TYPE_CHECKING:
    from mammo_core.explain.regions import Region
    from mammo_core.inference.predictor import Reading

#: Pixels along the longer side: one image may use the whole screen, four share it.
_LONGEST_ALONE: Final = 2000
_LONGEST_TOGETHER: Final = 1400
_HEAT: Final = 512
_OF_MODEL: Final = " by model "  # in the key of a pane, after its image's id


def make_panes(case: Case, read: CaseReading | None) -> list[Pane]:
    """One pane per image of `case`; those that were read carry heatmap, regions and score."""
    return [_pane(case, image, read) for image in case.images]


def make_pairs(
    case: Case, images: Sequence[CaseImage], readings: Mapping[str, CaseReading]
) -> list[Pane]:
    """Each of `images` once per model; `readings` are by the model's name."""
    return [
        replace(
            _pane(case, image, read, longest=_LONGEST_TOGETHER),
            key=f"{image.ref.image_id}{_OF_MODEL}{number}",
            note=_note(read.readings.get(image.ref.image_id), name),
        )
        for image in images
        for number, (name, read) in enumerate(readings.items())
    ]


def display_image(case: Case, image: CaseImage, *, longest: int = 0) -> DisplayImage:
    """`image` as large as its place on the screen needs it, or `longest` pixels."""
    usual = _LONGEST_ALONE if len(case.images) == 1 else _LONGEST_TOGETHER
    return _display(case.case_id, image.ref.image_id, longest or usual)


def forget_pictures() -> None:
    """Drop every picture kept in memory."""
    _display.clear()
    _filters.clear()


def show_filters(case: Case) -> None:
    """One image as it is, and under the three classical filters, as a model may be given it."""
    titles = {image.ref.image_id: image.title for image in case.images}
    chosen = st.selectbox(
        "Image", list(titles), format_func=lambda one: titles[one], key="filtered_image"
    )
    if chosen is not None:
        picture = _filters(case.case_id, chosen)
        st.image(picture, alt="The original and three filtered versions side by side")


def drawn_boxes(case: Case, panes: list[Pane], drawn: tuple[ReaderBox, ...]) -> list[str]:
    """The reader's boxes in words, in pixels of the original images."""
    by_key = {pane.key: pane for pane in panes}
    words = []
    for one in drawn:
        scale, box = by_key[one.pane].reduction, one.box
        edges = (box.x0 * scale, box.y0 * scale, box.x1 * scale, box.y1 * scale)
        x0, y0, x1, y1 = (round(edge) for edge in edges)
        title = case.image(one.pane.partition(_OF_MODEL)[0]).title
        words.append(f"{title}: columns {x0} to {x1}, rows {y0} to {y1}")
    return words


def _pane(case: Case, image: CaseImage, read: CaseReading | None, *, longest: int = 0) -> Pane:
    shown = display_image(case, image, longest=longest)
    reading = read.readings.get(image.ref.image_id) if read else None
    regions = read.regions[image.ref.image_id].inside if read and reading else ()
    return Pane(
        key=image.ref.image_id,
        title=image.title,
        pixels=shown.pixels,
        windows=shown.windows,
        side=image.ref.side,
        view=image.ref.view,
        spacing_mm=shown.spacing_mm,
        is_spacing_at_detector=shown.is_spacing_at_detector,
        breast=shown.breast,
        chest_wall=shown.chest_wall,
        reduction=shown.reduction,
        heat=_heat(reading) if reading else None,
        boxes=tuple(
            _region_box(number, region, shown.reduction)
            for number, region in enumerate(regions, start=1)
        ),
        note=_note(reading, "Score") if reading else "",
    )


def _note(reading: "Reading | None", name: str) -> str:
    return f"{name} {reading.score:.2f}" if reading else f"{name}: not scored"


def _heat(reading: "Reading") -> NDArray[np.uint8]:
    return to_heat(reading.colours, reading.geometry, longest=_HEAT, offset=reading.offset)


def _region_box(number: int, region: "Region", reduction: float) -> RegionBox:
    box = region.box
    x0, y0, x1, y1 = (edge / reduction for edge in (box.x0, box.y0, box.x1, box.y1))
    return RegionBox(x0=x0, y0=y0, x1=x1, y1=y1, text=f"{number}: {region.share:.0%}")


@st.cache_data(max_entries=32, show_spinner=False)
def _display(case_id: str, image_id: str, longest: int) -> DisplayImage:
    case = load_case(cases_root(), case_id)
    return to_pane(load_mammogram(cases_root(), case, case.image(image_id)), longest=longest)


@st.cache_data(max_entries=8, show_spinner="Filtering…")
def _filters(case_id: str, image_id: str) -> bytes:
    case = load_case(cases_root(), case_id)
    return filters_png(load_mammogram(cases_root(), case, case.image(image_id)).pixels)
