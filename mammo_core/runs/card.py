"""The model card: what a checkpoint is, was trained on, and was measured to do.

Written once, last, never changed. What is learnt later goes beside it and names the card's hash.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

import pandas as pd

from mammo_core.config import ModelConfig, PatchConfig, PrepareSettings
from mammo_core.errors import CheckpointError, ConfigError
from mammo_core.files import replace_file, without_folders
from mammo_core.records import from_document, read_json, to_document
from mammo_core.types import Level, Split, Task

CARD_SCHEMA_VERSION: Final = 1
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
    def metrics_to_show(self) -> tuple[Metric, ...]:
        """By image last where two views are scored together: there a breast counts twice."""
        if self.model.views == 1:
            return self.metrics
        return tuple(sorted(self.metrics, key=lambda metric: metric.level is Level.IMAGE))


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
        return from_document(document, ModelCard, where=f"model card of {where}")
    except ConfigError as error:
        raise CheckpointError(str(error)) from None


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
