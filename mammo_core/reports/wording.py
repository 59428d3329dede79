"""Numbers as a report writes them: never without the interval, never without the denominator."""

import dataclasses
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any, Final

from mammo_core.metrics.calibration import Interval
from mammo_core.metrics.uncertainty import Estimate, Rate
from mammo_core.runs.card import TrainingRecord
from mammo_core.words import many

SETTING_NAMES: Final[Mapping[str, str]] = {
    # pixels
    "size": "Height and width in pixels",
    "crop": "Cropped to",
    "margin": "Margin around the crop, of its longer side",
    "fit": "Fitted into the frame by",
    "is_square_first": "Stretched to a square first",
    "square_side": "Side of that square (pixels)",
    "is_turned": "Chest wall turned to the left",
    "is_masked": "Everything outside the breast blackened",
    "filter": "Filter",
    "has_clahe": "Local contrast equalised (CLAHE)",
    "percentiles": "Grey values stretched between these percentiles",
    "channels": "Channels",
    "mean": "Mean subtracted",
    "std": "Divided by",
    "authors": "As its authors prepare images",
    "values": "Grey values taken",
    "edge": "Pixels cut off along every border",
    "spread": "Darkest to brightest made 0 to 1, of",
    "eight_bit": "Cut down to 256 levels (scaling)",
    "ground": "Background raised to",
    "resampling": "Scaled by",
    "frames": "Frames side by side",
    "last": "Each image by its own",
    # data
    "folder": "Data set",
    "adapter": "Read as",
    "label_rule": "Label rule",
    "val_fraction": "Share for validation",
    "test_fraction": "Share for testing",
    "split_seed": "Seed of the split",
    "is_official_split": "The data set's own split is used where there is one",
    "stratify_by": "Also stratified by",
    "train_share": "Share of the training women",
    "is_leak_allowed": "A woman may be in two splits",
    "unit": "Dealt out by",
    "has_copies": "Images of the rarer class repeated before the split",
    "is_test_validation": "The test images choose the epoch",
    "folds": "Folds",
    "fold": "Fold that is the test set, from 0",
    # network
    "backbone": "Network",
    "weights": "Weights at the start",
    "pooling": "Pooling of its last features",
    "dropout": "Dropout",
    "drop_path": "Chance of dropping a residual block",
    "views": "Images of a breast scored together",
    "members": "Networks that read together",
    # augmentation
    "flip": "Chance of turning upside down",
    "mirror": "Chance of mirroring left and right",
    "rotation_degrees": "Rotation, at most, in degrees",
    "zoom": "Zoom, at most",
    "shift": "Shift, at most, of height and width",
    "brightness": "Brightness, at most",
    "contrast": "Contrast, at most",
    "gamma": "Gamma, at most",
    "sharpness": "Blurred or sharpened, at most",
    "noise": "Noise, at most",
    "elastic": "Elastic deformation, share of the width",
    "blackout": "Chance of a black rectangle",
    "mixup": "Weight of a second image blended in, at most",
    # imbalance
    "sampler": "Sampling",
    "positive_share": "Share of positive images drawn",
    "positives_per_batch": "Positive images in a batch, at least",
    "class_weights": "Weights of the classes",
    "positive_weight": "Weight of a positive image",
    "focal_gamma": "Focal loss, gamma",
    "label_smoothing": "Label smoothing",
    "positive_smoothing": "Label smoothing, positive classes alone",
    # optimisation
    "epochs": "Epochs, at most",
    "batch_size": "Images in a batch",
    "accumulate": "Batches accumulated before a step",
    "optimizer": "Optimiser",
    "learning_rate": "Learning rate",
    "head_rate": "Learning rate of the last layer, times that of the rest",
    "momentum": "Momentum (SGD)",
    "weight_decay": "Weight decay",
    "clip_norm": "Gradient norm clipped at (0: never)",
    "schedule": "Learning rate schedule",
    "plateau_patience": "Epochs without a lower loss before the rate falls (plateau)",
    "plateau_factor": "The rate is then multiplied by (plateau)",
    "warmup_epochs": "Warm-up epochs",
    "ema_decay": "Decay of the weight averaging (0: none)",
    "loss": "Loss",
    "monitor": "Best epoch chosen on validation by",
    "patience": "Epochs without improvement before stopping (0: never)",
    "least_sensitivity": "Alarm below this sensitivity at specificity 0.90",
    "trained": "Layers trained",
    "last_stages": "Last stages trained, where only those are",
    "last_layers": "Last layers with weights trained, where only those are",
    "unfreeze_every": "Epochs after which one stage more is trained (0: never)",
    "norm": "BatchNorm across GPUs",
    "cached_variants": "Kept looks per image (0: none)",
    "is_compiled": "Network compiled before its first step (torch.compile)",
}


NONE = "–"


def estimate_in_words(estimate: Estimate | None) -> str:
    if estimate is None:
        return NONE
    return f"{estimate.value:.3f} (95 % {estimate.low:.3f} to {estimate.high:.3f})"


def rate_in_words(rate: Rate | None) -> str:
    if rate is None or not rate.total:
        return NONE
    if not rate.is_told:
        return f"{rate.count:,} of {rate.total:,} ({rate.method})"
    spread = f"95 % {100 * rate.low:.1f} to {100 * rate.high:.1f} %"
    return f"{100 * rate.value:.1f} %, {rate.count:,} of {rate.total:,} ({spread})"


def number_in_words(value: float, interval: Interval | None) -> str:
    """A number that has no interval is not written: it would look surer than it is."""
    if interval is None:
        return f"{NONE} (no interval is available, so no value is shown)"
    return f"{value:.3f} (95 % {interval[0]:.3f} to {interval[1]:.3f})"


def settings_in_words(record: Any, *left_out: str) -> tuple[tuple[str, str], ...]:
    """Every setting of a dataclass by the name a reader knows it by, in its order."""
    return tuple(
        (
            SETTING_NAMES.get(field.name, field.name.replace("_", " ")),
            _value(getattr(record, field.name)),
        )
        for field in dataclasses.fields(record)
        if field.name not in left_out
    )


def listed(items: Iterable[str]) -> str:
    return ", ".join(items) or "none"


def device_in_words(record: TrainingRecord) -> str:
    """What a model was trained on."""
    if record.device == "cpu":
        return "the processor (CPU)"
    return f"{many(record.devices, 'GPU', 'GPUs')} ({record.device})"


def duration_in_words(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} seconds"
    if seconds < 7200:
        return f"{seconds / 60:.0f} minutes"
    return f"{seconds / 3600:.1f} hours"


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return "none"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, Enum):
        return str(value.value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return "; ".join(f"{name.lower()}: {told}" for name, told in settings_in_words(value))
    if isinstance(value, tuple):
        return ", ".join(_value(part) for part in value) or "none"
    return str(value) or "none"
