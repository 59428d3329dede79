"""Marks held against lesions whose place is known: how many lesions are marked, for how many false
marks an image (FROC, free-response operating characteristic; Chakraborty 1989).

A mark hits a lesion when it lies in the lesion's box. A lesion is found once, by the surest mark
that hits it; further marks in it are no false ones. A mark that hits no lesion is false.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mammo_core.errors import TableError
from mammo_core.metrics.cases import Cases, Pooling
from mammo_core.metrics.uncertainty import (
    FEWEST_GROUPS,
    RESAMPLES,
    Estimate,
    Mean,
    auc_with_interval,
    drawn_interval,
    mean_with_interval,
    rate_with_interval,
    resampled_weights,
)
from mammo_core.reading import Mark
from mammo_core.types import Box, Level

#: False marks an image at which sensitivity is told.
FALSE_MARKS: Final = (0.25, 0.5, 1.0, 2.0, 4.0)

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkedImage:
    """An image, the boxes of its lesions (none where it has none), and what was marked in it."""

    group: str  # the woman, who is drawn again as a whole
    boxes: tuple[Box, ...]
    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Matched:
    """Lesions and false marks of many images; groups are numbered from 0."""

    lesions: Floats  # the score of each one's surest mark; -inf where none hits it
    lesion_groups: NDArray[np.intp]
    false_marks: Floats
    false_groups: NDArray[np.intp]
    false_images: NDArray[np.intp]
    image_groups: NDArray[np.intp]
    has_lesion: NDArray[np.bool_]  # by image


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundAt:
    """What is found where at most `allowed` false marks an image are put up with: marks count that
    are surer than `above`. The interval is drawn by woman; of few women with a lesion, or where all
    draws say the same, it is Wilson's.
    """

    allowed: float
    above: float
    found: int
    lesions: int
    low: float
    high: float
    false_marks: int
    images: int
    groups: int
    groups_with: int  # women with a lesion
    without_lesion: Mean | None  # false marks an image that holds no lesion; None: no such image

    @property
    def sensitivity(self) -> float:
        return self.found / self.lesions


def match_marks(images: Sequence[MarkedImage]) -> Matched:
    """Every lesion and every false mark of `images`; a TableError where there is no lesion."""
    groups = pd.factorize(np.array([image.group for image in images], dtype=object))[0]
    lesions: list[tuple[float, int]] = []
    false: list[tuple[float, int]] = []
    for number, image in enumerate(images):
        each = [[_hits(mark, box) for box in image.boxes] for mark in image.marks]
        hits = np.array(each, dtype=bool).reshape(len(image.marks), len(image.boxes))
        scores = np.array([mark.score for mark in image.marks])
        for column in range(len(image.boxes)):
            lesions.append((scores[hits[:, column]].max(initial=-np.inf), number))
        false += [(score, number) for score in scores[~hits.any(axis=1)]]
    if not lesions:
        raise TableError(
            f"None of the {len(images)} images has a box around a lesion, so marks cannot be held "
            "against any. Choose a data set with boxes."
        )
    lesion_scores, lesion_images = _columns(lesions)
    false_scores, false_images = _columns(false)
    return Matched(
        lesions=lesion_scores,
        lesion_groups=groups[lesion_images],
        false_marks=false_scores,
        false_groups=groups[false_images],
        false_images=false_images,
        image_groups=groups,
        has_lesion=np.array([bool(image.boxes) for image in images]),
    )


def froc_curve(matched: Matched) -> pd.DataFrame:
    """`above`, `false_marks` an image and `sensitivity`, from no mark to all of them; a row for
    every score of a false mark.
    """
    steps = _Steps.of(matched)
    above = np.append(steps.scores, 0.0)
    return pd.DataFrame(
        {
            "above": above,
            "false_marks": np.append(0, steps.ends) / len(matched.image_groups),
            "sensitivity": steps.found / len(matched.lesions),
        }
    )


def found_at(
    matched: Matched, allowed: float, *, resamples: int = RESAMPLES, seed: int = 0
) -> FoundAt:
    """Sensitivity at `allowed` false marks an image. In every draw of women it is chosen anew from
    where on marks count, as it was for the women there are.
    """
    steps = _Steps.of(matched)
    images = len(matched.image_groups)
    women = len(np.unique(matched.lesion_groups))
    (step,) = steps.chosen(np.append(0, steps.ends)[None], np.array([allowed * images]))
    above = float(np.append(steps.scores, 0.0)[step])
    rate = rate_with_interval(matched.lesions > above, matched.lesion_groups)
    interval = None
    if women >= FEWEST_GROUPS:
        interval = drawn_interval(_drawn(matched, steps, allowed, resamples=resamples, seed=seed))
    low, high = interval or (rate.low, rate.high)
    counted = matched.false_marks > above
    return FoundAt(
        allowed=allowed,
        above=above,
        found=rate.count,
        lesions=rate.total,
        low=low,
        high=high,
        false_marks=int(counted.sum()),
        images=images,
        groups=int(matched.image_groups.max()) + 1,
        groups_with=women,
        without_lesion=_on_others(matched, counted),
    )


def afroc_area(matched: Matched) -> Estimate | None:
    """The area under the alternative FROC curve (Chakraborty and Winter 1990): how often a lesion's
    mark is surer than the surest mark in an image without one, a lesion or image that is not marked
    being less sure than any. It is an AUC of lesions against such images, and so is its interval,
    by woman. None where every image holds a lesion.
    """
    healthy = np.flatnonzero(~matched.has_lesion)
    if not len(healthy):
        return None
    surest = np.full(len(matched.has_lesion), -np.inf)
    np.maximum.at(surest, matched.false_images, matched.false_marks)
    ratings = np.concatenate([matched.lesions, surest[healthy]])
    groups = np.concatenate([matched.lesion_groups, matched.image_groups[healthy]])
    return auc_with_interval(
        Cases(
            level=Level.IMAGE,
            rule=Pooling.MAX,
            case_ids=tuple(map(str, range(len(ratings)))),
            groups=np.unique(groups, return_inverse=True)[1],
            positive=np.arange(len(ratings)) < len(matched.lesions),
            score=np.unique(ratings, return_inverse=True)[1].astype(np.float64),  # ranks: no -inf
            images=np.ones(len(ratings), dtype=np.intp),
        )
    )


def _on_others(matched: Matched, counted: NDArray[np.bool_]) -> Mean | None:
    others = ~matched.has_lesion
    if not others.any():
        return None
    marks = np.bincount(matched.false_images[counted], minlength=len(others))[others]
    return mean_with_interval(marks.astype(np.float64), matched.image_groups[others])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Steps:
    """Where sensitivity can change at a price: one step for each score that a false mark has."""

    order: NDArray[np.intp]  # of the false marks, the surest first
    scores: Floats  # falling; each of them once
    ends: NDArray[np.intp]  # false marks that score so or more
    surest: NDArray[np.intp]  # the order of the lesions
    found: NDArray[np.intp]  # lesions surer than each score; last those that are marked at all

    @staticmethod
    def of(matched: Matched) -> "_Steps":
        order = np.argsort(-matched.false_marks, kind="stable")
        scores, counts = np.unique(matched.false_marks, return_counts=True)
        rising = np.sort(matched.lesions)
        found = len(rising) - np.searchsorted(rising, scores[::-1], side="right")
        return _Steps(
            order=order,
            scores=scores[::-1],
            ends=counts[::-1].cumsum(),
            surest=np.argsort(-matched.lesions, kind="stable"),
            found=np.append(found, int(np.isfinite(rising).sum())),
        )

    def chosen(self, price: NDArray[np.integer], most: Floats) -> NDArray[np.intp]:
        """The last step, per row of `price` (rows, steps + 1), that costs no more than `most`."""
        return np.asarray((price <= most[:, None] + 1e-9).sum(axis=1) - 1, dtype=np.intp)


def _drawn(matched: Matched, steps: _Steps, allowed: float, *, resamples: int, seed: int) -> Floats:
    """Sensitivity in each draw of women; those with a lesion and those without, each as many."""
    women = int(matched.image_groups.max()) + 1
    images = np.bincount(matched.image_groups, minlength=women)
    lesions = np.bincount(matched.lesion_groups, minlength=women)
    strata = (lesions > 0).astype(np.intp)
    drawn = []
    for weights in resampled_weights(strata, resamples=resamples, seed=seed):
        marks = _running(weights[:, matched.false_groups[steps.order]])
        found = _running(weights[:, matched.lesion_groups[steps.surest]])
        at = steps.chosen(
            marks[:, np.append(0, steps.ends)], (allowed * (weights @ images)).astype(np.float64)
        )
        rows = np.arange(len(weights))
        drawn.append(found[rows, steps.found[at]] / (weights @ lesions))
    return np.concatenate(drawn)


def _running(weights: NDArray[np.int32]) -> NDArray[np.int32]:
    """Running sums along the rows, from 0 on."""
    sums = np.zeros((len(weights), weights.shape[1] + 1), dtype=np.int32)
    np.cumsum(weights, axis=1, out=sums[:, 1:])
    return sums


def _columns(rows: Sequence[tuple[float, int]]) -> tuple[Floats, NDArray[np.intp]]:
    scores = np.array([score for score, _ in rows], dtype=np.float64)
    return scores, np.array([number for _, number in rows], dtype=np.intp)


def _hits(mark: Mark, box: Box) -> bool:
    return box.x0 <= mark.x < box.x1 and box.y0 <= mark.y < box.y1
