"""The case list with the viewer beside it: any page shows its cases so, in place, each a click away
from Read. What is open, and how the list was narrowed, stands in the address.
"""

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pandas as pd
import streamlit as st

from mammo_core.errors import MammoError
from mammo_core.glossary import meaning
from mammo_core.listing import (
    ListedCase,
    exam_images,
    images_by_case,
    list_cases,
    with_tags,
)
from mammo_core.metrics.cases import Cases, case_ids_of, outcomes_of
from mammo_core.runs.folder import RunFolder
from mammo_core.runs.pictures import PICTURES_NAME, stored_picture
from pages.components.shared import cached
from pages.components.shared.caselist.caselist import (
    TaggedBy,
    Tagging,
    Thumbnails,
    kept_view,
    show_case_list,
)
from pages.components.shared.caselist.origin import (
    CaseSource,
    keep_as_case,
    open_in_read,
    truth_in_words,
    with_others,
)
from pages.components.shared.counting import Counted
from pages.components.shared.frame import escaped, noted_errors, toasted_errors
from pages.components.shared.pickers import can_read
from pages.components.shared.runs import dataset_of
from pages.components.shared.viewer.hanging import with_truth
from pages.components.shared.viewer.viewer import Pane, ShownCase, show_viewer
from pages.components.shared.whose import tags_root

if TYPE_CHECKING:  # imported where asked for: a list without pictures needs none of it
    from mammo_core.datasets.dataset import Dataset
    from mammo_core.preprocessing.prepare import DisplayImage

_THUMBNAIL: Final = 96  # pixels
_CHOICES: Final = "chosen_in_figures"  # by their marks
_MOST_CHOICES: Final = 32
_LONGEST: Final = 1400  # pixels, as of several images on Read
_MOST_VIEWS: Final = 8
_EVERY_PIXEL: Final = "Every stored pixel"
_REDUCED: Final = (
    f"Shown are {_LONGEST:,} pixels at most, and ruler, region and value are of these. Every "
    "stored pixel takes a moment longer."
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Listing:
    """Cases, the images each is made of, and where those come from."""

    cases: tuple[ListedCase, ...]
    images: Mapping[str, tuple[str, ...]]
    source: CaseSource
    threshold: float | None = None


def counted_listing(
    counted: Counted, case_ids: Sequence[str], *, threshold: float, page: str = "thresholds"
) -> Listing:
    """These cases of `counted`, in this order, each with its outcome at `threshold`."""
    return cases_listing(
        counted.rows,
        counted.cases,
        case_ids,
        threshold=threshold,
        source=source_of(counted.scored.run, page=page),
    )


def cases_listing(
    rows: pd.DataFrame,
    cases: Cases,
    case_ids: Sequence[str],
    *,
    threshold: float | None,
    source: CaseSource,
) -> Listing:
    """These of `cases`, which were pooled from `rows`, in this order."""
    ids = case_ids_of(rows, cases.level)
    is_wanted = ids.isin(list(case_ids)).to_numpy()
    rows, case_of = rows[is_wanted], [str(one) for one in ids[is_wanted]]
    if threshold is not None:
        outcomes = outcomes_of(cases, threshold)
        rows = rows.assign(outcome=pd.Series(case_of, index=rows.index).map(outcomes))
    scores = dict(zip(cases.case_ids, cases.score, strict=True))
    wanted = {one: float(scores[one]) for one in case_ids if one in scores}
    return Listing(
        cases=list_cases(rows, case_of=case_of, scores=wanted),
        images=images_by_case(rows, case_of),
        source=source,
        threshold=threshold,
    )


def source_of(run: RunFolder | None, *, page: str) -> CaseSource:
    """Where the images that `run` scored lie; without any, why in words."""
    if run is None:
        return CaseSource(page=page, dataset=None, why_no_images="An uploaded table has no images.")
    try:
        return CaseSource(page=page, dataset=dataset_of(run), run=run)
    except MammoError as error:
        has_small = run.file(PICTURES_NAME).exists()
        reason = "Small pictures, as kept beside the model." if has_small else str(error)
        return CaseSource(page=page, dataset=None, run=run, why_no_images=reason)


def images_listing(rows: pd.DataFrame, source: CaseSource, *, threshold: float | None) -> Listing:
    """Each row of a manifest or a predictions table as a case."""
    return Listing(
        cases=list_cases(rows),
        images=images_by_case(rows, rows["image_id"].astype(str).to_list()),
        source=source,
        threshold=threshold,
    )


def with_tag_column(rows: pd.DataFrame, source: CaseSource) -> pd.DataFrame:
    """`rows` with what readers tagged their images, to cut them by; as they are without any, or
    where they cannot be looked up, which the list tells.
    """
    with suppress(MammoError):
        if (tags := _Tags.of(source)) is not None and tags.by_image:
            from mammo_core.datasets.tags import tag_column

            return rows.assign(tag=tag_column(rows["image_id"].map(_original), tags.by_image))
    return rows


def choose_in_figure(
    figure: Any,  # of plots/
    known: Collection[str],
    *,
    key: str,
    choice: str,
    id_of: Callable[[Mapping[str, Any]], str],
    alt: str,
) -> list[str]:
    """A figure in which a click, a box or a lasso chooses cases; those of `known` that are chosen.

    They are still chosen on the way back from Read, when the figure itself has forgotten them: the
    address has their mark under the name `choice`, and the session what that stands for.
    """

    def keep() -> None:
        ids = sorted({id_of(point) for point in st.session_state[key].selection.points})
        mark = hashlib.sha256("\0".join(ids).encode()).hexdigest()[:12]
        choices = st.session_state.setdefault(_CHOICES, {})
        choices[mark] = ids
        while len(choices) > _MOST_CHOICES:
            del choices[next(iter(choices))]
        _keep(choice, mark if ids else "")

    kept = st.session_state.get(_CHOICES, {}).get(st.query_params.get(choice), [])
    chosen = [one for one in kept if one in known]
    with st.container():  # so that what follows keeps its place
        drawn = st.plotly_chart(
            figure, key=key, on_select=keep, selection_mode=("points", "box", "lasso"), alt=alt
        )
        if chosen and not drawn.selection.points:
            st.button(
                "List all again", icon=":material/deselect:", type="tertiary", key=f"{key}_all",
                on_click=_keep, args=(choice, ""),
            )  # fmt: skip
    return chosen


@st.fragment
def show_cases_panel(listing: Listing, *, key: str, title: str = "", height: int = 640) -> None:
    """The cases of `listing` as a list, and beside it the one that is open. Reruns by itself.

    `key` tells several panels of a page apart, in the address too.
    """
    if title:
        st.markdown(f"**{escaped(title)}**")
    if not listing.cases:
        st.info("There is no such case.", icon=":material/playlist_remove:")
        return
    _say_of_images(listing)
    tags = None
    try:
        tags = _Tags.of(listing.source)
    except MammoError as error:
        st.caption(f":material/label_off: {escaped(str(error))}")
    cases = with_tags(listing.cases, listing.images, tags.by_image) if tags else listing.cases
    left, right = st.columns([2, 3], gap="medium")
    place, opened_in, viewed_in = f"{key}-{listing.source.mark}", f"{key}_open", f"{key}_view"
    with left, noted_errors():
        opened = show_case_list(
            cases,
            key=place,
            thumbnails=_thumbnails(listing),
            opened=st.query_params.get(opened_in),
            threshold=listing.threshold,
            height=height,
            view=st.query_params.get(viewed_in, ""),
            tagging=tags.tagging(listing) if tags else None,
        )
    _keep(opened_in, opened or "")
    if kept_view(place) is not None:
        _keep(viewed_in, kept_view(place) or "")
    with right, noted_errors():
        if opened is None:
            st.caption("Click on a case to see it here; J and K go to the next and the one before.")
        else:
            shown = ShownCase(list=place, key=opened)
            _show_opened(listing, next(one for one in cases if one.key == opened), shown, key=key)


def _keep(name: str, value: str) -> None:
    if value and st.query_params.get(name) != value:
        st.query_params[name] = value
    elif not value:
        st.query_params.pop(name, None)


def _say_of_images(listing: Listing) -> None:
    if not listing.source.why_no_images:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(
            f":material/hide_image: {escaped(listing.source.why_no_images)}", width="content"
        )
        if listing.source.run is not None:
            st.page_link("pages/data.py", label="Data", icon=":material/database:")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tags:
    """What readers said of the images of one data set."""

    identity: str
    by_image: Mapping[str, tuple[str, ...]]

    @classmethod
    def of(cls, source: CaseSource) -> "_Tags | None":
        """None where the data set is not known, with which tags are kept; a MammoError where they
        cannot be looked up.
        """
        dataset = source.dataset
        if dataset is None:
            return None
        from mammo_core.datasets.tags import identity_of, read_tags

        identity = identity_of(dataset.root, dataset.manifest)
        return cls(identity=identity, by_image=read_tags(tags_root(), identity))

    def tagging(self, listing: Listing) -> TaggedBy:
        """Cases are tagged by tagging every one of their images."""

        def keep(asked: Tagging) -> None:
            from mammo_core.datasets.tags import change_tag

            images = [_original(image) for one in asked.keys for image in listing.images[one]]
            with toasted_errors():
                change_tag(
                    tags_root(), self.identity, asked.tag, images, is_removed=asked.is_removed
                )

        known = sorted({tag for tags in self.by_image.values() for tag in tags})
        return TaggedBy(known=tuple(known), keep=keep)


def _thumbnails(listing: Listing) -> Thumbnails | None:
    """A case is known by its first image; None where no image is here."""
    dataset, run = listing.source.dataset, listing.source.run
    if dataset is None:
        return _stored_thumbnails(listing, run) if run is not None else None
    paths = _paths(dataset)

    def picture(key: str) -> bytes | None:
        path = paths.get(_original(listing.images[key][0]))
        return cached.picture(str(dataset.root), path, side=_THUMBNAIL) if path else None

    return picture


def _stored_thumbnails(listing: Listing, run: RunFolder) -> Thumbnails | None:
    """Those that a checkpoint brings of its own images, where they may be passed on."""
    if not run.file(PICTURES_NAME).exists():
        return None

    def picture(key: str) -> bytes | None:
        return stored_picture(run, _original(listing.images[key][0]))

    return picture


def _show_stored(listing: Listing, case: ListedCase) -> None:
    """The small pictures of a case whose images are not on this computer."""
    run = listing.source.run
    if run is None or not run.file(PICTURES_NAME).exists():
        return  # why stands above the list
    found = {one: stored_picture(run, _original(one)) for one in listing.images[case.key]}
    with st.container(horizontal=True):
        for image_id, data in found.items():
            if data is not None:
                st.image(data, alt=image_id, caption=escaped(image_id))
    if not any(found.values()):
        st.info(
            "No picture of this case is kept beside the model. Where you have the data set, "
            "register its folder on the Data page.",
            icon=":material/hide_image:",
        )


def _paths(dataset: "Dataset") -> Mapping[str, str]:
    rows = dataset.manifest
    return dict(zip(rows["image_id"].astype(str), rows["path"].astype(str), strict=True))


def _original(image_id: str) -> str:
    from mammo_core.datasets.splits import original_of  # slow, and only asked where images are

    return original_of(image_id)


def _show_opened(listing: Listing, case: ListedCase, shown: ShownCase, *, key: str) -> None:
    from mammo_core.datasets.small_images import boxes_of

    source, dataset = listing.source, listing.source.dataset
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{escaped(case.title)}**  \n{escaped(_in_words(case, listing.threshold))}")
    if dataset is None:
        _show_stored(listing, case)
        return
    known = _paths(dataset)
    own = tuple(dict.fromkeys(_original(image) for image in listing.images[case.key]))
    images = tuple(image for image in own if image in known)
    if not images:
        st.caption("Its images are not in the folder any more.")
        return
    exam = exam_images(dataset.manifest, images)
    controls = st.container(horizontal=True, vertical_alignment="center")
    with controls:
        if st.button("Open in Read", key=f"{key}_read", icon=":material/radiology:"):
            brought = exam[:_MOST_VIEWS]
            open_in_read(
                source,
                brought,
                listed=case if set(brought) <= set(images) else with_others(case),
                lesions=[boxes_of(dataset.boxes, image) for image in brought],
            )
        is_whole = len(exam) > len(images) and st.toggle(
            f"All {len(exam)} views of this exam", key=f"{key}_whole"
        )
        can_heat = source.run is not None and can_read(source.run)
        is_heated = can_heat and st.toggle("Heatmap", key=f"{key}_heat", help=meaning("Heatmap"))
    images = (exam if is_whole else images)[:_MOST_VIEWS]
    with noted_errors():
        if is_heated and source.run is not None:
            panes = _kept(source, dataset, images, run=source.run)
        else:
            panes = [pane for one in images for pane in _panes(dataset, one)]
            is_reduced = any(pane.reduction > 1 for pane in panes)
            if is_reduced and controls.toggle(_EVERY_PIXEL, key=f"{key}_full", help=_REDUCED):
                panes = _kept(source, dataset, images, run=None)
        show_viewer(panes, key=f"{key}_viewer", height=560, shown=shown)


def _in_words(case: ListedCase, threshold: float | None) -> str:
    score = ""
    if case.score is not None:
        score = f"Score {case.score:.3f}"
        if threshold is not None:
            side = "at or above" if case.score >= threshold else "below"
            score += f", {side} the threshold {threshold:.3f}"
    tags = f"Tags: {', '.join(case.tags)}" if case.tags else ""
    parts = (" ".join(case.chips), score, truth_in_words(case.truth), tags)
    return ". ".join(part for part in parts if part)


def _panes(dataset: "Dataset", image_id: str) -> list[Pane]:
    """One image as the viewer takes it, with its known lesions; none, and why in words, where it
    cannot be read.
    """
    from mammo_core.datasets.small_images import boxes_of

    row = dataset.manifest.loc[dataset.manifest["image_id"] == image_id].iloc[0]
    try:
        path = str(row["path"])
        shown = _display(dataset.root, path, cached.changed_at(dataset.root / path))
    except MammoError as error:
        st.warning(escaped(f"{image_id}: {error}"), icon=":material/broken_image:")
        return []
    pane = Pane(
        key=image_id,
        title=image_id,
        pixels=shown.pixels,
        windows=shown.windows,
        side=row["side"] if isinstance(row["side"], str) else None,
        view=row["view"] if isinstance(row["view"], str) else None,
        spacing_mm=shown.spacing_mm,
        is_spacing_at_detector=shown.is_spacing_at_detector,
        breast=shown.breast,
        chest_wall=shown.chest_wall,
        reduction=shown.reduction,
    )
    return [with_truth(pane, boxes_of(dataset.boxes, image_id))]


@st.cache_data(max_entries=16, show_spinner=False)
def _display(root: Path, path: str, changed: int) -> "DisplayImage":
    from mammo_core.preprocessing.prepare import to_pane
    from mammo_core.preprocessing.reading.read import read_mammogram

    return to_pane(read_mammogram(root / path, inside=root), longest=_LONGEST)


def _kept(
    source: CaseSource, dataset: "Dataset", images: Sequence[str], *, run: RunFolder | None
) -> list[Pane]:
    """As Read shows them: kept as a case, whose stored pixels the zoom may ask for; read by `run`
    where there is one.
    """
    from mammo_core.datasets.small_images import boxes_of
    from pages.components.read.pictures import make_panes
    from pages.components.read.reading import read_images
    from pages.components.read.scores import fit_of, show_refused

    case = keep_as_case(source, images)
    read = None
    if run is not None:
        fit = fit_of(case, cached.card(run))
        show_refused(fit)
        read = read_images(run, case, fit.scored)
    panes = make_panes(case, read)
    known = {
        one.ref.image_id: boxes_of(dataset.boxes, images[one.number - 1]) for one in case.images
    }
    return [with_truth(pane, known[pane.key]) for pane in panes]
