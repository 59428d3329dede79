"""The sections of a report on its data and its model: source, audit, flow, women, split, pixels,
network, training.
"""

from collections.abc import Iterator
from typing import Final

from mammo_core.config import DataConfig
from mammo_core.datasets.audit.result import AuditResult
from mammo_core.metrics.ensemble import Ensemble
from mammo_core.plots.training import epoch_curve
from mammo_core.reports.document import (
    Block,
    Bullets,
    Figure,
    Paragraph,
    Section,
    Table,
    facts,
    paragraphs,
    warning,
)
from mammo_core.reports.study.external import standard_of, verified_in_words
from mammo_core.reports.study.study import RunStudy, test_women_in_words
from mammo_core.reports.study.women import Reported, drawing_of
from mammo_core.reports.wording import device_in_words, duration_in_words, settings_in_words
from mammo_core.runs.card import NOT_CALIBRATED, DataRecord, ModelCard, TrainingRecord
from mammo_core.words import day_in_words, many

NOT_AUDITED: Final = (
    "Not audited: no audit of this data set, adapter and label rule is kept on this computer. Run "
    "one on the Data page, or with the command mammo audit."
)


def data_sections(told: Reported) -> Iterator[Section]:
    study = told.study
    yield Section(title="Data", blocks=tuple(_data(study)))
    yield Section(title="Audit of the data", blocks=tuple(_audit(study)))
    yield Section(title="Flow of women and images", blocks=tuple(_flow(told)))
    yield Section(title="Who the women are", blocks=tuple(_women(told)))
    yield Section(title="Split", blocks=tuple(_split(study)))


def _data(study: RunStudy) -> Iterator[Block]:
    if study.evaluation is not None:
        yield Paragraph(
            text=f"These are predictions of {study.evaluation.checkpoint} on the data set "
            f"{study.data.title or study.evaluation.adapter}, scored after its training "
            f"({study.evaluation.split} of it), labels by the rule {study.evaluation.label_rule}."
        )
        standard = standard_of(study.evaluation.adapter, study.evaluation.label_rule)
        yield facts(("Reference standard of what was evaluated", standard or "not known"))
    if study.data.rule_title:
        yield Paragraph(text=f"Label rule: {study.data.rule_title}")
    if study.card is not None:
        data = study.card.data
        what = "The model was trained on" if study.is_external else "Data set"
        yield facts(
            (what, data.title),
            ("Licence", data.licence),
            ("Label rule", data.label_rule),
            ("Reference standard", data.reference_standard),
            ("Population", data.population),
            ("A label is given to one", str(data.label_level)),
            ("Imaging", data.seen),
            ("Files it was measured on", files_in_words(data)),
            ("Fingerprint of ids, labels and splits", data.fingerprint),
        )
    yield from paragraphs(verified_in_words(study))
    if study.verification.warning:
        yield warning(study.verification.warning)
    if study.data.why_missing:
        yield warning(study.data.why_missing)
    if study.data.notes:
        yield Bullets(items=study.data.notes)
    if study.data.defects:
        yield Paragraph(text="Known faults of this data set, and what was done about them:")
        yield Bullets(items=study.data.defects)


def files_in_words(data: DataRecord) -> str:
    """What kinds of files the test images were."""
    kinds = " and ".join(f"{one}s" for one in data.file_kinds) or "not stated"
    is_other = data.file_kinds and "DICOM" not in data.file_kinds
    return f"{kinds}; never measured on DICOM" if is_other else kinds


def _audit(study: RunStudy) -> Iterator[Block]:
    audit = study.audit
    if audit is None:
        yield warning(NOT_AUDITED)
        return
    yield Paragraph(
        text=f"Audited {day_in_words(audit.made_at)}: {audit.images:,} images, "
        f"{audit.whose or f'{audit.women:,} women or groups'}; "
        f"{many(len(audit.findings), 'finding', 'findings')}."
    )
    if study.data.fingerprint and study.data.fingerprint != audit.fingerprint:
        yield warning("The table of the data set has changed since that audit. Audit it again.")
    if audit.findings:
        yield Table(
            header=("Severity", "Check", "Finding", "Rows"),
            rows=tuple(
                (str(one.severity), one.check, one.sentence, f"{len(one.rows):,}")
                for one in audit.findings
            ),
        )
    if audit.shortcuts:
        yield _shortcuts(audit)
    if audit.precision is not None:
        yield Paragraph(text=audit.precision.sentence)


def _shortcuts(audit: AuditResult) -> Table:
    return Table(
        header=("Guessed from", "Counted by", "AUC (95 % interval)", "With", "Without", "Women"),
        rows=tuple(
            (
                one.name,
                str(one.level),
                f"{one.auc:.3f} ({one.low:.3f} to {one.high:.3f})",
                f"{one.positives:,}",
                f"{one.negatives:,}",
                f"{one.women:,}",
            )
            for one in audit.shortcuts
        ),
        caption="What guesses the label without the breast",
    )


def _flow(told: Reported) -> Iterator[Block]:
    if not told.flow.used:
        yield warning("Nothing is known of the women and images of this run.")
        return
    if told.flow.found is None:
        yield Paragraph(
            text="How many women and images were found, and why some were left out, is not known "
            "without the data set; what was used is."
        )
    yield drawing_of(told.flow)


def _women(told: Reported) -> Iterator[Block]:
    if told.table_one is None:
        yield warning("Table 1 needs the data set or the predictions; neither is available.")
        return
    if told.table_one_lacks:
        yield Paragraph(text=told.table_one_lacks)
    yield told.table_one


def _split(study: RunStudy) -> Iterator[Block]:
    if study.training is None:
        yield warning("The settings of the training are not kept with these predictions.")
        return
    data = study.training.data
    members = study.card.model.members if study.card is not None else 1
    yield Paragraph(text=split_in_words(data, members=members))
    yield facts(*settings_in_words(data, "folder"))


def split_in_words(data: DataConfig, *, members: int = 1) -> str:
    """How women came into splits, in sentences; of `members`, each has a fold of its own."""
    whole = (
        "Whole women (groups of images where no woman is named) are dealt to the splits, never "
        "single images, each class in its proportion. "
    )
    if data.train_share < 1.0:
        whole += (
            f"Only {data.train_share:.0%} of the training women of each class were learnt from. "
        )
    if data.is_leak_allowed:
        whole += "That a woman lies in two splits was allowed for this run. "
    if data.folds and members > 1:
        return whole + (
            f"Each of {data.folds} folds is the test set of one network, which learnt from the "
            f"others; its validation women are {data.val_fraction:.0%} of those. Seed "
            f"{data.split_seed}."
        )
    if data.folds:
        return whole + (
            f"Fold {data.fold + 1} of {data.folds} is the test set; validation women "
            f"are {data.val_fraction:.0%} of the others. Seed {data.split_seed}."
        )
    shares = f"validation {data.val_fraction:.0%}, test {data.test_fraction:.0%}"
    if data.is_official_split:
        return whole + (
            "The split that the data set brings is used where it brings one; what it lacks is "
            f"dealt ({shares}). Seed {data.split_seed}."
        )
    return whole + f"Shares: {shares}, the rest for training. Seed {data.split_seed}."


_CURVES: Final = (
    ("loss", "Loss", "Loss over the epochs of the training."),
    (
        "auc",
        "AUC by image",
        "AUC by image on validation over the epochs: it chose the epoch and is not a result.",
    ),
)


def model_sections(study: RunStudy) -> Iterator[Section]:
    yield Section(title="Preprocessing", blocks=tuple(_pixels(study)))
    yield Section(title="Model", blocks=tuple(_model(study)))
    yield Section(title="Training", blocks=tuple(_training(study)))


def _pixels(study: RunStudy) -> Iterator[Block]:
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
        f"{', '.join(as_they_are)}: their scores are used as they are, on another "
        "scale"
    )


def _model(study: RunStudy) -> Iterator[Block]:
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


def _training(study: RunStudy) -> Iterator[Block]:
    if study.card is None:
        yield warning("Without a model card, how the model was trained is not known.")
        return
    record = study.card.training
    versions = ", ".join(f"{name} {version}" for name, version in record.versions.items())
    yield facts(
        ("Finished", day_in_words(record.finished_at)),
        ("Duration", duration_in_words(record.seconds)),
        ("Device", device_in_words(record)),
        ("Weights at the start", record.start_in_words(study.card.model.weights)),
        ("Continued from", _origin(record)),
        ("Epochs", _epochs(study, record)),
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


def _epochs(study: RunStudy, record: TrainingRecord) -> str:
    """Of networks that read together the record tells the first one's alone."""
    is_last = study.training is not None and study.training.optim.monitor == "last"
    if study.card is None or study.card.model.members == 1:
        return f"{record.epochs:,}, {record.best_epoch:,} was kept"
    if is_last:
        return f"{record.epochs:,}, the last of each network was kept"
    return f"{record.epochs:,}; of each network its own was kept, chosen on validation"


def _is_mapped_together(card: ModelCard) -> bool:
    return card.model.members > 1 and NOT_CALIBRATED not in card.limits


def _origin(record: TrainingRecord) -> str:
    if not record.started_from:
        return "no other checkpoint"
    return f"{record.started_from} (weights SHA-256 {record.started_from_sha256})"


def validation_in_words(study: RunStudy) -> str:
    """What the validation women decided."""
    if study.training is None:
        return "How validation was used is not known: the settings of the training are not here."
    optim = study.training.optim
    decided = [] if optim.monitor == "last" else [f"which epoch was kept (by {optim.monitor})"]
    if optim.patience:
        decided.append(f"when training stopped ({optim.patience} epochs without a better one)")
    if study.point is not None and study.point.split == "val":
        decided.append("the threshold")
    if study.card is not None and _is_mapped_together(study.card):
        decided.append(
            "slope and level of the scores, for all networks together (each of these women is "
            "tested in another fold)"
        )
    words = " and ".join(filter(None, (", ".join(decided[:-1]), *decided[-1:])))
    return f"Validation women decided {words or 'nothing'}. {test_women_in_words(study.looks)}"
