"""The sections of a report on its model: pixels, network, training."""

from collections.abc import Iterator
from typing import Final

from mammo_core.metrics.ensemble import Ensemble
from mammo_core.plots.training import epoch_curve
from mammo_core.reports.document import (
    Block,
    Figure,
    Paragraph,
    Section,
    Table,
    facts,
    warning,
)
from mammo_core.reports.looks import test_women_in_words
from mammo_core.reports.study import Study
from mammo_core.reports.wording import device_in_words, duration_in_words, settings_in_words
from mammo_core.runs.card import TrainingRecord

_CURVES: Final = (
    ("loss", "Loss", "Loss over the epochs of the training."),
    (
        "auc",
        "AUC by image",
        "AUC by image on validation over the epochs: it chose, it is no result.",
    ),
)


def model_sections(study: Study) -> Iterator[Section]:
    yield Section(title="Preprocessing", blocks=tuple(_pixels(study)))
    yield Section(title="Model", blocks=tuple(_model(study)))
    yield Section(title="Training", blocks=tuple(_training(study)))


def _pixels(study: Study) -> Iterator[Block]:
    if study.card is None:
        yield warning("Without a model card, how images were prepared is not known.")
        return
    yield Paragraph(text="The same function prepares images for training and for reading.")
    yield facts(*settings_in_words(study.card.prepare))


def _calibrated(ensemble: Ensemble) -> str:
    as_they_are = [one.run_id for one in ensemble.members if not one.is_calibrated]
    if not as_they_are:
        return "each calibrated on its own validation women"
    return (
        "each calibrated on its own validation women, which could not be done for "
        f"{', '.join(as_they_are)}: their scores stand as they are, on another "
        "scale"
    )


def _model(study: Study) -> Iterator[Block]:
    if study.ensemble is not None:
        yield Paragraph(
            text=f"An ensemble of {len(study.ensemble.members)} models, joined by "
            f"{study.ensemble.method}, {_calibrated(study.ensemble)}:"
        )
        yield Table(
            header=("Member", "SHA-256 of the weights"),
            rows=tuple((one.run_id, one.weights_sha256) for one in study.ensemble.members),
        )
        return
    if study.card is None:
        yield warning("Without a model card, the model is not known.")
        return
    card = study.card
    yield facts(
        ("Model", card.model_id),
        *settings_in_words(card.model),
        ("Task", card.task.title),
        ("Classes", ", ".join(card.task.classes)),
        ("Counted as positive", ", ".join(card.task.positive)),
        ("Score", "summed probability of the positive classes"),
        ("SHA-256 of the weights", card.weights_sha256),
    )


def _training(study: Study) -> Iterator[Block]:
    if study.card is None:
        yield warning("Without a model card, how the model was trained is not known.")
        return
    record = study.card.training
    versions = ", ".join(f"{name} {version}" for name, version in record.versions.items())
    yield facts(
        ("Finished", record.finished_at),
        ("Took", duration_in_words(record.seconds)),
        ("Device", device_in_words(record)),
        ("Went on from", _origin(record)),
        ("Epochs", f"{record.epochs:,}, the best was {record.best_epoch:,}"),
        ("Versions", versions or "not recorded"),
    )
    yield Paragraph(text=validation_in_words(study))
    if study.training is not None:
        run = study.training
        yield facts(*settings_in_words(run.optim), caption="Optimisation")
        yield facts(*settings_in_words(run.augment), caption="Augmentation, of training images")
        yield facts(*settings_in_words(run.balance), caption="Imbalance, in training alone")
        yield facts(
            ("Seed", str(run.seed)), ("Precision", run.precision), ("Series", run.series or "none")
        )
        yield from (Paragraph(text=text) for text in run.balance.warnings())
    for column, title, alt in _CURVES:
        if column in study.epochs and study.epochs[column].notna().any():
            yield Figure(drawing=epoch_curve(study.epochs, column, title=title), alt=alt)


def _origin(record: TrainingRecord) -> str:
    if not record.started_from:
        return "no other checkpoint"
    return f"{record.started_from} (weights SHA-256 {record.started_from_sha256})"


def validation_in_words(study: Study) -> str:
    """What the validation women decided."""
    if study.training is None:
        return "How validation was used is not known: the settings of the training are not here."
    optim = study.training.optim
    told = f"Validation women chose the epoch that is kept (by {optim.monitor})"
    if optim.patience:
        told += f" and ended the training after {optim.patience} epochs without a better one"
    if study.point is not None and study.point.split == "val":
        told += ", and the threshold"
    return f"{told}. {test_women_in_words(study.looks)}"
