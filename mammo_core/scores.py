"""From a network's logits to the score that is stored, compared and shown.

Training, evaluation, ensembles and the reading of a fresh image all round here, and alike: a
threshold locked at a case's own stored score calls that case again when it is read afresh.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mammo_core.types import Task

#: Scores are rounded before anything is computed from them, so that what a card says is what the
#: file gives, and so that the last bits, which differ between engines, decide nothing.
DECIMALS: Final = 6


def probabilities_of(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """Softmax in double precision, (images, classes)."""
    wide = logits.astype(np.float64)
    raised = np.exp(wide - wide.max(axis=1, keepdims=True))
    shares: NDArray[np.float64] = raised / raised.sum(axis=1, keepdims=True)
    return shares


def rounded(scores: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Scores or probabilities as they are stored."""
    return scores.astype(np.float64).round(DECIMALS)


def scores_of(probabilities: NDArray[np.floating[Any]], task: Task) -> NDArray[np.float64]:
    """Per image the summed probability of the positive classes, as it is stored."""
    summed = rounded(probabilities)[:, list(task.positive_indices)].sum(axis=1)
    return np.clip(rounded(summed), 0.0, 1.0)


def mean_of_sum(sums: NDArray[Any], counts: NDArray[np.intp]) -> NDArray[np.float64]:
    """The mean of stored scores from their sum, whose last bits depend on their order."""
    means: NDArray[np.float64] = rounded(sums) / counts
    return means
