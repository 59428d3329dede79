"""What was read of each file of a case, and the corrections a reader makes by hand."""

import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Final

import pandas as pd
import streamlit as st

from mammo_core.errors import MammoError
from mammo_core.files import cases_root
from mammo_core.preprocessing.cases import (
    DAY_SECONDS,
    Case,
    CaseImage,
    correct_image,
    forget_case,
    keep_case,
)
from mammo_core.types import ImageRef, Laterality, View
from pages.components.read.intake import shown_name
from pages.components.read.pictures import display_image, forget_pictures
from pages.components.read.reading import forget_readings
from pages.components.shared.frame import escaped, shown_errors

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


_UNKNOWN: Final = "unknown"


def show_case_table(case: Case) -> None:
    """One row per image; side and view can be changed. Below it, the files that were refused."""
    shown = pd.DataFrame([_row(image) for image in case.images])
    if not shown.empty:
        key = f"case_table_{hash(case.images)}"  # a new table after every correction, from any tab
        st.data_editor(
            shown,
            key=key,
            hide_index=True,
            disabled=[name for name in shown.columns if name not in ("Side", "View")],
            column_config={
                "Side": st.column_config.SelectboxColumn(
                    options=[_UNKNOWN, *Laterality], required=True
                ),
                "View": st.column_config.SelectboxColumn(options=[_UNKNOWN, *View], required=True),
                "What was done": st.column_config.TextColumn(width="large"),
            },
            on_change=_take_corrections,
            args=(case, key),
        )
    offer_places(case)
    if case.refusals:
        label = f"{len(case.refusals)} of {case.files} files were not read"
        with st.expander(label, icon=":material/block:", expanded=not case.images):
            for refusal in case.refusals:
                name = shown_name(case, refusal.number)
                st.text(f"File {refusal.number}{name}: {refusal.sentence} {refusal.hint}")


def show_case_care(case: Case) -> None:
    """How long the case stays on this computer."""
    until = datetime.fromtimestamp(case.kept_until).astimezone()
    st.caption(
        f"Pixels are kept on this computer until {until:%d %B %Y, %H:%M}, so that a reload loses "
        "nothing. Names, dates and the files themselves are not kept."
    )
    with st.container(horizontal=True):
        if st.button("Keep for 30 days", icon=":material/schedule:", key="keep_case"):
            with shown_errors():
                keep_case(cases_root(), case.case_id, until=time.time() + 30 * DAY_SECONDS)
            st.rerun()
        if st.button("Forget this case", icon=":material/delete:", key="forget_case"):
            forget_case(cases_root(), case)
            forget_pictures()
            forget_readings()
            st.query_params.pop("case", None)
            st.rerun()


def _row(image: CaseImage) -> dict[str, str]:
    height, width = image.size
    notes = [f"{' and '.join(image.corrected)} set by hand"] if image.corrected else []
    return {
        "File": str(image.number),
        "Side": str(image.ref.side or _UNKNOWN),
        "View": str(image.ref.view or _UNKNOWN),
        "Size": f"{height} × {width}",
        "Bits": str(image.info.bits),
        "Kind": image.info.kind,
        "Spacing": _spacing(image),
        "What was done": "; ".join([*notes, *image.info.modifiers, *image.info.notes]),
    }


def _spacing(image: CaseImage) -> str:
    if image.info.spacing_mm is None:
        return _UNKNOWN
    where = " at the detector" if image.info.is_spacing_at_detector else ""
    return f"{image.info.spacing_mm[0]:.3g} mm{where}"


def _take_corrections(case: Case, key: str) -> None:
    """Write what was changed in the table back to the case, each field by itself."""
    edits: dict[str, dict[str, str | None]] = st.session_state[key]["edited_rows"]
    for row, changes in edits.items():
        image_id = case.images[int(row)].ref.image_id
        try:
            correct_image(
                cases_root(), case.case_id, image_id, change=partial(_corrected, changes=changes)
            )
        except MammoError as error:
            st.toast(escaped(str(error)), icon=":material/error:")


def _corrected(ref: ImageRef, *, changes: dict[str, str | None]) -> ImageRef:
    """`ref` with the fields in `changes`; a field that was not touched stays."""
    if "Side" in changes:
        side = changes["Side"] or _UNKNOWN
        ref = replace(ref, side=None if side == _UNKNOWN else Laterality(side))
    if "View" in changes:
        view = changes["View"] or _UNKNOWN
        ref = replace(ref, view=None if view == _UNKNOWN else View(view))
    return ref
