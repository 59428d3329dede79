"""When pooling alone, and no skill, would tell the classes apart.

The highest of four scores beats the highest of two in four of six cases, whatever is on the images.
Where women with cancer have other numbers of images than women without, the AUC of pooled cases
measures the counting.
"""

from typing import Final

import numpy as np

from mammo_core.metrics.cases import Cases, Pooling

MOST_BIAS: Final = 0.02


def guessing_auc(cases: Cases) -> float:
    """The AUC that random scores would have; .5 unless the classes differ in images per case."""
    if cases.rule is Pooling.MEAN:
        return 0.5
    with_cancer, positives = np.unique(cases.images[cases.positive], return_counts=True)
    without, negatives = np.unique(cases.images[~cases.positive], return_counts=True)
    wins = with_cancer[:, None] / (with_cancer[:, None] + without[None, :])
    pairs = positives[:, None] * negatives[None, :]
    return float((wins * pairs).sum() / pairs.sum())


def why_no_auc(cases: Cases) -> str | None:
    """The reason in a sentence, or None where an AUC of these cases means something."""
    if not cases.positives or not cases.negatives:
        return f"All {len(cases):,} cases are of one class, so there is no AUC."
    guessing = guessing_auc(cases)
    if abs(guessing - 0.5) <= MOST_BIAS:
        return None
    means = (
        float(cases.images[cases.positive].mean()),
        float(cases.images[~cases.positive].mean()),
    )
    return (
        f"No AUC by {cases.level}: cases with cancer are pooled from {means[0]:.1f} images on "
        f"average, those without from {means[1]:.1f}, so random scores would reach {guessing:.2f} "
        "instead of 0.50. Count by breast or image for an AUC; sensitivity and specificity are "
        "sound."
    )
