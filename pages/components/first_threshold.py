"""Where the threshold stands before the reader moves it, and what that owes to the cases shown."""

from dataclasses import dataclass, replace
from typing import Final

from mammo_core.errors import MammoError
from mammo_core.inference.verdict import as_given
from mammo_core.metrics.cases import Cases
from mammo_core.metrics.choices import Aim, choose_threshold
from mammo_core.runs.evaluations import list_evaluations
from mammo_core.runs.folder import RunFolder
from mammo_core.runs.operating_points import LockedPoint, has_points, point_in_force
from mammo_core.types import Split
from pages.components import cached
from pages.components.counting import Counted, count_cases
from pages.components.pickers import checkpoints
from pages.components.scored import Scored, scored_of

SUGGESTED_SENSITIVITY: Final = 0.9
FLATTERS: Final = "Chosen on these very cases: it flatters."
_FOR_CHOOSING: Final = "Chosen on these cases, which are there to choose on; no test."


@dataclass(frozen=True, slots=True, kw_only=True)
class First:
    """A threshold that nobody has chosen yet, and where it comes from."""

    threshold: float
    sentence: str


def first_threshold(counted: Counted) -> First:
    """The locked point; else the choice on the model's validation cases; else on these cases."""
    model = model_of(counted.scored)
    locked = _locked(model, counted)
    if locked is not None:
        return First(
            threshold=min(1.0, locked.threshold),
            sentence=f"This is the locked operating point, {locked.threshold:.4f}: {locked.aim}, "
            f"chosen on the split “{locked.split or 'none'}”.",
        )
    if is_for_choosing(counted):
        return _chosen_on(counted.cases, _FOR_CHOOSING)
    elsewhere = _cases_for_choosing(model, counted)
    if elsewhere is None:
        return _chosen_on(counted.cases, FLATTERS)
    cases, name = elsewhere
    return _chosen_on(
        cases,
        f"Begins where at least {SUGGESTED_SENSITIVITY:.0%} of the {cases.positives:,} {name} "
        "cancers are found; these cases did not choose it.",
    )


def is_for_choosing(counted: Counted) -> bool:
    """Validation, or out-of-fold: every case scored by a model that had not seen it."""
    split = counted.counting.split
    return split == Split.VAL or (not split and bool(counted.rows["fold"].notna().all()))


def model_of(scored: Scored) -> RunFolder | None:
    """The checkpoint that scored the table: the run itself, or the one that was evaluated."""
    run = scored.run
    if run is None or has_points(run):
        return run
    names = {evaluation.config.checkpoint for evaluation in list_evaluations([run])}
    found = next((one for one in checkpoints() if one.run_id in names), None)
    if found is None:
        return None
    try:
        weights = cached.card(found).weights_sha256
    except MammoError:
        return None  # whether it has these weights is not known
    is_other = set(scored.predictions.get("weights_sha256", ())) - {weights}
    return None if is_other else found


def _chosen_on(cases: Cases, sentence: str) -> First:
    if not cases.positives:
        return First(
            threshold=0.5,
            sentence="Begins at 0.5, which means nothing by itself: no case here has cancer.",
        )
    point = choose_threshold(cases, Aim.SENSITIVITY, SUGGESTED_SENSITIVITY)
    return First(threshold=point.threshold, sentence=sentence)


def _locked(model: RunFolder | None, counted: Counted) -> LockedPoint | None:
    counting = counted.counting
    try:
        point = None if model is None else as_given(point_in_force(model))
    except MammoError:
        return None  # the section on the operating point says what is wrong with it
    if point is None or (point.level, point.pooling) != (counting.level, counting.rule):
        return None
    return point


def _cases_for_choosing(model: RunFolder | None, counted: Counted) -> tuple[Cases, str] | None:
    """Validation cases of the model, else its out-of-fold cases, counted as the cases shown."""
    scored = counted.scored
    try:
        source = scored if model is None or model == scored.run else scored_of(model)
        splits = source.predictions["split"].fillna("")
        unsplit = source.predictions[splits == ""]
        if (splits == Split.VAL).any():
            split, name = str(Split.VAL), "validation"
        elif len(unsplit) and unsplit["fold"].notna().all():
            split, name = "", "out-of-fold"
        else:
            return None
        cases = count_cases(source, replace(counted.counting, split=split))
    except MammoError:
        return None  # its table is broken, or cannot be counted so: then these cases choose
    return (cases, name) if cases.positives else None
