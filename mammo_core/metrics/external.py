"""A model on a data set other than the one it learnt from: ranks, calls and calibration kept.

A threshold is worth what it was locked with: it is applied here as it was locked, at its own level
and by its own pooling rule, and never chosen anew.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pandas as pd

from mammo_core.errors import TableError
from mammo_core.metrics.calibration import Calibration, calibration_of
from mammo_core.metrics.cases import Cases, Pooling, levels_of, pool_cases, rules_of, why_no_auc
from mammo_core.metrics.uncertainty import (
    Estimate,
    RatesAtThreshold,
    auc_with_interval,
    rates_at,
)
from mammo_core.types import Level, Split
from mammo_core.words import many

_TELLING: Final = ("label", "age", "density", "machine", "side", "view")
_ALIKE: Final = 0.9  # of the images that two tables name alike


@dataclass(frozen=True, slots=True, kw_only=True)
class Locked:
    """A threshold as it was locked where the model was trained."""

    threshold: float
    level: Level
    rule: Pooling


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class External:
    """What a data set says of a model; None, with the reason in `notes`, where it says nothing."""

    cases: Cases
    auc: Estimate | None
    calibration: Calibration | None
    rates: RatesAtThreshold | None
    notes: tuple[str, ...]


def judge_external(predictions: pd.DataFrame, *, level: Level, locked: Locked | None) -> External:
    """AUC and calibration of the cases of `level`; sensitivity and specificity as `locked` says."""
    cases = pool_cases(predictions, level)
    reason = why_no_auc(cases)
    rates, why_no_rates = _rates(predictions, locked)
    return External(
        cases=cases,
        auc=None if reason else auc_with_interval(cases),
        calibration=calibration_of(cases) if cases.positives and cases.negatives else None,
        rates=rates,
        notes=tuple(note for note in (reason, why_no_rates) if note),
    )


def judge_elsewhere(
    predictions: pd.DataFrame,
    *,
    own: pd.DataFrame | None,
    weights_sha256: str,
    locked: Locked | None,
    learnt: Collection[str] = (),
) -> External:
    """`predictions` of another data set than the model learnt from. `own` is the table of its own
    women, where there is one, `learnt` are the group_ids here of women it, or a model it went on
    from, is known to have learnt from: they are left out, and `notes` says so.
    """
    notes: tuple[str, ...] = ()
    if set(predictions.get("weights_sha256", ())) - {weights_sha256}:
        notes = ("It was scored by other weights of that name.",)
    if own is not None and is_of_same_women(own, predictions):
        predictions = without_training_women(own, predictions)
        notes = (*notes, "The women it was trained on are left out.")
    is_learnt = predictions["group_id"].isin(learnt)
    if is_learnt.any():
        count = predictions.loc[is_learnt, "group_id"].nunique()
        predictions = predictions[~is_learnt]
        notes = (
            *notes,
            f"Left out: {many(count, 'woman', 'women')} that it, or a model it went on from, "
            "learnt from.",
        )
    if predictions.empty:
        raise TableError(" ".join(("No image is left to judge by.", *notes)))
    level = finest_sound_level(predictions)
    external = judge_external(predictions, level=level, locked=locked)
    return replace(external, notes=(*notes, *external.notes))


def finest_sound_level(predictions: pd.DataFrame) -> Level:
    """By breast where sides are known, else by image: no counting artefact at either."""
    return Level.BREAST if Level.BREAST in levels_of(predictions) else Level.IMAGE


def is_of_same_women(own: pd.DataFrame, other: pd.DataFrame) -> bool:
    """Whether two tables name the same images and tell the same of them.

    Numbers alone prove nothing: many sets call their first woman 1.
    """
    both = own.drop_duplicates("image_id").merge(
        other.drop_duplicates("image_id"), on="image_id", suffixes=("", "_other")
    )
    if both.empty:
        return False
    agree = np.ones(len(both), dtype=bool)
    for column in _TELLING:
        one, two = both[column].astype("string"), both[f"{column}_other"].astype("string")
        agree &= (one.fillna("") == two.fillna("")).to_numpy(dtype=bool)
    return bool(agree.mean() >= _ALIKE)


def without_training_women(own: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    """Of `other`, a table of the women that a model learnt from, those that it was tested on."""
    tested = own.loc[(own["split"] == Split.TEST).fillna(value=False), "image_id"]
    return other[other["image_id"].isin(tested)]


def _rates(predictions: pd.DataFrame, locked: Locked | None) -> tuple[RatesAtThreshold | None, str]:
    if locked is None:
        return None, "No operating point is locked."
    if locked.level not in levels_of(predictions):
        return None, f"The operating point is by {locked.level}, which these images do not tell."
    if locked.rule not in rules_of(predictions, locked.level):
        return None, f"The operating point pools by {locked.rule}, which needs every side."
    return rates_at(pool_cases(predictions, locked.level, locked.rule), locked.threshold), ""
