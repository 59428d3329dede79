"""From logits to probabilities to the one score that is stored, compared and shown; and the map
that a re-calibration found, as plain data.
"""

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mammo_core.errors import MammoError
from mammo_core.types import Task

#: Scores are rounded before anything is computed from them, so that what a card says is what the
#: file gives, and so that the last bits, which differ between engines, decide nothing.
DECIMALS: Final = 6
STEP: Final = 10.0**-DECIMALS / 2  # what a score that was rounded to 0 may have been


def probabilities_of(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """Softmax in double precision, (images, classes); an error where a logit is no number, for
    whatever is made of that looks like a score.
    """
    wide = logits.astype(np.float64)
    lost = int((~np.isfinite(wide)).any(axis=1).sum())
    if lost:
        raise MammoError(
            f"The network gave no number for {lost} of {len(wide)} images, so there is no score. "
            "Its weights are damaged, or its settings for preparing an image are: use another "
            "checkpoint or, where it was trained here, train it again with a lower learning rate."
        )
    raised = np.exp(wide - wide.max(axis=1, keepdims=True))
    shares: NDArray[np.float64] = raised / raised.sum(axis=1, keepdims=True)
    return shares


def rounded(scores: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Scores or probabilities as they are stored."""
    return scores.astype(np.float64).round(DECIMALS)


def shown_digits(score: float) -> str:
    """Two decimals; of a score so low that these would be 0.00, the first two digits that are not
    0. Some published models call from 0.01 on.
    """
    if not 0.0 < score < 0.01:
        return f"{score:.2f}"
    return f"{score:.{min(DECIMALS, 1 - math.floor(math.log10(score)))}f}"


def scores_of(probabilities: NDArray[np.floating[Any]], task: Task) -> NDArray[np.float64]:
    """Per image the summed probability of the positive classes, as it is stored."""
    summed = rounded(probabilities)[:, list(task.positive_indices)].sum(axis=1)
    return np.clip(rounded(summed), 0.0, 1.0)


def called_classes(probabilities: NDArray[np.floating[Any]], task: Task) -> NDArray[np.intp]:
    """The class each case is called, by number: the likeliest; where classes are ordered, the
    median, which no single class far off can move.
    """
    if not task.is_ordered:
        return np.asarray(probabilities.argmax(axis=1), dtype=np.intp)
    upto = probabilities.astype(np.float64).cumsum(axis=1)
    below = upto < upto[:, -1:] / 2
    return np.asarray(below.sum(axis=1), dtype=np.intp).clip(max=len(task.classes) - 1)


def called_in_words(task: Task) -> str:
    return "median class" if task.is_ordered else "likeliest class"


def mean_of_sum(sums: NDArray[Any], counts: NDArray[np.intp]) -> NDArray[np.float64]:
    """The mean of stored scores from their sum, whose last bits depend on their order."""
    means: NDArray[np.float64] = rounded(sums) / counts
    return means


class Recalibration(StrEnum):
    TEMPERATURE = "temperature"
    PLATT = "Platt"
    ISOTONIC = "isotonic"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreMap:
    """A rising map from score to probability, fitted on cases the scores were not learnt on."""

    kind: Recalibration
    prevalence: float  # of the cases it was fitted on
    edge: float = STEP  # scores nearer to 0 or 1 were taken for this near when it was fitted
    slope: float = 1.0
    intercept: float = 0.0
    knots: tuple[float, ...] = ()
    values: tuple[float, ...] = ()
