"""What a model must beat: guesses that need no network, scored on the same images.

Fitted on the training images of a split and written as ordinary predictions, so that whatever
reads a model's predictions reads these.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression, SGDClassifier

from mammo_core.datasets.predictions import predictions_table
from mammo_core.datasets.small_images import GREY, small_images
from mammo_core.errors import TableError
from mammo_core.metrics.confounding import CONFOUNDERS, encoding_of, is_label
from mammo_core.tables import class_indices
from mammo_core.types import Report, Split, Task

Matrix = NDArray[np.floating]

MOST_AT_ONCE: Final = 3000  # images fitted as one matrix; more come in batches
ENGINE: Final = "scikit-learn"
PREFIX: Final = "baseline: "

_BATCH: Final = 500
_EPOCHS: Final = 10
_PIXEL_SHRINKAGE: Final = 1e-3  # C of the logistic regression: 65,536 weights, few images


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LabelledImages:
    """The labelled images of a split: a row, ten grey levels and 256 x 256 pixels each."""

    manifest: pd.DataFrame
    grey: NDArray[np.float64]
    pixels: NDArray[np.uint8]
    task: Task
    seed: int

    @property
    def is_train(self) -> NDArray[np.bool_]:
        return (self.manifest["split"] == Split.TRAIN).to_numpy(dtype=bool, na_value=False)

    @property
    def classes(self) -> NDArray[np.intp]:
        """The class of each image, as its place in the task."""
        return class_indices(self.manifest["label"], self.task)


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """`guess` gives (images, classes) probabilities for every image; None where it cannot."""

    name: str
    title: str
    guess: Callable[[LabelledImages], Matrix | None]


def fit_baselines(
    root: Path,
    manifest: pd.DataFrame,
    *,
    task: Task,
    dataset: str,
    seed: int = 0,
    report: Report = lambda done, total, message: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> pd.DataFrame:
    """Predictions of every baseline for the validation and test images of `manifest`."""
    sample = read_labelled_images(
        root,
        manifest,
        task=task,
        seed=seed,
        report=lambda done, total: report(
            done, total, f"Reading for the baselines: {done:,} of {total:,} images"
        ),
        should_stop=should_stop,
    )
    judged, count = ~sample.is_train, len(BASELINES)
    tables = []
    for number, baseline in enumerate(BASELINES, start=1):
        report(count, count, f"Fitting baseline {number} of {count}: {baseline.title}")
        guessed = baseline.guess(sample)
        if guessed is not None:
            tables.append(
                predictions_table(
                    sample.manifest[judged],
                    guessed[judged],
                    task=task,
                    dataset=dataset,
                    model_id=PREFIX + baseline.name,
                    engine=ENGINE,
                )
            )
    return pd.concat(tables, ignore_index=True)


def read_labelled_images(
    root: Path,
    manifest: pd.DataFrame,
    *,
    task: Task,
    seed: int,
    report: Callable[[int, int], None] = lambda done, total: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> LabelledImages:
    """Every labelled image of a split, read once; those that cannot be read are left out."""
    rows = manifest[manifest["label"].notna() & manifest["split"].notna()].reset_index(drop=True)
    files = [root / str(path) for path in rows["path"]]
    small = small_images(files, inside=root, report=report, should_stop=should_stop)
    is_read = ~np.isnan(small["grey"][:, 0])
    sample = LabelledImages(
        manifest=rows[is_read].reset_index(drop=True),
        grey=small["grey"][is_read].astype(np.float64),
        pixels=small["pixels"][is_read],
        task=task,
        seed=seed,
    )
    classes = np.unique(sample.classes[sample.is_train])
    if len(classes) < 2 or sample.is_train.all():
        raise TableError(
            f"{int(sample.is_train.sum())} of {len(sample.manifest)} readable images are for "
            f"training, of {len(classes)} classes. Baselines need two classes to train on and "
            "other images to be judged on."
        )
    return sample


def guess_majority(sample: LabelledImages) -> Matrix:
    """The shares of the classes in training, for everybody."""
    counts = np.bincount(sample.classes[sample.is_train], minlength=len(sample.task.classes))
    return np.tile(counts / counts.sum(), (len(sample.manifest), 1))


def guess_randomly(sample: LabelledImages) -> Matrix:
    """Probabilities drawn evenly from all there are, in the order of the image ids."""
    order = np.argsort(sample.manifest["image_id"].to_numpy(dtype=str))
    drawn = np.random.default_rng(sample.seed).dirichlet(
        np.ones(len(sample.task.classes)), size=len(order)
    )
    result = np.empty_like(drawn)
    result[order] = drawn
    return result


def guess_by_confounders(sample: LabelledImages) -> Matrix | None:
    """Age, density, site and machine; nothing where none of them is told."""
    rows = sample.manifest
    told = [
        name
        for name in CONFOUNDERS
        if rows[name].nunique(dropna=False) > 1 and not is_label(rows, name)
    ]
    if not told:
        return None
    return _guess_by(sample, sample.manifest[told])


def guess_by_grey_levels(sample: LabelledImages) -> Matrix:
    return _guess_by(sample, pd.DataFrame(sample.grey, columns=list(GREY)))


def _guess_by(sample: LabelledImages, table: pd.DataFrame) -> Matrix:
    known = encoding_of(table[sample.is_train]).of(table)
    model = LogisticRegression(max_iter=5000)
    model.fit(known[sample.is_train], sample.classes[sample.is_train])
    return _all_classes(sample, model.predict_proba(known), model.classes_)


def guess_by_pixels(sample: LabelledImages, *, most_at_once: int = MOST_AT_ONCE) -> Matrix:
    """A logistic regression on the pixels of the cropped breast; in batches where they are many."""
    train = np.flatnonzero(sample.is_train)
    mean = sample.pixels[train].mean(axis=0, dtype=np.float32) / 255
    if len(train) <= most_at_once:
        whole = LogisticRegression(C=_PIXEL_SHRINKAGE, max_iter=500)
        whole.fit(_centred(sample.pixels[train], mean), sample.classes[train])
        model: LogisticRegression | SGDClassifier = whole
    else:
        model = _fit_in_batches(sample, train, mean)
    guessed = [
        model.predict_proba(_centred(sample.pixels[start : start + _BATCH], mean))
        for start in range(0, len(sample.pixels), _BATCH)
    ]
    return _all_classes(sample, np.concatenate(guessed), model.classes_)


BASELINES: Final[tuple[Baseline, ...]] = (
    Baseline(
        name="majority", title="The shares of the classes, for everybody", guess=guess_majority
    ),
    Baseline(name="random", title="Probabilities drawn at random", guess=guess_randomly),
    Baseline(
        name="confounders",
        title="Age, density, site and machine, no image",
        guess=guess_by_confounders,
    ),
    Baseline(
        name="grey levels",
        title="How bright the image is, no shape",
        guess=guess_by_grey_levels,
    ),
    Baseline(
        name="pixels",
        title="Logistic regression on 256 x 256 pixels",
        guess=guess_by_pixels,
    ),
)


def _fit_in_batches(
    sample: LabelledImages, train: NDArray[np.intp], mean: NDArray[np.float32]
) -> SGDClassifier:
    """Stochastic gradient descent on the same loss; memory stays that of a batch."""
    model = SGDClassifier(
        loss="log_loss", alpha=1.0, learning_rate="adaptive", eta0=1e-4, random_state=sample.seed
    )
    rng = np.random.default_rng(sample.seed)
    classes = np.unique(sample.classes[train])
    for _ in range(_EPOCHS):
        order = rng.permutation(train)
        for start in range(0, len(order), _BATCH):
            batch = order[start : start + _BATCH]
            model.partial_fit(
                _centred(sample.pixels[batch], mean), sample.classes[batch], classes=classes
            )
    return model


def _centred(pixels: NDArray[np.uint8], mean: NDArray[np.float32]) -> NDArray[np.float32]:
    return pixels.astype(np.float32) / np.float32(255) - mean


def _all_classes(sample: LabelledImages, guessed: Matrix, known: NDArray[np.intp]) -> Matrix:
    """A class that no training image has gets probability 0."""
    result = np.zeros((len(guessed), len(sample.task.classes)))
    result[:, known] = guessed
    return result
