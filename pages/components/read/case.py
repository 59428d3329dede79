"""What was read of each file of a case, what is proposed where files do not say, the corrections a
reader makes by hand; splitting, joining and forgetting.
"""

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Final

import pandas as pd
import streamlit as st

from mammo_core.preprocessing.cases import (
    DAY_SECONDS,
    UNDO_SECONDS,
    Case,
    CaseImage,
    bring_back_case,
    correct_image,
    forget_case,
    forget_old_cases,
    keep_case,
    load_case,
    regroup_images,
)
from mammo_core.preprocessing.file_names import NamedPlace, doubts_about
from mammo_core.preprocessing.worklists import keep_worklist
from mammo_core.types import ImageRef, Laterality, View
from pages.components.read.intake import (
    carry_names,
    named,
    names_of,
    proposed_places,
    remember_case,
    seen_cases,
)
from pages.components.read.listed import forget_thumbnails, listed_cases
from pages.components.read.pictures import (
    display_image,
    forget_pictures,
    image_of,
    spacing_in_words,
)
from pages.components.read.reading import forget_readings
from pages.components.shared.frame import escaped, shown_errors, toasted_errors
from pages.components.shared.viewer.viewer import Correction, forget_measures
from pages.components.shared.whose import cases_root, noting, worklists_root
from pages.components.shared.whose import note as note_access

FROM_NAME: Final = "side and view from the file's name"
_FORGOTTEN: Final = "forgotten"  # the last case that was, and until when it can be brought back
Change = Callable[[ImageRef], ImageRef]


def offer_names(case: Case) -> None:
    """What the files' names say of side and view, before it counts; and what is to be asked."""
    proposed = proposed_places(case)
    if proposed:
        words = ", ".join(
            f"{escaped(_called(case, image))}: {proposed[image.ref.image_id].words}"
            for image in case.images
            if image.ref.image_id in proposed
        )
        st.caption(
            f":material/label: Hung by the files' names, which the files do not say: {words}. "
            "No score counts them yet."
        )
    doubt = doubts_about(
        [
            proposed.get(image.ref.image_id, NamedPlace(side=image.ref.side, view=image.ref.view))
            for image in case.images
        ]
    )
    if doubt:
        st.warning(doubt, icon=":material/help:")


def offer_to_take_names(case: Case) -> None:
    """The click that makes what the files' names say count: it stands by the verdict it is for."""
    changes: dict[str, Change] = {
        image_id: partial(replace, side=place.side, view=place.view)
        for image_id, place in proposed_places(case).items()
    }
    if changes:
        st.button(
            "They are right", icon=":material/check:", key="take_names",
            on_click=_take, args=(case, changes, FROM_NAME),
        )  # fmt: skip


def _called(case: Case, image: CaseImage) -> str:
    names = names_of(case.case_id)
    return names.get(image.ref.image_id, image.title).rpartition("/")[2]


def offer_places(case: Case) -> None:
    """Where a side is not known, what the chest wall suggests; then which of two is the CC."""
    if proposed_places(case):
        return  # names say more, and are asked about first
    _offer_sides(case)
    _offer_views(case)


def _offer_sides(case: Case) -> None:
    unknown = [image for image in case.images if image.ref.side is None]
    if not unknown:
        return
    suggested = {image.ref.image_id: _suggested_side(case, image) for image in unknown}
    words = ", ".join(
        f"{escaped(_called(case, image))}: {suggested[image.ref.image_id]}" for image in unknown
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(
            "No side is stored in some files. By the edge the chest wall lies at, as most files "
            f"are oriented, it would be: {words}."
        )
        sides = {image_id: partial(replace, side=side) for image_id, side in suggested.items()}
        st.button(
            "Set these sides", icon=":material/check:", key="take_sides",
            on_click=_take, args=(case, sides),
        )  # fmt: skip


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
                f"No view is stored in {escaped(_called(case, first))} and "
                f"{escaped(_called(case, second))}, which look like two of one breast. If they "
                "are, which is the CC?"
            )
            for cc, mlo in ((first, second), (second, first)):
                label = f"{_called(case, cc)} is the CC, {_called(case, mlo)} the MLO"
                views = {
                    cc.ref.image_id: partial(replace, view=View.CC),
                    mlo.ref.image_id: partial(replace, view=View.MLO),
                }
                st.button(
                    escaped(label), icon=":material/check:", key=f"take_cc_{cc.number}",
                    on_click=_take, args=(case, views),
                )  # fmt: skip


def _take(case: Case, changes: Mapping[str, Change], note: str = "") -> None:
    """For a callback, as all that is clicked of a case: the page may have to read it anew before it
    comes to its buttons, and is then drawn again, without the click.
    """
    with toasted_errors():
        for image_id, change in changes.items():
            correct_image(cases_root(), case.case_id, image_id, change=change, note=note)
        note_access("corrected a case", case=case.case_id)


def _suggested_side(case: Case, image: CaseImage) -> Laterality:
    """A left breast is stored with its chest wall at the left edge (PS3.3 C.8.11.7.1)."""
    at_left = display_image(case, image).chest_wall == "left"
    return Laterality.LEFT if at_left else Laterality.RIGHT


_UNKNOWN: Final = "unknown"


def show_case_table(case: Case) -> None:
    """One row per image. Below it, the files that were refused."""
    shown = pd.DataFrame([_row(image) for image in named(case).images])
    if not shown.empty:
        st.dataframe(
            shown,
            key="case_table",
            hide_index=True,
            column_config={"What was done": st.column_config.TextColumn(width="large")},
        )
    offer_places(case)
    if case.refusals:
        label = f"{len(case.refusals)} of {case.files} files were not read"
        with st.expander(label, icon=":material/block:", expanded=not case.images):
            for refusal in case.refusals:
                name = names_of(case.case_id).get(str(refusal.number))
                called = f" ({name})" if name else ""
                st.text(f"File {refusal.number}{called}: {refusal.sentence} {refusal.hint}")


def show_case_care(case: Case) -> None:
    """How long the case stays on this computer."""
    until = datetime.fromtimestamp(case.kept_until).astimezone()
    st.caption(
        "Pixels, and what a data set says of a case that was opened from it, are kept on this "
        f"computer until {until:%d %B %Y, %H:%M}, so that a reload finds them again; what files "
        "are called, and places proposed from that, go with this tab. Names, dates and the files "
        "themselves are not kept."
    )
    with st.container(horizontal=True):
        st.button(
            "Keep for 30 days", icon=":material/schedule:", key="keep_case",
            on_click=_keep, args=(case,),
        )  # fmt: skip
        if len(case.images) > 1 or len(seen_cases()) > 1:
            with st.popover("Split or join", icon=":material/call_split:"):
                _offer_regrouping(case)
        with st.popover("Forget this case", icon=":material/delete:"):
            st.caption(
                "Nobody can open it from now on, and in a minute its pixels are deleted. Until "
                "then you can bring it back, but not its rulers and regions."
            )
            st.button(
                "Forget it", icon=":material/delete:", key="forget_case",
                on_click=_forget, args=(case,),
            )  # fmt: skip


def _keep(case: Case) -> None:
    with toasted_errors():
        keep_case(cases_root(), case.case_id, until=time.time() + 30 * DAY_SECONDS)
        note_access("kept a case for 30 days", case=case.case_id)


def offer_undo() -> None:
    """For a minute after a case was forgotten."""
    case_id, until = st.session_state.get(_FORGOTTEN, ("", 0.0))
    if time.time() > until:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(":material/delete: The case was forgotten. For a minute it can be brought back.")
        if st.button("Bring it back", icon=":material/undo:", key="bring_back"):
            del st.session_state[_FORGOTTEN]
            with shown_errors():
                bring_back_case(cases_root(), case_id, now=time.time())
                note_access("brought a case back", case=case_id)
            st.query_params["case"] = case_id
            st.rerun()


def _forget(case: Case) -> None:
    now = time.time()
    with toasted_errors():
        noted = noting("forgot a case", case=case.case_id)
        forget_case(cases_root(), case, now=now)
        for forget in (forget_pictures, forget_readings, forget_thumbnails):
            forget()
        forget_measures(case.case_id)
        st.session_state[_FORGOTTEN] = (case.case_id, now + UNDO_SECONDS)
        # Whether or not anybody comes back, it is deleted when its minute is over
        timer = threading.Timer(UNDO_SECONDS + 1, forget_old_cases, args=(cases_root(),))
        timer.daemon = True
        timer.start()
        _leave(case.case_id)
        noted()


def _leave(*case_ids: str) -> None:
    """Take cases off the list of this session, and go on with another if there is one."""
    for case_id in case_ids:
        if case_id in seen_cases():
            seen_cases().remove(case_id)
    left = [one for one in listed_cases() if one not in case_ids]
    st.query_params.pop("list", None)
    st.query_params.pop("case", None)
    if len(left) > 1:
        st.query_params["list"] = keep_worklist(worklists_root(), left)
    if left:
        st.query_params["case"] = left[0]


def _offer_regrouping(case: Case) -> None:
    """Images that are not of one woman apart, and cases of one woman together."""
    others = [one for one in listed_cases() if one != case.case_id]
    titles = {image.ref.image_id: image.title for image in named(case).images}
    if len(case.images) > 1:
        chosen = st.pills(
            "Images of another woman", list(titles), selection_mode="multi", key="split_off",
            format_func=titles.__getitem__,
        )  # fmt: skip
        is_part = 0 < len(chosen) < len(case.images)
        st.button(
            "Split them off", key="split_case", disabled=not is_part, on_click=_split, args=(case,)
        )
    if others:
        names = {one: _list_name(one) for one in others}
        other = st.selectbox(
            "Another case of the same woman", others, index=None, key="join_with",
            format_func=names.__getitem__,
        )  # fmt: skip
        st.button(
            "Join it to this", key="join_cases", disabled=other is None,
            on_click=_join, args=(case,),
        )  # fmt: skip


def _split(case: Case) -> None:
    chosen = st.session_state.get("split_off") or ()
    apart = [image for image in case.images if image.ref.image_id in chosen]
    rest = [image for image in case.images if image.ref.image_id not in chosen]
    if apart and rest:  # what is chosen may have changed since the button was drawn
        _regroup([case], [[(case, rest)], [(case, apart)]])


def _join(case: Case) -> None:
    other = st.session_state.get("join_with")
    if other is None:
        return
    with toasted_errors():
        found = load_case(cases_root(), other)
        _regroup([case, found], [[(case, case.images), (found, found.images)]])


def _list_name(case_id: str) -> str:
    first = next(iter(names_of(case_id).values()), "")
    return first.rpartition("/")[2] or f"Case {listed_cases().index(case_id) + 1}"


def _regroup(
    old: Sequence[Case], groups: Sequence[Sequence[tuple[Case, Sequence[CaseImage]]]]
) -> None:
    """Each of `groups` as a case, the first of them open, in the place of the `old` ones."""
    made = []
    with toasted_errors():
        for parts in groups:
            new = regroup_images(cases_root(), parts, now=time.time())
            carry_names(new, old)
            made.append(new.case_id)
        _leave(*(one.case_id for one in old))
        for case_id in made:
            remember_case(case_id)
        st.query_params["case"] = made[0]


def _row(image: CaseImage) -> dict[str, str]:
    height, width = image.size
    notes = [f"{' and '.join(image.corrected)} set by hand"] if image.corrected else []
    return {
        "File": image.name or str(image.number),
        "Side": str(image.ref.side or _UNKNOWN),
        "View": str(image.ref.view or _UNKNOWN),
        "Size": f"{height} × {width}",
        "Bits": str(image.info.bits),
        "Kind": image.info.kind,
        "Spacing": spacing_in_words(image),
        "What was done": "; ".join([*notes, *image.info.modifiers, *image.info.notes]),
    }


def take_correction(case: Case, said: Correction) -> None:
    """What the reader says one image is, by the chips on it: of these, only what was changed. What
    is hung by its file's name is not said by a reader who says something else.
    """
    image_id = image_of(said.pane)
    ref = case.image(image_id).ref
    shown = proposed_places(case).get(image_id, NamedPlace(side=ref.side, view=ref.view))

    def change(ref: ImageRef) -> ImageRef:
        side = ref.side if said.side == shown.side else said.side
        view = ref.view if said.view == shown.view else said.view
        return replace(ref, side=side, view=view)

    with toasted_errors():
        correct_image(cases_root(), case.case_id, image_id, change=change)
        note_access("corrected a case", case=case.case_id)
