"""The sections of a report on its data: source, audit, flow, women, split."""

from collections.abc import Iterator
from typing import Final

from mammo_core.config import DataConfig
from mammo_core.datasets.audit.result import AuditResult
from mammo_core.reports.document import (
    Block,
    Bullets,
    Paragraph,
    Section,
    Table,
    facts,
    warning,
)
from mammo_core.reports.flow_drawing import drawing_of
from mammo_core.reports.reported import Reported
from mammo_core.reports.study import Study
from mammo_core.reports.wording import settings_in_words
from mammo_core.words import many

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


def _data(study: Study) -> Iterator[Block]:
    if study.evaluation is not None:
        yield Paragraph(
            text=f"These are predictions of {study.evaluation.checkpoint} on the data set "
            f"{study.data.title or study.evaluation.adapter}, scored after its training "
            f"({study.evaluation.split} of it), labels by the rule {study.evaluation.label_rule}."
        )
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
            ("Fingerprint of ids, labels and splits", data.fingerprint),
        )
    if study.data.why_missing:
        yield warning(study.data.why_missing)
    if study.data.notes:
        yield Bullets(items=study.data.notes)
    if study.data.defects:
        yield Paragraph(text="Known to be wrong with this data set, and what was done about it:")
        yield Bullets(items=study.data.defects)


def _audit(study: Study) -> Iterator[Block]:
    audit = study.audit
    if audit is None:
        yield warning(NOT_AUDITED)
        return
    yield Paragraph(
        text=f"Audited {audit.made_at}: {audit.images:,} images of {audit.women:,} women or "
        f"groups, {many(len(audit.findings), 'finding', 'findings')}."
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
        yield warning("Table 1 needs the data set or the predictions; neither is here.")
        return
    if told.table_one_lacks:
        yield Paragraph(text=told.table_one_lacks)
    yield told.table_one


def _split(study: Study) -> Iterator[Block]:
    if study.training is None:
        yield warning("The settings of the training are not kept with these predictions.")
        return
    data = study.training.data
    yield Paragraph(text=split_in_words(data))
    yield facts(*settings_in_words(data, "folder"))


def split_in_words(data: DataConfig) -> str:
    """How women came into splits, in sentences."""
    whole = (
        "Whole women (groups of images where no woman is named) are dealt to the splits, never "
        "single images, each class in its proportion. "
    )
    if data.is_leak_allowed:
        whole += "That a woman lies in two splits was allowed for this run. "
    if data.folds:
        return whole + (
            f"Fold {data.fold} of {data.folds} (counted from 0) is the test set; validation women "
            f"are {data.val_fraction:.0%} of the others. Seed {data.split_seed}."
        )
    shares = f"validation {data.val_fraction:.0%}, test {data.test_fraction:.0%}"
    if data.is_official_split:
        return whole + (
            "The split that the data set brings is used where it brings one; what it lacks is "
            f"dealt ({shares}). Seed {data.split_seed}."
        )
    return whole + f"Shares: {shares}, the rest for training. Seed {data.split_seed}."
