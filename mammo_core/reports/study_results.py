"""The numbers of a study, measured again from its predictions, each with interval and denominator.

Nothing here computes a metric: metrics/ does. Here is only which metric of which cases.
"""

from dataclasses import dataclass
from typing import Final

import pandas as pd

from mammo_core.errors import TableError
from mammo_core.metrics.artefact import why_no_auc
from mammo_core.metrics.beyond import Beyond, beyond_confounders
from mammo_core.metrics.calibration import Calibration, Interval, calibration_of
from mammo_core.metrics.calibration_error import expected_error_interval
from mammo_core.metrics.cases import Cases, Pooling, levels_of, pool_cases, rules_of, values_of
from mammo_core.metrics.multiclass import ClassesReport, has_classes, report_classes
from mammo_core.metrics.precision import average_precision_with_interval
from mammo_core.metrics.subgroups import SLICED_BY, Gap, Slice, largest_gap, sliceable, slices_of
from mammo_core.metrics.uncertainty import (
    Estimate,
    RatesAtThreshold,
    auc_with_interval,
    rates_at,
)
from mammo_core.metrics.within import Within, auc_within
from mammo_core.reports.study import Study, judged_rows
from mammo_core.reports.study_point import AtPoint, point_of
from mammo_core.types import Level

_STRATA: Final = ("site", "machine")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AtLevel:
    """What the scores rank, counted by one level. `why_no_auc` where an AUC means nothing."""

    cases: Cases
    auc: Estimate | None
    why_no_auc: str
    precision: Estimate | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cut:
    """The cases cut by one column, and the largest gap between its parts."""

    title: str
    slices: tuple[Slice, ...]
    gap: Gap | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Results:
    """`main` counts by the level of the labels. What is None has its reason in `why_no_...`."""

    main: AtLevel
    levels: tuple[AtLevel, ...]
    point: AtPoint | None
    why_no_point: str
    at_threshold: tuple[tuple[Cases, RatesAtThreshold], ...]  # the point's threshold, by level
    calibration: Calibration | None
    expected_error: Interval | None  # the interval of the expected calibration error
    cuts: tuple[Cut, ...]
    within: tuple[Within, ...]
    beyond: Beyond | None
    classes: ClassesReport | None
    has_women: bool  # whether any patient is named: else every interval is too narrow


def measure_study(study: Study) -> Results:
    """Every result of the judged rows, or a TableError that says why there is none."""
    rows = judged_rows(study)
    if rows is None or rows.empty:
        raise TableError("There are no test predictions, so nothing is measured.")
    levels = tuple(_at_level(rows, level) for level in levels_of(rows))
    level = _main_level(study, tuple(one.cases.level for one in levels))
    main = next(one for one in levels if one.cases.level is level)
    point, why_no_point = point_of(study, rows, main.cases)
    at = point.cases if point is not None else main.cases
    return Results(
        main=main,
        levels=levels,
        point=point,
        why_no_point=why_no_point,
        at_threshold=_at_threshold(levels, point),
        calibration=calibration_of(main.cases) if _has_both(main.cases) else None,
        expected_error=expected_error_interval(main.cases) if _has_both(main.cases) else None,
        cuts=_cuts(rows, at, threshold=point.threshold if point is not None else 0.5),
        within=_within(rows, main),
        beyond=None
        if main.why_no_auc
        else beyond_confounders(rows, level=main.cases.level, rule=main.cases.rule),
        classes=_classes(study, rows, main.cases.level),
        has_women=bool(rows["patient_id"].notna().any()),
    )


def _at_threshold(
    levels: tuple[AtLevel, ...], point: AtPoint | None
) -> tuple[tuple[Cases, RatesAtThreshold], ...]:
    """A threshold means the same at every level only where a case scores as its highest image."""
    if point is None or point.cases.rule is Pooling.MEAN:
        return ()
    return tuple((one.cases, rates_at(one.cases, point.threshold)) for one in levels)


def _at_level(rows: pd.DataFrame, level: Level) -> AtLevel:
    cases = pool_cases(rows, level, rules_of(rows, level)[0])
    reason = why_no_auc(cases) or ""
    return AtLevel(
        cases=cases,
        auc=None if reason else auc_with_interval(cases),
        why_no_auc=reason,
        precision=None if reason else average_precision_with_interval(cases),
    )


def _main_level(study: Study, levels: tuple[Level, ...]) -> Level:
    """That of the labels; where it cannot be counted, breasts, else images."""
    for level in (study.label_level, Level.BREAST):
        if level in levels:
            return level
    return levels[0]


def _has_both(cases: Cases) -> bool:
    return bool(cases.positives and cases.negatives)


def _cuts(rows: pd.DataFrame, cases: Cases, *, threshold: float) -> tuple[Cut, ...]:
    found = []
    for column in sliceable(rows):
        slices = slices_of(rows, column, level=cases.level, rule=cases.rule, threshold=threshold)
        found.append(Cut(title=SLICED_BY[column], slices=tuple(slices), gap=largest_gap(slices)))
    return tuple(found)


def _within(rows: pd.DataFrame, main: AtLevel) -> tuple[Within, ...]:
    if main.why_no_auc:
        return ()
    found = (
        auc_within(main.cases, values_of(rows, main.cases, column), column=column)
        for column in _STRATA
    )
    return tuple(one for one in found if one is not None)


def _classes(study: Study, rows: pd.DataFrame, level: Level) -> ClassesReport | None:
    if not has_classes(rows, study.task):
        return None
    return report_classes(rows, study.task, level)
