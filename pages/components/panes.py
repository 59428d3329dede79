"""The images of a case as panes of the viewer, each with its heatmap and score."""

from typing import TYPE_CHECKING, Final

import streamlit as st

from mammo_core.paths import cases_root
from mammo_core.preprocessing.case_store import Case, CaseImage, load_case, load_mammogram
from mammo_core.preprocessing.display import DisplayImage, to_heat, to_pane
from pages.components.viewer import Pane

if TYPE_CHECKING:
    from mammo_core.inference.predictor import Reading

#: Pixels along the longer side: one image may use the whole screen, four share it.
_LONGEST_ALONE: Final = 2000
_LONGEST_TOGETHER: Final = 1400
_HEAT: Final = 512


def make_panes(case: Case, readings: "dict[str, Reading]") -> list[Pane]:
    """One pane per image of `case`; those in `readings` carry heatmap and score."""
    longest = _LONGEST_ALONE if len(case.images) == 1 else _LONGEST_TOGETHER
    return [
        _pane(case, image, readings.get(image.ref.image_id), longest=longest)
        for image in case.images
    ]


def _pane(case: Case, image: CaseImage, reading: "Reading | None", *, longest: int) -> Pane:
    shown = _display(case.case_id, image.ref.image_id, longest)
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
        heat=to_heat(reading.evidence, reading.geometry, longest=_HEAT) if reading else None,
        note=f"Score {reading.score:.2f}" if reading else "",
    )


@st.cache_data(max_entries=32, show_spinner=False)
def _display(case_id: str, image_id: str, longest: int) -> DisplayImage:
    case = load_case(cases_root(), case_id)
    return to_pane(load_mammogram(cases_root(), case, case.image(image_id)), longest=longest)
