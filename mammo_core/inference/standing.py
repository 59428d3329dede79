"""Where a score stands among validation cases, and what it would mean at a prevalence one names.

Data sets are enriched with cancers, so no score is a chance of cancer as it is. A rank needs no
prevalence; a percentage is given only for one the reader has set.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from mammo_core.errors import TableError
from mammo_core.metrics.calibration import (
    at_prevalence,
    fit_score_map,
    recalibrate,
)
from mammo_core.metrics.cases import Cases
from mammo_core.metrics.uncertainty import FEWEST_GROUPS
from mammo_core.score_map import Recalibration

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
