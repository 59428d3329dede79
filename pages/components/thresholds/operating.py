"""Locking a threshold as the operating point, and what it promised against what it delivers."""

from datetime import UTC, datetime

import streamlit as st

from mammo_core.errors import MammoError
from mammo_core.inference.verdict import (
    as_given,
    point_to_lock,
    promised_rates,
    threshold_in_words,
    why_no_verdict,
)
from mammo_core.metrics.conservative import delivered_of
from mammo_core.metrics.uncertainty import Rate, RatesAtThreshold, rates_at
from mammo_core.runs.folder import card_hash
from mammo_core.runs.operating_points import AS_GIVEN, LockedPoint, lock_point, point_in_force
from mammo_core.scores import Recalibration
from pages.components.shared import cached
from pages.components.shared.counting import Counted
from pages.components.shared.frame import escaped
from pages.components.shared.pickers import can_read
from pages.components.thresholds.threshold import aim_in_words, is_for_choosing


def show_operating_point(counted: Counted, rates: RatesAtThreshold) -> None:
    reason = why_not_lockable(counted)
    run = counted.scored.run
    if run is not None and run.is_checkpoint:
        cached.card(run)  # a point belongs to a card; to a broken one none can be locked
    locked = point_in_force(run) if run is not None else None
    if locked is None:
        st.info("No threshold has been locked for this model yet.", icon=":material/lock_open:")
    else:
        show_promise(locked, counted)
    kind = None
    if reason is None:
        kind = st.segmented_control(
            "Lock it on re-calibrated scores", list(Recalibration), key="lock_on",
            help="Without a choice, on scores as the model gives them. A re-calibration is fitted "
            "on these cases and kept with the point: Read then tells the re-calibrated score too.",
        )  # fmt: skip
    st.button(
        f"Use {rates.point.threshold:.4f} as the operating point",
        icon=":material/lock:", disabled=reason is not None, key="lock",
        on_click=_lock, args=(counted, rates, kind),
    )  # fmt: skip
    if reason is not None:
        st.caption(reason)


def why_not_lockable(counted: Counted) -> str | None:
    run = counted.scored.run
    if run is None or not can_read(run):
        return (
            "Only a trained model, or an ensemble of such, has an operating point; an uploaded "
            "table and scores out of fold have nothing that could read new images by it."
        )
    if is_for_choosing(counted):
        return None
    return (
        "A threshold chosen on these cases would flatter itself on them. Choose it on the "
        "validation split; the test set then shows what it delivers."
    )


def show_promise(locked: LockedPoint, counted: Counted) -> None:
    counting = counted.counting
    scores = (
        "scores as the model gives them"
        if locked.calibration == AS_GIVEN
        else "re-calibrated scores"
    )
    st.markdown(
        f"In force since {escaped(locked.locked_at[:10])}: threshold "
        f"**{escaped(threshold_in_words(locked))}**, "
        + escaped(
            f"{locked.aim}, by {locked.level}, {locked.pooling} of its images, "
            f"chosen on the split “{locked.split or 'none'}”, on {scores}."
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
    delivered = rates_at(counted.cases, given.threshold)
    is_own = counting.split == locked.split
    sensitivity, specificity = promised_rates(locked.promise)
    st.dataframe(
        [
            _row("Sensitivity (recall)", sensitivity, delivered.sensitivity, is_own=is_own),
            _row("Specificity", specificity, delivered.specificity, is_own=is_own),
        ],
        hide_index=True,
        key="promised",
    )
    if is_own:
        st.caption("These are the cases it was chosen on: what they deliver is no test.")


def _row(name: str, promised: Rate, delivered: Rate, *, is_own: bool) -> dict[str, str]:
    kept = None if is_own else delivered_of(promised, delivered)
    return {
        "": name,
        "promised": f"{promised.value:.1%} ({promised.count:,} of {promised.total:,}; 95 % "
        f"{promised.low:.1%} to {promised.high:.1%})"
        if promised.total
        else "–",
        "delivered": f"{delivered.value:.1%} ({delivered.count:,} of {delivered.total:,})",
        "95 % interval": f"{delivered.low:.1%} to {delivered.high:.1%}",
        "in words": "" if kept is None else kept.in_words,
    }


def _lock(counted: Counted, rates: RatesAtThreshold, kind: Recalibration | None) -> None:
    run = counted.scored.run
    if run is None:
        return
    threshold = rates.point.threshold
    try:
        point = point_to_lock(
            counted.cases,
            threshold,
            split=counted.counting.split,
            aim=aim_in_words(counted.cases, threshold),
            locked_at=datetime.now(UTC).isoformat(timespec="seconds"),
            card_sha256=card_hash(run),
            recalibration=kind,
        )
        lock_point(run, point)
    except MammoError as error:
        st.toast(escaped(str(error)), icon=":material/error:")
