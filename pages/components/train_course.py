"""What of the network is trained, for how long, and in which steps."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import streamlit as st

from mammo_core.config import OptimConfig, RunConfig, Trained
from mammo_core.zoo.catalog import RANDOM
from pages.components.train_details import pick_changes, pick_steps

_TRAINED: Final[Mapping[Trained, str]] = {
    "linear": "The last layer (linear probe)",
    "norm_and_head": "Norms and head",
    "last_stages": "The last stages and the head",
    "all": "Everything",
}
_KEEPS_FEATURES: Final = ("linear", "last_stages")


def pick_course(config: RunConfig, *, key: str) -> RunConfig:
    """`config` with its training as chosen; `key` names the defaults."""
    optim = _pick_trained(config.optim, key=key)
    if optim.trained != "all" and config.model.weights == RANDOM:
        st.warning(
            "What is not trained keeps random weights: it has learnt nothing, and will not.",
            icon=":material/warning:",
        )
    optim, seed = _pick_length(optim, config.seed, key=key)
    with st.expander("More about the steps", icon=":material/tune:"):
        config = pick_steps(replace(config, optim=optim, seed=seed), key=key)
    with st.expander("Random changes to the training images", icon=":material/auto_awesome:"):
        augment = pick_changes(config.augment, key=key)
    return replace(config, augment=augment)


def _pick_trained(optim: OptimConfig, *, key: str) -> OptimConfig:
    left, right = st.columns(2)
    trained = left.selectbox(
        "What is trained", list(_TRAINED), format_func=_TRAINED.__getitem__,
        index=list(_TRAINED).index(optim.trained), key=f"train_trained_{key}",
    )  # fmt: skip
    last = optim.last_stages
    if trained == "last_stages":
        last = right.number_input("How many stages", 0, 12, last, key=f"train_stages_{key}")
    variants = 0
    if trained in _KEEPS_FEATURES:
        variants = right.number_input(
            "Kept looks per image", 0, 64, optim.cached_variants if trained == optim.trained else 2,
            key=f"train_variants_{key}",
            help="The frozen part is asked once for so many changed looks of every image, and its "
            "answers are kept: much faster. 0 asks it anew every epoch.",
        )  # fmt: skip
    return replace(optim, trained=trained, last_stages=last, cached_variants=variants)


def _pick_length(optim: OptimConfig, seed: int, *, key: str) -> tuple[OptimConfig, int]:
    columns = st.columns(5)
    epochs = columns[0].number_input("Epochs", 1, 5000, optim.epochs, key=f"train_epochs_{key}")
    batch = columns[1].number_input(
        "Batch size", 1, 4096, optim.batch_size, key=f"train_batch_{key}"
    )
    rate = columns[2].number_input(
        "Learning rate", 1e-7, 10.0, optim.learning_rate, 1e-4, format="%g",
        key=f"train_rate_{key}",
    )  # fmt: skip
    seed = columns[3].number_input("Seed", 0, None, seed, key=f"train_seed_{key}")
    floor = columns[4].number_input(
        "Least sensitivity", 0.0, 1.0, optim.least_sensitivity, 0.05, key=f"train_floor_{key}",
        help="At specificity 0.90, on validation. An epoch below it raises an alarm; 0 never.",
    )  # fmt: skip
    optim = replace(
        optim,
        epochs=epochs,
        batch_size=batch,
        learning_rate=rate,
        least_sensitivity=floor,
        warmup_epochs=min(optim.warmup_epochs, epochs),
    )
    return optim, seed
