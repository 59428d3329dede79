"""The images of a case in the viewer, under the heatmap of one model, or twice, under two."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from streamlit.delta_generator import DeltaGenerator

from mammo_core.glossary import meaning
from mammo_core.preprocessing.cases import (
    Case,
    CaseImage,
    load_case,
    load_grey,
    load_mammogram,
)
from mammo_core.preprocessing.file_names import NamedPlace
from mammo_core.preprocessing.grouping import parts_of
from mammo_core.preprocessing.prepare import DisplayImage, filters_png, grey_values, to_pane
from mammo_core.reading import (
    ABSOLUTE_METHODS,
    METHOD_TITLES,
    OWN_METHOD,
    TITLES,
    Reading,
    Region,
    ShownMap,
    shown_in_words,
)
from mammo_core.reports.case.record import below_in_words, meaning_in_words, opening_in_words
from mammo_core.runs.folder import RunFolder
from mammo_core.scores import shown_digits
from mammo_core.types import Laterality, View
from mammo_core.words import OUTSIDE
from mammo_core.zoo.published import get_published, is_published
from pages.components.read.intake import shown_on_read
from pages.components.read.lesions import pick_lesions, show_marks
from pages.components.read.reading import DEFAULT_METHOD, CaseReading
from pages.components.shared import cached
from pages.components.shared.caselist.origin import known_truth
from pages.components.shared.frame import escaped
from pages.components.shared.pickers import all_titles, title_of
from pages.components.shared.viewer.hanging import with_truth
from pages.components.shared.viewer.viewer import (
    Correction,
    Legend,
    Pane,
    ReaderBox,
    RegionBox,
    show_viewer,
)
from pages.components.shared.whose import cases_root

#: Pixels along the longer side: one image may use the whole screen, four share it.
_LONGEST_ALONE: Final = 2000
_LONGEST_TOGETHER: Final = 1400
_LEAST_FETCHED: Final = 512  # pixels; an image that is no wider or higher is sent whole
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


def image_of(pane: str) -> str:
    """The id of the image in the pane of that key, whichever model is shown on it."""
    return pane.partition(_OF_MODEL)[0]


def with_lesions(case: Case, panes: Sequence[Pane]) -> list[Pane]:
    """`panes` of `case`, each with the lesions that a data set says lie there."""
    known = known_truth(case).lesions
    return [with_truth(pane, known.get(image_of(pane.key), ())) for pane in panes]


def display_image(case: Case, image: CaseImage, *, longest: int = 0) -> DisplayImage:
    """`image` as large as its place on the screen needs it, or `longest` pixels."""
    usual = _LONGEST_ALONE if len(case.images) == 1 else _LONGEST_TOGETHER
    return _display(cases_root(), case.case_id, image.ref.image_id, longest or usual)


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
        picture = _filters(cases_root(), case.case_id, chosen)
        st.image(picture, alt="The original and three filtered versions side by side")


def drawn_boxes(case: Case, panes: list[Pane], drawn: tuple[ReaderBox, ...]) -> list[str]:
    """The reader's boxes in words, in pixels of the original images."""
    by_key = {pane.key: pane for pane in panes}
    words = []
    for one in drawn:
        scale, box = by_key[one.pane].reduction, one.box
        edges = (box.x0 * scale, box.y0 * scale, box.x1 * scale, box.y1 * scale)
        x0, y0, x1, y1 = (round(edge) for edge in edges)
        title = case.image(image_of(one.pane)).title
        words.append(f"{title}: columns {x0} to {x1}, rows {y0} to {y1}")
    return words


def _pane(case: Case, image: CaseImage, read: CaseReading | None, *, longest: int = 0) -> Pane:
    shown = display_image(case, image, longest=longest)
    reading = read.readings.get(image.ref.image_id) if read else None
    regions = read.regions[image.ref.image_id].inside if read and reading else ()
    shown_map = shown_maps(case, read).get(image.ref.image_id) if read else None
    return Pane(
        key=image.ref.image_id,
        title=image.title,
        pixels=shown.pixels,
        full=_full(case, image, shown),
        windows=shown.windows,
        side=image.ref.side,
        view=image.ref.view,
        spacing_mm=shown.spacing_mm,
        is_spacing_at_detector=shown.is_spacing_at_detector,
        breast=shown.breast,
        chest_wall=shown.chest_wall,
        reduction=shown.reduction,
        heat=shown_map.heat if shown_map else None,
        boxes=tuple(
            _region_box(number, region, shown.reduction)
            for number, region in enumerate(regions, start=1)
        ),
        facts=facts_of(image),
        note=_note(reading, "Score") if reading else "",
        faint=shown_map.corner if shown_map else "",
    )


def _full(case: Case, image: CaseImage, shown: DisplayImage) -> NDArray[np.uint16] | None:
    """What is fetched where the zoom asks for it, so that little has to come before a first look;
    None where what is shown is little and all there is.
    """
    if shown.reduction > 1:
        return load_grey(cases_root(), case, image, grey=grey_values)
    return shown.pixels if min(shown.pixels.shape) >= _LEAST_FETCHED else None


def facts_of(image: CaseImage) -> tuple[tuple[str, str], ...]:
    """What may be shown of its file. Of a header no more is kept: nothing there names a woman."""
    info = image.info
    known = {
        "File": f"{image.number}, {info.kind}",
        "Size": f"{image.size[0]} × {image.size[1]}",
        "Bits": str(info.bits),
        "Spacing": spacing_in_words(image),
        "Imaging": info.imaging,
        "Drawn": "no woman was imaged" if info.is_synthetic else "",
        **dict(info.making),
        "Set by hand": " and ".join(image.corrected),
        "Special": ", ".join(info.modifiers),
        "Windows": ", ".join(window.name for window in info.windows),
        "What was done": " ".join(info.notes),
    }
    return tuple((name, value) for name, value in known.items() if value)


def spacing_in_words(image: CaseImage) -> str:
    if image.info.spacing_mm is None:
        return "unknown"
    where = " at the detector" if image.info.is_spacing_at_detector else ""
    return f"{image.info.spacing_mm[0]:.3g} mm{where}"


def _note(reading: Reading | None, name: str) -> str:
    if reading is None:
        return f"{name}: not scored"
    stamp = f", {OUTSIDE[0].lower()}{OUTSIDE[1:]}" if reading.outside else ""
    return f"{name} {shown_digits(reading.score)}{stamp}"


def _region_box(number: int, region: Region, reduction: float) -> RegionBox:
    box = region.box
    x0, y0, x1, y1 = (edge / reduction for edge in (box.x0, box.y0, box.x1, box.y1))
    return RegionBox(x0=x0, y0=y0, x1=x1, y1=y1, text=f"{number}: {region.share:.0%}")


@st.cache_data(max_entries=8, show_spinner=False)  # of up to 7 MB, for the views of two exams
def _display(root: Path, case_id: str, image_id: str, longest: int) -> DisplayImage:
    case = load_case(root, case_id)
    return to_pane(load_mammogram(root, case, case.image(image_id)), longest=longest)


@st.cache_data(max_entries=8, show_spinner="Filtering…")
def _filters(root: Path, case_id: str, image_id: str) -> bytes:
    case = load_case(root, case_id)
    return filters_png(load_mammogram(root, case, case.image(image_id)).pixels)


def pick_method() -> str:
    """The method of the heatmap, as chosen under "Advanced"; it stands in the URL."""
    return str(st.session_state.get("method") or st.query_params.get("method") or DEFAULT_METHOD)


def has_own_map(run: RunFolder) -> bool:
    if not run.is_checkpoint:
        return False
    backbone = cached.card(run).model.backbone
    return is_published(backbone) and bool(get_published(backbone).own_map)


def show_method(run: RunFolder) -> None:
    """Under "Advanced": the other ways to make a heatmap; for some networks, their own map."""
    names = list(TITLES if has_own_map(run) else METHOD_TITLES)
    if st.session_state.get("method", names[0]) not in names:
        st.session_state["method"] = names[0]
    st.selectbox(
        "Heatmap by", names, key="method", bind="query-params",
        format_func=lambda name: TITLES[name]
        + ("" if name in ABSOLUTE_METHODS else ", relative"),
        help="Relative: some point of every image is full colour, however low its score.\n\n"
        + meaning("Heatmap", "Grad-CAM"),
    )  # fmt: skip


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
        if warning := read.drawn[image.ref.image_id].warning:
            lines.append(f"{image.title}: {warning}")
    for words in _quadrants(case, read):
        lines.append(words)
    if lines:
        st.markdown("\n".join(f"- {line}" for line in lines))
    st.caption(_scale_in_words(case, read))


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


def shown_maps(case: Case, read: CaseReading) -> dict[str, ShownMap]:
    """By image id, the heatmaps of `case` as they are drawn."""
    return {
        image.ref.image_id: ShownMap(
            title=image.title,
            reading=reading,
            heat=read.drawn[image.ref.image_id].heat,
            stands_out=bool(read.regions[image.ref.image_id].inside),
        )
        for image in case.images
        if (reading := read.readings.get(image.ref.image_id))
    }


def _scale_in_words(case: Case, read: CaseReading) -> str:
    maps = list(shown_maps(case, read).values())
    title = TITLES[maps[0].reading.method]
    scale = meaning_in_words(maps)
    if read.members:
        titles = all_titles()
        scale += (
            f" It is the mean of the heatmaps of {len(read.members)} models "
            f"({', '.join(titles.get(one, one) for one in read.members)}), each on its own scale."
        )
    return escaped(
        f"The heatmap ({title}) shows {shown_in_words(maps[0].reading.method)}, not the borders of "
        f"a tumour. {scale}"
    )


def legend_of(case: Case, reads: Sequence[CaseReading]) -> Legend:
    """What the colours of the heatmaps shown stand for, beside their bar, and how near they come to
    full colour where nothing stands out.
    """
    readings = [reading for read in reads for reading in read.readings.values()]
    is_own = bool(readings) and all(reading.method == OWN_METHOD for reading in readings)
    if any(reading.is_relative for reading in readings):
        full = "full colour: most in this image"
    elif any(read.members for read in reads):
        full = "full colour: full on every model's own scale"
    elif is_own:
        full = "full colour: 1 on the network's own scale"
    else:
        full = "full colour: 1 in 200 images of other classes reach it"
    maps = [shown for read in reads for shown in shown_maps(case, read).values()]
    return Legend(
        text="What the network marks" if is_own else "What moved the score",
        low_text="nothing",
        high_text=full,
        said=below_in_words(maps) if len(reads) == 1 else "",
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


_BESIDE: Final = "Side by side"
HEIGHT: Final = 780
_TOLD_OF: Final = "told_of"  # the case and the models whose scores stand on the page
_IS_ODD: Final = "is_told_in_the_second_place"


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """What one model says of the case."""

    run: RunFolder
    read: CaseReading


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where on the page the parts of a case go."""

    names: DeltaGenerator  # what they propose: however many lines, the others keep their place
    models: DeltaGenerator
    pictures: DeltaGenerator
    beside: DeltaGenerator | None  # for the scores; those of two models stand under the images


def lay_out(*, is_for_two: bool) -> Places:
    """Models and scores beside the images; those of two models beside each other, under them."""
    names = st.container()
    if is_for_two:
        models = st.container(horizontal=True)
        return Places(names=names, models=models, pictures=st.container(), beside=None)
    pictures, right = st.columns([3, 1], gap="medium")
    return Places(names=names, models=right.container(), pictures=pictures, beside=right)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Where on the page it goes what models say of a case."""

    scores: DeltaGenerator
    second_scores: DeltaGenerator
    behind: DeltaGenerator


def lay_out_told(place: Places, *, of: str) -> Told:
    """`of` names the case and its models: what was told of others is gone at once."""
    if st.session_state.get(_TOLD_OF) != of:
        st.session_state[_TOLD_OF] = of
        st.session_state[_IS_ODD] = not st.session_state.get(_IS_ODD)
    if place.beside is None:
        scores, second = _told().columns(2, gap="large")
    else:
        with place.beside:
            scores = second = _told()
    return Told(scores=scores, second_scores=second, behind=_told())  # last, also on a phone


def _told() -> DeltaGenerator:
    """A container takes over what the one in its place held, until a run has come to its end, and
    one that is drawn again before never does. So there are two places, and one of them is empty.
    """
    if st.session_state[_IS_ODD]:
        st.empty()
    told = st.container()
    if not st.session_state[_IS_ODD]:
        st.empty()
    return told


def pick_layers(layers: Sequence[Layer]) -> list[Layer]:
    """Whose heatmap lies on the images: of one model, or of each on a copy of its own."""
    if len(layers) < 2:
        return list(layers)
    by_name = {layer.run.run_id: layer for layer in layers}
    titles = all_titles()
    name = st.segmented_control(
        "Heatmap of", [*by_name, _BESIDE], default=next(iter(by_name)), required=True, key="layer",
        format_func=lambda one: titles.get(one, one),
    )  # fmt: skip
    return [by_name[name]] if name in by_name else list(layers)


def hung_as(case: Case, proposed: Mapping[str, NamedPlace]) -> Case:
    """`case` with the places proposed for images, by id: for hanging alone, nothing counts them."""
    return replace(
        case,
        images=tuple(
            replace(
                image,
                info=replace(image.info, ref=replace(image.ref, side=place.side, view=place.view)),
            )
            if (place := proposed.get(image.ref.image_id))
            else image
            for image in case.images
        ),
    )


def show_pictures(
    case: Case,
    layers: Sequence[Layer],
    *,
    proposed: Mapping[str, NamedPlace],
    height: int = HEIGHT,
    on_corrected: Callable[[Correction], None] | None = None,
) -> None:
    """In the viewer; under them the boxes that the reader drew. Images of a `proposed` place are
    hung there, and say that it is one. `on_corrected` hears what the reader says of an image;
    the example, of which nobody says anything, has one layer.
    """
    case = hung_as(case, proposed)
    lesions = None
    if len(layers) < 2:
        panes = make_panes(case, layers[0].read if layers else None)
        lesions = pick_lesions(case) if on_corrected else None
        panes = [lesions.laid_on(pane) for pane in panes] if lesions else panes
    else:
        parts = parts_of(case)
        part = next(iter(parts))
        if len(parts) > 1:
            part = st.segmented_control(
                "Images", list(parts), default=part, required=True, key="beside_part"
            )
        titles = all_titles()
        by_title = {titles[layer.run.run_id]: layer.read for layer in layers}
        panes = make_pairs(case, parts[part], by_title)
    panes = [
        replace(pane, title="side and view from the file's name")
        if image_of(pane.key) in proposed
        else pane
        for pane in panes
    ]
    panes = with_lesions(case, panes)
    seen = show_viewer(
        panes,
        key="viewer",
        height=height,
        is_filling=True,
        legend=lesions.legend if lesions else legend_of(case, [layer.read for layer in layers]),
        columns=len(layers) if len(layers) > 1 else 0,
        shown=shown_on_read(case),
        on_corrected=on_corrected,
    )
    for box in drawn_boxes(case, panes, seen.drawn):
        st.caption(f":material/crop_free: Your box on {box} of the original.")
    if lesions:
        show_marks(case, lesions)


def show_layers(case: Case, layers: Sequence[Layer]) -> None:
    """What stands out on the images shown; of two models, beside each other."""
    places = st.columns(2, gap="large") if len(layers) > 1 else [st.container()]
    for place, layer in zip(places, layers, strict=False):
        with place:
            if len(layers) > 1:
                st.markdown(f"**{escaped(title_of(layer.run))}**")
            if layer.read.readings:
                show_regions(case, layer.read)
