"""A map of the images that are counted: what looks alike to the model lies close together. A lasso
makes a case list of them, to be looked at and tagged.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from mammo_core.config import EmbedConfig
from mammo_core.errors import MammoError
from mammo_core.files import measurements_root
from mammo_core.glossary import meaning
from mammo_core.metrics.projection import (
    FEWEST,
    MOST_NEIGHBOURS,
    principal_plane,
    spread_choice,
)
from mammo_core.metrics.uncertainty import RatesAtThreshold
from mammo_core.plots.overviews import map_figure
from mammo_core.runs.folder import RunFolder
from mammo_core.runs.jobs import latest_run
from mammo_core.runs.sidecars import Embeddings, read_embeddings
from mammo_core.sharing.rights import Action
from mammo_core.words import many
from pages.components.shared import cached
from pages.components.shared.caselist.panel import (
    choose_in_figure,
    images_listing,
    show_cases_panel,
    source_of,
    with_tag_column,
)
from pages.components.shared.counting import Counted, split_in_words, splits_of
from pages.components.shared.frame import toasted_errors
from pages.components.shared.runs import data_of, show_job, start_once
from pages.components.shared.whose import is_off, owning, require, require_data
from pages.components.thresholds.threshold import model_of

SPLIT_KEY: Final = "count_split"  # of the page's choice of a split
_PRINCIPAL: Final = "principal components"
_NEIGHBOURS: Final = "t-SNE"
_COLOURS: Final = {
    "label": "label",
    "score": "score",
    "site": "site",
    "machine": "machine",
    "density": "density",
    "split": "split",
    "tag": "tag",
}


def show_map(counted: Counted, rates: RatesAtThreshold) -> None:
    model = model_of(counted.scored)
    if model is None or not model.is_checkpoint:
        st.info(
            "A map needs the model that scored these images, a single checkpoint: an uploaded "
            "table and joined scores come without it.",
            icon=":material/scatter_plot:",
        )
        return
    asked = _asked(counted)
    placed, vectors = _placed(counted, asked, model)
    known = len(placed)
    if known < len(asked.rows):
        _offer_job(counted, asked, model, known=known)
    if known < FEWEST:
        return
    how = st.segmented_control(
        "Placed by", [_PRINCIPAL, _NEIGHBOURS], default=_PRINCIPAL, required=True, key="map_how",
        bind="query-params",
        help="Principal components: the two directions of most difference, at once. t-SNE keeps "
        "neighbours close and says nothing of distances; it takes some seconds.\n\n"
        + meaning("Embedding"),
    )  # fmt: skip
    if how == _NEIGHBOURS:
        drawn = _by_neighbours(placed, vectors)
    else:
        drawn = _by_differences(placed, vectors)
    _show_points(counted, drawn, rates)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Asked:
    """The images that are to be placed, and how they are called."""

    rows: pd.DataFrame
    words: str


def _asked(counted: Counted) -> _Asked:
    """Those that are counted, or those of every split."""
    predictions = counted.scored.predictions
    if len(splits_of(predictions)) > 1 and st.toggle(
        "All splits", key="map_every", bind="query-params"
    ):
        return _Asked(rows=predictions, words="all splits")
    return _Asked(rows=counted.rows, words=f"the {split_in_words(counted.counting.split)}")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Placed:
    """Images with their place, what the places mean, and which share each axis shows, if known."""

    images: pd.DataFrame
    words: str
    shares: tuple[float, float] | None = None


def _by_differences(images: pd.DataFrame, vectors: NDArray[np.floating]) -> Placed:
    plane = principal_plane(vectors)
    return Placed(
        images=images.assign(x=plane.points[:, 0], y=plane.points[:, 1]),
        shares=plane.shares,
        words=f"{many(len(images), 'image', 'images')} in the two directions in which they differ "
        f"most to this model, {sum(plane.shares):.0%} of all differences: what lies apart is "
        "different, what lies close need not be alike.",
    )


def _by_neighbours(images: pd.DataFrame, vectors: NDArray[np.floating]) -> Placed:
    chosen = spread_choice(len(images), most=MOST_NEIGHBOURS, seed=0)
    points = cached.neighbour_points(vectors[chosen])
    left_out = len(images) - len(chosen)
    of_all = f" of {len(images):,}, drawn by chance" if left_out else ""
    return Placed(
        images=images.iloc[chosen].assign(x=points[:, 0], y=points[:, 1]),
        words=f"{many(len(chosen), 'image', 'images')}{of_all}, each beside those most alike to "
        "this model (t-SNE, seed 0): how far apart groups lie, and how large they are, means "
        "nothing.",
    )


def _placed(
    counted: Counted, asked: _Asked, model: RunFolder
) -> tuple[pd.DataFrame, NDArray[np.floating]]:
    """The images asked for that have a vector, and these: by the job where there is one, else by
    what the checkpoint keeps of its training and validation.
    """
    card = cached.card(model)
    rows = asked.rows
    found: list[tuple[pd.DataFrame, NDArray[np.floating]]] = []
    job = _job(counted, model)
    for keeper in (job, model):
        embeddings = None if keeper is None else read_embeddings(keeper, card)
        if embeddings is not None:
            found.append(_points(rows, embeddings))
    return max(found, key=lambda one: len(one[0]), default=(rows.iloc[:0], np.empty((0, 0))))


def _points(
    rows: pd.DataFrame, embeddings: Embeddings
) -> tuple[pd.DataFrame, NDArray[np.floating]]:
    place = pd.Series(range(len(embeddings.images)), index=embeddings.images["image_id"])
    at = rows["image_id"].map(place[~place.index.duplicated()])
    return rows[at.notna()], embeddings.vectors[at.dropna().astype(int).to_numpy()]


def _settings(counted: Counted, model: RunFolder) -> EmbedConfig | None:
    """None where it is not known which images on this computer are meant."""
    run = counted.scored.run
    try:
        data = None if run is None else data_of(run)
    except MammoError:
        return None
    if data is None:
        return None
    return EmbedConfig(
        checkpoint=model.run_id,
        folder=data.folder,
        adapter=data.adapter,
        label_rule=data.label_rule,
    )


def _job(counted: Counted, model: RunFolder) -> RunFolder | None:
    settings = _settings(counted, model)
    return None if settings is None else latest_run(settings, measurements_root())


def _offer_job(counted: Counted, asked: _Asked, model: RunFolder, *, known: int) -> None:
    st.caption(
        f"This model keeps a place for the images it was trained and validated on: for "
        f"{known:,} of the {many(len(asked.rows), 'image', 'images')} of {asked.words}."
        if known
        else f"This model keeps a place for the images it was trained and validated on, and for "
        f"none of {asked.words}."
    )
    if not known:
        _offer_split(counted, model)
    settings = _settings(counted, model)
    if settings is None:
        return
    job = latest_run(settings, measurements_root())
    is_free = job is None or show_job(job)
    st.button(
        "Place all images", icon=":material/play_arrow:", key="embed",
        disabled=not is_free or bool(is_off(Action.TRAIN)),
        on_click=_start, args=(settings,),
        help=is_off(Action.TRAIN)
        or "The model looks at every image of the data set, as a job that goes on by itself.",
    )  # fmt: skip


def _offer_split(counted: Counted, model: RunFolder) -> None:
    """Another split whose images have a place, where there is one."""
    kept, predictions = read_embeddings(model, cached.card(model)), counted.scored.predictions
    if kept is None:
        return
    is_kept = predictions["image_id"].isin(kept.images["image_id"])
    for split in splits_of(predictions[is_kept]):
        if split != counted.counting.split:
            if st.button(
                f"Map of the {split_in_words(split)}", icon=":material/scatter_plot:",
                key="map_split", on_click=_count_split, args=(split,),
            ):  # fmt: skip
                st.rerun()  # what is counted is chosen above, outside this part of the page
            return


def _count_split(split: str) -> None:
    st.session_state[SPLIT_KEY] = split


def _start(settings: EmbedConfig) -> None:
    with toasted_errors():
        require(Action.TRAIN)
        require_data(settings.folder)
        owned = owning(action="started a measurement")
        start_once(settings, measurements_root(), what="embed", own=owned)


def _show_points(counted: Counted, drawn_by: Placed, rates: RatesAtThreshold) -> None:
    source = source_of(counted.scored.run, page="thresholds")
    placed = with_tag_column(drawn_by.images, source)
    columns = [name for name in _COLOURS if _tells(placed, name)]
    by = st.segmented_control(
        "Coloured by", columns, default=columns[0], required=True, key="map_by",
        format_func=_COLOURS.__getitem__, bind="query-params",
    )  # fmt: skip
    drawn = placed if by == "score" else placed.explode(by).astype({by: "string"})
    chosen = choose_in_figure(
        map_figure(drawn, by=by, title=_COLOURS[by], shares=drawn_by.shares),
        set(placed["image_id"]),
        key="map",
        choice="mapped_chosen",
        id_of=lambda point: str(point["customdata"]),
        alt=f"{len(placed):,} images as points, coloured by {by}: alike to the model lies close",
    )
    twice = " An image of several tags is drawn in each." if len(drawn) > len(placed) else ""
    st.caption(
        f"{drawn_by.words} Draw around points to list them; the list below is all of them until "
        f"then.{twice}"
    )
    shown = placed[placed["image_id"].isin(chosen)] if chosen else placed
    where = " drawn around" if chosen else ""
    show_cases_panel(
        images_listing(shown, source, threshold=rates.point.threshold),
        key="mapped",
        title=f"{many(len(shown), 'image', 'images')}{where}",
    )


def _tells(placed: pd.DataFrame, name: str) -> bool:
    """Whether the map can be coloured by it; by split only where there are several."""
    if name == "split":
        return len(splits_of(placed)) > 1
    return name in placed and bool(placed[name].notna().any())
