"""What a reader study found: the average reader, each reader, who agrees with whom; to look at, and
to take away.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

import pandas as pd
import streamlit as st

from mammo_core.glossary import meaning
from mammo_core.metrics.reader_findings import (
    StudyFindings,
    default_modalities,
    findings_table,
    judge_readers,
)
from mammo_core.metrics.readers import ReaderStudy
from mammo_core.tables import to_safe_csv
from pages.components.shared.frame import escaped


def show_reader_results(
    study: ReaderStudy,
    *,
    title: str,
    name: str,
    truth: "pd.Series[bool] | None" = None,
    women: "pd.Series[str] | None" = None,
    is_sequential: bool = False,
) -> None:
    """Of two ways in which the same readers read the same cases. `name` is that of its files."""
    from mammo_core.reports.study import readers as told  # asked for, as a report is

    modalities = default_modalities(study)
    if len(study.modalities) > 2:
        with st.container(horizontal=True):
            first = st.selectbox("First way", study.modalities, key="way_one")
            rest = [way for way in study.modalities if way != first]
            modalities = (first, st.selectbox("Second way", rest, key="way_two"))
    called_from = None if "recalled" in study.reads else _ask_called_from(study)
    found = judge_readers(
        study, modalities=modalities, called_from=called_from, truth=truth, women=women,
        is_sequential=is_sequential,
    )  # fmt: skip
    st.caption(escaped(told.basis_of(found)))
    if found.effects:
        rows = [told.effect_cells(one) for one in found.effects]
        _show_table(rows, ("Figure", *told.effect_header(found)[1:]))
    for text in found.unsaid:
        st.warning(escaped(text), icon=":material/block:")
    st.caption(escaped(told.METHOD), help=meaning("Holm", "p value"))
    _show_table([told.reader_cells(row) for row in found.rows], told.READER_HEADER)
    if found.pairs:
        _show_table(told.pair_rows(found), told.PAIR_HEADER)
    for note in found.notes:
        st.caption(escaped(note))
    _offer(found, title, name)


def _ask_called_from(study: ReaderStudy) -> float | None:
    """Where readers were not asked whether they would recall; nothing is taken for granted."""
    return st.number_input(
        "Recall was not asked. Count a score of at least … as a recall",
        value=None, min_value=study.scores[0], max_value=study.scores[-1], key="study_called_from",
        placeholder="no score: sensitivity and specificity are not told", width=520,
    )  # fmt: skip


def _show_table(rows: Sequence[tuple[str, ...]], header: tuple[str, ...]) -> None:
    """Scrolls on a narrow screen; text is shown as it is."""
    st.dataframe([dict(zip(header, row, strict=True)) for row in rows], hide_index=True)


def _offer(found: StudyFindings, title: str, name: str) -> None:
    from mammo_core.reports.document import render_html, render_markdown
    from mammo_core.reports.study.readers import readers_report

    made_at = datetime.now(UTC).isoformat(timespec="seconds")
    document = readers_report(found, title=title, made_at=made_at)
    with st.container(horizontal=True):
        for label, text, ending, mime in (
            ("Report, HTML", render_html(document), "html", "text/html"),
            ("Report, Markdown", render_markdown(document), "md", "text/markdown"),
            ("Numbers, CSV", to_safe_csv(findings_table(found)), "csv", "text/csv"),
        ):
            st.download_button(
                label, text, f"{name}-readers.{ending}", mime, key=f"readers_{ending}",
                icon=":material/download:", on_click="ignore",
            )  # fmt: skip
