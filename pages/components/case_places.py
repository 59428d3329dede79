"""Sides and views that no file stores: what may be suggested, taken only if the reader says so."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

import streamlit as st

from mammo_core.paths import cases_root
from mammo_core.preprocessing.case_store import Case, CaseImage, correct_image
from mammo_core.types import ImageRef, Laterality, View
from pages.components.guard import shown_errors
from pages.components.panes import display_image

Change = Callable[[ImageRef], ImageRef]


def offer_places(case: Case) -> None:
    """Where a side is not known, what the chest wall suggests; then which of two is the CC."""
    _offer_sides(case)
    _offer_views(case)


def _offer_sides(case: Case) -> None:
    unknown = [image for image in case.images if image.ref.side is None]
    if not unknown:
        return
    suggested = {image.ref.image_id: _suggested_side(case, image) for image in unknown}
    words = ", ".join(f"{image.title}: {suggested[image.ref.image_id]}" for image in unknown)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(
            "No side is stored in some files. By the edge the chest wall lies at, as most files "
            f"are oriented, it would be: {words}."
        )
        if st.button("Set these sides", icon=":material/check:", key="take_sides"):
            _take(
                case,
                {image_id: partial(replace, side=side) for image_id, side in suggested.items()},
            )


def _offer_views(case: Case) -> None:
    """A picture does not tell its view surely enough to suggest one: the reader chooses."""
    by_side: dict[Laterality, list[CaseImage]] = defaultdict(list)
    for image in case.images:
        by_side[image.ref.side or _suggested_side(case, image)].append(image)
    for images in by_side.values():
        if len(images) != 2 or any(image.ref.view for image in images):
            continue
        first, second = images
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(
                f"No view is stored in images {first.number} and {second.number}, which look like "
                "two of one breast. If they are, which is the CC?"
            )
            for cc, mlo in ((first, second), (second, first)):
                label = f"Image {cc.number} is the CC, image {mlo.number} the MLO"
                if st.button(label, icon=":material/check:", key=f"take_cc_{cc.number}"):
                    views = {cc.ref.image_id: View.CC, mlo.ref.image_id: View.MLO}
                    _take(
                        case,
                        {image_id: partial(replace, view=view) for image_id, view in views.items()},
                    )


def _take(case: Case, changes: Mapping[str, Change]) -> None:
    with shown_errors():
        for image_id, change in changes.items():
            correct_image(cases_root(), case.case_id, image_id, change=change)
    st.rerun()


def _suggested_side(case: Case, image: CaseImage) -> Laterality:
    """A left breast is stored with its chest wall at the left edge (PS3.3 C.8.11.7.1)."""
    at_left = display_image(case, image).chest_wall == "left"
    return Laterality.LEFT if at_left else Laterality.RIGHT
