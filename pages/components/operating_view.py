"""Locking a threshold as the operating point, and what it promised against what it delivers."""

from datetime import UTC, datetime

import streamlit as st

from mammo_core.metrics.cases import Cases
from mammo_core.metrics.uncertainty import Rate, RatesAtThreshold, rates_at
from mammo_core.runs.folder import RunFolder
from mammo_core.runs.operating_points import (
    LockedPoint,
    Promise,
    card_hash,
    lock_point,
    point_in_force,
)
from mammo_core.types import Split
from pages.components.scored import Counting, Scored, rows_of
from pages.components.threshold_view import aim_in_words


def show_operating_point(
    scored: Scored, counting: Counting, cases: Cases, rates: RatesAtThreshold
) -> None:
    reason = why_not_lockable(scored, counting)
    locked = point_in_force(scored.run) if scored.run is not None else None
    if locked is None:
        st.info("No threshold has been locked for this model yet.", icon=":material/lock_open:")
    else:
        show_promise(locked, counting, cases)
    st.button(
        f"Use {rates.point.threshold:.4f} as the operating point",
        icon=":material/lock:", disabled=reason is not None, key="lock",
        on_click=_lock, args=(scored.run, counting, cases, rates),
    )  # fmt: skip
    if reason is not None:
        st.caption(reason)


def why_not_lockable(scored: Scored, counting: Counting) -> str | None:
    if scored.run is None or not scored.run.is_checkpoint:
        return "Only a trained model has an operating point; an uploaded table has no model card."
    if counting.split == Split.VAL:
        return None
    if not counting.split and rows_of(scored, counting)["fold"].notna().all():
        return None  # out-of-fold: every case was scored by a model that had not seen it
    return (
        "A threshold chosen on these cases would flatter itself on them. Choose it on the "
        "validation split; the test set then shows what it delivers."
    )


def show_promise(locked: LockedPoint, counting: Counting, cases: Cases) -> None:
    st.markdown(
        f"In force since {locked.locked_at[:10]}: threshold **{locked.threshold:.4f}**, "
        f"{locked.aim}, by {locked.level}, {locked.pooling} of its images, "
        f"chosen on the split “{locked.split or 'none'}”."
    )
    if (locked.level, locked.pooling) != (counting.level, counting.rule):
        st.caption(
            f"Count by {locked.level} and pool by {locked.pooling} to see what it delivers here."
        )
        return
    delivered = rates_at(cases, locked.threshold)
    promise = locked.promise
    st.dataframe(
        [
            _row("Sensitivity (recall)", promise.found, promise.positives, delivered.sensitivity),
            _row("Specificity", promise.left_alone, promise.negatives, delivered.specificity),
        ],
        hide_index=True,
        key="promised",
    )
    if counting.split == locked.split:
        st.caption("These are the cases it was chosen on: what they deliver is no test.")


def _row(name: str, part: int, whole: int, delivered: Rate) -> dict[str, str]:
    return {
        "": name,
        "promised": f"{part / whole:.1%} ({part:,} of {whole:,})" if whole else "–",
        "delivered": f"{delivered.value:.1%} ({delivered.count:,} of {delivered.total:,})",
        "95 % interval": f"{delivered.low:.1%} to {delivered.high:.1%}",
    }


def _lock(run: RunFolder | None, counting: Counting, cases: Cases, rates: RatesAtThreshold) -> None:
    if run is None:
        return
    point = rates.point
    locked = LockedPoint(
        threshold=point.threshold,
        level=counting.level,
        pooling=counting.rule,
        calibration="none",
        split=counting.split,
        dataset=cases.dataset,
        aim=aim_in_words(cases, point.threshold),
        promise=Promise(
            found=point.true_positives,
            positives=point.positives,
            left_alone=point.true_negatives,
            negatives=point.negatives,
        ),
        locked_at=datetime.now(UTC).isoformat(timespec="seconds"),
        card_sha256=card_hash(run),
    )
    lock_point(run, locked)
