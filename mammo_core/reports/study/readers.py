"""What a reader study found, as a document of its own and as a part of the report of the model that
was shown.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd

from mammo_core.errors import MammoError
from mammo_core.metrics.mrmc import ReaderEffect, cases_in_words
from mammo_core.metrics.reader_findings import (
    ReaderRow,
    StudyFindings,
    default_modalities,
    judge_readers,
)
from mammo_core.metrics.readers import ReaderStudy, read_study
from mammo_core.metrics.uncertainty import range_in_words
from mammo_core.reports.document import (
    Block,
    Bullets,
    Document,
    Paragraph,
    Section,
    Table,
    paragraphs,
    warning,
)
from mammo_core.reports.wording import NONE, estimate_in_words, rate_in_words
from mammo_core.runs.reader_study import (
    ReaderAnswer,
    ReadingStudy,
    answers_of,
    imrmc_table,
    list_studies,
)
from mammo_core.words import NOTICE, day_in_words, many

#: How the average reader is judged, said once beside the figures.
METHOD = (
    "Obuchowski and Rockette (1995) with the degrees of freedom of Hillis (2007), covariances by "
    "the jackknife, one woman left out at a time. Random readers: what is said holds for readers "
    "like these. These readers alone: it holds for them and for other cases, and is surer for "
    "that. Each p is corrected for all figures of its claim (Holm)."
)


def as_read(study: ReadingStudy, answers: Sequence[ReaderAnswer]) -> ReaderStudy:
    """The answers given so far as the table that leaves the workbench says them."""
    return read_study(imrmc_table(study, answers).astype("string").replace("", pd.NA))


def readers_report(found: StudyFindings, *, title: str, made_at: str) -> Document:
    return Document(
        title=f"Reader study: {title}",
        summary=(
            Paragraph(text=f"Made {day_in_words(made_at)}. {NOTICE}"),
            Paragraph(text=basis_of(found)),
        ),
        sections=(
            Section(title="The average reader", blocks=tuple(_effects(found))),
            Section(title="Each reader", blocks=(_readers(found),)),
            Section(title="Who agrees with whom", blocks=tuple(_agreement(found))),
            Section(title="Limits", blocks=(Bullets(items=found.notes),)),
        ),
    )


def basis_of(found: StudyFindings) -> str:
    readers = len({row.reader for row in found.rows})
    decision = f" {found.decision[0].upper()}{found.decision[1:]}." if found.decision else ""
    return (
        f"{many(readers, 'reader', 'readers')} read "
        f"{cases_in_words(found.cases, found.women, found.unnamed)} both {found.modalities[0]} and "
        f"{found.modalities[1]}; {found.positives:,} with cancer, "
        f"{found.cases - found.positives:,} without.{decision}"
    )


def effect_cells(one: ReaderEffect) -> tuple[str, ...]:
    """Figure, about whom, both averages, the difference, p, and what it is of."""
    averages = (f"{a.value:.3f} ({range_in_words(a.low, a.high)})" for a in one.averages)
    p = "< 0.001" if one.p_value < 0.001 else f"{one.p_value:.3f}"
    told = "different" if one.is_clear else "not told apart"
    return (
        str(one.figure),
        str(one.about),
        *averages,
        f"{one.value:+.3f} ({range_in_words(one.low, one.high, '+.3f')})",
        f"{p}, {told}",
        one.basis,
    )


def effect_header(found: StudyFindings) -> tuple[str, ...]:
    return ("", "About", *found.modalities, "Difference", "p, corrected", "Of")


def reader_cells(row: ReaderRow) -> tuple[str, ...]:
    return (
        row.reader,
        row.modality,
        estimate_in_words(row.auc),
        rate_in_words(row.sensitivity),
        rate_in_words(row.specificity),
    )


READER_HEADER = ("Reader", "Read", "AUC", "Sensitivity", "Specificity")


def pair_rows(found: StudyFindings) -> tuple[tuple[str, ...], ...]:
    return tuple(
        (
            pair.what,
            f"{pair.one} and {pair.other}",
            pair.modality,
            f"{pair.agreement.in_words}, {pair.agreement.weighting}",
            rate_in_words(pair.agreement.alike),
            f"{pair.agreement.women:,}"
            + (f"; {pair.left_out:,} cases left out" * bool(pair.left_out)),
        )
        for pair in found.pairs
    )


PAIR_HEADER = ("Judgement", "Who", "Read", "Kappa", "Alike", "Women")


def _effects(found: StudyFindings) -> Iterator[Block]:
    if found.effects:
        yield Bullets(items=tuple(one.sentence for one in found.effects))
        rows = tuple(effect_cells(one) for one in found.effects)
        yield Table(header=effect_header(found), rows=rows)
    yield from (warning(text) for text in found.unsaid)
    yield Paragraph(text=METHOD)


def _readers(found: StudyFindings) -> Table:
    return Table(header=READER_HEADER, rows=tuple(reader_cells(row) for row in found.rows))


def _agreement(found: StudyFindings) -> Iterator[Block]:
    if not found.pairs:
        yield Paragraph(
            text="Readers were asked for no recall decision, BI-RADS category or density, so there "
            f"is no kappa ({NONE})."
        )
        return
    yield Table(header=PAIR_HEADER, rows=pair_rows(found))


def studies_section(studies: Path, run_id: str) -> Iterator[Section]:
    """Of every study kept in `studies` that showed readers the model `run_id`; else nothing."""
    blocks: list[Block] = []
    for study in list_studies(studies):
        if study.checkpoint == run_id:
            blocks += _told(study, studies)
    if blocks:
        yield Section(title="Reader studies", blocks=tuple(blocks))


def _told(study: ReadingStudy, studies: Path) -> Iterator[Block]:
    answers = answers_of(studies, study)
    told = many(len(answers), "answer", "answers")
    head = f"“{study.title}” of {day_in_words(study.created_at)}, {told}:"
    try:
        read = as_read(study, answers)
        found = judge_readers(read, modalities=default_modalities(read), is_sequential=True)
    except MammoError as error:
        yield warning(f"{head} {error}")
        return
    yield from paragraphs(f"{head} {basis_of(found)}")
    yield from _effects(found)
    yield _readers(found)
    yield from _agreement(found)
    yield Bullets(items=found.notes)
