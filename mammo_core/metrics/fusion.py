"""What is known beside the image, put together with the score: late fusion by a regression that
never saw the woman it scores; its weights are what it goes by.

Age and density may be asked for, and any measured features of the image. Site and machine may not:
they tell who was examined where, not who has cancer. Nor what was only known after the outcome.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mammo_core.errors import TableError
from mammo_core.metrics.cases import pool_cases
from mammo_core.metrics.compare import Difference, auc_difference
from mammo_core.metrics.confounding import (
    encoding_of,
    folds_of,
    is_label,
    log_odds_of,
    out_of_fold,
)
from mammo_core.metrics.uncertainty import (
    Estimate,
    auc_with_interval,
    range_in_words,
    resampled_weights,
    strata_of,
)
from mammo_core.types import Level

CLINICAL: Final = ("age", "density")
IMAGE: Final = "the image's score, in log-odds"
_RESAMPLES: Final = 200
_INTERVAL: Final = (2.5, 97.5)
_SHRINKAGE: Final = 0.1  # C of the regression: some features are many and alike


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fusion:
    """The same women scored by the image alone, by what is known beside it alone, and by both."""

    columns: tuple[str, ...]
    image: pd.DataFrame  # predictions
    beside: pd.DataFrame
    both: pd.DataFrame
    weights: pd.DataFrame  # feature, weight, low, high: log-odds per standard deviation
    left_out: int  # images that lack one of the columns

    def measure(self, level: Level) -> "Measured":
        image, beside, both = (
            pool_cases(table, level) for table in (self.image, self.beside, self.both)
        )
        return Measured(
            level=level,
            image=auc_with_interval(image),
            beside=auc_with_interval(beside),
            both=auc_with_interval(both),
            added=auc_difference(both, image),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """AUCs at one level, and what both together add to the image, paired by woman."""

    level: Level
    image: Estimate
    beside: Estimate
    both: Estimate
    added: Difference

    @property
    def sentence(self) -> str:
        d = self.added
        told = (
            f"Together they reach AUC {_auc(self.both)}, the image alone {_auc(self.image)}: "
            f"{d.value:+.3f} ({range_in_words(d.low, d.high, '+.3f')}) by {self.level}, "
            f"{d.cases:,} cases of {d.groups:,} women"
        )
        return f"{told}." if d.is_clear else f"{told}, which cannot be told from nothing."


def fuse(
    predictions: pd.DataFrame,
    columns: Sequence[str],
    *,
    features: pd.DataFrame | None = None,
    seed: int = 0,
) -> Fusion:
    """`predictions` with `columns` of theirs, and all columns of `features` (by `image_id`).

    A woman is scored by a regression fitted without her: on the folds the predictions come in, or,
    where they come in none, on folds made of them by woman.
    """
    columns = tuple(dict.fromkeys(columns))
    known = _known(predictions, columns, features)
    positive = known["positive"].to_numpy(dtype=bool)
    folds = _folds(known, positive, seed)
    names = [*columns, *(features.columns.drop("image_id") if features is not None else ())]
    table = known[names].assign(**{IMAGE: log_odds_of(known)})
    scored = known[list(predictions.columns)]
    told = " + ".join(columns if features is None else [*columns, "features"])
    beside, both = (
        out_of_fold(part, positive, folds, shrinkage=_SHRINKAGE) for part in (table[names], table)
    )
    return Fusion(
        columns=columns,
        image=scored,
        beside=_rescored(scored, beside, told),
        both=_rescored(scored, both, f"image + {told}"),
        weights=_weights(table, positive, pd.factorize(known["group_id"])[0], seed),
        left_out=len(predictions) - len(known),
    )


def _known(
    predictions: pd.DataFrame, columns: Sequence[str], features: pd.DataFrame | None
) -> pd.DataFrame:
    """The labelled images of which all that is asked for is told."""
    unfit = [name for name in columns if name not in CLINICAL]
    if unfit:
        raise TableError(
            f"{unfit[0]!r} cannot be put together with a score; {' and '.join(CLINICAL)} can. Site "
            "and machine tell who was examined where, and what is known after the outcome tells "
            "the outcome."
        )
    if not columns and features is None:
        raise TableError("Nothing was named to put together with the score.")
    table = predictions[predictions["positive"].notna()]
    graded = [name for name in columns if is_label(table, name)]
    if graded:
        raise TableError(
            f"{graded[0]!r} is what this model was taught to tell: put together with its scores, "
            "it would tell itself."
        )
    if features is not None:
        table = table.merge(features, on="image_id", how="left", validate="many_to_one")
        columns = [*columns, *features.columns.drop("image_id")]
    known = table.dropna(subset=list(columns)).reset_index(drop=True)
    if known["positive"].nunique() < 2:
        raise TableError(
            f"{', '.join(columns)}: told of {len(known)} of {len(table)} labelled images, and not "
            "of images both with and without cancer."
        )
    return known


def _folds(known: pd.DataFrame, positive: NDArray[np.bool_], seed: int) -> NDArray[np.intp]:
    own = known["fold"]
    if own.notna().all() and own.nunique() > 1:
        return own.to_numpy(dtype=np.intp)
    made = folds_of(known["group_id"], positive, seed=seed)
    if made is None:
        raise TableError("Two women with and two without cancer are needed to put scores together.")
    return made


def _rescored(table: pd.DataFrame, score: NDArray[np.float64], model: str) -> pd.DataFrame:
    classes = [name for name in table if str(name).startswith("p_")]
    return table.drop(columns=classes).assign(score=score, model_id=model, engine="scikit-learn")


def _weights(
    table: pd.DataFrame, positive: NDArray[np.bool_], women: NDArray[np.intp], seed: int
) -> pd.DataFrame:
    """Fitted on all women; the intervals by drawing women again."""
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    encoding = encoding_of(table)
    encoded = encoding.of(table)
    last = LogisticRegression(C=_SHRINKAGE, max_iter=5000)
    drawn: list[Any] = []
    strata = strata_of(positive, women)
    with threadpool_limits(1, user_api="blas"):
        value = last.fit(encoded, positive).coef_[0].copy()
        for weights in resampled_weights(strata, resamples=_RESAMPLES, seed=seed):
            for weight in weights:
                last.fit(encoded, positive, sample_weight=weight[women])
                drawn.append(last.coef_[0].copy())
    low, high = np.percentile(np.stack(drawn), _INTERVAL, axis=0)
    told = pd.DataFrame({"feature": encoding.names, "weight": value, "low": low, "high": high})
    return told.iloc[np.argsort(-np.abs(value), kind="stable")].reset_index(drop=True)


def _auc(estimate: Estimate) -> str:
    return f"{estimate.value:.3f} ({range_in_words(estimate.low, estimate.high)})"
