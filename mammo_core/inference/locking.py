"""A threshold locked for a checkpoint by an aim, on its own validation or out-of-fold women."""

from dataclasses import replace

import pandas as pd

from mammo_core.datasets.predictions import read_predictions
from mammo_core.errors import RunError, TableError
from mammo_core.inference.verdict import point_to_lock
from mammo_core.metrics.cases import Cases, Pooling, levels_of, pool_cases, rules_of
from mammo_core.metrics.conservative import choose_conservatively
from mammo_core.metrics.threshold import Aim, choose_threshold
from mammo_core.runs.folder import RunFolder, card_hash
from mammo_core.runs.operating_points import LockedPoint, has_points, lock_point
from mammo_core.types import Level, Split


def lock_by_aim(
    run: RunFolder,
    aim: Aim,
    target: float,
    *,
    level: Level | None,
    is_conservative: bool,
    now: str,
    rule: Pooling | None = None,
    comes_with_model: bool = False,
) -> LockedPoint:
    """Choose, lock, and give back the point. Without a `level`, that of the labels; without a
    `rule`, a case's score is the highest of its images.
    """
    if not has_points(run):
        raise RunError(
            f"{run.run_id} is no checkpoint: it has no model card, so no threshold can be locked. "
            "Wait until it has finished, or name the checkpoint that scored it."
        )
    rows, split = _rows_to_choose_on(run)
    cases = _counted(run, rows, level, rule)
    choose = choose_conservatively if is_conservative else choose_threshold
    chosen = choose(cases, aim, target)
    words = f"{aim} {target:g}" if target else str(aim)
    point = point_to_lock(
        cases,
        chosen.threshold,
        split=split,
        aim=f"{words}, by the end of its 95 % interval" if is_conservative else words,
        locked_at=now,
        card_sha256=card_hash(run),
    )
    point = replace(point, comes_with_model=comes_with_model)
    lock_point(run, point)
    return point


def _rows_to_choose_on(run: RunFolder) -> tuple[pd.DataFrame, str]:
    """Validation, else every woman where each was scored by a model that never saw her."""
    if not run.has_predictions:
        raise RunError(
            f"{run.run_id} keeps no predictions, so there are no women to choose a threshold on."
        )
    table = read_predictions(run.predictions_file)
    validation = table[(table["split"] == Split.VAL).fillna(value=False)]
    if len(validation):
        return validation, str(Split.VAL)
    if table["split"].isna().all() and table["fold"].notna().all():
        return table, ""
    raise RunError(
        f"The predictions of {run.run_id} have no validation women, and a threshold chosen on test "
        "women would flatter itself."
    )


def _counted(
    run: RunFolder, rows: pd.DataFrame, level: Level | None, rule: Pooling | None
) -> Cases:
    known = levels_of(rows)
    if level is None:
        wanted = (run.card().data.label_level if run.is_checkpoint else Level.BREAST, Level.BREAST)
        level = next((one for one in wanted if one in known), Level.IMAGE)
    if level not in known:
        raise TableError(
            f"These predictions cannot be counted by {level}; they can by {', '.join(known)}."
        )
    allowed = rules_of(rows, level)
    if rule is not None and rule not in allowed:
        raise TableError(
            f"By {level} these predictions cannot be pooled by {rule}; they can by "
            f"{', '.join(allowed)}."
        )
    return pool_cases(rows, level, rule or allowed[0])
