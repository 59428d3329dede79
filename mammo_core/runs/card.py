"""The model card: what a checkpoint is, was trained on, and was measured to do.

Written once, last, never changed. What is learnt later goes beside it and names the card's hash.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Literal

import pandas as pd

from mammo_core.config import ModelConfig, PatchConfig, PrepareSettings
from mammo_core.errors import CheckpointError, ConfigError
from mammo_core.files import replace_file, without_folders
from mammo_core.records import from_document, read_json, to_document
from mammo_core.types import Level, Split, Task
from mammo_core.words import UNITS, case_in_words

CARD_SCHEMA_VERSION: Final = 1

#: On the card of a published model, until it has scored a data set here.
NEVER_MEASURED: Final = (
    "Never measured here: what its authors published was measured on other women. Evaluate it on "
    "yours (mammo published evaluate)."
)

#: How the sentence on its card begins where its files are not called as its authors call them.
OTHER_FILES: Final = "Imported from"
#: Beside such a card once it has; it names the run.
MEASURED_NAME: Final = "measured_here.txt"
#: On the card of networks packed together whose scores stayed as they came.
NOT_CALIBRATED: Final = "Not calibrated: the validation women of its folds could not tell how."
Imaging = Literal["synthetic", "digital", "film", "mixed", "unknown"]
KAPPA: Final = "quadratic kappa"  # the name of a metric
_COARSENESS: Final = (Level.IMAGE, Level.BREAST, Level.EXAM, Level.PATIENT)


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitCount:
    split: Split
    women: int
    images: int
    positive_images: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DataRecord:
    """The images a model learned from. `seen` says what it can know anything about."""

    dataset: str
    title: str
    licence: str
    label_rule: str
    reference_standard: str
    seen: Imaging
    fingerprint: str  # of the manifest: ids, labels, splits
    splits: tuple[SplitCount, ...]
    population: str = "unknown"  # how the women came into the data set
    label_level: Level = Level.IMAGE  # what a label was given to; finer ones are copies of it
    file_kinds: tuple[str, ...] = ()  # "DICOM", "picture": what the test images were; () unknown

    def describe(self, level: Level) -> str:
        """What must stand under every figure made from these data and counted by `level`."""
        sentence = (
            f"{self.title}. Population: {self.population}. Reference standard: "
            f"{self.reference_standard}. Labels are given by {self.label_level}"
        )
        is_finer = _COARSENESS.index(level) < _COARSENESS.index(self.label_level)
        return sentence + (f": label copied from the {self.label_level}." if is_finer else ".")


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One number with its interval and its denominators."""

    name: str
    level: Level
    split: Split
    value: float | None
    low: float | None
    high: float | None
    method: str
    positives: int
    negatives: int
    women: int

    @property
    def title(self) -> str:
        return "AUC" if self.name == "auc" else self.name.capitalize()


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingRecord:
    finished_at: str  # ISO 8601, UTC
    seconds: float
    epochs: int
    best_epoch: int
    device: str
    versions: dict[str, str]
    devices: int = 1  # that trained at the same time
    started_from: str = ""  # the checkpoint training went on from, and the hash of its weights
    started_from_sha256: str = ""
    weights_sha256: str = ""  # of the pre-trained weights it started from, where it did
    weights_origin: str = ""
    weights_licence: str = ""

    def start_in_words(self, weights: str) -> str:
        """What `weights`, as the settings name them, were."""
        if not self.weights_sha256:
            return weights
        origin, licence = self.weights_origin or "not kept", self.weights_licence or "unknown"
        return f"{weights} (SHA-256 {self.weights_sha256}; origin: {origin}; licence: {licence})"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    model_id: str
    title: str
    task: Task
    model: ModelConfig
    prepare: PrepareSettings
    data: DataRecord
    training: TrainingRecord
    weights_sha256: str
    patches: PatchConfig | None = None  # where it knows patches of images alone
    metrics: tuple[Metric, ...] = ()
    heatmap_peak: float | None = None  # log-odds in one cell of the map, shown at full colour
    heatmap_offset: float = (
        0.0  # prepared pixels from the middle of a cell's tile to where it looks
    )
    limits: tuple[str, ...] = field(default=())  # sentences shown beside every score

    def split_name(self, split: Split) -> str:
        """Networks that read together test every woman once, each with the one that never saw her:
        there the test split is no split.
        """
        is_out_of_fold = self.model.members > 1 and split is Split.TEST
        return "out of fold" if is_out_of_fold else str(split)

    @property
    def counted(self) -> tuple[str, str]:
        """What its splits count, one and several."""
        return ("patch", "patches") if self.patches else UNITS[Level.IMAGE]

    def case(self, level: Level) -> str:
        """What a case of `level` is, in words: of a model of patches no image."""
        is_patch = self.patches is not None and level is Level.IMAGE
        return self.counted[0] if is_patch else case_in_words(level, self.model.views)

    @property
    def metrics_to_show(self) -> tuple[Metric, ...]:
        """By image last where two views are scored together: there a breast counts twice."""
        if self.model.views == 1:
            return self.metrics
        return tuple(sorted(self.metrics, key=lambda metric: metric.level is Level.IMAGE))

    def check(self) -> list[str]:
        """What cannot be so. A card may come from anywhere, and what it asks for is allocated."""
        return [
            *self.prepare.check(),
            *self.model.check(),
            *(self.patches.check() if self.patches else ()),
            *_of_task(self.task),
            *_outside(self),
            *(problem for each in self.data.splits for problem in _of_counts(each)),
            *(problem for metric in self.metrics for problem in _of_metric(metric)),
        ]


_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_MOST_CLASSES: Final = 100
_LONGEST_TEXT: Final = 4000
_MOST_ENTRIES: Final = 1000  # of a list: metrics, sentences, versions
_MOST: Final = 10**9  # women, images, epochs


def _of_task(task: Task) -> list[str]:
    classes = set(task.classes)
    if not 2 <= len(task.classes) <= _MOST_CLASSES or len(classes) < len(task.classes):
        return [f"The task tells {len(task.classes)} classes apart; 2 to 100 different ones go."]
    if not set(task.positive) < classes or not task.positive:
        return [f"The positive classes are {task.positive}; some of the classes, not all, go."]
    return []


def _outside(card: ModelCard) -> list[str]:
    training, farthest = card.training, max(card.prepare.size)
    bounds = (
        ("members", card.model.members, 1, 100),
        ("training seconds", training.seconds, 0, _MOST),
        ("epochs", training.epochs, 0, _MOST),
        ("best epoch", training.best_epoch, 0, training.epochs),
        ("training devices", training.devices, 1, 10**6),
        ("heatmap peak", 1.0 if card.heatmap_peak is None else card.heatmap_peak, 0, 1e6),
        ("heatmap offset", card.heatmap_offset, -farthest, farthest),
    )
    problems = [
        f"The {name} is {value}; it must be between {low:g} and {high:g}."
        for name, value, low, high in bounds
        if not low <= value <= high
    ]
    if not _SHA256.fullmatch(card.weights_sha256):
        problems.append("The SHA-256 of the weights is not 64 hexadecimal digits.")
    return problems


def _of_counts(count: SplitCount) -> list[str]:
    if 0 <= count.women <= _MOST and 0 <= count.positive_images <= count.images <= _MOST:
        return []
    return [
        f"The {count.split} split has {count.positive_images} positive of {count.images} images of "
        f"{count.women} women, which cannot be."
    ]


def _of_metric(metric: Metric) -> list[str]:
    values = [value for value in (metric.low, metric.value, metric.high) if value is not None]
    counts = (metric.positives, metric.negatives, metric.women)
    if any(not -1.0 <= value <= 1.0 for value in values) or values != sorted(values):
        return [f"{metric.title} is {metric.value} ({metric.low} to {metric.high})."]
    if any(not 0 <= count <= _MOST for count in counts):
        return [f"{metric.title} is of {counts} positive cases, negative ones and women."]
    return []


def _too_long(document: Any) -> bool:
    if isinstance(document, dict | list):
        values = document.values() if isinstance(document, dict) else document
        return len(document) > _MOST_ENTRIES or any(map(_too_long, values))
    return isinstance(document, str) and len(document) > _LONGEST_TEXT


def write_card(card: ModelCard, path: Path) -> None:
    document = {"schema_version": CARD_SCHEMA_VERSION, **to_document(card)}
    replace_file(path, json.dumps(document, indent=2) + "\n")


def read_card(path: Path) -> ModelCard:
    """The card at `path`, or a CheckpointError that says why it cannot be used."""
    where = path.parent.name
    try:
        document = read_json(
            path,
            CheckpointError,
            what=f"The model card of {where}",
            remedy="Put model_card.json back from a copy of the checkpoint, or delete the "
            "checkpoint.",
        )
    except FileNotFoundError:
        raise CheckpointError(
            f"{where} has no model_card.json: its training has not finished, or files are missing."
        ) from None
    version = document.pop("schema_version", None) if isinstance(document, dict) else None
    if version != CARD_SCHEMA_VERSION:
        raise CheckpointError(
            f"The model card of {where} has schema version {version}; this program reads "
            f"{CARD_SCHEMA_VERSION}. Use the version of Mammoscope that wrote it, or a newer one."
        )
    try:
        card = from_document(document, ModelCard, where=f"model card of {where}")
    except ConfigError as error:
        raise CheckpointError(str(error)) from None
    problems = ["It holds more text than a card has."] if _too_long(document) else card.check()
    if problems:
        raise CheckpointError(
            f"The model card of {where} cannot be: {problems[0]} Copy the checkpoint again from "
            "where it came."
        )
    if NEVER_MEASURED in card.limits and path.with_name(MEASURED_NAME).exists():
        return replace(card, limits=tuple(one for one in card.limits if one != NEVER_MEASURED))
    return card


def note_measured(card_file: Path, run_id: str) -> None:
    """That the model of this card has scored a data set here, in the run of that name."""
    replace_file(card_file.with_name(MEASURED_NAME), f"{run_id}\n")


_ABSENT = "–"


def settings_table(settings: Mapping[str, Any], *, only_differences: bool) -> pd.DataFrame:
    """`setting` and a column of texts per run; `settings` are dataclasses, or what they are in
    JSON, by the run's name. A folder is called by its last name.

    Settings are named by their dots, as in `optim.epochs`. What one kind of run does not have is a
    dash there.
    """
    columns = {name: dict(_flat(to_document(record))) for name, record in settings.items()}
    table = pd.DataFrame(columns, columns=list(columns)).fillna(_ABSENT)
    if only_differences:
        table = table[table.nunique(axis=1) > 1]
    return table.rename_axis("setting").reset_index()


def _flat(document: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in document.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            text = value if isinstance(value, str) else json.dumps(value)
            yield f"{prefix}{name}", without_folders(text)
