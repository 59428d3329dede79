"""Where a score stands among validation cases, and what it would mean at a prevalence one names.

Data sets are enriched with cancers, so no score is a chance of cancer as it is. A rank needs no
prevalence; a percentage is given only for one the reader has set.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from mammo_core.errors import TableError
from mammo_core.metrics.calibration import at_prevalence, fit_score_map, recalibrate
from mammo_core.metrics.cases import Cases
from mammo_core.metrics.uncertainty import FEWEST_GROUPS
from mammo_core.partners import is_lone, partners_among
from mammo_core.preprocessing.cases import CaseImage
from mammo_core.runs.card import ModelCard
from mammo_core.score_map import Recalibration
from mammo_core.types import ImageRef, Mammogram

NARROW: Final = 0.05  # scores that span less look equal at two decimals
_DRAWS: Final = 100
_ENDS: Final = (0.025, 0.975)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rank:
    """How many of the validation cases without cancer score lower."""

    lower: int
    of: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Chance:
    """A share of such cases that have cancer, at a prevalence; `low` to `high` over other draws of
    the validation women. It is of cases that score so, not of this woman.
    """

    value: float
    low: float
    high: float
    positives: int
    negatives: int


def rank_of(score: float, validation: Cases) -> Rank:
    without = validation.score[~validation.positive]
    return Rank(lower=int((without < score).sum()), of=len(without))


def range_in_words(validation: Cases) -> str:
    """Between which scores the validation cases lie, where two decimals hide it; "" elsewhere."""
    low, high = float(validation.score.min()), float(validation.score.max())
    if high - low >= NARROW:
        return ""
    return f"This model's validation scores lie between {low:.3f} and {high:.3f}."


def chance_at(
    score: float, validation: Cases, *, prevalence: float, seed: int = 0
) -> Chance | None:
    """By Platt's map, fitted on `validation` and carried to `prevalence`.

    None where the women are too few, or where on some draw of them higher scores did not mean
    cancer: then the scores tell too little to make a percentage of.
    """
    if min(validation.positives, validation.negatives) == 0:
        return None
    if validation.group_count < FEWEST_GROUPS:
        return None
    try:
        value = _chance(score, validation, prevalence)
        drawn = [
            _chance(score, resampled, prevalence)
            for resampled in _draws(validation, seed=seed)
            if resampled.positives and resampled.negatives
        ]
    except TableError:
        return None
    low, high = np.quantile(drawn, _ENDS)
    return Chance(
        value=value,
        low=float(low),
        high=float(high),
        positives=validation.positives,
        negatives=validation.negatives,
    )


def _chance(score: float, validation: Cases, prevalence: float) -> float:
    score_map = fit_score_map(validation, Recalibration.PLATT)
    one = replace(validation, score=np.array([score]))
    calibrated = recalibrate(one, score_map)
    moved = at_prevalence(calibrated, fitted=score_map.prevalence, wanted=prevalence)
    return float(moved.score[0])


def _draws(cases: Cases, *, seed: int) -> list[Cases]:
    """The women drawn again with replacement, with all their cases."""
    rng = np.random.default_rng(seed)
    members = [np.flatnonzero(cases.groups == group) for group in range(cases.group_count)]
    chosen = []
    for _ in range(_DRAWS):
        women = rng.integers(0, len(members), size=len(members))
        rows = np.concatenate([members[woman] for woman in women])
        chosen.append(
            replace(
                cases,
                case_ids=tuple(cases.case_ids[row] for row in rows),
                groups=cases.groups[rows],
                positive=cases.positive[rows],
                score=cases.score[rows],
                images=cases.images[rows],
            )
        )
    return chosen


DICOM = "DICOM"
LONE: Final = (
    "1 of 2 views: this model scores the CC and the MLO of a breast together, and this image stood "
    "in for the one that is missing."
)
UNPLACED: Final = (
    "The view or side of this image is not known, so it was scored beside itself. Set Side and "
    "View under “What was understood”: then the two views of a breast are scored together."
)
UNMATCHED: Final = (
    "This image was scored beside itself: its other view may be among the images whose view or "
    "side is not known. Set Side and View under “What was understood”."
)
UNCOMPARED: Final = (
    "No rank, no verdict and no familiarity: this model's validation images stood beside their "
    "other view, and here a view or side is not known, so images were scored beside themselves."
)


def why_not(card: ModelCard, mammogram: Mammogram | CaseImage) -> str | None:
    """Why this model does not score this image, as a sentence; None where it does."""
    if card.data.seen == "synthetic" and not mammogram.is_synthetic:
        return (
            "This model has only seen synthetic images; this is not one of them, so it is not "
            "scored. Choose a model that learnt from mammograms."
        )
    return None


def remark(card: ModelCard, mammogram: Mammogram | CaseImage) -> str | None:
    """What must stand beside this model's score of this image; None where there is nothing."""
    kinds = card.data.file_kinds
    if not mammogram.kind.startswith(DICOM) or DICOM in kinds:
        return None
    if not kinds:
        return (
            "This is a DICOM, and the model's card does not say whether it was ever measured on "
            "DICOM: its figures may not hold here."
        )
    return (
        f"This is a DICOM, and this model was never measured on DICOM (only on {', '.join(kinds)})"
        ": its figures may not hold here."
    )


def remarks(card: ModelCard, images: Sequence[Mammogram | CaseImage]) -> list[list[str]]:
    """What must stand beside this model's score of each of `images`, which are read together."""
    found = [[told] if (told := remark(card, image)) else [] for image in images]
    if card.model.views == 2:
        refs = [image.ref for image in images]
        for said, ref, is_alone in zip(found, refs, is_lone(partners_among(refs)), strict=True):
            said.extend([_why_alone(ref, refs)] if is_alone else [])
    return found


def why_uncompared(card: ModelCard, refs: Sequence[ImageRef]) -> str:
    """Why scores of images read together are held against no others; "" where they may be."""
    is_unsure = card.model.views == 2 and len(refs) > 1 and not all(map(_is_placed, refs))
    return UNCOMPARED if is_unsure else ""


def _why_alone(ref: ImageRef, among: Sequence[ImageRef]) -> str:
    """One image alone lacks the other; of several, an unknown one may be the other."""
    if len(among) == 1 or all(map(_is_placed, among)):
        return LONE
    return UNMATCHED if _is_placed(ref) else UNPLACED


def _is_placed(ref: ImageRef) -> bool:
    return ref.side is not None and ref.view is not None
