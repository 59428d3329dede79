"""How scores become probabilities: the map that a re-calibration found, as plain data.

Fitted and applied in metrics/calibration.py; kept with what was decided on such probabilities.
"""

from dataclasses import dataclass
from enum import StrEnum


class Recalibration(StrEnum):
    TEMPERATURE = "temperature"
    PLATT = "Platt"
    ISOTONIC = "isotonic"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreMap:
    """A rising map from score to probability, fitted on cases the scores were not learnt on."""

    kind: Recalibration
    prevalence: float  # of the cases it was fitted on
    slope: float = 1.0
    intercept: float = 0.0
    knots: tuple[float, ...] = ()
    values: tuple[float, ...] = ()
