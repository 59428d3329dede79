"""What a finished run reached on its test women, and the images themselves."""

from typing import Final

import streamlit as st

from mammo_core.runs.card import Metric, ModelCard
from mammo_core.runs.folder import RunFolder
from mammo_core.words import case_in_words, pairs_in_words
from pages.components import cached
from pages.components.frame import without_notice
from pages.components.gallery import show_gallery
from pages.components.guard import escaped
from pages.components.measured_view import show_measured

_TITLES: Final = {"auc": "AUC"}


def show_results(run: RunFolder) -> None:
    card = cached.card(run)
    if card.metrics:
        for place, metric in zip(
            st.columns(max(3, len(card.metrics))), card.metrics_to_show, strict=False
        ):
            with place:
                _show_metric(metric, card.model.views)
    _show_limits(card)
    with st.expander("How far its heatmaps and scores can be trusted", icon=":material/verified:"):
        show_measured(run, key="results")
    with st.expander(
        "Test images: worst and best cases", icon=":material/grid_view:", expanded=True
    ):
        show_gallery(run)


def _show_metric(metric: Metric, views: int) -> None:
    name = f"{_TITLES.get(metric.name, metric.name)} by {metric.level}, {metric.split}"
    if metric.value is None or metric.low is None or metric.high is None:
        st.metric(name, "–", border=True)
        st.caption(escaped(metric.method))
        return
    st.metric(
        name, f"{metric.value:.3f}", f"95 % {metric.low:.3f} to {metric.high:.3f}",
        delta_color="off", delta_arrow="off", border=True,
        help=f"95 % interval by {metric.method}: {metric.positives:,} with and "
        f"{metric.negatives:,} without, {metric.women:,} women",
    )  # fmt: skip
    st.caption(
        f"{metric.positives:,} with cancer, {metric.negatives:,} without, {metric.women:,} women"
    )
    if pairs_in_words(metric.level, views):
        st.caption(f"By {case_in_words(metric.level, views)}")


def _show_limits(card: ModelCard) -> None:
    if card.metrics:
        st.caption(escaped(card.data.describe(card.metrics[-1].level)))
    for limit in without_notice(card.limits):
        st.caption(f":material/info: {escaped(limit)}")
