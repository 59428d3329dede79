"""A CSV of somebody else's scores: what its columns mean, guessed and open to correction."""

from dataclasses import dataclass
from typing import Final

import pandas as pd
import streamlit as st

from mammo_core.metrics.uploads import Columns, guess_columns, guess_positive, label_words
from pages.components import cached
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
_MOST_WORDS: Final = 50  # a column with more different labels is no label


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Uploaded:
    """Predictions from a CSV; `source` changes with the file and with what its columns mean."""

    source: str
    predictions: pd.DataFrame


def pick_upload() -> Uploaded | None:
    upload = st.file_uploader("or a CSV with a label and a score", key="upload")
    if upload is None:
        return None
    table = cached.uploaded(upload.getvalue(), file_id=upload.file_id)
    guessed = guess_columns(table)
    is_clear = guessed.score and guessed.label and guess_positive(label_words(table, guessed))
    with st.expander("What the columns mean", expanded=not is_clear):
        columns = Columns(**{role: _pick(role, title, table, guessed) for role, title in _ROLES})
        words = label_words(table, columns)[:_MOST_WORDS]
        positive = st.multiselect(
            "Labels that mean cancer", words, default=guess_positive(words),
            key=f"positive_{columns.label}",
        )  # fmt: skip
    understood = cached.understood(table, columns, positive, file_id=upload.file_id)
    for note in understood.notes:
        st.info(escaped(note), icon=":material/info:")
    return Uploaded(
        source=f"{upload.file_id} {columns} {positive}", predictions=understood.predictions
    )


def _pick(role: str, title: str, table: pd.DataFrame, guessed: Columns) -> str | None:
    names = [str(name) for name in table.columns]
    guess = getattr(guessed, role)
    return st.selectbox(
        title, names, index=None if guess is None else names.index(guess),
        placeholder="none", key=f"column_{role}",
    )  # fmt: skip
