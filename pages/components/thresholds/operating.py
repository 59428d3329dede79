"""Locking a threshold as the operating point, and what it promised against what it delivers."""

from datetime import UTC, datetime

import streamlit as st

from mammo_core.errors import MammoError
from mammo_core.glossary import meaning
from mammo_core.inference.verdict import (
    as_given,
    cases_hash,
    point_to_lock,
    promised_rates,
    threshold_in_words,
    why_no_verdict,
)
from mammo_core.metrics.conservative import delivered_of
from mammo_core.metrics.threshold import was_picked
from mammo_core.metrics.uncertainty import Rate, RatesAtThreshold, rates_at
from mammo_core.reports.wording import rate_in_words
from mammo_core.runs.folder import RunFolder, card_hash
from mammo_core.runs.operating_points import (
    AS_GIVEN,
    LockedPoint,
    lock_point,
    point_in_force,
    unlock_point,
)
from mammo_core.scores import Recalibration
from mammo_core.sharing.rights import Action
from mammo_core.words import day_in_words
from pages.components.shared import cached
from pages.components.shared.counting import Counted, title_of
from pages.components.shared.frame import escaped, toasted_errors
from pages.components.shared.pickers import can_read
from pages.components.shared.whose import is_off, note, require_own_run
from pages.components.thresholds.threshold import (
    Standing,
    aim_in_words,
    chosen_here,
    is_for_choosing,
    where_in_words,
)


def show_lock(counted: Counted, rates: RatesAtThreshold, standing: Standing) -> None:
    """Lock and unlock, or why not; and what is in force."""
    run = counted.scored.run
    locked, told = None, ""
    reason = is_off(Action.TRAIN) or why_not_lockable(counted, standing)
    try:
        if run is not None and run.is_checkpoint:
            cached.card(run)  # a point belongs to a card; to a broken one none can be locked
        locked = point_in_force(run) if run is not None else None
        told = _in_force(locked, run)
    except MammoError as error:
        reason = str(error)
    threshold = rates.point.threshold
    if not reason and is_in_force(locked, counted, threshold):
        reason = (
            f"{threshold:.4f} is in force already. Move the threshold to lock another, or unlock "
            "it to lock it on re-calibrated scores."
        )
    with st.popover(f"Lock {threshold:.4f}", icon=":material/lock:", disabled=bool(reason)):
        st.markdown(escaped(_lock_in_words(counted, rates)))
        kind = st.segmented_control(
            "Lock it on re-calibrated scores", list(Recalibration), key="lock_on",
            help="Without a choice, on scores as the model gives them. A re-calibration is fitted "
            "on these cases and kept with the point: Read then tells the re-calibrated score too."
            "\n\n" + meaning("Locked threshold", "Temperature", "Platt", "Isotonic"),
        )  # fmt: skip
        st.button(
            f"Use {threshold:.4f} as the operating point", icon=":material/lock:", type="primary",
            disabled=bool(reason), key="lock", on_click=_lock, args=(counted, rates, kind),
        )  # fmt: skip
    if locked is not None and run is not None:
        with st.popover("Unlock", icon=":material/lock_open:"):
            st.markdown(
                f"{escaped(threshold_in_words(locked))} is in force. Unlocked, Read tells scores "
                "of this model without a verdict, until another threshold is locked."
            )
            st.button(
                "Unlock", icon=":material/lock_open:", key="unlock", on_click=_unlock, args=(run,)
            )
    st.caption(escaped(" ".join((told, f"Lock is off: {reason}" if reason else ""))))


def is_in_force(locked: LockedPoint | None, counted: Counted, threshold: float) -> bool:
    """Whether locking `threshold` as it stands would change nothing."""
    given, counting = as_given(locked), counted.counting
    return (
        given is not None
        and given.threshold == threshold
        and (given.level, given.pooling, given.split)
        == (counting.level, counting.rule, counting.split)
        and given.cases_sha256 in ("", cases_hash(counted.cases))
    )


def _lock_in_words(counted: Counted, rates: RatesAtThreshold) -> str:
    return (
        f"It will be written down as chosen on {title_of(counted)}. Sensitivity there: "
        f"{rate_in_words(rates.sensitivity)}; specificity: {rate_in_words(rates.specificity)}. "
        "Read then tells which scores lie above it."
    )


def _in_force(locked: LockedPoint | None, run: RunFolder | None) -> str:
    if locked is not None and locked.comes_with_model:
        return (
            f"Comes with the model: {threshold_in_words(locked)} by {locked.level}, "
            f"{locked.aim}, chosen on {where_in_words(locked)}. Nobody has locked another here."
        )
    if locked is not None:
        return (
            f"Locked: {threshold_in_words(locked)} by {locked.level}, since "
            f"{day_in_words(locked.locked_at)}."
        )
    return "" if run is None else "No threshold is locked for this model."


def show_operating_point(counted: Counted, _: RatesAtThreshold) -> None:
    run = counted.scored.run
    if run is not None and run.is_checkpoint:
        cached.card(run)
    locked = point_in_force(run) if run is not None else None
    if locked is None:
        st.info("No threshold is locked for this model.", icon=":material/lock_open:")
    else:
        show_promise(locked, counted)


def why_not_lockable(counted: Counted, standing: Standing) -> str | None:
    run = counted.scored.run
    if run is None or not can_read(run):
        return (
            "Only a trained model, or an ensemble of such, has an operating point; an uploaded "
            "table and scores out of fold have nothing that could read new images by it."
        )
    if not is_for_choosing(counted):
        return (
            "A threshold chosen on these cases would flatter itself on them. Choose it on the "
            "validation split; the test set then shows what it delivers."
        )
    if not counted.cases.positives:
        return (
            f"None of these {len(counted.cases.score):,} cases has {counted.finding.one}, so what "
            "the threshold finds is not known. Choose it where some have."
        )
    if standing.chosen_on is None:
        return (
            "This threshold came with the address, which does not tell where it was chosen. Move "
            "it here first."
        )
    if standing.chosen_on != chosen_here(counted):
        return (
            f"This threshold was chosen on {standing.chosen_on.in_words}. Move it here first, or "
            "begin anew."
        )
    return None


def show_promise(locked: LockedPoint, counted: Counted) -> None:
    counting = counted.counting
    scores = (
        "scores as the model gives them"
        if locked.calibration == AS_GIVEN
        else "re-calibrated scores"
    )
    since = (
        "Comes with the model"
        if locked.comes_with_model
        else f"In force since {escaped(day_in_words(locked.locked_at))}"
    )
    st.markdown(
        f"{since}: threshold "
        f"**{escaped(threshold_in_words(locked))}**, "
        + escaped(
            f"{locked.aim}, by {locked.level}, {locked.pooling} of its images, "
            f"chosen on {where_in_words(locked)}, on {scores}."
        )
    )
    if (locked.level, locked.pooling) != (counting.level, counting.rule):
        st.caption(
            escaped(
                f"Count by {locked.level} and pool by {locked.pooling} to see what it delivers "
                "here."
            )
        )
        return
    given = as_given(locked)
    if given is None:
        st.caption(escaped(why_no_verdict([], locked)))
        return
    is_own = counting.split == locked.split
    is_picked = is_own and was_picked(locked.aim)
    delivered = rates_at(counted.cases, given.threshold, is_picked=is_picked)
    sensitivity, specificity = promised_rates(locked)
    st.dataframe(
        [
            _row("Sensitivity (recall)", sensitivity, delivered.sensitivity, is_own=is_own),
            _row("Specificity", specificity, delivered.specificity, is_own=is_own),
        ],
        hide_index=True,
        key="promised",
    )
    if is_own and locked.cases_sha256 not in ("", cases_hash(counted.cases)):
        st.caption("It was chosen on this split, but its cases or scores have changed since.")
    elif is_own:
        st.caption("These are the cases it was chosen on: what they deliver is no test.")


def _row(name: str, promised: Rate, delivered: Rate, *, is_own: bool) -> dict[str, str]:
    kept = None if is_own else delivered_of(promised, delivered)
    return {
        "": name,
        "promised": rate_in_words(promised),
        "delivered": rate_in_words(delivered),
        "in words": "" if kept is None else kept.in_words,
    }


def _lock(counted: Counted, rates: RatesAtThreshold, kind: Recalibration | None) -> None:
    run = counted.scored.run
    if run is None:
        return
    threshold = rates.point.threshold
    with toasted_errors():
        point = point_to_lock(
            counted.cases,
            threshold,
            split=counted.counting.split,
            aim=aim_in_words(counted.cases, threshold),
            locked_at=datetime.now(UTC).isoformat(timespec="seconds"),
            card_sha256=card_hash(run),
            recalibration=kind,
        )
        require_own_run(run)
        lock_point(run, point)
        note("locked a threshold", model=run.run_id)


def _unlock(run: RunFolder) -> None:
    with toasted_errors():
        require_own_run(run)
        note("unlocked a threshold", model=run.run_id)
        unlock_point(run, now=datetime.now(UTC).isoformat(timespec="seconds"))
