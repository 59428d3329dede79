"""What is done about cancers being few: which images are shown, and what they weigh."""

from collections.abc import Mapping
from typing import Final, Literal

import streamlit as st

from mammo_core.config import BalanceConfig

_SAMPLERS: Final[Mapping[Literal["none", "weighted", "oversample"], str]] = {
    "none": "Every image once",
    "weighted": "Drawn with weights",
    "oversample": "Cancers shown again",
}
_WEIGHTS: Final[Mapping[Literal["none", "balanced"], str]] = {
    "none": "All the same",
    "balanced": "Rarer classes more",
}


def pick_balance(before: BalanceConfig, *, key: str) -> BalanceConfig:
    """Concerns training images alone. `key` names the defaults, those of `before`."""
    left, middle, right = st.columns(3)
    sampler = left.selectbox(
        "Which images an epoch shows", list(_SAMPLERS), format_func=_SAMPLERS.__getitem__,
        index=list(_SAMPLERS).index(before.sampler), key=f"train_sampler_{key}",
        help="Drawn with weights: with replacement, some images not at all. Cancers shown again: "
        "every image once, positive ones several times, each time changed in another way.",
    )  # fmt: skip
    share = left.slider(
        "Share of positive images", 0.05, 0.95, before.positive_share, 0.05,
        key=f"train_share_{key}", disabled=sampler == "none",
    )  # fmt: skip
    class_weights = middle.selectbox(
        "What images weigh in the loss", list(_WEIGHTS), format_func=_WEIGHTS.__getitem__,
        index=list(_WEIGHTS).index(before.class_weights), key=f"train_class_weights_{key}",
    )  # fmt: skip
    positive_weight = middle.number_input(
        "Weight of a positive image", 0.1, 100.0, before.positive_weight, 0.5,
        key=f"train_positive_weight_{key}", help="1 leaves it as it is",
    )  # fmt: skip
    focal = right.number_input(
        "Focal loss, gamma", 0.0, 5.0, before.focal_gamma, 0.5, key=f"train_focal_{key}",
        help="0 is off. Above, what is already right weighs less.",
    )  # fmt: skip
    smoothing = right.number_input(
        "Label smoothing on positives", 0.0, 0.45, before.positive_smoothing, 0.05,
        key=f"train_smoothing_{key}", help="0 is off. Doubts the positive labels alone.",
    )  # fmt: skip
    guaranteed = right.number_input(
        "Positives in every batch, at least", 0, 64, before.positives_per_batch,
        key=f"train_guaranteed_{key}",
    )  # fmt: skip
    balance = BalanceConfig(
        sampler=sampler,
        positive_share=share,
        positives_per_batch=guaranteed,
        class_weights=class_weights,
        positive_weight=positive_weight,
        focal_gamma=focal,
        label_smoothing=before.label_smoothing,
        positive_smoothing=smoothing,
    )
    for warning in balance.warnings():
        st.warning(warning, icon=":material/balance:")
    return balance
