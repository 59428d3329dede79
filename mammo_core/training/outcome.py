"""What a finished training leaves behind: weights, predictions, and the card that measures both."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from safetensors.torch import save
from torch import Tensor, nn

from mammo_core.config import RunConfig
from mammo_core.datasets.adapters.adapter import Adapter
from mammo_core.datasets.dataset import fingerprint_of, get_label_rule, reference_of
from mammo_core.datasets.splits import chosen_by, stamps_of
from mammo_core.explain.grad_cam import full_colour, grad_cam
from mammo_core.files import replace_file, sha256_of
from mammo_core.metrics.cases import levels_of, pool_cases, why_no_auc
from mammo_core.metrics.collapse import class_collapse
from mammo_core.metrics.multiclass import ClassesReport, report_classes
from mammo_core.metrics.uncertainty import auc_with_interval
from mammo_core.partners import lone_in_words, partners_of
from mammo_core.runs.card import (
    KAPPA,
    DataRecord,
    Metric,
    ModelCard,
    SplitCount,
    TrainingRecord,
)
from mammo_core.tables import positive_of
from mammo_core.training.batches import Batches
from mammo_core.types import Level, Split, Task
from mammo_core.words import NOTICE
from mammo_core.zoo.catalog import get_backbone
from mammo_core.zoo.classifier import Classifier

MEASURED_LEVELS: Final = (Level.IMAGE, Level.BREAST)
LEFT_OUT_WOMEN: Final = "women left out in turn"
FEW_FOR_KAPPA: Final = "too few women, or too few classes called, for an interval"

ON_TEST: Final = (
    "By its recipe, cases are called from a threshold chosen on the test cases themselves: "
    "sensitivity and specificity at it flatter."
)
LIMITS: Final = {
    "patches": (
        "This model has learnt patches of images, lesions against tissue elsewhere. It gives no "
        "score for a mammogram; a training on whole images starts from it."
    ),
    "synthetic": (
        "This model has only seen synthetic images. It knows nothing of women: its score on a real "
        "mammogram means nothing."
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrainingOutcome:
    """Everything the card tells, gathered."""

    model_id: str
    config: RunConfig
    adapter: Adapter
    manifest: pd.DataFrame
    predictions: pd.DataFrame
    training: TrainingRecord
    weights: Path
    heatmap_peak: float | None
    heatmap_offset: float
    file_kinds: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()  # sentences of this run alone


def save_weights(model: nn.Module, path: Path) -> None:
    """The state of `model` as safetensors, whole or not at all."""
    state: dict[str, Tensor] = {
        name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()
    }
    replace_file(path, save(state))


def make_card(outcome: TrainingOutcome) -> ModelCard:
    config, adapter = outcome.config, outcome.adapter
    return ModelCard(
        model_id=outcome.model_id,
        title=f"{get_backbone(config.model.backbone).title}, {adapter.title}",
        task=config.task,
        model=config.model,
        prepare=config.prepare,
        data=DataRecord(
            dataset=adapter.name,
            title=adapter.title,
            licence=adapter.licence,
            label_rule=config.data.label_rule,
            reference_standard=reference_of(
                adapter, get_label_rule(adapter, config.data.label_rule)
            ),
            seen=adapter.imaging,
            fingerprint=fingerprint_of(outcome.manifest),
            splits=count_splits(outcome.manifest, config.task),
            population=adapter.population,
            label_level=adapter.label_level,
            file_kinds=outcome.file_kinds,
        ),
        training=outcome.training,
        weights_sha256=sha256_of(outcome.weights),
        patches=config.patches,
        metrics=measure_all(outcome.predictions, Split.TEST, config.task),
        heatmap_peak=outcome.heatmap_peak,
        heatmap_offset=outcome.heatmap_offset,
        limits=limits_of(
            adapter.imaging,
            stamps_of(outcome.manifest, config.data),
            (
                *outcome.limits,
                LIMITS["patches"] if config.patches else "",
                ON_TEST * (config.threshold == "test"),
                how_collapsed(outcome.predictions, config.task),
                how_paired(config, outcome.manifest),
                how_chosen(config, outcome.training, outcome.manifest),
            ),
        ),
    )


def limits_of(imaging: str, stamps: tuple[str, ...], more: tuple[str, ...] = ()) -> tuple[str, ...]:
    """What must be said beside every number of a model so trained."""
    told = (*stamps, LIMITS.get(imaging, ""), *more, NOTICE)
    return tuple(text for text in told if text)


def how_collapsed(predictions: pd.DataFrame, task: Task) -> str:
    """That nearly all test images are called one class, where they are; "" elsewhere."""
    told = class_collapse(predictions[predictions["split"] == Split.TEST], task)
    return f"On the test split: {told[:1].lower()}{told[1:]}" if told else ""


def how_paired(config: RunConfig, manifest: pd.DataFrame) -> str:
    """What an image's score is the score of, where two views are scored together; "" elsewhere."""
    if config.model.views == 1:
        return ""
    told = (
        "An image is scored with the other view (CC or MLO) of the same breast beside it, so the "
        "scores of a breast's images tell of both views, and a heatmap of one."
    )
    tested = manifest[manifest["split"] == Split.TEST]
    lone = lone_in_words(partners_of(tested))
    return f"{told} On the test split {lone}" if lone else told


CHOICES: Final = ("Epoch ", "When to stop")  # how a sentence of `how_chosen` begins


def how_chosen(config: RunConfig, training: TrainingRecord, manifest: pd.DataFrame) -> str:
    """Which women chose the epoch; what else is fitted on them shares that choice."""
    if config.optim.monitor == "last" and not config.optim.patience:
        which = f"Epoch {training.best_epoch} of {training.epochs}, the last,"
        return f"{which} was kept; none was chosen."
    kind = "test" if config.data.is_test_validation else "validation"
    whose = f"{chosen_by(manifest, config.data)['group_id'].nunique()} {kind} women"
    if config.data.folds:
        whose += " taken from the training folds (the held-out fold chooses nothing)"
    what = f"Epoch {training.best_epoch} of {training.epochs} was chosen"
    if config.optim.patience:
        what = f"When to stop, and epoch {training.best_epoch} of {training.epochs}, was chosen"
    if config.data.is_test_validation:
        return f"{what} on {whose}, the same on which it is judged."
    return (
        f"{what} on {whose}; a temperature or threshold fitted on the same women shares that "
        "choice, so it is judged on the test women alone."
    )


def count_splits(manifest: pd.DataFrame, task: Task) -> tuple[SplitCount, ...]:
    labelled = manifest[manifest["label"].notna()]
    return tuple(
        SplitCount(
            split=split,
            women=int(part["group_id"].nunique()),
            images=len(part),
            positive_images=int(positive_of(part["label"], task).sum()),
        )
        for split in Split
        for part in (labelled[labelled["split"] == split],)
    )


def measure_all(predictions: pd.DataFrame, split: Split, task: Task) -> tuple[Metric, ...]:
    """What a card tells of one split: `measure`, and of ordered classes their agreement."""
    return (*measure(predictions, split), *measure_order(predictions, split, task))


def measure(predictions: pd.DataFrame, split: Split) -> tuple[Metric, ...]:
    """AUC by image and, where the sides are known, by breast, on one split.

    Where an AUC would mean nothing it has no value, and its method says why.
    """
    part = predictions[predictions["split"] == split]
    return tuple(_auc(part, level, split) for level in MEASURED_LEVELS if level in levels_of(part))


def _auc(part: pd.DataFrame, level: Level, split: Split) -> Metric:
    cases = pool_cases(part, level)
    reason = why_no_auc(cases)
    estimate = None if reason else auc_with_interval(cases)
    return Metric(
        name="auc",
        level=level,
        split=split,
        value=estimate.value if estimate else None,
        low=estimate.low if estimate else None,
        high=estimate.high if estimate else None,
        method=str(estimate.method) if estimate else str(reason),
        positives=cases.positives,
        negatives=cases.negatives,
        women=cases.group_count,
    )


def measure_order(predictions: pd.DataFrame, split: Split, task: Task) -> tuple[Metric, ...]:
    """Of ordered classes the quadratic kappa, on the same levels; nothing of others."""
    part = predictions[predictions["split"] == split]
    if not task.is_ordered or not part["label"].isin(task.classes).any():
        return ()
    levels = [level for level in MEASURED_LEVELS if level in levels_of(part)]
    return tuple(_kappa(report_classes(part, task, level), level, split, task) for level in levels)


def _kappa(report: ClassesReport, level: Level, split: Split, task: Task) -> Metric:
    is_known = report.kappa is not None and report.kappa_interval is not None
    low, high = report.kappa_interval or (None, None)
    positives = int(report.confusion[list(task.positive_indices)].sum())
    return Metric(
        name=KAPPA,
        level=level,
        split=split,
        value=report.kappa if is_known else None,
        low=low,
        high=high,
        method=LEFT_OUT_WOMEN if is_known else FEW_FOR_KAPPA,
        positives=positives,
        negatives=int(report.confusion.sum()) - positives,
        women=report.women,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ImageOutputs:
    """A row per image, in the order of the image set; where two views are scored together, per
    image with its partner.
    """

    logits: NDArray[np.float32]  # (images, classes)
    peaks: NDArray[np.float32]  # (images,): the highest cell of the Grad-CAM map
    vectors: NDArray[np.float32]  # (images, length)


@torch.no_grad()
def outputs_of(classifier: Classifier, batches: Batches, task: Task) -> ImageOutputs:
    """In full precision."""
    classifier.eval()
    found = []
    for images, _ in batches.epoch(0):
        maps = classifier.features(images)
        peaks = grad_cam(classifier, maps, task.positive_indices).max(axis=(1, 2))
        said, seen = classifier.head(maps).float(), classifier.embed(maps).float()
        found.append((said.cpu().numpy(), peaks, seen.cpu().numpy()))
    logits, peaks, vectors = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return ImageOutputs(logits=logits, peaks=peaks, vectors=vectors)


def heatmap_peak(outputs: ImageOutputs, labels: NDArray[np.int64], task: Task) -> float | None:
    """What a cell of the map reaches in images without cancer: the scale of heatmaps."""
    return full_colour(outputs.peaks[~np.isin(labels, task.positive_indices)])
