"""The scores of a case: image, breast, exam; a verdict where a threshold was locked for it."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import streamlit as st

from mammo_core.errors import MammoError
from mammo_core.inference.fitness import why_uncompared
from mammo_core.inference.standing import range_in_words, rank_of
from mammo_core.inference.verdict import (
    ScoredCase,
    ScoredImage,
    Verdict,
    completeness_in_words,
    nouns_of,
    promise_in_words,
    rules_in_words,
    said_once,
    score_cases,
    threshold_in_words,
    usual_images,
    verdict_on,
    why_no_verdict,
)
from mammo_core.metrics.cases import Cases, Pooling
from mammo_core.preprocessing.case_store import Case
from mammo_core.runs.card import ModelCard
from mammo_core.runs.folder import RunFolder
from mammo_core.runs.operating_points import LockedPoint, point_in_force
from mammo_core.types import Level, Split
from pages.components import cached
from pages.components.bullet import show_bullet, shown_score
from pages.components.guard import escaped
from pages.components.scored import scored_of

if TYPE_CHECKING:
    from mammo_core.inference.predictor import Reading


def scored_images(case: Case, readings: "Mapping[str, Reading]") -> list[ScoredImage]:
    """The images of `case` that have a score."""
    return [
        ScoredImage(ref=image.ref, title=image.title, score=readings[image.ref.image_id].score)
        for image in case.images
        if image.ref.image_id in readings
    ]


def show_scores(images: Sequence[ScoredImage], run: RunFolder, card: ModelCard) -> list[ScoredCase]:
    """Breasts and exam large, images small; under them what the threshold is worth. The large
    ones come back.
    """
    uncompared = why_uncompared(card, [image.ref for image in images])
    point = point_for(images, run, card)
    cases = score_cases(images, point)
    large = said_once(cases, point)
    with st.container(border=True, gap="small"):
        for case in large:
            validation = None if uncompared else validation_cases(run, case.level, case.rule)
            _show_case(case, verdict_on(case, point), validation)
    small = [case for case in cases if case.level is Level.IMAGE and case not in large]
    if small:
        st.caption(" · ".join(f"{escaped(one.title)} **{one.score:.2f}**" for one in small))
    if uncompared:
        st.caption(f":material/warning: {uncompared}")
    if point is not None:
        _show_threshold(large, point, run, card)
    rules = rules_in_words(large)
    if rules:
        st.caption(rules)
    return large


def point_for(images: Sequence[ScoredImage], run: RunFolder, card: ModelCard) -> LockedPoint | None:
    """The threshold that judges scores of `images`, if one does."""
    is_uncompared = bool(why_uncompared(card, [image.ref for image in images]))
    return None if is_uncompared else point_in_force(run)


def validation_cases(run: RunFolder, level: Level, rule: Pooling) -> Cases | None:
    """The cases the model's threshold may be set on; None where it has none of that level."""
    if not run.has_predictions:
        return None
    scored = scored_of(run)
    splits = set(scored.predictions["split"].fillna(""))
    split = next((name for name in (Split.VAL, "") if name in splits), None)
    if split is None:
        return None
    try:
        return cached.cases(
            scored.predictions, source=scored.source, split=split, level=level, rule=rule
        )
    except MammoError:  # its images have no sides, or none has a label: nothing to compare with
        return None


def _show_case(case: ScoredCase, verdict: Verdict | None, validation: Cases | None) -> None:
    with st.container(gap=None):
        st.metric(case.title, shown_score(case.score, verdict))
        show_bullet(case.score, verdict)
        if verdict is not None:
            icon = ":material/arrow_upward:" if verdict.is_above else ":material/arrow_downward:"
            st.markdown(f"{icon} {verdict.in_words}")
            if verdict.recalibrated is not None:
                st.caption(f"Re-calibrated, as the threshold is: {verdict.recalibrated:.4f}.")
        if validation is not None and validation.negatives:
            rank = rank_of(case.score, validation)
            st.caption(
                f"Higher than {rank.lower:,} of {rank.of:,} {nouns_of(case.level)} without cancer "
                "in validation."
            )
            if told := range_in_words(validation):
                st.caption(f"{told} This score is {case.score:.3f}.")


def _show_threshold(
    cases: Sequence[ScoredCase], point: LockedPoint, run: RunFolder, card: ModelCard
) -> None:
    reason = why_no_verdict(cases, point)
    if reason:
        st.caption(escaped(reason))
        return
    judged = [case for case in cases if verdict_on(case, point)]
    st.caption(
        f"Threshold {escaped(threshold_in_words(point))}, {escaped(point.aim)}. "
        + escaped(promise_in_words(point, " or ".join(card.task.positive)))
    )
    reference = validation_cases(run, point.level, judged[0].rule)
    if reference is None:
        return
    usual = usual_images(reference)
    for case in judged:
        told = completeness_in_words(case, usual)
        if told:
            st.caption(f":material/warning: {case.title}: {told}")
