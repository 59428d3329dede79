"""A report as the text of a file: read from a run folder, written as HTML or Markdown."""

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path

from mammo_core.reports.card_text import model_card
from mammo_core.reports.document_html import render_html
from mammo_core.reports.document_markdown import render_markdown
from mammo_core.reports.reported import read_reported
from mammo_core.reports.study_report import study_report
from mammo_core.runs.folder import RunFolder
from mammo_core.runs.openings import note_opening


class Format(StrEnum):
    """Its value is how a file's name ends."""

    HTML = "html"
    MARKDOWN = "md"


def study_text(
    run: RunFolder, roots: Sequence[Path], *, audits: Path, form: Format, by: str, now: str
) -> str:
    """The study report of `run`. Reading it is a look at the test set, which `by` is noted for."""
    note_opening(run, by=by, now=now)
    document = study_report(read_reported(run, roots, audits=audits), made_at=now)
    return render_html(document) if form is Format.HTML else render_markdown(document)


def card_text(run: RunFolder, roots: Sequence[Path], *, audits: Path, form: Format) -> str:
    """The model card of `run` in words."""
    document = model_card(read_reported(run, roots, audits=audits))
    return render_html(document) if form is Format.HTML else render_markdown(document)
