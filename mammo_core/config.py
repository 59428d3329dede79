"""The settings of a run: plain frozen dataclasses, saved as JSON beside what they made.

Everything that decides a result is here, seed included. Two runs with equal settings are the same
experiment. `RunConfig.check` tells every problem at once, so a form can be put right in one go.
"""

import json
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, TypeVar

from mammo_core.errors import ConfigError
from mammo_core.files import replace_file
from mammo_core.prepare_settings import PrepareSettings as PrepareSettings
from mammo_core.records import from_document, read_object, to_document
from mammo_core.types import CANCER, LESION_PATCH, PATHOLOGY_PATCH, Task

SCHEMA_VERSION = 1
T = TypeVar("T")

#: Whether each class is learnt for itself, or the order of classes as well: see training/losses.py.
LossName = Literal["cross_entropy", "cumulative"]

#: By what of validation the best epoch is chosen; kappa is the quadratic one, of ordered classes.
#: "last" chooses none: the last epoch is kept, for where validation women are few.
Monitor = Literal["auc", "loss", "kappa", "last"]

#: What of a network is trained: everything, the last stages (or layers) and the head, the norms and
#: the head, or the very last layer (a linear probe).
Trained = Literal["all", "last_stages", "last_layers", "norm_and_head", "linear"]

#: What a report calls cases by where nobody locked a threshold: one chosen on validation; a half;
#: or, to show what that does, one chosen on the test cases themselves, which is stamped.
Threshold = Literal["validation", "half", "test"]

#: Of the last feature map; "avgmax" is both, side by side.
MapPooling = Literal["avg", "max", "avgmax", "gem"]


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
    stratify_by: str | None = None  # one more column whose values every split gets its share of
    is_leak_allowed: bool = False  # for teaching: a woman in two splits; every result is stamped
    unit: Literal["woman", "image"] = "woman"  # what is dealt out; by image it leaks
    has_copies: bool = False  # images of the rarer class are repeated before the split: it leaks
    is_test_validation: bool = False  # the test images choose the epoch, too
    folds: int = 0  # above 0, the women are cut into so many parts and `fold` is the test set
    fold: int = 0
    train_share: float = 1.0  # of the training women; a smaller share lies within a larger

    def check(self) -> list[str]:
        problems = []
        for name, value in (("Validation", self.val_fraction), ("Test", self.test_fraction)):
            if not 0.0 < value < 1.0:
                problems.append(f"{name} share is {value}; it must lie between 0 and 1.")
        if self.val_fraction + self.test_fraction >= 0.9:
            problems.append("Validation and test together leave less than a tenth for training.")
        problems += self._leaks() + _outside(self, 0.01, 1.0, "train_share")
        problems += _too_low(self, 0, "split_seed")
        if self.folds and not (self.folds >= 2 and 0 <= self.fold < self.folds):
            problems.append(f"Fold {self.fold} of {self.folds}; folds are 2 or more, from 0 on.")
        return problems

    def _leaks(self) -> list[str]:
        """Mistakes made on purpose have to be asked for by name, and do not go with folds."""
        asked = {
            "unit=image": self.unit == "image",
            "has_copies": self.has_copies,
            "is_test_validation": self.is_test_validation,
        }
        names = [f"data.{name}" for name, is_asked in asked.items() if is_asked]
        if not names:
            return []
        problems = []
        if not self.is_leak_allowed:
            problems.append(
                f"{' and '.join(names)} makes results that mean nothing. To show what it does, set "
                "data.is_leak_allowed; every result is then stamped."
            )
        if self.has_copies and self.unit == "woman":
            problems.append("Copies before the split leak only where images are dealt out.")
        if self.folds:
            problems.append(f"Folds are cut by woman; {' and '.join(names)} does not go with them.")
        return problems


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelConfig:
    """Which network, from which weights."""

    backbone: str
    weights: str = "random"  # or weights in MAMMO_HOME/weights, or checkpoint:<run id>
    pooling: MapPooling = "avg"
    dropout: float = 0.0
    drop_path: float = 0.0  # chance of leaving a residual block out of a training step
    views: Literal[1, 2, 4] = 1  # images scored together: CC and MLO of a breast; 4: of both
    members: int = 1  # networks that read together; each is trained alone

    def check(self) -> list[str]:
        return [
            f"{name} is {value}; it must be at least 0 and below 1."
            for name, value in (("Dropout", self.dropout), ("Drop-path", self.drop_path))
            if not 0.0 <= value < 1.0
        ]


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
    gamma: float = 0.0
    sharpness: float = 0.0  # blurred or sharpened; 1 blurs fine detail away
    noise: float = 0.0  # standard deviation of grey values, at most
    elastic: float = 0.0  # how far tissue is pulled about, of the image's width
    blackout: float = 0.0  # chance of a black rectangle
    mixup: float = 0.0  # weight of another image laid over, at most

    def check(self) -> list[str]:
        problems = []
        for name in (one.name for one in fields(self) if one.name != "rotation_degrees"):
            value = getattr(self, name)
            if not 0.0 <= value <= 1.0:
                problems.append(f"Augmentation {name} is {value}; it must lie between 0 and 1.")
        if not 0.0 <= self.rotation_degrees <= 180.0:
            problems.append(f"Rotation is {self.rotation_degrees} degrees; allowed: 0 to 180.")
        return problems


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceConfig:
    """What is done about cancers being few. Training images alone are concerned, after the split.

    `sampler`: "weighted" draws images with replacement, "oversample" shows every image once and the
    positive ones again, each time changed anew, until their share is `positive_share`; "even" does
    so with whichever is rarer until both are as many.

    `class_weights`: "balanced" weighs each class by one over its share, so that all count alike;
    "root" by the square root of that: else the few images of a rare class are all that is learnt.
    """

    sampler: Literal["none", "weighted", "oversample", "even"] = "none"
    positive_share: float = 0.5
    positives_per_batch: int = 0  # at least so many; 0 leaves it to chance
    class_weights: Literal["none", "root", "balanced"] = "none"
    positive_weight: float = 1.0  # of a positive image in the loss
    focal_gamma: float = 0.0  # above 0, what is already right weighs less
    label_smoothing: float = 0.0
    positive_smoothing: float = 0.0  # of the positive classes' targets alone

    def check(self) -> list[str]:
        problems = _too_low(
            self, 0, "positives_per_batch", "focal_gamma", "label_smoothing", "positive_smoothing"
        )
        if not 0.0 < self.positive_share < 1.0:
            problems.append(f"Positive share is {self.positive_share}; it must be within 0 to 1.")
        if self.positive_weight <= 0.0:
            problems.append(f"Positive weight is {self.positive_weight}; it must be above 0.")
        if max(self.label_smoothing, self.positive_smoothing) >= 0.5:
            problems.append("Label smoothing must be below 0.5, or the other class is taught.")
        return problems

    def warnings(self) -> list[str]:
        """Combinations that are legal and known to over-correct."""
        is_weighted = self.class_weights != "none" or self.positive_weight != 1.0
        if self.sampler != "none" and is_weighted:
            return [
                "Positive images are drawn more often and also weigh more in the loss. That "
                "corrects twice: scores rise for everyone. Choose one of the two."
            ]
        return []


@dataclass(frozen=True, slots=True, kw_only=True)
class OptimConfig:
    """How the weights are changed."""

    epochs: int = 10
    batch_size: int = 16
    accumulate: int = 1  # batches whose gradients are added up before a step
    optimizer: Literal["adamw", "adam", "sgd"] = "adamw"
    learning_rate: float = 1e-3
    head_rate: float = 1.0  # times the learning rate, for the last layer alone
    momentum: float = 0.9  # of sgd
    weight_decay: float = 0.01
    clip_norm: float = 1.0  # of the gradient; 0 clips nothing
    schedule: Literal["cosine", "one_cycle", "constant", "plateau"] = "cosine"
    plateau_patience: int = 3  # epochs without a lower validation loss before the rate falls
    plateau_factor: float = 0.1  # what the rate is then multiplied with
    warmup_epochs: int = 1
    ema_decay: float = 0.0  # above 0, an average of the weights is what is kept
    loss: LossName = "cross_entropy"
    monitor: Monitor = "auc"  # on validation: which epoch is best
    patience: int = 0  # epochs without a better one before training ends early; 0 never
    least_sensitivity: float = 0.0  # at specificity 0.90 on validation; below it, an alarm
    trained: Trained = "all"
    last_stages: int = 1  # how many, where `trained` is "last_stages"; 0 is the head alone
    last_layers: int = 30  # how many with weights, norms counted, where it is "last_layers"
    unfreeze_every: int = 0  # epochs after which one stage more is trained, from the back; 0 never
    norm: Literal["own", "synchronised", "frozen"] = "own"  # BatchNorm where several GPUs train
    cached_variants: int = 0  # looks per image kept as features of what is frozen; 0 keeps none
    is_compiled: bool = False  # by torch.compile: a minute before the first step, quicker ones then

    def check(self) -> list[str]:
        problems = [
            *_too_low(self, 1, "epochs", "batch_size", "accumulate"),
            *_too_low(self, 1, "plateau_patience", "last_layers"),
            *_too_low(self, 0, "patience", "last_stages", "cached_variants", "unfreeze_every"),
            *_too_low(self, 0, "clip_norm", "weight_decay", "momentum", "ema_decay"),
        ]
        for name in ("learning_rate", "head_rate"):
            if getattr(self, name) <= 0.0:
                told = name.replace("_", " ").capitalize()
                problems.append(f"{told} is {getattr(self, name)}; it must be above 0.")
        if not 0.0 < self.plateau_factor < 1.0:
            problems.append(f"Plateau factor is {self.plateau_factor}; it must be within 0 to 1.")
        problems += _outside(self, 0.0, 1.0, "least_sensitivity")
        if max(self.momentum, self.ema_decay) >= 1.0:
            problems.append("Momentum and EMA decay must be below 1.")
        if not 0 <= self.warmup_epochs <= self.epochs:
            problems.append(
                f"Warm-up lasts {self.warmup_epochs} epochs but the run only {self.epochs}."
            )
        if self.unfreeze_every and (self.trained != "last_stages" or self.cached_variants):
            problems.append(
                "Stages are unfrozen one by one only where last_stages are trained, and no "
                "features are kept. Set trained to last_stages and cached_variants to 0."
            )
        if self.cached_variants and self.trained in ("all", "norm_and_head", "last_layers"):
            problems.append(
                f"Features can be kept only of what is frozen, and trained is {self.trained!r}."
            )
        return problems


@dataclass(frozen=True, slots=True, kw_only=True)
class PatchConfig:
    """Learn lesions from patches around boxes instead of whole images.

    `kind`: "lesion" against tissue elsewhere, or "pathology": tissue, benign and malignant apart.
    """

    kind: Literal["lesion", "pathology"] = "lesion"
    size: int = 160  # pixels of the prepared image
    per_epoch: int = 4800
    tissue_per_image: int = 12
    hard_share: float = 0.5  # of an epoch's tissue: what was taken for a lesion most
    hard_from: int = 3  # the first epoch that asks for it

    @property
    def task(self) -> Task:
        return PATHOLOGY_PATCH if self.kind == "pathology" else LESION_PATCH

    def check(self) -> list[str]:
        problems = _too_low(self, 1, "per_epoch", "tissue_per_image", "hard_from")
        if not 16 <= self.size <= 1024:
            problems.append(f"Patches are {self.size} pixels wide; allowed: 16 to 1024.")
        if not 0.0 <= self.hard_share <= 1.0:
            problems.append(f"Hard share is {self.hard_share}; it must lie between 0 and 1.")
        return problems


@dataclass(frozen=True, slots=True, kw_only=True)
class RunConfig:
    """A training run."""

    kind: Literal["train"] = "train"
    data: DataConfig
    model: ModelConfig
    prepare: PrepareSettings = field(default_factory=PrepareSettings)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    balance: BalanceConfig = field(default_factory=BalanceConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)
    patches: PatchConfig | None = None  # where patches are learnt from and not whole images
    task: Task = CANCER
    device: Literal["auto", "cpu", "cuda"] = "auto"
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = "32-true"
    seed: int = 0
    is_deterministic: bool = False  # on a GPU, at some cost in time; on a CPU it always is
    series: str = ""  # what runs that differ in nothing but fold or seed have in common
    recipe: str = ""  # by which it was configured, whatever was changed afterwards
    threshold: Threshold = "validation"  # where no operating point is locked
    workers: int = 0  # processes that prepare images; 0 is one for every core

    def check(self) -> None:
        """Raise ConfigError with every problem, one a line."""
        problems = [
            *self.data.check(),
            *self.model.check(),
            *self.prepare.check(),
            *self.augment.check(),
            *self.balance.check(),
            *self.optim.check(),
            *(self.patches.check() if self.patches else ()),
            *_too_low(self, 0, "seed"),
        ]
        if self.patches and (self.model.views > 1 or self.optim.cached_variants):
            problems.append(
                "Patches are looked at one by one, and no features are kept of them. Set "
                "model.views to 1 and optim.cached_variants to 0."
            )
        if self.prepare.authors is not None:
            problems.append(
                "Images are prepared as the authors of a published model do, and such a model is "
                "read here, not trained. Take the settings of a backbone: prepare.authors=null."
            )
        if self.model.members != 1:
            problems.append(
                "Networks that read together are trained one by one, as folds, and packed when "
                "all have finished (mammo checkpoints pack). Set model.members to 1."
            )
        if self.optim.cached_variants and self.augment.mixup:
            problems.append("Mix-up lays images over each other; kept features cannot be mixed.")
        problems += self._unordered()
        if problems:
            raise ConfigError("\n".join(problems))

    def _unordered(self) -> list[str]:
        """Settings that go by the order of classes, where these have none; or that it has not."""
        problems, task = [], self.task
        asked = {
            "optim.loss=cumulative": self.optim.loss == "cumulative",
            "optim.monitor=kappa": self.optim.monitor == "kappa",
        }
        for name, is_asked in asked.items():
            if is_asked and not task.is_ordered:
                usual = "cross_entropy" if "loss" in name else "auc"
                problems.append(
                    f"{name} goes by the order of classes, and those of {task.name} have none "
                    f"({', '.join(task.classes)}). Choose a label rule with ordered classes, as "
                    f"density, or set {name.partition('=')[0]} to {usual}."
                )
        if self.optim.loss == "cumulative" and self.balance.focal_gamma:
            problems.append(
                "Focal loss makes light of single classes that are right, and the cumulative loss "
                "knows none. Set balance.focal_gamma to 0."
            )
        return problems


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditConfig:
    """An audit of a data set. `name` is what the user calls the set."""

    kind: Literal["audit"] = "audit"
    name: str
    folder: str
    adapter: str
    label_rule: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluateConfig:
    """Scoring a data set with a checkpoint, by its name: what external validation is made of."""

    kind: Literal["evaluate"] = "evaluate"
    checkpoint: str
    folder: str
    adapter: str
    label_rule: str
    split: Literal["all", "train", "val", "test"] = "all"  # of the split the data set brings
    split_of: str = ""  # a run whose split it is, instead of the one the data set brings
    processes: int = 0  # that prepare images; 0 is one for every core


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasureConfig:
    """Kept beside a checkpoint's card: guesses without a network, or its seconds per image."""

    kind: Literal["baselines", "latency"]
    checkpoint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbedConfig:
    """What the images of a data set look like to a checkpoint: kept with the job, to draw a map."""

    kind: Literal["embed"] = "embed"
    checkpoint: str
    folder: str  # or the name of a registered set
    adapter: str
    label_rule: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeConfig:
    """A checkpoint judged on images it did not learn from, and kept beside its card: its heatmaps
    held against lesions, also as marks, or its scores of changed images. No folder: its test set.
    """

    kind: Literal["explain_check", "froc", "stress"]
    checkpoint: str
    folder: str | None = None  # or the name of a registered set
    adapter: str | None = None  # None: recognised
    label_rule: str | None = None  # None: the adapter's first
    split: Literal["all", "train", "val", "test"] = "all"  # of the split another set brings
    method: str = "grad_cam"  # of explanation; a stress test needs none
    images: int = 200  # about so many, whole women
    seed: int = 0


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


def _outside(settings: Any, low: float, high: float, *names: str) -> list[str]:
    return [
        f"{name.replace('_', ' ').capitalize()} is {getattr(settings, name)}; it must lie between "
        f"{low:g} and {high:g}."
        for name in names
        if not low <= getattr(settings, name) <= high
    ]


def _too_low(settings: Any, least: int, *names: str) -> list[str]:
    return [
        f"{name.replace('_', ' ').capitalize()} is {getattr(settings, name)}; "
        f"it must be at least {least}."
        for name in names
        if getattr(settings, name) < least
    ]


def save_settings(settings: Any, path: Path) -> None:
    """`settings`, any dataclass of this module, as JSON with its schema version."""
    document = {"schema_version": SCHEMA_VERSION, **to_document(settings)}
    replace_file(path, json.dumps(document, indent=2) + "\n")


def load_settings(path: Path, record: type[T]) -> T:
    """The settings in `path`; an unknown key, a wrong type or a newer schema is an error."""
    where = f"{path.parent.name}/{path.name}"
    if path.is_dir():
        raise ConfigError(f"{path.name or path} is a folder. Name the settings in it, run.json.")
    try:
        document = read_object(path, where=where)
    except (FileNotFoundError, NotADirectoryError):
        raise ConfigError(f"There are no settings at {where}.") from None
    version = document.pop("schema_version", None)
    if version != SCHEMA_VERSION:
        raise ConfigError(
            f"{where} has schema version {version}; this program reads {SCHEMA_VERSION}."
        )
    return from_document(document, record, where=path.name)
