"""The threshold of a study: what it promised where it was chosen, and what it delivers."""

import math
from dataclasses import dataclass
from typing import Final

import pandas as pd

from mammo_core.inference.verdict import as_given
from mammo_core.metrics.cases import Cases, Pooling, levels_of, pool_cases, rules_of
from mammo_core.metrics.choices import Aim, choose_threshold
from mammo_core.metrics.mistakes import mistakes
from mammo_core.metrics.uncertainty import (
    Method,
    Rate,
    RatesAtThreshold,
    rates_at,
    wilson_interval,
)
from mammo_core.reports.study import Study, validation_rows
from mammo_core.runs.operating_points import Promise

SUGGESTED_SENSITIVITY: Final = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class Promised:
    """The rates where a threshold was chosen. Where only its record tells them, as counts, the
    others are None and `remark` says how the intervals were made.
    """

    sensitivity: Rate
    specificity: Rate
    recall_rate: Rate | None = None
    ppv: Rate | None = None
    npv: Rate | None = None
    remark: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AtPoint:
    """One threshold: what it promised where it was chosen, and what it delivers on `cases`."""

    threshold: float
    aim: str
    is_locked: bool
    cases: Cases
    promised: Promised
    delivered: RatesAtThreshold
    mistakes: pd.DataFrame


def point_of(study: Study, rows: pd.DataFrame, main: Cases) -> tuple[AtPoint | None, str]:
    """The point in force, else one chosen on validation for orientation, else why there is none."""
    if study.looks.why_no_locks:
        return None, "Which threshold is in force is not known: its log cannot be read (see above)."
    validation = validation_rows(study)
    if study.point is None:
        return _suggested(rows, main, validation)
    locked = as_given(study.point)
    if locked is None:
        return None, (
            f"The operating point was locked on re-calibrated scores ({study.point.calibration}); "
            "these predictions hold the scores as the model gave them, and the re-calibration was "
            "not kept."
        )
    if locked.level not in levels_of(rows):
        return None, f"The operating point counts by {locked.level}, which these predictions lack."
    if locked.pooling not in rules_of(rows, locked.level):
        return None, (
            f"The operating point pools by {locked.pooling!r}, which these predictions forbid "
            f"by {locked.level}."
        )
    rule = Pooling(locked.pooling)
    cases = pool_cases(rows, locked.level, rule)
    chosen_on = None
    if validation is not None and locked.split == "val":
        chosen_on = pool_cases(validation, locked.level, rule)
    promised = _recorded(locked.promise)
    if chosen_on is not None:
        again = rates_at(chosen_on, locked.threshold)
        promised = _as_recorded(again, locked.promise) or promised
    return _point(cases, promised, locked.threshold, aim=locked.aim, is_locked=True), ""


def _suggested(
    rows: pd.DataFrame, main: Cases, validation: pd.DataFrame | None
) -> tuple[AtPoint | None, str]:
    unlocked = "No operating point was locked for this model."
    if validation is None or main.level not in levels_of(validation):
        return None, (
            f"{unlocked} There are no validation cases to choose one on, so no sensitivity and no "
            "specificity is reported: a threshold chosen on the test set would flatter itself."
        )
    chosen_on = pool_cases(validation, main.level, main.rule)
    if not chosen_on.positives:
        return None, f"{unlocked} The validation cases have no cancer to choose one by."
    chosen = choose_threshold(chosen_on, Aim.SENSITIVITY, SUGGESTED_SENSITIVITY)
    aim = f"sensitivity of at least {SUGGESTED_SENSITIVITY:.2f} on validation, for orientation only"
    promised = _promised(rates_at(chosen_on, chosen.threshold))
    return _point(main, promised, chosen.threshold, aim=aim, is_locked=False), ""


def _point(
    cases: Cases, promised: Promised, threshold: float, *, aim: str, is_locked: bool
) -> AtPoint:
    return AtPoint(
        threshold=threshold,
        aim=aim,
        is_locked=is_locked,
        cases=cases,
        promised=promised,
        delivered=rates_at(cases, threshold),
        mistakes=mistakes(cases, threshold),
    )


def _promised(rates: RatesAtThreshold) -> Promised:
    return Promised(
        sensitivity=rates.sensitivity,
        specificity=rates.specificity,
        recall_rate=rates.recall_rate,
        ppv=rates.ppv,
        npv=rates.npv,
    )


def _as_recorded(again: RatesAtThreshold, promise: Promise) -> Promised | None:
    """The promise with intervals by woman, where the kept cases give the very counts recorded."""
    counted = (again.sensitivity, again.specificity)
    is_same = [(rate.count, rate.total) for rate in counted] == [
        (promise.found, promise.positives),
        (promise.left_alone, promise.negatives),
    ]
    return _promised(again) if is_same else None


def _recorded(promise: Promise) -> Promised:
    return Promised(
        sensitivity=_rate(promise.found, promise.positives),
        specificity=_rate(promise.left_alone, promise.negatives),
        remark="What was promised is as recorded when it was locked; the cases it was chosen on "
        "are not kept here, so its intervals take every case for another woman.",
    )


def _rate(count: int, total: int) -> Rate:
    low, high = wilson_interval(count / total, total) if total else (math.nan, math.nan)
    return Rate(count=count, total=total, groups=total, low=low, high=high, method=Method.WILSON)
