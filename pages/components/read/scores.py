"""The scores of a case: image, breast, exam; a verdict where a threshold was locked for it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import streamlit as st

from mammo_core.errors import MammoError
from mammo_core.inference.interpretation import (
    range_in_words,
    rank_of,
    remarks,
    why_not,
    why_outside,
    why_uncompared,
    why_unlike,
    why_unseated,
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
    where_in_words,
    why_no_verdict,
)
from mammo_core.metrics.cases import Cases, Pooling
from mammo_core.preprocessing.cases import Case, CaseImage
from mammo_core.reading import Reading
from mammo_core.runs.card import ModelCard
from mammo_core.runs.folder import RunFolder
from mammo_core.runs.operating_points import LockedPoint, point_in_force
from mammo_core.scores import shown_digits
from mammo_core.types import Level, Split
from mammo_core.words import NOTICE, OUTSIDE, finding_of, many
from pages.components.read.intake import proposed_places
from pages.components.read.panel.panel import UNJUDGED, UNLOCKED, Backdrop, panel_of, show_panel
from pages.components.shared import cached
from pages.components.shared.frame import escaped, without_notice
from pages.components.shared.pickers import all_titles, title_of
from pages.components.shared.scored import scored_of


def scored_images(case: Case, readings: Mapping[str, Reading]) -> list[ScoredImage]:
    """The images of `case` that have a score."""
    proposed = proposed_places(case)
    return [
        ScoredImage(
            ref=image.ref,
            title=image.title,
            score=reading.score,
            is_outside=bool(reading.outside),
            is_proposed=image.ref.image_id in proposed,
        )
        for image in case.images
        if (reading := readings.get(image.ref.image_id)) is not None
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cautions:
    """What must be known of the scores of a case, in whole sentences, the gravest first."""

    alarms: tuple[str, ...] = ()  # the score may mean nothing
    others: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        return len(self.alarms) + len(self.others)


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """That a score may mean nothing: one short line for the panel, and a whole sentence behind it;
    "" where it stands among the remarks on the images.
    """

    line: str
    sentence: str = ""


_KINDS: Final = {"synthetic": "Synthetic model", "film": "Film model", "digital": "Digital model"}
_WARNING: Final = ":material/warning:"


def show_scores(
    images: Sequence[ScoredImage],
    run: RunFolder,
    card: ModelCard,
    fit: "Fit",
    *,
    alarms: Sequence[Alarm] = (),
    confirm: Callable[[], None] = lambda: None,
) -> list[ScoredCase]:
    """Breasts and exam on one panel, with the gravest of the `alarms`; under it what a verdict
    waits for, and the chip that opens all the rest. The cases on the panel come back.
    """
    alarms = [*_made_otherwise(card, images, fit), *alarms]
    point = point_for(images, run, card)
    cases = score_cases(images, point)
    large = said_once(cases, point)

    def reference(case: ScoredCase) -> Cases | None:
        uncompared = why_uncompared(card, [image.ref for image in images])
        return None if uncompared else validation_cases(run, case.level, case.rule)

    compared = Backdrop(
        cases=reference, split=_reference_split(run) or "", finding=finding_of(card.task)
    )
    shown = " ".join(image.ref.image_id[:12] for image in images)
    is_unlocked = point_in_force(run) is None
    panel = panel_of(
        large,
        point,
        compared,
        key=f"{card.weights_sha256[:12]} {shown}",
        alarm=next((alarm.line for alarm in alarms), ""),
        unjudged=UNLOCKED if is_unlocked else UNJUDGED,
    )
    show_panel(panel, key=f"scores_{run.run_id}")
    confirm()
    if is_unlocked:
        _offer_lock(run)
    told = [alarm.sentence for alarm in alarms if alarm.sentence]
    cautions = cautions_of(images, large, run, card, fit, alarms=told)
    with st.popover(chip_of(card, cautions, is_alarmed=bool(alarms)), icon=_WARNING):
        _show_all(cases, large, run, card, point=point, cautions=cautions, compared=compared)
    return large


def _offer_lock(run: RunFolder) -> None:
    """The way to where a threshold is locked; for a model whose scores are known."""
    if run.has_predictions:
        st.page_link(
            "pages/thresholds.py", label="Lock a threshold", icon=":material/lock:",
            query_params={"run": run.run_id},
        )  # fmt: skip


def _made_otherwise(card: ModelCard, images: Sequence[ScoredImage], fit: "Fit") -> list[Alarm]:
    """What was scored although the model has learnt from images made in another way; a stamp says
    more of the others.
    """
    stamped = {image.ref.image_id for image in images if image.is_outside}
    told = (why_unlike(card, image) for image in fit.scored if image.ref.image_id not in stamped)
    return [Alarm(line=line) for line in dict.fromkeys(told) if line]


def chip_of(card: ModelCard, cautions: Cautions, *, is_alarmed: bool) -> str:
    """ "Synthetic model · 3 cautions"."""
    kind = "May mean nothing" if is_alarmed else _KINDS.get(card.data.seen, "Model")
    return f"{kind} · {many(cautions.count, 'caution', 'cautions')}"


def cautions_of(
    images: Sequence[ScoredImage],
    cases: Sequence[ScoredCase],
    run: RunFolder,
    card: ModelCard,
    fit: "Fit",
    *,
    alarms: Sequence[str],
) -> Cautions:
    point = point_for(images, run, card)
    uncompared = why_uncompared(card, [image.ref for image in images])
    outside = {image.ref.image_id for image in images if image.is_outside}
    stamped = {why_outside(card, one) for one in fit.scored if one.ref.image_id in outside}
    return Cautions(
        alarms=(*(f"{OUTSIDE}. {why}" for why in sorted(stamped)), *alarms),
        others=(
            *([uncompared] if uncompared else []),
            *([reason] if point and (reason := why_no_verdict(cases, point)) else []),
            *_incomplete(cases, point, run),
            *without_notice(card.limits),
            *(f"{', '.join(titles)}: {said}" for said, titles in fit.remarks.items()),
        ),
    )


def _incomplete(
    cases: Sequence[ScoredCase], point: LockedPoint | None, run: RunFolder
) -> list[str]:
    """Of which cases the threshold was set on others, with more views or fewer."""
    judged = [case for case in cases if verdict_on(case, point)]
    reference = validation_cases(run, judged[0].level, judged[0].rule) if judged else None
    if reference is None:
        return []
    usual = usual_images(reference)
    told = ((case.title, completeness_in_words(case, usual)) for case in judged)
    return [f"{title}: {said}" for title, said in told if said]


def _show_all(
    cases: Sequence[ScoredCase],
    large: Sequence[ScoredCase],
    run: RunFolder,
    card: ModelCard,
    *,
    point: LockedPoint | None,
    cautions: Cautions,
    compared: Backdrop,
) -> None:
    """The cautions, whole; then the numbers behind the panel."""
    positive = " or ".join(card.task.positive)
    st.caption(
        f"Score for “{escaped(positive)}” by {escaped(card.title)}. It is not a probability of "
        f"disease. {NOTICE}"
    )
    for alarm in cautions.alarms:
        st.warning(escaped(alarm), icon=_WARNING)
    for caution in cautions.others:
        st.caption(f"{_WARNING} {escaped(caution)}")
    small = [case for case in cases if case.level is Level.IMAGE and case not in large]
    if small:
        told = (f"{escaped(one.title)} **{shown_digits(one.score)}**" for one in small)
        st.caption(" · ".join(told))
    for case in large:
        for line in _numbers(case, verdict_on(case, point), compared):
            st.caption(line)
    for line in (_threshold(large, point, run, positive), rules_in_words(large)):
        if line:
            st.caption(escaped(line))


def _threshold(
    cases: Sequence[ScoredCase], point: LockedPoint | None, run: RunFolder, positive: str
) -> str:
    """What the threshold in force did where it was chosen; what to do where there is none."""
    if point_in_force(run) is None:
        return "No verdict: no threshold is locked. Lock one on the Thresholds page."
    if point is None or why_no_verdict(cases, point):
        return ""  # among the cautions
    whose = ", which comes with the model" if point.comes_with_model else ""
    return (
        f"Threshold {threshold_in_words(point)}{whose}, {point.aim}. "
        f"{promise_in_words(point, positive)}"
    )


def _numbers(case: ScoredCase, verdict: Verdict | None, compared: Backdrop) -> list[str]:
    """Where a score lies among those of cases the model had not seen, and what it is on the
    threshold's own scale.
    """
    lines: list[str] = []
    beside = compared.cases(case)
    if verdict is not None and verdict.recalibrated is not None:
        told = f"Re-calibrated, as the threshold is: {verdict.recalibrated:.4f}."
        lines.append(f"{escaped(case.title)}: {told}")
    if beside is not None and beside.negatives and not case.is_outside:
        rank = rank_of(case.score, beside)
        lines.append(
            f"{escaped(case.title)}: higher than {rank.lower:,} of {rank.of:,} "
            f"{nouns_of(case.level)} without {escaped(compared.finding.one)} "
            f"{where_in_words(compared.split).lower()}."
        )
        if told := range_in_words(beside):
            lines.append(f"{told} This score is {case.score:.3f}.")
    return lines


def point_for(images: Sequence[ScoredImage], run: RunFolder, card: ModelCard) -> LockedPoint | None:
    """The threshold that judges scores of `images`, if one does."""
    is_uncompared = bool(why_uncompared(card, [image.ref for image in images]))
    return None if is_uncompared else point_in_force(run)


def validation_cases(run: RunFolder, level: Level, rule: Pooling) -> Cases | None:
    """The cases the model's threshold may be set on, of validation or of cross-validation; None
    where it has none of that level.
    """
    split = _reference_split(run)
    if split is None:
        return None
    scored = scored_of(run)
    try:
        return cached.cases(
            scored.predictions, source=scored.source, split=split, level=level, rule=rule
        )
    except MammoError:  # its images have no sides, or none has a label: nothing to compare with
        return None


def _reference_split(run: RunFolder) -> str | None:
    """Of those cases; "" where each was scored by a network that had not seen it."""
    if not run.has_predictions:
        return None
    splits = set(scored_of(run).predictions["split"].fillna(""))
    return next((name for name in (str(Split.VAL), "") if name in splits), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """The images of a case that a model scores, and why it does not score the others."""

    scored: tuple[CaseImage, ...]
    refused: dict[str, tuple[str, ...]]  # sentence: titles of the images
    outside: tuple[CaseImage, ...]  # of them, those of a kind the model does not know
    remarks: dict[str, tuple[str, ...]]


def fit_of(case: Case, card: ModelCard, *, is_anyway: bool = False) -> Fit:
    """With `is_anyway` also what lies outside what the model knows is scored, and so stamped."""
    reasons = {image: why_not(card, image) for image in case.images}
    outside = [
        image
        for image in case.images
        if image.info.unfit is None and not why_unseated(card, image) and why_outside(card, image)
    ]
    if is_anyway:
        reasons |= dict.fromkeys(outside)
    scored = tuple(image for image, reason in reasons.items() if reason is None)
    told = zip(scored, remarks(card, scored), strict=True)
    return Fit(
        scored=scored,
        refused=_by_sentence((reason, image.title) for image, reason in reasons.items()),
        outside=() if is_anyway else tuple(outside),
        remarks=_by_sentence(
            (said, image.title) for image, sentences in told for said in sentences
        ),
    )


def show_refused(fit: Fit) -> None:
    for sentence, titles in fit.refused.items():
        st.info(escaped(f"{', '.join(titles)}: {sentence}"), icon=":material/block:")


def show_meaning(run: RunFolder, card: ModelCard) -> None:
    """What the model learnt from, by which labels, and how well it did."""
    st.caption(escaped(_identity(run, card)), help=f"`{run.run_id}`")
    for line in _meaning(card):
        st.caption(escaped(line))


def _meaning(card: ModelCard) -> list[str]:
    lines = [
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
                f"{metric.title} by {card.case(metric.level)}, "
                f"{card.split_name(metric.split)}: "
                f"{metric.value:.3f} ({metric.low:.3f} to {metric.high:.3f}; {metric.positives:,} "
                f"with, {metric.negatives:,} without)."
            )
    return lines


def _identity(run: RunFolder, card: ModelCard) -> str:
    ensemble = cached.ensemble(run)
    if ensemble is None:
        return f"{title_of(run)}, weights {card.weights_sha256[:8]}."
    titles = all_titles()
    members = ", ".join(
        f"{titles.get(one.run_id, one.run_id)} (weights {one.weights_sha256[:8]})"
        for one in ensemble.members
    )
    return f"{title_of(run)}, {ensemble.method} of {members}."


def _by_sentence(pairs: Iterable[tuple[str | None, str]]) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for sentence, title in pairs:
        if sentence is not None:
            found.setdefault(sentence, []).append(title)
    return {sentence: tuple(titles) for sentence, titles in found.items()}
