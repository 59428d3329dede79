"""A report as the text of a file: read from a run folder, written as HTML or Markdown."""

from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum
from pathlib import Path

from mammo_core.errors import RunError
from mammo_core.reports.card_text import model_card
from mammo_core.reports.document_html import render_html
from mammo_core.reports.document_markdown import render_markdown
from mammo_core.reports.reported import Reported, read_reported
from mammo_core.reports.study_report import study_report
from mammo_core.runs.folder import RunFolder
from mammo_core.runs.openings import note_opening, openings_of


class Format(StrEnum):
    """Its value is how a file's name ends."""

    HTML = "html"
    MARKDOWN = "md"


def study_text(
    run: RunFolder, roots: Sequence[Path], *, audits: Path, form: Format, by: str, now: str
) -> str:
    """The study report of `run`. Reading it is a look at the test set, which `by` is noted for."""
    told = read_reported(run, roots, audits=audits)
    remark = _noted(run, by=by, now=now) if run.has_predictions else ""
    told = _with_this_look(told, run)
    document = study_report(told, made_at=now, remark=remark)
    return render_html(document) if form is Format.HTML else render_markdown(document)


def _noted(run: RunFolder, *, by: str, now: str) -> str:
    """Empty, or why the look could not be written down: a folder that only can be read still has
    its report, which then says so.
    """
    try:
        note_opening(run, by=by, now=now)
    except RunError as error:
        return str(error)
    return ""


def _with_this_look(told: Reported, run: RunFolder) -> Reported:
    """The report counts itself; that a log cannot be read was found out before."""
    study = told.study
    if study.looks.why_no_openings:
        return told
    seen = tuple(openings_of(run))
    at_test_set = study.looks.at_test_set if study.is_external else seen
    looks = replace(study.looks, at_results=seen, at_test_set=at_test_set)
    return replace(told, study=replace(study, looks=looks))


def card_text(run: RunFolder, roots: Sequence[Path], *, audits: Path, form: Format) -> str:
    """The model card of `run` in words."""
    document = model_card(read_reported(run, roots, audits=audits))
    return render_html(document) if form is Format.HTML else render_markdown(document)
