"""A threshold that keeps its promise beyond the women it was chosen on: not the rate itself but the
end of its 95 % interval, by woman, must meet the target.
"""

from collections.abc import Callable
from typing import Final

import numpy as np

from mammo_core.errors import TableError
from mammo_core.metrics.cases import Cases
from mammo_core.metrics.threshold import Aim, OperatingPoint, operating_point, operating_points
from mammo_core.metrics.uncertainty import RatesAtThreshold, rates_at

Meets = Callable[[RatesAtThreshold, float], bool]

#: Of each aim that can be promised so: whether it is met, and whether thresholds are tried from the
#: highest down.
_PROMISES: Final[dict[Aim, tuple[Meets, bool]]] = {
    Aim.SENSITIVITY: (lambda rates, target: rates.sensitivity.low >= target, True),
    Aim.SPECIFICITY: (lambda rates, target: rates.specificity.low >= target, False),
    Aim.RECALL_RATE: (lambda rates, target: rates.recall_rate.high <= target, False),
}


def choose_conservatively(cases: Cases, aim: Aim, target: float) -> OperatingPoint:
    """As `choose_threshold`, but for chance: the first threshold whose interval meets `target`."""
    if aim not in _PROMISES:
        known = ", ".join(one.name.lower().replace("_", "-") for one in _PROMISES)
        raise TableError(
            f"{aim} has no target that an interval could meet. Aims that have: {known}."
        )
    meets, is_from_highest = _PROMISES[aim]
    thresholds = operating_points(cases).thresholds
    thresholds = thresholds[np.isfinite(thresholds)]
    for threshold in thresholds if is_from_highest else thresholds[::-1]:
        if meets(rates_at(cases, float(threshold)), target):
            return operating_point(cases, float(threshold))
    raise TableError(
        f"With {cases.positives:,} of {len(cases):,} cases positive no threshold can promise "
        f"{aim} {target:g}: chance alone leaves more open. Choose an easier target, lock without "
        "--conservative, or bring more women."
    )
