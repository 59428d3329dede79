"""Settings of a training that a recipe decides and few change: folded away in the form."""

from dataclasses import replace
from typing import Final, Literal

import streamlit as st

from mammo_core.config import AugmentConfig, RunConfig

_OPTIMIZERS: Final[tuple[Literal["adamw", "adam", "sgd"], ...]] = ("adamw", "adam", "sgd")
_SCHEDULES: Final[tuple[Literal["cosine", "one_cycle", "constant", "plateau"], ...]] = (
    "cosine", "one_cycle", "constant", "plateau",
)  # fmt: skip
_MONITORS: Final[tuple[Literal["auc", "loss"], ...]] = ("auc", "loss")
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
            key=f"train_optimizer_{key}",
        ),
        weight_decay=first.number_input(
            "Weight decay", 0.0, 1.0, optim.weight_decay, 0.01, key=f"train_decay_{key}"
        ),
        schedule=second.selectbox(
            "Schedule", _SCHEDULES, index=_SCHEDULES.index(optim.schedule),
            key=f"train_schedule_{key}",
        ),
        warmup_epochs=second.number_input(
            "Warm-up epochs", 0, optim.epochs, optim.warmup_epochs,
            key=f"train_warmup_{key}_{optim.epochs}",
        ),
        accumulate=third.number_input(
            "Batches added up", 1, 256, optim.accumulate, key=f"train_accumulate_{key}"
        ),
        clip_norm=third.number_input(
            "Gradient clipped at", 0.0, 100.0, optim.clip_norm, 0.5, key=f"train_clip_{key}"
        ),
        monitor=fourth.selectbox(
            "Best epoch by validation", _MONITORS, index=_MONITORS.index(optim.monitor),
            key=f"train_monitor_{key}",
        ),
        patience=fourth.number_input(
            "Patience, epochs", 0, 500, optim.patience, key=f"train_patience_{key}",
            help="Epochs without a better one before training ends early; 0 never.",
        ),
        ema_decay=first.number_input(
            "Averaged weights", 0.0, 0.9999, optim.ema_decay, 0.001, format="%g",
            key=f"train_ema_{key}", help="0 keeps the last weights as they are.",
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
        key=f"train_precision_{key}",
    )  # fmt: skip
    is_deterministic = fourth.toggle(
        "The same to the bit", config.is_deterministic, key=f"train_deterministic_{key}",
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
            title, 0.0, 180.0 if name == "rotation_degrees" else 1.0,
            float(getattr(augment, name)), 1.0 if name == "rotation_degrees" else 0.05,
            key=f"train_{name}_{key}",
        )
        for number, (name, title) in enumerate(_CHANGES.items())
    }  # fmt: skip
    st.caption(
        "At most so much, either way; 0 is off. Validation and test images stay as they are."
    )
    return replace(augment, **chosen)
