"""Several models on one data set, held beside a first one: who ranks how well, by how much they
differ over the same women, and what a re-calibration and a threshold chosen on validation are worth
on the test women.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import pandas as pd

from mammo_core.errors import TableError
from mammo_core.metrics.calibration import (
    Calibration,
    calibration_of,
    fit_score_map,
    recalibrate,
)
from mammo_core.metrics.cases import Cases, Pooling, pool_cases, rows_of_split, why_no_auc
from mammo_core.metrics.compare import Difference, auc_difference, share_cases
from mammo_core.metrics.external import finest_sound_level
from mammo_core.metrics.threshold import Aim, choose_threshold
from mammo_core.metrics.uncertainty import Estimate, RatesAtThreshold, auc_with_interval, rates_at
from mammo_core.scores import Recalibration
from mammo_core.types import Level, Split

#: What a threshold is chosen for on validation.
SPECIFICITY: Final = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedModel:
    """One model; None, with the reason in `notes`, where there is nothing to say."""

    name: str
    auc: Estimate | None
    own: Estimate | None  # over all cases it scored, where these are more than all share
    lacks: int  # cases that another model scored and this one did not
    difference: Difference | None  # from the first model
    before: Calibration | None
    after: Calibration | None  # re-calibrated by Platt on validation
    promised: RatesAtThreshold | None  # on validation
    delivered: RatesAtThreshold | None  # on test
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Standings:
    """By AUC, the highest first. `left_out` are cases that not every model has scored,
    `disagreeing` those whose truth the tables do not agree on, `unknown` those without a label.
    `dropped` are models that share no case with the others, and why, as sentences.
    """

    level: Level
    cases: int
    women: int
    left_out: int
    disagreeing: int
    unknown: int
    split: str
    placed: tuple[PlacedModel, ...]
    dropped: Mapping[str, str]


def place(tables: Mapping[str, pd.DataFrame], *, first: str) -> Standings:
    """Each of `tables`, predictions by model, beside that of `first`. A breast's score is the mean
    over its images, as authors who score images have it.

    On the test split where the data set has one, else on all of it; chosen and fitted is on
    validation alone.
    """
    level = finest_sound_level(tables[first])
    has_test = bool((tables[first]["split"] == Split.TEST).fillna(value=False).any())
    split = Split.TEST if has_test else None
    pooled, dropped = _sharing(tables, split, level, first)
    scored_by_any = set().union(*(cases.case_ids for cases in pooled.values()))
    shared = share_cases(list(pooled.values()))
    by_name = dict(zip(pooled, shared.cases, strict=True))
    placed = [
        _placed(
            name, by_name, first=first, validation=_validation(tables[name], level), own=own,
            lacks=len(scored_by_any) - len(own),
        )
        for name, own in pooled.items()
    ]  # fmt: skip
    return Standings(
        level=level,
        cases=len(by_name[first]),
        women=by_name[first].group_count,
        left_out=len(scored_by_any) - len(by_name[first]) - shared.disagreeing,
        disagreeing=shared.disagreeing,
        unknown=max(cases.unknown for cases in pooled.values()),
        split=str(split or "all"),
        placed=tuple(sorted(placed, key=lambda one: -(one.auc.value if one.auc else -1.0))),
        dropped=dropped,
    )


def _sharing(
    tables: Mapping[str, pd.DataFrame], split: Split | None, level: Level, first: str
) -> tuple[dict[str, Cases], dict[str, str]]:
    """The cases of `first` and of every model that has some in common with it and with those before
    it, those with most of them before; and why the others are dropped. One model that could score
    next to nothing takes nobody else's place.
    """
    kept = {first: _pooled(tables[first], split, level)}
    dropped, others = {}, {}
    for name in (one for one in tables if one != first):
        try:
            others[name] = _pooled(tables[name], split, level)
        except TableError as error:
            dropped[name] = str(error)
    of_first = set(kept[first].case_ids)
    for name in sorted(others, key=lambda one: -len(of_first.intersection(others[one].case_ids))):
        try:
            share_cases([*kept.values(), others[name]])
        except TableError as error:
            dropped[name] = str(error)
        else:
            kept[name] = others[name]
    return kept, dropped


def counted_rows(table: pd.DataFrame, standings: Standings) -> pd.DataFrame:
    """Of a model's predictions those that it was placed by."""
    return rows_of_split(table, Split.TEST) if standings.split == Split.TEST else table


def _pooled(table: pd.DataFrame, split: Split | None, level: Level) -> Cases:
    return pool_cases(rows_of_split(table, split) if split else table, level, Pooling.MEAN)


def _validation(table: pd.DataFrame, level: Level) -> Cases | None:
    try:
        return _pooled(table, Split.VAL, level)
    except TableError:
        return None


def _placed(
    name: str, by_name: Mapping[str, Cases], *, first: str, validation: Cases | None, own: Cases,
    lacks: int,
) -> PlacedModel:  # fmt: skip
    cases = by_name[name]
    reason = why_no_auc(cases)
    has_both = bool(cases.positives and cases.negatives)
    notes = [reason] if reason else []
    after, promised, delivered = None, None, None
    if validation is None:
        notes.append("No validation split: nothing was re-calibrated, no threshold chosen.")
    elif has_both:
        try:
            fitted = fit_score_map(validation, Recalibration.PLATT)
            after = calibration_of(recalibrate(cases, fitted))
        except TableError as error:
            notes.append(f"On validation: {error}")
        try:
            chosen = choose_threshold(validation, Aim.SPECIFICITY, SPECIFICITY)
            promised = rates_at(validation, chosen.threshold)
            delivered = rates_at(cases, chosen.threshold)
        except TableError as error:
            notes.append(f"On validation: {error}")
    is_other = name != first and not reason
    return PlacedModel(
        name=name,
        auc=None if reason else auc_with_interval(cases),
        own=None if len(own) == len(cases) or why_no_auc(own) else auc_with_interval(own),
        lacks=lacks,
        difference=auc_difference(cases, by_name[first]) if is_other else None,
        before=calibration_of(cases) if has_both else None,
        after=after,
        promised=promised,
        delivered=delivered,
        notes=tuple(notes),
    )
