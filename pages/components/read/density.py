"""The density of a case, told by a model of its own under whatever score is shown."""

from typing import Final

import streamlit as st

from mammo_core.glossary import meaning
from mammo_core.inference.verdict import GradedCase, grade_cases, grade_in_words
from mammo_core.preprocessing.cases import Case
from mammo_core.runs.card import KAPPA, ModelCard
from mammo_core.runs.folder import RunFolder
from mammo_core.types import Level, Split
from mammo_core.words import NOTICE
from pages.components.read.reading import read_images
from pages.components.read.scores import Fit, fit_of, scored_images, show_meaning
from pages.components.shared import cached
from pages.components.shared.frame import escaped, noted_errors, without_notice
from pages.components.shared.pickers import density_model

_HOW: Final = (
    "Of an image the median class: as likely to be this dense or less as this dense or more. Of a "
    "breast or an exam, that of the mean over its images."
)


def show_density(case: Case) -> None:
    """Of real mammograms, by the model of density that is here; nothing where there is none."""
    run = density_model()
    if run is None or all(image.info.is_synthetic for image in case.images):
        return
    with noted_errors():
        card = cached.card(run)
        fit = fit_of(case, card)
        graded = _graded(case, run, card, fit)
        if not graded:
            return
        first = _coarsest(graded)
        label = f"{card.task.name.capitalize()} {first.grade}, by model"
        with st.popover(escaped(label), icon=":material/texture:", help=meaning("Density")):
            _show_grades(first, graded, card)
            _show_behind(run, card, graded)
            for sentence, titles in fit.remarks.items():
                st.caption(f":material/warning: {escaped(', '.join(titles))}: {escaped(sentence)}")


def density_of(case: Case) -> str:
    """The grade of the whole case; "" where no model tells it."""
    run = density_model()
    if run is None or all(image.info.is_synthetic for image in case.images):
        return ""
    card = cached.card(run)
    graded = _graded(case, run, card, fit_of(case, card))
    return _coarsest(graded).grade if graded else ""


def _graded(case: Case, run: RunFolder, card: ModelCard, fit: Fit) -> list[GradedCase]:
    images = [image for image in fit.scored if not image.info.is_synthetic]
    readings = read_images(run, case, images).readings
    shares = {name: reading.probabilities for name, reading in readings.items()}
    return grade_cases(scored_images(case, readings), shares, card.task)


def _coarsest(graded: list[GradedCase]) -> GradedCase:
    return min(graded, key=lambda one: one.level is not Level.EXAM)


def _show_grades(first: GradedCase, graded: list[GradedCase], card: ModelCard) -> None:
    """`first`, the coarsest, large: one line where all is one image."""
    whose = f"{first.title}: " if len(graded) > 1 else ""
    st.markdown(escaped(whose + grade_in_words(first, card.task)))
    others = [f"{one.title} {one.grade}" for one in graded if one is not first]
    if others:
        st.caption(escaped(" · ".join(others)))
    st.caption(escaped(f"{_agreement_in_words(card)} {NOTICE}"))


def _agreement_in_words(card: ModelCard) -> str:
    """How far the model and the radiologists who graded its test images agree."""
    for metric in card.metrics:
        if metric.name == KAPPA and metric.level is Level.IMAGE and metric.split is Split.TEST:
            if metric.value is None or metric.low is None or metric.high is None:
                break
            return (
                f"{metric.title} with the grades of {metric.positives + metric.negatives:,} images "
                f"of {metric.women:,} women ({card.split_name(metric.split)}): "
                f"{metric.value:.2f} (95 % {metric.low:.2f} to {metric.high:.2f})."
            )
    return "How far it agrees with radiologists was not measured."


def _show_behind(run: RunFolder, card: ModelCard, graded: list[GradedCase]) -> None:
    st.caption(escaped(_HOW))
    for one in graded:
        st.caption(escaped(f"{one.title}: {grade_in_words(one, card.task)}."))
    show_meaning(run, card)
    for limit in without_notice(card.limits):
        st.caption(f":material/warning: {escaped(limit)}")
