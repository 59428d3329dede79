"""The images of a case in the viewer, under the heatmap of one model, or twice, under two."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from mammo_core.preprocessing.case_parts import parts_of
from mammo_core.preprocessing.case_store import Case
from mammo_core.runs.folder import RunFolder
from pages.components.guard import escaped
from pages.components.panes import drawn_boxes, make_pairs, make_panes
from pages.components.read_heat import show_regions
from pages.components.reading import CaseReading
from pages.components.viewer import Legend, show_viewer

LEGEND: Final = Legend(text="What moved the score", low_text="none", high_text="most")
_BESIDE: Final = "Side by side"
_HEIGHT: Final = 780


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """What one model says of the case."""

    run: RunFolder
    read: CaseReading


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where on the page the parts of a case go."""

    pictures: DeltaGenerator
    scores: DeltaGenerator
    second_scores: DeltaGenerator
    behind: DeltaGenerator


def lay_out(*, is_for_two: bool) -> Places:
    """Scores beside the images; those of two models beside each other, under the images."""
    if not is_for_two:
        pictures, scores = st.columns([3, 1], gap="medium")
        return Places(pictures=pictures, scores=scores, second_scores=scores, behind=pictures)
    pictures = st.container()
    scores, second = st.columns(2, gap="large")
    return Places(pictures=pictures, scores=scores, second_scores=second, behind=st.container())


def pick_layers(layers: Sequence[Layer]) -> list[Layer]:
    """Whose heatmap lies on the images: of one model, or of each on a copy of its own."""
    if len(layers) < 2:
        return list(layers)
    by_name = {layer.run.run_id: layer for layer in layers}
    name = st.segmented_control(
        "Heatmap of", [*by_name, _BESIDE], default=next(iter(by_name)), required=True, key="layer"
    )
    return [by_name[name]] if name in by_name else list(layers)


def show_pictures(case: Case, layers: Sequence[Layer]) -> None:
    """In the viewer; under them the boxes that the reader drew."""
    if len(layers) < 2:
        panes = make_panes(case, layers[0].read if layers else None)
    else:
        parts = parts_of(case)
        part = next(iter(parts))
        if len(parts) > 1:
            part = st.segmented_control(
                "Images", list(parts), default=part, required=True, key="beside_part"
            )
        panes = make_pairs(case, parts[part], {layer.run.run_id: layer.read for layer in layers})
    columns = len(layers) if len(layers) > 1 else 0
    seen = show_viewer(panes, key="viewer", height=_HEIGHT, legend=LEGEND, columns=columns)
    for box in drawn_boxes(case, panes, seen.drawn):
        st.caption(f":material/crop_free: Your box on {box} of the original.")


def show_layers(case: Case, layers: Sequence[Layer]) -> None:
    """What stands out on the images shown; of two models, beside each other."""
    places = st.columns(2, gap="large") if len(layers) > 1 else [st.container()]
    for place, layer in zip(places, layers, strict=False):
        with place:
            if len(layers) > 1:
                st.markdown(f"**{escaped(layer.run.run_id)}**")
            if layer.read.readings:
                show_regions(case, layer.read)
