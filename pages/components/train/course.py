"""What of the network is trained, for how long, and in which steps."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final, Literal

import streamlit as st

from mammo_core.config import (
    AugmentConfig,
    BalanceConfig,
    LossName,
    Monitor,
    OptimConfig,
    RunConfig,
    Trained,
)
from mammo_core.glossary import meaning
from mammo_core.zoo.catalog import RANDOM
from pages.components.shared.pickers import around

_OPTIMIZERS: Final[tuple[Literal["adamw", "adam", "sgd"], ...]] = ("adamw", "adam", "sgd")
_SCHEDULES: Final[tuple[Literal["cosine", "one_cycle", "constant", "plateau"], ...]] = (
    "cosine", "one_cycle", "constant", "plateau",
)  # fmt: skip
_MONITORS: Final[tuple[Monitor, ...]] = ("auc", "loss", "kappa", "last")
_LOSSES: Final[tuple[LossName, ...]] = ("cross_entropy", "cumulative")
_PRECISIONS: Final[tuple[Literal["32-true", "bf16-mixed", "16-mixed"], ...]] = (
    "32-true", "bf16-mixed", "16-mixed",
)  # fmt: skip
_DEVICES: Final[tuple[Literal["auto", "cpu", "cuda"], ...]] = ("auto", "cpu", "cuda")
_CHANGES: Final = {
    "flip": "Upside down, chance",
    "mirror": "Mirrored, chance",
    "rotation_degrees": "Rotation, degrees",
    "zoom": "Zoom",
    "shift": "Shift",
    "brightness": "Brightness",
    "contrast": "Contrast",
    "gamma": "Gamma",
    "sharpness": "Sharpness",
    "noise": "Noise",
    "elastic": "Elastic",
    "blackout": "Black rectangle, chance",
    "mixup": "Mix-up",
}


def pick_steps(config: RunConfig, *, key: str) -> RunConfig:
    first, second, third, fourth = st.columns(4)
    optim = config.optim
    optim = replace(
        optim,
        optimizer=first.selectbox(
            "Optimiser", _OPTIMIZERS, index=_OPTIMIZERS.index(optim.optimizer),
            key=f"train_optimizer_{key}", help=meaning("Optimiser"),
        ),
        weight_decay=first.number_input(
            "Weight decay", *around(0.0, 1.0, optim.weight_decay), 0.01, key=f"train_decay_{key}",
            help=meaning("Weight decay"),
        ),
        schedule=second.selectbox(
            "Schedule", _SCHEDULES, index=_SCHEDULES.index(optim.schedule),
            key=f"train_schedule_{key}", help=meaning("Schedule", "Learning rate"),
        ),
        plateau_patience=second.number_input(
            "Plateau, epochs", *around(1, 500, optim.plateau_patience), key=f"train_plateau_{key}",
            disabled=optim.schedule != "plateau",
            help="Epochs without a lower validation loss before a plateau lowers the rate.",
        ),
        plateau_factor=second.number_input(
            "Plateau, factor", *around(0.01, 0.99, optim.plateau_factor), 0.05,
            key=f"train_factor_{key}", disabled=optim.schedule != "plateau",
            help="What the rate is then multiplied with.",
        ),
        warmup_epochs=second.number_input(
            "Warm-up epochs", 0, optim.epochs, optim.warmup_epochs,
            key=f"train_warmup_{key}_{optim.epochs}", help=meaning("Warm-up"),
        ),
        accumulate=third.number_input(
            "Batches added up", *around(1, 256, optim.accumulate), key=f"train_accumulate_{key}",
            help=meaning("Gradient accumulation"),
        ),
        clip_norm=third.number_input(
            "Gradient clipped at", *around(0.0, 100.0, optim.clip_norm), 0.5,
            key=f"train_clip_{key}", help=meaning("Gradient clipping"),
        ),
        monitor=fourth.selectbox(
            "Best epoch by validation", _MONITORS, index=_MONITORS.index(optim.monitor),
            key=f"train_monitor_{key}",
            help="Kappa, quadratic, is of ordered classes alone. Last: no epoch is chosen.\n\n"
            + meaning("Epoch", "AUC", "Quadratic kappa", "Overfitting"),
        ),
        loss=third.selectbox(
            "Loss", _LOSSES, index=_LOSSES.index(optim.loss), key=f"train_loss_{key}",
            help="Cumulative, for ordered classes alone: a class far off costs more than the next."
            "\n\n" + meaning("Loss"),
        ),
        patience=fourth.number_input(
            "Patience, epochs", *around(0, 500, optim.patience), key=f"train_patience_{key}",
            help="0 never ends early.\n\n" + meaning("Early stopping"),
        ),
        ema_decay=first.number_input(
            "Averaged weights", *around(0.0, 0.9999, optim.ema_decay), 0.001, format="%g",
            key=f"train_ema_{key}",
            help="0 keeps the last weights as they are.\n\n" + meaning("EMA"),
        ),
        is_compiled=fourth.toggle(
            "Compiled", optim.is_compiled, key=f"train_compiled_{key}",
            help="By torch.compile: a minute or more before the first step, quicker steps then. "
            "Pays on a GPU.",
        ),
    )  # fmt: skip
    device = second.selectbox(
        "Device", _DEVICES, index=_DEVICES.index(config.device), key=f"train_device_{key}"
    )
    precision = third.selectbox(
        "Precision", _PRECISIONS, index=_PRECISIONS.index(config.precision),
        key=f"train_precision_{key}", help=meaning("Mixed precision"),
    )  # fmt: skip
    is_deterministic = fourth.toggle(
        "Deterministic", config.is_deterministic, key=f"train_deterministic_{key}",
        help="On a GPU, at some cost in time: the same seed gives the same weights. On a CPU it "
        "always does.",
    )  # fmt: skip
    return replace(
        config, optim=optim, device=device, precision=precision, is_deterministic=is_deterministic
    )


def pick_changes(augment: AugmentConfig, *, key: str) -> AugmentConfig:
    columns = st.columns(4)
    chosen = {
        name: columns[number % 4].number_input(
            title, *around(0.0, 180.0 if name == "rotation_degrees" else 1.0,
            float(getattr(augment, name))), 1.0 if name == "rotation_degrees" else 0.05,
            key=f"train_{name}_{key}",
        )
        for number, (name, title) in enumerate(_CHANGES.items())
    }  # fmt: skip
    st.caption(
        "At most so much, either way; 0 is off. Validation and test images stay as they are.",
        help=meaning("Augmentation", "Mixup"),
    )
    return replace(augment, **chosen)


_TRAINED: Final[Mapping[Trained, str]] = {
    "linear": "The last layer (linear probe)",
    "norm_and_head": "Norms and head",
    "last_stages": "The last stages and the head",
    "last_layers": "The last layers and the head",
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
        help=meaning("Linear probe", "BatchNorm", "Backbone"),
    )  # fmt: skip
    last = optim.last_stages
    if trained == "last_stages":
        last = right.number_input(
            "How many stages", *around(0, 12, last), key=f"train_stages_{key}"
        )
    layers = optim.last_layers
    if trained == "last_layers":
        layers = right.number_input(
            "How many layers with weights", *around(1, 2000, layers), key=f"train_layers_{key}"
        )
    variants = 0
    if trained in _KEEPS_FEATURES:
        variants = right.number_input(
            "Kept looks per image", 0, 64, optim.cached_variants if trained == optim.trained else 2,
            key=f"train_variants_{key}",
            help="The frozen part is asked once for so many changed looks of every image, and its "
            "answers are kept: much faster. 0 asks it anew every epoch.",
        )  # fmt: skip
    return replace(
        optim, trained=trained, last_stages=last, last_layers=layers, cached_variants=variants
    )


def _pick_length(optim: OptimConfig, seed: int, *, key: str) -> tuple[OptimConfig, int]:
    columns = st.columns(5)
    epochs = columns[0].number_input(
        "Epochs", *around(1, 5000, optim.epochs), key=f"train_epochs_{key}", help=meaning("Epoch")
    )
    batch = columns[1].number_input(
        "Batch size",
        *around(1, 4096, optim.batch_size),
        key=f"train_batch_{key}",
        help=meaning("Batch"),
    )
    rate = columns[2].number_input(
        "Learning rate", *around(1e-7, 10.0, optim.learning_rate), 1e-4, format="%g",
        key=f"train_rate_{key}", help=meaning("Learning rate"),
    )  # fmt: skip
    seed = columns[3].number_input(
        "Seed", 0, None, seed, key=f"train_seed_{key}", help=meaning("Seed")
    )
    floor = columns[4].number_input(
        "Least sensitivity", *around(0.0, 1.0, optim.least_sensitivity), 0.05,
        key=f"train_floor_{key}",
        help="At specificity 0.90, on validation. An epoch below it raises an alarm; 0 never.\n\n"
        + meaning("Sensitivity", "Specificity"),
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


_SAMPLERS: Final[Mapping[Literal["none", "weighted", "oversample", "even"], str]] = {
    "none": "Every image once",
    "weighted": "Drawn with weights",
    "oversample": "Cancers shown again",
    "even": "The rarer class shown again",
}
_WEIGHTS: Final[Mapping[Literal["none", "root", "balanced"], str]] = {
    "none": "All the same",
    "root": "Rarer classes a little more",
    "balanced": "Rarer classes more",
}


def pick_balance(before: BalanceConfig, *, key: str) -> BalanceConfig:
    """Concerns training images alone. `key` names the defaults, those of `before`."""
    left, middle, right = st.columns(3)
    sampler = left.selectbox(
        "Which images an epoch shows", list(_SAMPLERS), format_func=_SAMPLERS.__getitem__,
        index=list(_SAMPLERS).index(before.sampler), key=f"train_sampler_{key}",
        help="Drawn with weights: with replacement, some images not at all. Cancers shown again: "
        "every image once, positive ones several times, each time changed in another way. The "
        "rarer class shown again: so with whichever is rarer, until both are as many.\n\n"
        + meaning("Oversampling", "Epoch"),
    )  # fmt: skip
    share = left.slider(
        "Share of positive images", *around(0.05, 0.95, before.positive_share), 0.05,
        key=f"train_share_{key}", disabled=sampler in ("none", "even"),
    )  # fmt: skip
    class_weights = middle.selectbox(
        "What images weigh in the loss", list(_WEIGHTS), format_func=_WEIGHTS.__getitem__,
        index=list(_WEIGHTS).index(before.class_weights), key=f"train_class_weights_{key}",
        help=meaning("Class weights", "Loss"),
    )  # fmt: skip
    positive_weight = middle.number_input(
        "Weight of a positive image", *around(0.1, 100.0, before.positive_weight), 0.5,
        key=f"train_positive_weight_{key}", help="1 leaves it as it is",
    )  # fmt: skip
    focal = right.number_input(
        "Focal loss, gamma", *around(0.0, 5.0, before.focal_gamma), 0.5, key=f"train_focal_{key}",
        help="0 is off.\n\n" + meaning("Focal loss"),
    )  # fmt: skip
    smoothing = right.number_input(
        "Label smoothing on positives", *around(0.0, 0.45, before.positive_smoothing), 0.05,
        key=f"train_smoothing_{key}",
        help="0 is off. Of the positive labels alone.\n\n" + meaning("Label smoothing"),
    )  # fmt: skip
    guaranteed = right.number_input(
        "Positives in every batch, at least", *around(0, 64, before.positives_per_batch),
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


def balance_in_words(balance: BalanceConfig) -> str:
    """What is done about few cancers, in a line."""
    is_shared = balance.sampler in ("weighted", "oversample")
    share = f" until {balance.positive_share:.0%} are positive" if is_shared else ""
    focal = f"; focal loss {balance.focal_gamma:g}" if balance.focal_gamma else ""
    weights = _WEIGHTS[balance.class_weights].lower()
    return f"{_SAMPLERS[balance.sampler]}{share}; weights in the loss: {weights}{focal}"


def trained_in_words(optim: OptimConfig) -> str:
    """What of the network is trained, in a line."""
    told = _TRAINED[optim.trained]
    return f"Trained: {told[0].lower()}{told[1:]}"
