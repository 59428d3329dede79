"""The settings of a run: plain frozen dataclasses, saved as JSON beside what they made.

Everything that decides a result is here, seed included. Two runs with equal settings are the same
experiment. `RunConfig.check` tells every problem at once, so a form can be put right in one go.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

from mammo_core.errors import ConfigError
from mammo_core.files import replace_file
from mammo_core.records import from_document, to_document
from mammo_core.types import CANCER, Size, Task

SCHEMA_VERSION = 1
T = TypeVar("T")

#: What of a network is trained: everything, the last stages and the head, the norms and the head,
#: or the very last layer (a linear probe).
Trained = Literal["all", "last_stages", "norm_and_head", "linear"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PrepareSettings:
    """How an image becomes what the model sees. Travels in the model card."""

    size: Size = (512, 256)
    crop: Literal["breast", "none"] = "breast"
    margin: float = 0.02  # of the breast's longer side, on each side of the crop
    fit: Literal["pad", "stretch"] = "pad"
    is_square_first: bool = False  # stretch the frame to a square before the crop
    is_turned: bool = True  # every breast with its chest wall at the left
    is_masked: bool = True  # letters and all else outside the breast set to background
    filter: Literal["none", "gaussian", "mean", "laplacian"] = "none"
    has_clahe: bool = False
    percentiles: tuple[float, float] | None = None  # within the breast, stretched to 0..1
    channels: Literal[1, 3] = 1
    mean: tuple[float, ...] = (0.5,)
    std: tuple[float, ...] = (0.25,)

    def check(self) -> list[str]:
        problems = []
        if min(self.size) < 8 or max(self.size) > 8192:
            problems.append(f"Image size is {self.size[0]} x {self.size[1]}; allowed: 8 to 8192.")
        if not 0.0 <= self.margin <= 0.5:
            problems.append(f"Margin is {self.margin}; it must be between 0 and 0.5.")
        if len(self.mean) != self.channels or len(self.std) != self.channels:
            problems.append(f"Mean and std must have {self.channels} values, one per channel.")
        if min(self.std, default=0.0) <= 0.0:
            problems.append("Std must be above 0.")
        if self.percentiles and not 0.0 <= self.percentiles[0] < self.percentiles[1] <= 100.0:
            problems.append(f"Percentiles are {self.percentiles}; they must rise within 0..100.")
        return problems


@dataclass(frozen=True, slots=True, kw_only=True)
class DataConfig:
    """Which images, with which labels, split how."""

    folder: str
    adapter: str
    label_rule: str
    val_fraction: float = 0.15
    test_fraction: float = 0.25
    split_seed: int = 0
    is_official_split: bool = True  # use the split the data set brings, where it brings one

    def check(self) -> list[str]:
        problems = []
        for name, value in (("Validation", self.val_fraction), ("Test", self.test_fraction)):
            if not 0.0 < value < 1.0:
                problems.append(f"{name} share is {value}; it must lie between 0 and 1.")
        if self.val_fraction + self.test_fraction >= 0.9:
            problems.append("Validation and test together leave less than a tenth for training.")
        return problems


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelConfig:
    """Which network, from which weights."""

    backbone: str
    weights: str = "random"  # or the name of weights in MAMMO_HOME/weights
    pooling: Literal["avg", "max", "gem"] = "avg"
    dropout: float = 0.0

    def check(self) -> list[str]:
        if not 0.0 <= self.dropout < 1.0:
            return [f"Dropout is {self.dropout}; it must be at least 0 and below 1."]
        return []


@dataclass(frozen=True, slots=True, kw_only=True)
class AugmentConfig:
    """Random changes to the training images, drawn anew every epoch. 0 turns one off."""

    flip: float = 0.5  # chance of turning upside down
    mirror: float = 0.0  # chance of mirroring left and right; never for a task about the side
    rotation_degrees: float = 8.0  # each of these: at most so much, either way
    zoom: float = 0.1
    shift: float = 0.05  # of the image's height and width
    brightness: float = 0.05
    contrast: float = 0.2

    def check(self) -> list[str]:
        problems = []
        for name in ("flip", "mirror", "zoom", "shift", "brightness", "contrast"):
            value = getattr(self, name)
            if not 0.0 <= value <= 1.0:
                problems.append(f"Augmentation {name} is {value}; it must lie between 0 and 1.")
        if not 0.0 <= self.rotation_degrees <= 180.0:
            problems.append(f"Rotation is {self.rotation_degrees} degrees; allowed: 0 to 180.")
        return problems


@dataclass(frozen=True, slots=True, kw_only=True)
class OptimConfig:
    """How the weights are changed."""

    epochs: int = 10
    batch_size: int = 16
    learning_rate: float = 1e-3
    weight_decay: float = 0.01
    warmup_epochs: int = 1
    trained: Trained = "all"
    last_stages: int = 1  # how many, where `trained` is "last_stages"; 0 is the head alone

    def check(self) -> list[str]:
        problems = []
        if self.epochs < 1:
            problems.append(f"Epochs is {self.epochs}; it must be at least 1.")
        if self.batch_size < 1:
            problems.append(f"Batch size is {self.batch_size}; it must be at least 1.")
        if self.learning_rate <= 0.0:
            problems.append(f"Learning rate is {self.learning_rate}; it must be above 0.")
        if self.last_stages < 0:
            problems.append(f"Last stages is {self.last_stages}; it must be at least 0.")
        if not 0 <= self.warmup_epochs <= self.epochs:
            problems.append(
                f"Warm-up lasts {self.warmup_epochs} epochs but the run only {self.epochs}."
            )
        return problems


@dataclass(frozen=True, slots=True, kw_only=True)
class RunConfig:
    """A training run."""

    kind: Literal["train"] = "train"
    data: DataConfig
    model: ModelConfig
    prepare: PrepareSettings = field(default_factory=PrepareSettings)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)
    task: Task = CANCER
    device: Literal["auto", "cpu", "cuda"] = "auto"
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = "32-true"
    seed: int = 0
    workers: int = 0  # processes that read images; 0 reads in the training process

    def check(self) -> None:
        """Raise ConfigError with every problem, one a line."""
        problems = [
            *self.data.check(),
            *self.model.check(),
            *self.prepare.check(),
            *self.augment.check(),
            *self.optim.check(),
        ]
        if problems:
            raise ConfigError("\n".join(problems))


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditConfig:
    """An audit of a data set. `name` is what the user calls the set."""

    kind: Literal["audit"] = "audit"
    name: str
    folder: str
    adapter: str
    label_rule: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheConfig:
    """Preparing all images of a data set ahead. `name` is what the user calls the set."""

    kind: Literal["prepare"] = "prepare"
    name: str
    folder: str
    adapter: str
    label_rule: str
    prepare: PrepareSettings = field(default_factory=PrepareSettings)
    processes: int = 0  # 0: one per core


def save_settings(settings: Any, path: Path) -> None:
    """`settings`, any dataclass of this module, as JSON with its schema version."""
    document = {"schema_version": SCHEMA_VERSION, **to_document(settings)}
    replace_file(path, json.dumps(document, indent=2) + "\n")


def load_settings(path: Path, record: type[T]) -> T:
    """The settings in `path`; an unknown key, a wrong type or a newer schema is an error."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"There are no settings at {path}.") from None
    except ValueError as error:
        raise ConfigError(f"{path} is not valid JSON: {error}") from None
    if not isinstance(document, dict):
        raise ConfigError(f"{path} must hold a JSON object.")
    version = document.pop("schema_version", None)
    if version != SCHEMA_VERSION:
        raise ConfigError(
            f"{path} has schema version {version}; this program reads {SCHEMA_VERSION}."
        )
    return from_document(document, record, where=path.name)
