"""The scores of a case: image, breast, exam; a verdict where a threshold was locked for it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import streamlit as st

from mammo_core.errors import MammoError
from mammo_core.inference.interpretation import (
    range_in_words,
    rank_of,
    remarks,
    why_not,
    why_uncompared,
)
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
from mammo_core.preprocessing.cases import Case, CaseImage
from mammo_core.reading import Reading
from mammo_core.runs.card import ModelCard
from mammo_core.runs.folder import RunFolder
from mammo_core.runs.operating_points import LockedPoint, point_in_force
from mammo_core.types import Level, Split
from mammo_core.words import case_in_words, many
from pages.components.shared import cached
from pages.components.shared.frame import escaped, without_notice
from pages.components.shared.scored import scored_of

#: Read on light and on dark ground; orange and blue are told apart by every eye.
_GROUND: Final = "#8a94a0"
_BELOW: Final = "#4a90d9"
_ABOVE: Final = "#e08a00"

_WIDTH: Final = 240
_HEIGHT: Final = 14
_MARGIN: Final = 5  # so that the dot is whole at 0 and at 1


def show_bullet(score: float, verdict: Verdict | None) -> None:
    """Beside the words, never in their place: a dot, and a line where the threshold lies."""
    alt = f"Score {shown_score(score, verdict)} on a scale from 0 to 1"
    if verdict is not None:
        alt += f", threshold {verdict.threshold:.4f}"
    st.image(bullet_svg(score, verdict), width="stretch", alt=alt)


def bullet_svg(score: float, verdict: Verdict | None) -> str:
    colour = _ABOVE if verdict is not None and verdict.is_above else _BELOW
    middle, dot = _HEIGHT / 2, _at(score)
    parts = [
        _bar(_at(0.0), _at(1.0), _GROUND, opacity=0.3),
        _bar(_at(0.0), dot, colour, opacity=0.8),
        f'<circle cx="{dot:.1f}" cy="{middle}" r="4.5" fill="{colour}"/>',
    ]
    if verdict is not None:
        line = min(max(verdict.threshold, 0.0), 1.0)
        parts.insert(1, _bar(_at(line), _at(1.0), _ABOVE, opacity=0.25))
        parts.append(
            f'<rect x="{_at(line) - 0.75:.1f}" y="0" width="1.5" height="{_HEIGHT}" '
            f'fill="{_GROUND}"/>'
        )
    drawn = "".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        f'width="{_WIDTH}" height="{_HEIGHT}">{drawn}</svg>'
    )


def shown_score(score: float, verdict: Verdict | None) -> str:
    """Two digits, or as many as it takes to tell the score from the threshold beside it."""
    if verdict is None:
        return f"{score:.2f}"
    for digits in (2, 3, 4):
        if round(score, digits) != round(verdict.threshold, digits):
            return f"{score:.{digits}f}"
    return f"{score:.5f}"


def _at(value: float) -> float:
    return _MARGIN + value * (_WIDTH - 2 * _MARGIN)


def _bar(start: float, end: float, colour: str, *, opacity: float) -> str:
    return (
        f'<rect x="{start:.1f}" y="{_HEIGHT / 2 - 2.5}" width="{max(0.0, end - start):.1f}" '
        f'height="5" rx="2.5" fill="{colour}" fill-opacity="{opacity}"/>'
    )


def scored_images(case: Case, readings: Mapping[str, Reading]) -> list[ScoredImage]:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """The images of a case that a model scores."""

    scored: tuple[CaseImage, ...]
    refused: dict[str, tuple[str, ...]]  # sentence: titles of the images
    remarks: dict[str, tuple[str, ...]]


def fit_of(case: Case, card: ModelCard) -> Fit:
    reasons = {image: why_not(card, image) for image in case.images}
    scored = tuple(image for image, reason in reasons.items() if reason is None)
    told = zip(scored, remarks(card, scored), strict=True)
    return Fit(
        scored=scored,
        refused=_by_sentence((reason, image.title) for image, reason in reasons.items()),
        remarks=_by_sentence(
            (said, image.title) for image, sentences in told for said in sentences
        ),
    )


def show_refused(fit: Fit) -> None:
    for sentence, titles in fit.refused.items():
        st.info(escaped(f"{', '.join(titles)}: {sentence}"), icon=":material/block:")


def show_limits(card: ModelCard, fit: Fit) -> None:
    """Whose score it is, and what must stand beside it."""
    positive = " or ".join(card.task.positive)
    st.caption(
        f"Score for “{escaped(positive)}” by {escaped(card.title)}. It is not a probability of "
        "disease."
    )
    for limit in without_notice(card.limits):
        st.caption(f":material/warning: {escaped(limit)}")
    for sentence, titles in fit.remarks.items():
        st.caption(f":material/warning: {escaped(', '.join(titles))}: {escaped(sentence)}")


def show_meaning(run: RunFolder, card: ModelCard) -> None:
    """What the model learnt from, by which labels, and how well it did."""
    for line in _meaning(run, card):
        st.caption(escaped(line))


def _meaning(run: RunFolder, card: ModelCard) -> list[str]:
    lines = [
        _identity(run, card),
        f"Task: {card.task.title}. Label rule: {card.data.label_rule}.",
        card.data.describe(Level.IMAGE),
    ]
    for count in card.data.splits:
        if count.split is Split.TRAIN and count.images:
            share = count.positive_images / count.images
            lines.append(
                f"Learnt from {many(count.images, 'image', 'images')} of "
                f"{many(count.women, 'woman', 'women')}, {count.positive_images:,} of them "
                f"positive ({share:.0%}): at another share, the same score means another chance."
            )
    for metric in card.metrics_to_show:
        if metric.value is not None and metric.low is not None and metric.high is not None:
            lines.append(
                f"{metric.title} by {case_in_words(metric.level, card.model.views)}, "
                f"{card.split_name(metric.split)}: "
                f"{metric.value:.3f} ({metric.low:.3f} to {metric.high:.3f}; {metric.positives:,} "
                f"with, {metric.negatives:,} without)."
            )
    return lines


def _identity(run: RunFolder, card: ModelCard) -> str:
    ensemble = cached.ensemble(run)
    if ensemble is None:
        return f"Checkpoint {run.run_id}, weights {card.weights_sha256[:8]}."
    members = ", ".join(
        f"{one.run_id} (weights {one.weights_sha256[:8]})" for one in ensemble.members
    )
    return f"Ensemble {run.run_id}, {ensemble.method} of {members}."


def _by_sentence(pairs: Iterable[tuple[str | None, str]]) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for sentence, title in pairs:
        if sentence is not None:
            found.setdefault(sentence, []).append(title)
    return {sentence: tuple(titles) for sentence, titles in found.items()}
