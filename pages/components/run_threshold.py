"""The threshold at which a run's images are called right or wrong, and where it comes from."""

from dataclasses import dataclass

import pandas as pd

from mammo_core.errors import TableError
from mammo_core.inference.verdict import as_given
from mammo_core.metrics.cases import pool_cases
from mammo_core.metrics.choices import youden
from mammo_core.runs.folder import RunFolder
from mammo_core.runs.operating_points import point_in_force
from mammo_core.types import Level, Split


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    threshold: float
    sentence: str


def threshold_of(run: RunFolder, predictions: pd.DataFrame) -> Chosen:
    """The operating point in force; else the best on validation, or without one on these images."""
    locked = as_given(point_in_force(run))
    if locked is not None:
        return Chosen(
            threshold=locked.threshold,
            sentence=f"An image is called from a score of {locked.threshold:.4f} on, the operating "
            f"point chosen by {locked.level} on the split {locked.split or 'none'}.",
        )
    val = predictions[predictions["split"] == Split.VAL]
    try:
        threshold = youden(pool_cases(val, Level.IMAGE)).threshold
    except TableError:
        return Chosen(
            threshold=0.5,
            sentence="No operating point is set, and there are no validation images to choose one "
            "on: called from a score of 0.5 on, which means nothing by itself.",
        )
    return Chosen(
        threshold=threshold,
        sentence=f"No operating point is set. An image is called from a score of {threshold:.4f} "
        "on, the best by image on validation (Youden).",
    )
