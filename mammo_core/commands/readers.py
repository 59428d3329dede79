"""`mammo readers`: readers without and with a model, from a study made here or from a table."""

import argparse
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mammo_core.commands.command import Command, say, say_aside
from mammo_core.commands.runs import refuse_no_folder
from mammo_core.errors import ConfigError, TableError
from mammo_core.files import replace_file, studies_root
from mammo_core.words import NOTICE

if TYPE_CHECKING:
    from mammo_core.metrics.reader_findings import StudyFindings
    from mammo_core.metrics.readers import ReaderStudy

_ENDINGS: Final = (".html", ".md", ".csv")


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "study",
        metavar="STUDY",
        help="the name of a study made on the Read page, or a file: CSV with reader, case, "
        "modality, score, truth (also recalled, birads, density, woman), or iMRMC",
    )
    parser.add_argument(
        "--ways", nargs=2, metavar=("FIRST", "SECOND"), help="default: without AI, with AI"
    )
    parser.add_argument(
        "--called-from",
        type=float,
        metavar="SCORE",
        help="count such a score as a recall, where readers were not asked",
    )
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="also write a report: .html, .md, or .csv"
    )


def _run(arguments: argparse.Namespace) -> int:
    from mammo_core.metrics.reader_findings import default_modalities, judge_readers

    out = arguments.out
    refuse_no_folder(out)
    if out is not None and out.suffix.lower() not in _ENDINGS:
        raise ConfigError(f"{out.name} must end in {', '.join(_ENDINGS)}, which says what it is.")
    title, study, is_ours = _study(arguments.study)
    first, second = arguments.ways or default_modalities(study)
    for way in (first, second):
        if way not in study.modalities:
            raise TableError(
                f"Nobody read the cases {way!r} in this study. Known: "
                f"{', '.join(study.modalities)}."
            )
    found = judge_readers(
        study, modalities=(first, second), called_from=arguments.called_from, is_sequential=is_ours
    )
    _tell(found)
    if out is not None:
        replace_file(out, _text(found, title, out.suffix.lower()))
        say(out)
    return 0


def _study(name: str) -> "tuple[str, ReaderStudy, bool]":
    """Title and reads, and whether the study was made here, where both answers follow at once."""
    from mammo_core.metrics.readers import read_study
    from mammo_core.preprocessing.reading.cells import read_csv
    from mammo_core.reports.study.readers import as_read
    from mammo_core.runs.reader_study import answers_of, list_studies

    for study in list_studies(studies_root()):
        if name in (study.title, study.study_id):
            return study.title, as_read(study, answers_of(studies_root(), study)), True
    path = Path(name)
    if not path.is_file():
        raise ConfigError(
            f"There is neither a reader study called {name!r} here nor a file of that name."
        )
    return path.stem, read_study(read_csv(path.read_bytes())), False


def _tell(found: "StudyFindings") -> None:
    from mammo_core.reports.study.readers import basis_of

    say(basis_of(found))
    for sentence in found.sentences:
        say(sentence)
    for pair in found.pairs:
        say(f"{pair.what}, {pair.one} and {pair.other}, {pair.modality}: {pair.agreement.sentence}")
    for note in (*found.notes, NOTICE):
        say_aside(note)


def _text(found: "StudyFindings", title: str, ending: str) -> str:
    from mammo_core.metrics.reader_findings import findings_table
    from mammo_core.reports.document import render_html, render_markdown
    from mammo_core.reports.study.readers import readers_report
    from mammo_core.tables import to_safe_csv

    if ending == ".csv":
        return to_safe_csv(findings_table(found))
    now = datetime.now(UTC).isoformat(timespec="seconds")
    document = readers_report(found, title=title, made_at=now)
    return render_html(document) if ending == ".html" else render_markdown(document)


READERS: Final = Command(
    name="readers",
    summary="judge readers without and with a model",
    add_arguments=_add_arguments,
    run=_run,
)
