"""The last passes of a training: what its best weights say of validation, test and training images.

Behind a frozen front nothing is asked twice: what it said of the validation images and of the first
look of the training images is kept, and the back says the rest.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mammo_core.runs.sidecars import EMBEDDING_COLUMNS, MOST_IMAGES, Embeddings
from mammo_core.training.batches import EvaluationBatches, TrainingBatches
from mammo_core.training.data import ImageSet
from mammo_core.training.features import (
    Asking,
    FeatureEvaluation,
    keep_evaluation,
    keep_first_look,
)
from mammo_core.training.halves import TORCH, Halves, cut
from mammo_core.training.learning import Course
from mammo_core.training.loop import predict_logits
from mammo_core.training.network import Network
from mammo_core.training.outcome import ImageOutputs, heatmap_peak, outputs_of
from mammo_core.types import Split
from mammo_core.zoo.classifier import Classifier

#: Of validation images without cancer: enough for the scale of heatmaps, which is a percentile.
_MOST_PEAKS: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Closing:
    """`logits` and `engines` are of validation and test, `embeddings` of training and validation;
    none of those where the run is one fold of several.
    """

    logits: dict[Split, NDArray[np.float32]]
    engines: dict[Split, str]
    heatmap_peak: float | None
    embeddings: tuple[Embeddings, ...]


def close(course: Course, network: Network) -> Closing:
    """`network` has its best weights, in full precision."""
    if course.config.optim.cached_variants:
        return _behind_front(course, network)
    classifier, task = network.classifier, course.config.task
    val = outputs_of(classifier, _told(course, Split.VAL), task)
    tested = predict_logits(None, classifier, _told(course, Split.TEST))
    embeddings: tuple[Embeddings, ...] = ()
    if _is_embedded(course):
        training = _told(course, Split.TRAIN, doing="Describing")
        embeddings = (
            embeddings_of(classifier, training, Split.TRAIN),
            embeddings_among(val.vectors, course.images[Split.VAL], Split.VAL),
        )
    return Closing(
        logits={Split.VAL: val.logits, Split.TEST: tested},
        engines=dict.fromkeys((Split.VAL, Split.TEST), TORCH),
        heatmap_peak=heatmap_peak(val, course.images[Split.VAL].labels, task),
        embeddings=embeddings,
    )


def _is_embedded(course: Course) -> bool:
    """What reads a case later is no fold, for which `mammo checkpoints embed` can make them, nor
    does it know patches alone.
    """
    return not course.config.data.folds and not course.config.patches


def _told(course: Course, split: Split, *, doing: str = "Scoring") -> EvaluationBatches:
    """The images of `split`; whoever watches the run is told how many are behind."""
    return replace(course.evaluation(split), report=_teller(course, split, doing=doing))


_NAMES: Final = {Split.TRAIN: "training", Split.VAL: "validation", Split.TEST: "test"}


def _teller(course: Course, split: Split, *, doing: str) -> Callable[[int, int], None]:
    def report(done: int, total: int) -> None:
        epochs = course.config.optim.epochs
        course.say(f"{doing} {done:,} of {total:,} {_NAMES[split]} images.", done=epochs)

    return report


def _behind_front(course: Course, network: Network) -> Closing:
    config = course.config
    is_linear = config.optim.trained == "linear"
    halves = cut(network.classifier, network.still, network.example, is_linear=is_linear)
    val, test = (
        keep_evaluation(halves, course.evaluation(split), _asking(course, split))
        for split in (Split.VAL, Split.TEST)
    )
    seen = _said_by_back(halves, val, course)
    embeddings: tuple[Embeddings, ...] = ()
    if _is_embedded(course):
        embeddings = (
            _of_first_look(course, halves),
            embeddings_among(seen.vectors, course.images[Split.VAL], Split.VAL),
        )
    return Closing(
        logits={Split.VAL: seen.logits, Split.TEST: predict_logits(None, halves.back, test)},
        engines={Split.VAL: val.features.engine, Split.TEST: test.features.engine},
        heatmap_peak=_peak(course, network.classifier, None if is_linear else seen),
        embeddings=embeddings,
    )


def _asking(course: Course, split: Split, *, doing: str = "Scoring") -> Asking:
    """The training is over: a stop asked for now would only lose it."""
    report = _teller(course, split, doing=doing)
    return Asking(fabric=course.fabric, report=report, should_stop=lambda: False)


def _of_first_look(course: Course, halves: Halves) -> Embeddings:
    """Of the training images as the network saw them first, a little changed: that is kept."""
    images, plain = course.images[Split.TRAIN], course.evaluation(Split.TRAIN)
    rows = _few(len(images), MOST_IMAGES)
    source = TrainingBatches(images=images, config=course.config, device=plain.device)
    look = keep_first_look(halves, source, _asking(course, Split.TRAIN, doing="Describing"))
    features = FeatureEvaluation(source=replace(plain, rows=rows), features=look)
    vectors = _said_by_back(halves, features, course).vectors
    return Embeddings(vectors=vectors, images=_table(images, rows, Split.TRAIN))


def _said_by_back(halves: Halves, features: FeatureEvaluation, course: Course) -> ImageOutputs:
    """Logits and vectors, and peaks where the back has maps to make them of."""
    if isinstance(halves.back, Classifier):
        return outputs_of(halves.back, features, course.config.task)
    logits = predict_logits(None, halves.back, features)
    vectors = np.concatenate([inputs.flatten(1).cpu().numpy() for inputs, _ in features.epoch(0)])
    return ImageOutputs(logits=logits, peaks=np.empty(0, dtype=np.float32), vectors=vectors)


def _peak(course: Course, classifier: Classifier, seen: ImageOutputs | None) -> float | None:
    """Where only vectors were kept, maps are made once more."""
    if seen is not None:
        return heatmap_peak(seen, course.images[Split.VAL].labels, course.config.task)
    doing = "Looking for the scale of heatmaps in"
    return peak_among(classifier, _told(course, Split.VAL, doing=doing))


def peak_among(classifier: Classifier, batches: EvaluationBatches) -> float | None:
    """The scale of heatmaps, from some of the images without cancer, evenly spread."""
    task, labels = batches.config.task, batches.images.labels
    without = np.flatnonzero(~np.isin(labels, task.positive_indices))
    rows = without[_few(len(without), _MOST_PEAKS)]
    if not len(rows):
        return None
    outputs = outputs_of(classifier, replace(batches, rows=rows), task)
    return heatmap_peak(outputs, labels[rows], task)


def embeddings_of(
    classifier: Classifier, batches: EvaluationBatches, split: Split, *, most: int = MOST_IMAGES
) -> Embeddings:
    """Of at most `most` images, evenly spread over the split."""
    rows = _few(len(batches.images), most)
    outputs = outputs_of(classifier, replace(batches, rows=rows), batches.config.task)
    return Embeddings(vectors=outputs.vectors, images=_table(batches.images, rows, split))


def embeddings_among(
    vectors: NDArray[np.float32], images: ImageSet, split: Split, *, most: int = MOST_IMAGES
) -> Embeddings:
    """The same, where the `vectors` of all images are known already."""
    rows = _few(len(images), most)
    return Embeddings(vectors=vectors[rows], images=_table(images, rows, split))


def _table(images: ImageSet, rows: NDArray[np.intp], split: Split) -> pd.DataFrame:
    """Which images they are."""
    return images.manifest.iloc[rows].assign(split=str(split))[list(EMBEDDING_COLUMNS)]


def _few(count: int, most: int) -> NDArray[np.intp]:
    """At most `most` of `count` rows, evenly spread."""
    every = np.arange(count)
    return every if count <= most else np.linspace(0, count - 1, most).astype(np.intp)
