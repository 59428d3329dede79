"""Whether a network scores an image alone, or with the other view of the breast beside it."""

from dataclasses import replace
from typing import Final, Literal

import streamlit as st

from mammo_core.config import RunConfig
from pages.components.train_data import TrainingData

_VIEWS: Final[tuple[Literal[1, 2], ...]] = (1, 2)


def pick_views(config: RunConfig, chosen: TrainingData, *, key: str) -> RunConfig:
    """`config` with as many views as chosen; one, and why, where these data have no pairs."""
    if not chosen.paired:
        st.caption(
            f"Views of a breast scored together: 1. None of the {chosen.images:,} labelled images "
            "has its other view (CC or MLO) of the same breast, as far as these data say."
        )
        return replace(config, model=replace(config.model, views=1))
    views = st.segmented_control(
        "Views of a breast scored together", _VIEWS, default=config.model.views, required=True,
        key=f"train_views_{key}",
        help="2: each image is scored with the CC or MLO of the same breast beside it; training "
        "takes about twice as long.",
    )  # fmt: skip
    lone = chosen.images - chosen.paired
    if views == 2 and lone:
        st.caption(
            f"{lone:,} of {chosen.images:,} labelled images have no other view of the same breast "
            "and stand in for it."
        )
    return replace(config, model=replace(config.model, views=views))
