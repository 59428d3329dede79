"""The numbers of a study, measured again from its predictions, each with interval and denominator.

Nothing here computes a metric: metrics/ does. Here is only which metric of which cases.
"""

from dataclasses import dataclass, replace
from typing import Final

import pandas as pd

from mammo_core.errors import TableError
from mammo_core.inference.verdict import as_given, promised_rates
from mammo_core.metrics.calibration import (
    Calibration,
    Interval,
    calibration_of,
    expected_error_interval,
)
from mammo_core.metrics.cases import (
    Cases,
    Pooling,
    levels_of,
    mistakes,
    pool_cases,
    rules_of,
    values_of,
    why_no_auc,
)
from mammo_core.metrics.collapse import call_collapse, class_collapse
from mammo_core.metrics.confounding import Beyond, Within, auc_within, beyond_confounders
from mammo_core.metrics.curves import average_precision_with_interval
from mammo_core.metrics.multiclass import ClassesReport, has_classes, report_classes
from mammo_core.metrics.paired_rates import AtOneRate, sensitivities_at
from mammo_core.metrics.partial import SpecificityRange, partial_auc_with_interval
from mammo_core.metrics.smooth import SmoothCurve, smooth_calibration
from mammo_core.metrics.subgroups import (
    SLICED_BY,
    Gap,
    RateGap,
    Slice,
    gaps_between,
    sliceable,
    slices_of,
)
from mammo_core.metrics.threshold import (
    HALF,
    SUGGESTED_SENSITIVITY,
    Aim,
    choose_threshold,
    was_picked,
)
from mammo_core.metrics.uncertainty import (
    Estimate,
    Rate,
    RatesAtThreshold,
    auc_with_interval,
    rates_at,
)
from mammo_core.reports.study.study import RunStudy, judged_rows, validation_rows
from mammo_core.runs.operating_points import LockedPoint, Promise
from mammo_core.types import Level

OUT_OF_FOLD: Final = (
    "It was chosen on these very scores out of fold: what it delivers here repeats what it "
    "promised, and is no second measurement."
)
OWN_CASES: Final = "It was chosen on the test cases themselves, as its recipe says."


@dataclass(frozen=True, slots=True, kw_only=True)
class Promised:
    """The rates where a threshold was chosen. Where only its record tells them, as counts, the
    others are None and `remark` says how the intervals were made. A threshold that was chosen on
    no cases promised nothing.
    """

    sensitivity: Rate | None = None
    specificity: Rate | None = None
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
    is_picked: bool = False  # as in `rates_at`: the best of all thresholds, on these very cases


def point_of(study: RunStudy, rows: pd.DataFrame, main: Cases) -> tuple[AtPoint | None, str]:
    """The point in force, else one chosen on validation for orientation, else why there is none."""
    if study.looks.why_no_locks:
        return None, "Which threshold is in force is not known: its log cannot be read (see above)."
    validation = validation_rows(study)
    if study.point is None:
        by_recipe = _by_recipe(study, main)
        return (by_recipe, "") if by_recipe else _suggested(rows, main, validation)
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
    promised, is_picked = _recorded(locked), was_picked(locked.aim)
    if not locked.split and not study.is_external:
        promised = replace(promised, remark=f"{OUT_OF_FOLD} {promised.remark}")
    if validation is not None and locked.split == "val":
        chosen_on = pool_cases(validation, locked.level, rule)
        again = rates_at(chosen_on, locked.threshold, is_picked=is_picked)
        promised = _as_recorded(again, locked.promise) or promised
    is_own = not locked.split and not study.is_external
    return _point(
        cases, promised, locked.threshold,
        aim=locked.aim, is_locked=True, is_picked=is_picked and is_own,
    ), ""  # fmt: skip


def _by_recipe(study: RunStudy, main: Cases) -> AtPoint | None:
    """Where the recipe of the training says how cases are called, right or wrong."""
    how = study.training.threshold if study.training is not None else "validation"
    if how == "half":
        nothing = Promised(remark="It was fixed beforehand: no cases had a part in it.")
        return _point(main, nothing, HALF, aim="nothing: a half, by recipe", is_locked=False)
    if how == "test" and not study.is_external and main.positives:
        chosen = choose_threshold(main, Aim.SENSITIVITY, SUGGESTED_SENSITIVITY).threshold
        nothing = Promised(remark=f"{OWN_CASES} What it delivers flatters, and promises nothing.")
        aim = f"sensitivity of at least {SUGGESTED_SENSITIVITY:.2f} on these very cases, by recipe"
        return _point(main, nothing, chosen, aim=aim, is_locked=False)
    return None


def _suggested(
    rows: pd.DataFrame, main: Cases, validation: pd.DataFrame | None
) -> tuple[AtPoint | None, str]:
    unlocked = "No operating point is locked for this model."
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
    cases: Cases,
    promised: Promised,
    threshold: float,
    *,
    aim: str,
    is_locked: bool,
    is_picked: bool = False,
) -> AtPoint:
    return AtPoint(
        threshold=threshold,
        aim=aim,
        is_locked=is_locked,
        cases=cases,
        promised=promised,
        delivered=rates_at(cases, threshold, is_picked=is_picked),
        mistakes=mistakes(cases, threshold),
        is_picked=is_picked,
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


def _recorded(locked: LockedPoint) -> Promised:
    sensitivity, specificity = promised_rates(locked)
    remark = "What was promised is as recorded when it was locked."
    if not locked.promise.effective_positives:
        remark = (
            "What was promised is as recorded when it was locked; the cases it was chosen on are "
            "not kept here, so its intervals treat every case as another woman."
        )
    return Promised(sensitivity=sensitivity, specificity=specificity, remark=remark)


_STRATA: Final = ("site", "machine")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AtLevel:
    """What the scores rank, counted by one level. `why_no_auc` where an AUC means nothing."""

    cases: Cases
    auc: Estimate | None
    why_no_auc: str
    precision: Estimate | None


#: What a report tells of a part of the curve; a reader may choose another range on the pages.
PART: Final = SpecificityRange(low=0.8, high=1.0)
RECALLED: Final = 0.1  # the recall rate at which a report tells the sensitivity


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cut:
    """The cases cut by one column, and the gaps between its parts."""

    title: str
    slices: tuple[Slice, ...]
    gap: Gap | None
    rate_gaps: tuple[RateGap, ...]  # at the threshold; none where none is set


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
    smooth: SmoothCurve | None
    cuts: tuple[Cut, ...]
    within: tuple[Within, ...]
    beyond: Beyond | None
    classes: ClassesReport | None
    part: Estimate | None  # the AUC over `PART`
    at_recall_rate: AtOneRate | None  # at `RECALLED`
    collapses: tuple[str, ...]  # sentences on nearly all cases being called alike
    has_women: bool  # whether any patient is named: else every interval is too narrow


def measure_study(study: RunStudy) -> Results:
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
        smooth=smooth_calibration(main.cases) if _has_both(main.cases) else None,
        cuts=_cuts(rows, at, point),
        within=_within(rows, main),
        beyond=None
        if main.why_no_auc
        else beyond_confounders(rows, level=main.cases.level, rule=main.cases.rule),
        classes=_classes(study, rows, main.cases.level),
        part=None if main.why_no_auc else partial_auc_with_interval(main.cases, PART),
        at_recall_rate=None
        if main.why_no_auc
        else sensitivities_at(["model"], [main.cases], RECALLED, aim=Aim.RECALL_RATE)[0],
        collapses=_collapses(study, rows, point),
        has_women=bool(rows["patient_id"].notna().any()),
    )


def _collapses(study: RunStudy, rows: pd.DataFrame, point: AtPoint | None) -> tuple[str, ...]:
    at_point = "" if point is None else call_collapse(point.cases, point.threshold)
    return tuple(filter(None, (class_collapse(rows, study.task), at_point)))


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


def _main_level(study: RunStudy, levels: tuple[Level, ...]) -> Level:
    """That of the labels; where it cannot be counted, breasts, else images."""
    for level in (study.label_level, Level.BREAST):
        if level in levels:
            return level
    return levels[0]


def _has_both(cases: Cases) -> bool:
    return bool(cases.positives and cases.negatives)


def _cuts(rows: pd.DataFrame, cases: Cases, point: AtPoint | None) -> tuple[Cut, ...]:
    threshold = 0.5 if point is None else point.threshold  # of rates that are not shown
    cuts = {
        column: slices_of(rows, column, level=cases.level, rule=cases.rule, threshold=threshold)
        for column in sliceable(rows)
    }
    gaps = gaps_between(cuts, point.threshold if point is not None else None)
    return tuple(
        Cut(
            title=SLICED_BY[column],
            slices=tuple(slices),
            gap=gaps.in_auc.get(column),
            rate_gaps=tuple(one for one in gaps.in_rates if one.column == column),
        )
        for column, slices in cuts.items()
    )


def _within(rows: pd.DataFrame, main: AtLevel) -> tuple[Within, ...]:
    if main.why_no_auc:
        return ()
    found = (
        auc_within(main.cases, values_of(rows, main.cases, column), column=column)
        for column in _STRATA
    )
    return tuple(one for one in found if one is not None)


def _classes(study: RunStudy, rows: pd.DataFrame, level: Level) -> ClassesReport | None:
    if not has_classes(rows, study.task):
        return None
    return report_classes(rows, study.task, level)
