"""How much of an AUC is telling sites or machines apart instead of cancers.

The pooled AUC compares every cancer with every case without, also across sites. The AUC within
compares only cases of one site (each site weighing by its pairs). A published model had .945 pooled
and .838 and .892 within its two countries.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import stdtrit

from mammo_core.metrics.auc import AucParts, auc_parts, newcombe_interval
from mammo_core.metrics.cases import Cases
from mammo_core.metrics.uncertainty import (
    CONFIDENCE,
    FEWEST_GROUPS,
    effective_groups,
    normal_quantile,
)

Floats = NDArray[np.float64]
_NO_SPREAD: Final = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Within:
    """AUC over all cases with a known stratum, and over pairs of one stratum."""

    column: str
    strata: int  # those with both classes
    pooled: float
    value: float
    low: float
    high: float
    excess: float  # pooled minus within
    excess_low: float
    excess_high: float
    pairs: int
    cases: int

    @property
    def is_flagged(self) -> bool:
        """Whether the pooled AUC is clearly higher than what the strata show themselves."""
        return self.excess_low > 0.0

    @property
    def sentence(self) -> str:
        spread = f"{self.value:.3f}, 95 % {self.low:.3f} to {self.high:.3f}"
        words = f"AUC within each {self.column}: {spread} ({self.strata} with both classes)"
        if not self.is_flagged:
            return f"{words}; pooled {self.pooled:.3f}."
        return (
            f"{words}, clearly below the pooled {self.pooled:.3f}: part of the pooled AUC tells "
            f"one {self.column} from another, not cancer from its absence."
        )


def auc_within(cases: Cases, strata: "pd.Series[str]", *, column: str) -> Within | None:
    """None where fewer than two strata are known, or none of them has both classes."""
    known = strata.notna().to_numpy()
    codes, names = pd.factorize(strata[known])
    positive, score = cases.positive[known], cases.score[known]
    groups = pd.factorize(cases.groups[known])[0]
    parts = [
        (rows, auc_parts(score[rows], positive[rows], groups[rows]))
        for rows in (codes == code for code in range(len(names)))
        if positive[rows].any() and not positive[rows].all()
    ]
    if len(names) < 2 or not parts or len(np.unique(groups)) < FEWEST_GROUPS:
        return None
    women = int(groups.max()) + 1
    pairs = np.array([part.positives * part.negatives for _, part in parts], dtype=np.float64)
    weights = pairs / pairs.sum()
    value = float(weights @ [part.value for _, part in parts])
    pull = sum(
        (weight * _pull(part, women) for weight, (_, part) in zip(weights, parts, strict=True)),
        start=np.zeros(women),
    )
    pooled = auc_parts(score, positive, groups)
    quantile = _quantile(groups, positive)
    half = quantile * _error(pull)
    low, high = value - half, value + half
    if half <= _NO_SPREAD:
        low, high = _newcombe([(part, groups[rows], positive[rows]) for rows, part in parts])
    excess = pooled.value - value
    excess_half = quantile * _error(_pull(pooled, women) - pull)
    return Within(
        column=column,
        strata=len(parts),
        pooled=pooled.value,
        value=value,
        low=max(0.0, low),
        high=min(1.0, high),
        excess=excess,
        excess_low=excess - excess_half,
        excess_high=excess + excess_half,
        pairs=int(pairs.sum()),
        cases=int(known.sum()),
    )


def _newcombe(
    strata: Sequence[tuple[AucParts, NDArray[np.intp], NDArray[np.bool_]]],
) -> tuple[float, float]:
    """The interval where the women of each stratum pull alike, as in one ranked without a mistake.

    Newcombe's interval of each stratum, by effective women as for a pooled AUC; distances from the
    value are squared and added by weight.
    """
    pairs = np.array([part.positives * part.negatives for part, _, _ in strata], dtype=np.float64)
    values = np.array([part.value for part, _, _ in strata])
    ends = np.array(
        [
            newcombe_interval(
                part.value,
                effective_groups(groups[positive]),
                effective_groups(groups[~positive]),
                z=normal_quantile(),
            )
            for part, groups, positive in strata
        ]
    )
    weights = pairs / pairs.sum()
    value = float(weights @ values)
    below = np.linalg.norm(weights * (values - ends[:, 0]))
    above = np.linalg.norm(weights * (ends[:, 1] - values))
    return value - float(below), value + float(above)


def _pull(part: AucParts, women: int) -> Floats:
    """How far each woman moves the AUC of a stratum; women beyond its last have no case in it."""
    pull = part.with_cancer / part.positives + part.without / part.negatives
    return np.pad(pull, (0, women - len(pull)))


def _error(pull: Floats) -> float:
    women = len(pull)
    return math.sqrt(float(pull @ pull) * women / (women - 1))


def _quantile(groups: NDArray[np.intp], positive: NDArray[np.bool_]) -> float:
    fewest = min(len(np.unique(groups[positive])), len(np.unique(groups[~positive])))
    return float(stdtrit(max(1, fewest - 1), (1 + CONFIDENCE) / 2))
