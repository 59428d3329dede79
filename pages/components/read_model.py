"""What a checkpoint's score means, and which images it gives none."""

from collections.abc import Iterable
from dataclasses import dataclass

import streamlit as st

from mammo_core.inference.fitness import remarks, why_not
from mammo_core.preprocessing.case_store import Case, CaseImage
from mammo_core.runs.card import ModelCard
from mammo_core.runs.folder import RunFolder
from mammo_core.types import Level, Split
from mammo_core.words import case_in_words, many
from pages.components import cached
from pages.components.frame import without_notice
from pages.components.guard import escaped


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
                f"{metric.name.upper()} by {case_in_words(metric.level, card.model.views)} on the "
                f"{metric.split} split: "
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
