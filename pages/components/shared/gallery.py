"""The images a run was tested on as a case list: score, truth, and whether it was right."""

from dataclasses import dataclass

import pandas as pd
import streamlit as st

from mammo_core.errors import TableError
from mammo_core.inference.verdict import as_given
from mammo_core.metrics.cases import outcomes_at, pool_cases, worst_first
from mammo_core.metrics.threshold import HALF, Aim, choose_threshold
from mammo_core.runs.folder import RunFolder
from mammo_core.runs.naming import why_no_predictions
from mammo_core.runs.operating_points import point_in_force
from mammo_core.types import Level, Split
from mammo_core.words import pairs_in_words
from pages.components.shared import cached
from pages.components.shared.caselist.panel import images_listing, show_cases_panel, source_of
from pages.components.shared.frame import escaped, noted_errors


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
    if not val["positive"].notna().any():
        return _half("there are no labelled validation images to choose one on")
    try:
        threshold = choose_threshold(pool_cases(val, Level.IMAGE), Aim.YOUDEN).threshold
    except TableError:  # of one class alone, or better called by nobody than from any score on
        return _half("no threshold is better than another by image on validation")
    return Chosen(
        threshold=threshold,
        sentence=f"No operating point is set. An image is called from a score of {threshold:.4f} "
        "on, the best by image on validation (Youden).",
    )


def _half(why: str) -> Chosen:
    return Chosen(
        threshold=HALF,
        sentence=f"No operating point is set, and {why}: called from a score of {HALF} on, which "
        "means nothing by itself.",
    )


def show_gallery(run: RunFolder, *, page: str, key: str = "gallery") -> None:
    """The test images of `run` as a case list, worst first; `key` tells several of a page apart."""
    source = source_of(run, page=page)
    if not run.has_predictions:
        why = source.why_no_images or why_no_predictions(run)
        st.info(escaped(why), icon=":material/hide_image:")
        return
    with noted_errors():
        table = cached.predictions(run)
        test = table[table["split"] == Split.TEST]
        chosen = threshold_of(run, table)
        test = worst_first(test, chosen.threshold)
        test = test.assign(outcome=outcomes_at(test, chosen.threshold))
        st.caption(escaped(chosen.sentence))
        st.caption(f"{len(test):,} test images, worst first{_told_of(run)}")
        listing = images_listing(test, source, threshold=chosen.threshold)
        show_cases_panel(listing, key=key)


def _told_of(run: RunFolder) -> str:
    """What an image's score is of, where two views are scored together."""
    if not run.is_checkpoint:
        return ""
    return pairs_in_words(Level.IMAGE, cached.card(run).model.views)
