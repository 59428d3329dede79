"""A threshold becomes an operating point: what decides its meaning, and what it promises."""

import numpy as np

from mammo_core.metrics.calibration import fit_score_map, map_scores, recalibrate
from mammo_core.metrics.cases import Cases
from mammo_core.metrics.threshold import operating_point
from mammo_core.runs.operating_points import AS_GIVEN, LockedPoint, Promise
from mammo_core.score_map import Recalibration


def point_to_lock(
    cases: Cases,
    threshold: float,
    *,
    split: str,
    aim: str,
    locked_at: str,
    card_sha256: str,
    recalibration: Recalibration | None = None,
) -> LockedPoint:
    """The point that `threshold`, a score as the model gives it, makes on `cases`.

    With a `recalibration` it is fitted on them and kept with the point, which then lies among the
    probabilities; where the map makes several scores equal, all of them are called.
    """
    score_map = None
    if recalibration is not None:
        score_map = fit_score_map(cases, recalibration)
        threshold = float(map_scores(np.array([min(1.0, threshold)]), score_map)[0])
        cases = recalibrate(cases, score_map)
    found = operating_point(cases, threshold)
    return LockedPoint(
        threshold=threshold,
        level=cases.level,
        pooling=cases.rule,
        calibration=AS_GIVEN if recalibration is None else str(recalibration),
        split=split,
        dataset=cases.dataset,
        aim=aim,
        promise=Promise(
            found=found.true_positives,
            positives=found.positives,
            left_alone=found.true_negatives,
            negatives=found.negatives,
        ),
        locked_at=locked_at,
        card_sha256=card_sha256,
        score_map=score_map,
    )
