"""The heatmap in words: how it is made, what its colours mean, and the regions that stand out."""

from collections import defaultdict
from typing import TYPE_CHECKING

import streamlit as st

from mammo_core.preprocessing.case_store import Case, opening_in_words
from mammo_core.reports.case_record import flat_in_words
from mammo_core.types import Laterality, View
from pages.components.guard import escaped
from pages.components.reading import DEFAULT_METHOD, CaseReading

if TYPE_CHECKING:
    from mammo_core.explain.regions import Region


def pick_method() -> str:
    """The method of the heatmap, as chosen under "Advanced"; it stands in the URL."""
    return str(st.session_state.get("method") or st.query_params.get("method") or DEFAULT_METHOD)


def show_method() -> None:
    """Under "Advanced": the other ways to make a heatmap."""
    from mammo_core.explain.methods import METHODS  # loads torch, which has read by now

    titles = {method.name: method.title for method in METHODS}
    relative = {method.name for method in METHODS if method.is_relative}
    st.selectbox(
        "Heatmap by", list(titles), key="method", bind="query-params",
        format_func=lambda name: titles[name] + (", relative" if name in relative else ""),
        help="Relative: some point of every image is full colour, however low its score.",
    )  # fmt: skip


def regions_inside(read: CaseReading) -> "dict[str, tuple[Region, ...]]":
    return {image_id: found.inside for image_id, found in read.regions.items()}


def show_regions(case: Case, read: CaseReading) -> None:
    """What stands out, numbered as the boxes on the images; then what the colours mean."""
    lines = []
    for image in case.images:
        regions = read.regions.get(image.ref.image_id)
        if regions is None:
            continue
        for number, region in enumerate(regions.inside, start=1):
            where = f", {region.words}" if region.words else ""
            lines.append(f"{image.title} **{number}**: {region.share:.0%} of the evidence{where}")
        if regions.outside >= 0.1:
            lines.append(
                f"{image.title}: {regions.outside:.0%} of the evidence lies outside the breast"
            )
    for words in _quadrants(case, read):
        lines.append(words)
    if lines:
        st.markdown("\n".join(f"- {line}" for line in lines))
    st.caption(_scale_in_words(read))


def _quadrants(case: Case, read: CaseReading) -> list[str]:
    """Where a region stands out in both views of a breast."""
    from mammo_core.explain.regions import quadrant_of

    found: dict[tuple[Laterality | None, View | None], list[Region]] = defaultdict(list)
    for image in case.images:
        if image.ref.image_id in read.regions:
            place = (image.ref.side, image.ref.view)
            found[place].extend(read.regions[image.ref.image_id].inside)
    told = {side: quadrant_of(found[side, View.CC], found[side, View.MLO]) for side in Laterality}
    return [f"{side}: {words} in both views" for side, words in told.items() if words]


def _scale_in_words(read: CaseReading) -> str:
    from mammo_core.explain.methods import get_method

    title = get_method(next(iter(read.readings.values())).method).title
    readings = [reading for reading in read.readings.values() if not reading.is_flat]
    if not readings:
        scale = ""
    elif any(reading.is_relative for reading in readings):
        scale = "Its colours are relative: some point of every image is full colour."
    elif any(reading.stands_out for reading in readings):
        scale = "Full colour is what 1 in 200 validation images without cancer reaches."
    else:
        scale = "No region stands out: none reaches what 1 in 200 images without cancer reaches."
    flat = flat_in_words(len(read.readings) - len(readings), of=len(read.readings))
    scale = f"{scale} {flat}".strip()
    if read.members:
        scale += (
            f" It is the mean of the heatmaps of {len(read.members)} models "
            f"({escaped(', '.join(read.members))}), each on its own scale."
        )
    return (
        f"The heatmap ({escaped(title)}) shows what moved the score, not the borders of a "
        f"tumour. {scale}"
    )


def show_seconds(case: Case, read: CaseReading, drawing: float) -> None:
    """How long everything took when it was done; what was drawn is of this very view."""
    st.caption(opening_in_words([case.image(image_id) for image_id in read.readings]))
    parts = {**read.seconds, "pictures": drawing}
    told = ", ".join(f"{name} {seconds:.2f}" for name, seconds in parts.items())
    engine = next(iter(read.readings.values())).engine
    st.caption(f"After decoding {sum(parts.values()):.2f} s ({told}), by {escaped(engine)}.")
    if read.engine_note:
        st.caption(escaped(read.engine_note))
