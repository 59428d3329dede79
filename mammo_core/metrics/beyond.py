"""Does a score know more than age, density, site and machine do? Paired, on the same folds.

Two small logistic regressions are fitted out of fold, women kept whole: one on what the table tells
besides the image, one on that and the score. What the second ranks better is what the image added.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit, logit

from mammo_core.metrics.artefact import why_no_auc
from mammo_core.metrics.cases import Pooling, pool_cases
from mammo_core.metrics.compare import Difference, auc_difference
from mammo_core.metrics.uncertainty import Estimate, auc_with_interval
from mammo_core.types import Level

Floats = NDArray[np.float64]

CONFOUNDERS: Final = ("age", "density", "site", "machine")
FOLDS: Final = 5
_EDGE: Final = 1e-6
_RIDGE: Final = 1.0
_STEPS: Final = 50
_CLOSE_ENOUGH: Final = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Beyond:
    """AUC of the confounders alone, of confounders and score together, and the difference."""

    confounders: tuple[str, ...]
    alone: Estimate
    together: Estimate
    added: Difference

    @property
    def sentence(self) -> str:
        names = ", ".join(self.confounders)
        start = (
            f"What is known without the image ({names}) reaches AUC {self.alone.value:.3f} "
            f"(95 % {self.alone.low:.3f} to {self.alone.high:.3f}). With the score "
            f"{self.together.value:.3f}: it adds {self.added.value:+.3f} "
            f"(95 % {self.added.low:+.3f} to {self.added.high:+.3f})"
        )
        if self.added.low > 0:
            return f"{start}."
        return f"{start}, so it cannot be told from adding nothing."


def beyond_confounders(
    predictions: pd.DataFrame, *, level: Level, rule: Pooling, seed: int = 0
) -> Beyond | None:
    """None where no confounder varies, or where an AUC would mean nothing."""
    known = predictions[predictions["positive"].notna()]
    columns = tuple(name for name in CONFOUNDERS if known[name].nunique() > 1)
    if not columns or why_no_auc(pool_cases(known, level, rule)):
        return None
    design = design_of(known, columns)
    score = logit(np.clip(known["score"].to_numpy(dtype=np.float64), _EDGE, 1 - _EDGE))
    positive = known["positive"].to_numpy(dtype=bool)
    folds = folds_of(known["group_id"], positive, seed=seed)
    alone, together = (
        pool_cases(known.assign(score=_out_of_fold(matrix, positive, folds)), level, rule)
        for matrix in (design, np.column_stack([design, _scaled(score)]))
    )
    return Beyond(
        confounders=columns,
        alone=auc_with_interval(alone),
        together=auc_with_interval(together),
        added=auc_difference(together, alone),
    )


def design_of(table: pd.DataFrame, columns: tuple[str, ...]) -> Floats:
    """Age scaled, words one column each; that a value is missing is a value of its own."""
    parts = []
    for name in columns:
        if name == "age":
            age = table[name].to_numpy(dtype=np.float64, na_value=np.nan)
            missing = np.isnan(age)
            parts += [_scaled(np.where(missing, np.nanmedian(age), age)), missing.astype(float)]
        else:
            words = table[name].astype("string").fillna("not known")
            parts += [(words == word).to_numpy(dtype=float) for word in sorted(set(words))]
    return np.column_stack(parts)


def folds_of(
    groups: "pd.Series[str]", positive: NDArray[np.bool_], *, seed: int
) -> NDArray[np.intp]:
    """The fold of each image: women whole, those with cancer spread evenly."""
    codes = pd.factorize(groups)[0]
    has_cancer = np.bincount(codes, weights=positive) > 0
    fold = np.empty(len(has_cancer), dtype=np.intp)
    rng = np.random.default_rng(seed)
    for kind in (True, False):
        women = rng.permutation(np.flatnonzero(has_cancer == kind))
        fold[women] = np.arange(len(women)) % FOLDS
    return fold[codes]


def fit_logistic(design: Floats, positive: NDArray[np.bool_]) -> Floats:
    """Intercept first, then weights shrunk towards 0 (ridge); Newton's steps."""
    matrix = np.column_stack([np.ones(len(design)), design])
    shrink = np.diag([0.0, *[_RIDGE] * design.shape[1]])
    weights = np.zeros(matrix.shape[1])
    for _ in range(_STEPS):
        share = expit(matrix @ weights)
        gradient = matrix.T @ (share - positive) + shrink @ weights
        curvature = (matrix * (share * (1 - share))[:, None]).T @ matrix + shrink
        step = np.linalg.solve(curvature + 1e-9 * np.eye(len(weights)), gradient)
        weights = weights - step
        if np.abs(step).max() < _CLOSE_ENOUGH:
            break
    return weights


def _out_of_fold(design: Floats, positive: NDArray[np.bool_], folds: NDArray[np.intp]) -> Floats:
    shares = np.empty(len(design))
    for fold in range(FOLDS):
        held_out = folds == fold
        weights = fit_logistic(design[~held_out], positive[~held_out])
        shares[held_out] = expit(weights[0] + design[held_out] @ weights[1:])
    return shares


def _scaled(values: Floats) -> Floats:
    spread = values.std()
    return np.asarray((values - values.mean()) / (spread if spread > 0 else 1.0))
