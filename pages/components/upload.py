"""A CSV of somebody else's scores: what its columns mean, guessed and open to correction."""

from dataclasses import dataclass
from typing import Final

import pandas as pd
import streamlit as st

from mammo_core.metrics.uploads import (
    MOST_MEGABYTES,
    Columns,
    guess_columns,
    guess_positive,
    label_words,
    refuse_too_large,
)
from mammo_core.paths import tables_root
from mammo_core.runs.kept_tables import KEPT_DAYS, forget_table, keep_table
from pages.components import cached_metrics
from pages.components.guard import escaped

_ROLES: Final = (
    ("score", "Score"),
    ("label", "Label"),
    ("image_id", "Image"),
    ("patient_id", "Patient"),
    ("exam_id", "Exam"),
    ("side", "Side"),
    ("view", "View"),
    ("split", "Split"),
)
PARAMETER: Final = "table"
_MOST_WORDS: Final = 50  # a column with more different labels is no label


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Uploaded:
    """Predictions from a CSV; `source` changes with the file and with what its columns mean."""

    source: str
    predictions: pd.DataFrame


def pick_upload() -> Uploaded | None:
    """What was just dropped, else the table that the address names."""
    table_id = kept_upload("upload", "A CSV with a label and a score", parameter=PARAMETER)
    if table_id is None:
        return None
    table = cached_metrics.uploaded(table_id)
    guessed = guess_columns(table)
    is_clear = guessed.score and guessed.label and guess_positive(label_words(table, guessed))
    with st.expander("What the columns mean", expanded=not is_clear):
        columns = Columns(**{role: _pick(role, title, table, guessed) for role, title in _ROLES})
        words = label_words(table, columns)[:_MOST_WORDS]
        positive = st.multiselect(
            "Labels that mean cancer", words, default=guess_positive(words),
            key=f"positive_{columns.label}",
        )  # fmt: skip
    understood = cached_metrics.understood(table, columns, positive, table_id=table_id)
    for note in understood.notes:
        st.info(escaped(note), icon=":material/info:")
    return Uploaded(source=f"{table_id} {columns} {positive}", predictions=understood.predictions)


def kept_upload(key: str, label: str, *, parameter: str) -> str | None:
    """The id of an uploaded file: it stands in the address and outlives a switch of pages."""
    upload = st.file_uploader(label, key=key, max_upload_size=MOST_MEGABYTES)
    taken = f"{key}_taken"
    if upload is not None and st.session_state.get(taken) != upload.file_id:
        st.session_state[taken] = upload.file_id
        refuse_too_large(upload.size)
        st.query_params[parameter] = keep_table(tables_root(), upload.getvalue())
    table_id = st.query_params.get(parameter)
    if not table_id:
        return None
    st.button(
        "Remove the table", icon=":material/delete:", key=f"{key}_remove", on_click=_forget,
        args=(table_id, parameter),
        help=f"Uploaded tables stay on this computer, {KEPT_DAYS} days after their last use.",
    )  # fmt: skip
    return table_id


def _forget(table_id: str, parameter: str) -> None:
    forget_table(tables_root(), table_id)
    cached_metrics.uploaded.clear(table_id)
    cached_metrics.reader_study.clear(table_id)
    del st.query_params[parameter]


def _pick(role: str, title: str, table: pd.DataFrame, guessed: Columns) -> str | None:
    names = [str(name) for name in table.columns]
    guess = getattr(guessed, role)
    return st.selectbox(
        title, names, index=None if guess is None else names.index(guess),
        placeholder="none", key=f"column_{role}",
    )  # fmt: skip
