"""What was understood of each file of a case, and the corrections a reader makes by hand."""

from typing import Any, Final

import pandas as pd
import streamlit as st

from mammo_core.paths import cases_root
from mammo_core.preprocessing.case_store import (
    DAY_SECONDS,
    Case,
    CaseImage,
    correct_image,
    forget_case,
    keep_case,
)
from mammo_core.types import Laterality, View
from pages.components.panes import display_image

_UNKNOWN: Final = "unknown"


def show_case_table(case: Case) -> None:
    """One row per image; side and view can be changed. Below it, the files that were refused."""
    shown = pd.DataFrame([_row(image) for image in case.images])
    if not shown.empty:
        st.data_editor(
            shown,
            key=f"case_table_{case.case_id[:8]}",
            hide_index=True,
            disabled=[name for name in shown.columns if name not in ("Side", "View")],
            column_config={
                "Side": st.column_config.SelectboxColumn(options=[_UNKNOWN, *Laterality]),
                "View": st.column_config.SelectboxColumn(options=[_UNKNOWN, *View]),
                "What was done": st.column_config.TextColumn(width="large"),
            },
            on_change=_take_corrections,
            args=(case,),
        )
    _offer_sides(case)
    for refusal in case.refusals:
        with st.container(border=True):
            st.text(f"File {refusal.number} was not read: {refusal.sentence} {refusal.hint}")


def _offer_sides(case: Case) -> None:
    """Where no side is known, what the chest wall suggests; taken only if the reader says so."""
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
            for image in unknown:
                image_id = image.ref.image_id
                case = correct_image(
                    case, cases_root(), image_id, side=suggested[image_id], view=image.ref.view
                )
            st.rerun()


def _suggested_side(case: Case, image: CaseImage) -> Laterality:
    """A left breast is stored with its chest wall at the left edge (PS3.3 C.8.11.7.1)."""
    at_left = display_image(case, image).chest_wall == "left"
    return Laterality.LEFT if at_left else Laterality.RIGHT


def show_case_care(case: Case) -> None:
    """How long the case stays on this computer."""
    st.caption(
        "Pixels are kept on this computer for a day, so that a reload loses nothing. "
        "Names, dates and the files themselves are not kept."
    )
    with st.container(horizontal=True):
        if st.button("Keep for 30 days", icon=":material/schedule:", key="keep_case"):
            keep_case(case, cases_root(), until=case.kept_until + 29 * DAY_SECONDS)
            st.toast("Kept for 30 days.")
        if st.button("Forget this case", icon=":material/delete:", key="forget_case"):
            forget_case(cases_root(), case)
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
        "Bits": str(image.bits),
        "Kind": image.kind,
        "Spacing": _spacing(image),
        "What was done": "; ".join([*notes, *image.modifiers, *image.notes]),
    }


def _spacing(image: CaseImage) -> str:
    if image.spacing_mm is None:
        return _UNKNOWN
    where = " at the detector" if image.is_spacing_at_detector else ""
    return f"{image.spacing_mm[0]:.3g} mm{where}"


def _take_corrections(case: Case) -> None:
    """Write what was changed in the table back to the case."""
    edits: dict[str, Any] = st.session_state[f"case_table_{case.case_id[:8]}"]["edited_rows"]
    for row, changes in edits.items():
        image = case.images[int(row)]
        side = changes.get("Side", image.ref.side or _UNKNOWN)
        view = changes.get("View", image.ref.view or _UNKNOWN)
        case = correct_image(
            case,
            cases_root(),
            image.ref.image_id,
            side=None if side == _UNKNOWN else Laterality(side),
            view=None if view == _UNKNOWN else View(view),
        )
