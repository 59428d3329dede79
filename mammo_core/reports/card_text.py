"""A model card in words: the same facts as its JSON, for people."""

from collections.abc import Iterator

from mammo_core.errors import CheckpointError
from mammo_core.reports.document import Block, Bullets, Document, Paragraph, Section, Table, warning
from mammo_core.reports.reported import Reported
from mammo_core.reports.study import Study
from mammo_core.reports.study_data_sections import data_sections
from mammo_core.reports.study_model_sections import model_sections
from mammo_core.reports.study_report import limits_of
from mammo_core.runs.card import Metric, ModelCard
from mammo_core.words import case_in_words


def model_card(told: Reported) -> Document:
    """The card of a checkpoint; a CheckpointError where the run has none."""
    study = told.study
    if study.card is None:
        raise CheckpointError(f"{study.run_id} has no model card. {' '.join(study.missing)}")
    data = next(section for section in data_sections(told) if section.title == "Data")
    return Document(
        title=f"Model card: {study.card.title}",
        summary=(Paragraph(text=f"Checkpoint {study.card.model_id}."),),
        sections=(
            data,
            *model_sections(study),
            Section(title="Split", blocks=(_counts(study.card),)),
            Section(title="Measured", blocks=tuple(_measured(study.card))),
            Section(title="Operating point", blocks=tuple(_point(study))),
            Section(title="Limits", blocks=(Bullets(items=limits_of(study) or ("none told",)),)),
        ),
    )


def _counts(card: ModelCard) -> Table:
    return Table(
        header=("Split", "Women or groups", "Images", "Positive images"),
        rows=tuple(
            (str(one.split), f"{one.women:,}", f"{one.images:,}", f"{one.positive_images:,}")
            for one in card.data.splits
        ),
    )


def _measured(card: ModelCard) -> Iterator[Block]:
    if not card.metrics:
        yield warning("Nothing was measured when the card was written.")
        return
    yield Table(
        header=("", "Split", "A case is one", "Value", "Positive", "Others", "Women"),
        rows=tuple(
            (
                metric.name.upper() if metric.name == "auc" else metric.name,
                str(metric.split),
                case_in_words(metric.level, card.model.views),
                _value(metric),
                f"{metric.positives:,}",
                f"{metric.negatives:,}",
                f"{metric.women:,}",
            )
            for metric in card.metrics_to_show
        ),
    )


def _value(metric: Metric) -> str:
    if metric.value is None or metric.low is None or metric.high is None:
        return metric.method  # it says why there is none
    spread = f"95 % {metric.low:.3f} to {metric.high:.3f}"
    return f"{metric.value:.3f} ({spread}; {metric.method})"


def _point(study: Study) -> Iterator[Block]:
    point = study.point
    if point is None:
        yield warning(study.looks.why_no_locks or "No operating point was locked for this model.")
        return
    promise = point.promise
    yield Paragraph(
        text=f"Threshold {point.threshold:.4f} by {point.level} ({point.pooling} of its images), "
        f"for {point.aim}, locked {point.locked_at}. Where it was chosen (split "
        f"{point.split or 'none'} of {point.dataset}) it found {promise.found:,} of "
        f"{promise.positives:,} positive cases and left {promise.left_alone:,} of "
        f"{promise.negatives:,} others alone."
    )
