"""Which network, from which weights, at which size of image. Nothing is chosen that is not here."""

from dataclasses import dataclass, replace
from typing import Final, Literal, get_args

import streamlit as st

from mammo_core.config import MapPooling, PrepareSettings, RunConfig
from mammo_core.glossary import meaning
from mammo_core.training.recipes import with_backbone
from mammo_core.zoo.catalog import FROM_CHECKPOINT, RANDOM, get_backbone, list_backbones
from mammo_core.zoo.shelf import how_to_get, shelf_of
from pages.components.shared.frame import escaped
from pages.components.shared.pickers import all_titles, around, known_card
from pages.components.shared.whose import list_checkpoints
from pages.components.train.data import TrainingData

_VIEWS: Final[tuple[Literal[1, 2], ...]] = (1, 2)


def pick_views(config: RunConfig, chosen: TrainingData, *, key: str) -> RunConfig:
    """`config` with as many views as chosen; one, and why, where these data have no pairs."""
    if not chosen.images:
        return config
    if not chosen.paired:
        st.caption(
            f"Views of a breast scored together: 1. None of the {chosen.images:,} labelled images "
            "has its other view (CC or MLO) of the same breast, as far as these data say."
        )
        return replace(config, model=replace(config.model, views=1))
    known = (*_VIEWS, config.model.views) if config.model.views not in _VIEWS else _VIEWS
    views = st.segmented_control(
        "Views of a breast scored together", known, default=config.model.views, required=True,
        key=f"train_views_{key}",
        help="2: each image is scored with the CC or MLO of the same breast beside it; training "
        "takes about twice as long.\n\n" + meaning("CC", "MLO"),
    )  # fmt: skip
    lone = chosen.images - chosen.paired
    if views == 2 and lone:
        st.caption(
            f"{lone:,} of {chosen.images:,} labelled images have no other view of the same breast "
            "and stand in for it."
        )
    return replace(config, model=replace(config.model, views=views))


_POOLINGS: Final = get_args(MapPooling)
_FILTERS: Final[tuple[Literal["none", "gaussian", "mean", "laplacian"], ...]] = (
    "none", "gaussian", "mean", "laplacian",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkChoice:
    """`missing` says in words what has to be done before a run may start."""

    config: RunConfig
    missing: tuple[str, ...]


def pick_network(config: RunConfig, chosen: TrainingData, *, key: str) -> NetworkChoice:
    """`config` with network, weights, image size and views as chosen; `key` names defaults."""
    names = [backbone.name for backbone in list_backbones()]
    if config.model.backbone not in names:
        names.append(config.model.backbone)
    left, right = st.columns(2)
    with left:
        name = st.selectbox(
            "Backbone",
            names,
            index=names.index(config.model.backbone),
            format_func=lambda name: get_backbone(name).title,
            key=f"train_backbone_{key}",
            help=meaning("Backbone"),
        )
    config = with_backbone(config, name)
    with right:
        weights = _pick_weights(config, key=key)
    config = pick_views(replace(config, prepare=_pick_size(config, key=key)), chosen, key=key)
    with st.expander("More about network and images", icon=":material/tune:"):
        config = _pick_details(config, key=key)
    if weights is None:
        return NetworkChoice(config=config, missing=("Choose the weights to start from.",))
    if weights == RANDOM and config.model.weights != RANDOM:
        st.caption("Starting from random weights, not from those the recipe was made for.")
    return NetworkChoice(
        config=replace(config, model=replace(config.model, weights=weights)), missing=()
    )


def _pick_weights(config: RunConfig, *, key: str) -> str | None:
    """Weights that are here; None where those wanted are not and no others were chosen."""
    model = config.model
    shelf = shelf_of(model.backbone)
    options = [RANDOM, *shelf.here, *_earlier_runs(config)]
    wanted = model.weights
    chosen = st.selectbox(
        "Weights to start from",
        options,
        index=options.index(wanted) if wanted in options else None,
        format_func=weights_in_words,
        placeholder="Not on this computer: choose others",
        key=f"train_weights_{key}_{model.backbone}",
        help=meaning("Pretrained weights", "Checkpoint"),
    )
    if chosen is None:
        st.warning(
            f"This needs {escaped(wanted)}, not on this computer.", icon=":material/download:"
        )
    if shelf.missing:
        with st.popover("Other weights, and how to get them", icon=":material/download:"):
            for weights in shelf.missing:
                st.markdown(f"**{escaped(weights.name)}** ({escaped(weights.licence)})")
                st.text(how_to_get(weights))
    return chosen


def _earlier_runs(config: RunConfig) -> list[str]:
    """Checkpoints of the same network, whose training can be continued on these data."""
    found = []
    for run in list_checkpoints():
        card = known_card(run) if run.is_checkpoint else None
        if card is None:
            continue
        is_poolable = card.patches is not None or card.model.pooling == config.model.pooling
        if is_poolable and card.model.backbone == config.model.backbone:
            found.append(f"{FROM_CHECKPOINT}{run.run_id}")
    return found


def weights_in_words(weights: str) -> str:
    if weights == RANDOM:
        return "Random weights"
    if weights.startswith(FROM_CHECKPOINT):
        run_id = weights.removeprefix(FROM_CHECKPOINT)
        return f"Go on from {all_titles().get(run_id, run_id)}"  # deleted: what needs it says so
    return weights


def _pick_size(config: RunConfig, *, key: str) -> PrepareSettings:
    smallest = get_backbone(config.model.backbone).smallest_size
    sizes = []
    for place, name, least, value in zip(
        st.columns(2), ("Image height", "Image width"), smallest, config.prepare.size, strict=True
    ):
        sizes.append(
            place.number_input(
                f"{name} (pixels)", *around(least, 8192, max(least, value)), 32,
                key=f"train_{name[6:]}_{key}_{config.model.backbone}",
            )
        )  # fmt: skip
    return replace(config.prepare, size=(sizes[0], sizes[1]))


def _pick_details(config: RunConfig, *, key: str) -> RunConfig:
    model, prepare = config.model, config.prepare
    left, middle, right = st.columns(3)
    pooling = left.selectbox(
        "Pooling", _POOLINGS, index=_POOLINGS.index(model.pooling), key=f"train_pooling_{key}",
        help="avgmax is both, side by side.\n\n" + meaning("Pooling"),
    )  # fmt: skip
    dropout = middle.number_input(
        "Dropout",
        *around(0.0, 0.9, model.dropout),
        0.05,
        key=f"train_dropout_{key}",
        help=meaning("Dropout"),
    )
    kind = right.selectbox(
        "Filter", _FILTERS, index=_FILTERS.index(prepare.filter), key=f"train_filter_{key}"
    )
    is_cropped = left.toggle(
        "Cropped to the breast", prepare.crop == "breast", key=f"train_crop_{key}"
    )
    is_masked = middle.toggle(
        "All outside the breast black", prepare.is_masked, key=f"train_mask_{key}"
    )
    has_clahe = right.toggle(
        "Local contrast (CLAHE)", prepare.has_clahe, key=f"train_clahe_{key}", help=meaning("CLAHE")
    )
    prepare = replace(
        prepare,
        crop="breast" if is_cropped else "none",
        is_masked=is_masked,
        has_clahe=has_clahe,
        filter=kind,
    )
    return replace(config, model=replace(model, pooling=pooling, dropout=dropout), prepare=prepare)
