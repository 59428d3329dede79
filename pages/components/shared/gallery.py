"""The images a run was tested on, each with score, label, and whether it was right; to be filtered.

Any page may show it: `show_gallery(run)`.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pandas as pd
import streamlit as st

from mammo_core.errors import TableError
from mammo_core.inference.verdict import as_given
from mammo_core.metrics.cases import Order, Outcome, in_order, outcomes_at, pool_cases
from mammo_core.metrics.threshold import youden
from mammo_core.runs.folder import RunFolder
from mammo_core.runs.operating_points import point_in_force
from mammo_core.types import Level, Split
from mammo_core.words import pairs_in_words
from pages.components.shared import cached
from pages.components.shared.frame import escaped, noted_errors
from pages.components.shared.pickers import can_read
from pages.components.shared.runs import shown_dataset


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    threshold: float
    sentence: str


def threshold_of(run: RunFolder, predictions: pd.DataFrame) -> Chosen:
    """The operating point in force; else the best on validation, or without one on these images."""
    locked = as_given(point_in_force(run))
    if locked is not None:
        return Chosen(
            threshold=locked.threshold,
            sentence=f"An image is called from a score of {locked.threshold:.4f} on, the operating "
            f"point chosen by {locked.level} on the split {locked.split or 'none'}.",
        )
    val = predictions[predictions["split"] == Split.VAL]
    try:
        threshold = youden(pool_cases(val, Level.IMAGE)).threshold
    except TableError:
        return Chosen(
            threshold=0.5,
            sentence="No operating point is set, and there are no validation images to choose one "
            "on: called from a score of 0.5 on, which means nothing by itself.",
        )
    return Chosen(
        threshold=threshold,
        sentence=f"No operating point is set. An image is called from a score of {threshold:.4f} "
        "on, the best by image on validation (Youden).",
    )


if TYPE_CHECKING:  # imported where asked for: most of a page needs none of it
    from mammo_core.datasets.dataset import Dataset

_PER_PAGE: Final = 12
_ACROSS: Final = 6
_THUMBNAIL: Final = 220  # pixels
_RIGHT: Final = "right"
_ICONS: Final = {
    Outcome.FOUND: ":material/check:",
    Outcome.MISSED: ":material/visibility_off:",
    Outcome.FALSE_ALARM: ":material/notifications_active:",
    Outcome.NOT_CALLED: ":material/check:",
}


@st.fragment
def show_gallery(run: RunFolder, *, key: str = "gallery") -> None:
    """The test images of `run`, worst first; `key` tells several galleries of a page apart."""
    dataset = shown_dataset(run)
    if dataset is None:
        return
    with noted_errors():
        table = cached.predictions(run)
        test = table[table["split"] == Split.TEST]
        chosen = threshold_of(run, table)
        test = test.assign(outcome=outcomes_at(test, chosen.threshold))
        st.caption(escaped(chosen.sentence))
        shown = _arranged(_filtered(test, key=key), chosen, key=key)
        st.caption(f"{len(shown):,} of {len(test):,} test images{_told_of(run)}")
        pages = max(1, math.ceil(len(shown) / _PER_PAGE))
        page = st.pagination(pages, key=f"{key}_page_{pages}") if pages > 1 else 1
        _show_page(run, dataset, shown.iloc[(page - 1) * _PER_PAGE : page * _PER_PAGE], key=key)


def _told_of(run: RunFolder) -> str:
    """What an image's score is of, where two views are scored together."""
    if not run.is_checkpoint:
        return ""
    return pairs_in_words(Level.IMAGE, cached.card(run).model.views)


def _filtered(test: pd.DataFrame, *, key: str) -> pd.DataFrame:
    """By outcome, side and view; nothing chosen is everything."""
    columns = st.columns(3)
    wanted = columns[0].pills(
        "Which", [_RIGHT, Outcome.MISSED, Outcome.FALSE_ALARM], selection_mode="multi",
        format_func=str.capitalize, key=f"{key}_outcome",
    )  # fmt: skip
    if wanted:
        names = {str(name) for name in wanted}
        if _RIGHT in names:
            names |= {str(outcome) for outcome in Outcome if outcome.is_right}
        test = test[test["outcome"].isin(names)]
    for place, column in zip(columns[1:], ("side", "view"), strict=True):
        values = sorted(test[column].dropna().unique())
        if not values:
            continue
        kept = place.pills(
            column.capitalize(), values, selection_mode="multi", key=f"{key}_{column}"
        )
        if kept:
            test = test[test[column].isin(kept)]
    return test


def _arranged(test: pd.DataFrame, chosen: Chosen, *, key: str) -> pd.DataFrame:
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    order = left.segmented_control(
        "Order", list(Order), default=Order.WORST, required=True, format_func=str.capitalize,
        key=f"{key}_order",
    )  # fmt: skip
    seed = 0
    if order is Order.RANDOM:
        seed = right.number_input("Seed", 0, None, 0, key=f"{key}_seed")
    return in_order(test, order, threshold=chosen.threshold, seed=seed)


def _show_page(run: RunFolder, dataset: "Dataset", rows: pd.DataFrame, *, key: str) -> None:
    from mammo_core.datasets.splits import original_of  # slow, and only asked here

    paths = dataset.manifest.drop_duplicates("image_id").set_index("image_id")["path"]
    for start in range(0, len(rows), _ACROSS):
        part = rows.iloc[start : start + _ACROSS]
        for place, (_, row) in zip(st.columns(_ACROSS), part.iterrows(), strict=False):
            with place:
                _show_image(run, dataset, paths.get(original_of(row["image_id"])), row, key=key)


def _show_image(
    run: RunFolder, dataset: "Dataset", path: str | None, row: "pd.Series[Any]", *, key: str
) -> None:
    from mammo_core.datasets.small_images import boxes_of

    image_id = str(row["image_id"])
    data = None
    if path is not None:
        boxes = boxes_of(dataset.boxes, image_id)
        data = cached.picture(str(dataset.root), str(path), side=_THUMBNAIL, boxes=boxes)
    if data is None:
        st.caption(":material/broken_image: not in the folder any more, or not readable")
    else:
        st.image(data, alt=image_id, width="stretch")
    st.caption(_words(row))
    if data is not None and st.button(
        "Read", icon=":material/radiology:", key=f"{key}_read_{image_id}", help=image_id
    ):
        _open_in_read(run, dataset.root / str(path))


def _words(row: "pd.Series[Any]") -> str:
    outcome = row["outcome"]
    told = "truth not known"
    if isinstance(outcome, str):
        told = f"{_ICONS[Outcome(outcome)]} {outcome}"
    place = " ".join(value for value in (row["side"], row["view"]) if isinstance(value, str))
    label = row["label"] if isinstance(row["label"], str) else "no label"
    return f"**{float(row['score']):.3f}** {told}  \n{escaped(label)}, {escaped(place)}"


def _open_in_read(run: RunFolder, path: Path) -> None:
    from pages.components.read.intake import store_files  # reads images, which few visits ask for

    store_files([path.read_bytes()])
    opened = {"case": st.query_params["case"]}
    if can_read(run):
        opened["model"] = run.run_id
    st.switch_page("pages/read.py", query_params=opened)
