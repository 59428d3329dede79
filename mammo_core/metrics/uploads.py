"""A table of scores that somebody else made, turned into predictions, with what was understood.

Column names are guessed and can be set by hand. Logits, percentages, decimal commas, text labels
and repeated rows are recognised and said aloud; what cannot be understood is refused.
"""

import re
from dataclasses import dataclass, fields
from io import BytesIO
from typing import Final

import numpy as np
import pandas as pd
from scipy.special import expit

from mammo_core.errors import TableError
from mammo_core.records import damage_in_words
from mammo_core.tables import check_predictions
from mammo_core.types import Laterality, Split, View
from mammo_core.words import many


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Which column holds what; None where none does."""

    label: str | None = None
    score: str | None = None
    image_id: str | None = None
    patient_id: str | None = None
    exam_id: str | None = None
    side: str | None = None
    view: str | None = None
    split: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Understood:
    """Predictions under the contract, and a sentence for everything that was done to get there."""

    predictions: pd.DataFrame
    notes: tuple[str, ...]


MOST_MEGABYTES: Final = 100
_MEGABYTE: Final = 2**20
_NAMES: Final = {
    "label": ("positive", "label", "target", "y_true", "truth", "cancer", "malignant", "pathology",
              "class", "diagnosis", "outcome"),
    "score": ("score", "prediction", "pred", "probability", "prob", "y_score", "y_pred", "p_cancer",
              "p_malignant", "output", "logit", "cancer_probability"),
    "image_id": ("image_id", "image", "imageid", "file", "filename", "file_name", "path",
                 "prediction_id", "id"),
    "patient_id": ("patient_id", "patient", "patientid", "subject", "subject_id", "woman",
                   "client_id", "id1"),
    "exam_id": ("exam_id", "exam", "study_id", "study", "episode_id", "accession"),
    "side": ("side", "laterality", "breast", "leftright", "left or right breast"),
    "view": ("view", "view_position", "viewposition", "projection"),
    "split": ("split", "set", "subset", "partition"),
}  # fmt: skip
_POSITIVE: Final = frozenset({
    "1", "1.0", "true", "t", "yes", "y", "cancer", "malignant", "malignancy", "positive", "pos",
    "m", "abnormal", "tumor", "tumour",
})  # fmt: skip
_NEGATIVE: Final = frozenset({
    "0", "0.0", "false", "f", "no", "n", "benign", "normal", "negative", "neg", "b", "healthy",
    "benign_without_callback", "no cancer", "no_cancer", "non-cancer", "not cancer", "no finding",
})  # fmt: skip
_CODES: Final = {"side": tuple(Laterality), "view": tuple(View), "split": tuple(Split)}
_OTHER_WORDS: Final = {
    "side": {"left": "L", "right": "R"},
    "view": {},
    "split": {"valid": "val", "validation": "val", "testing": "test", "training": "train"},
}


def refuse_too_large(size: int) -> None:
    """Of `size` bytes. Twice as many were measured to take 3.2 GB of memory, and minutes."""
    if size > MOST_MEGABYTES * _MEGABYTE:
        raise TableError(
            f"The uploaded table is {size / _MEGABYTE:,.0f} MB; at most {MOST_MEGABYTES} MB are "
            "read. Leave out columns that hold neither score, label, image, patient, exam, side, "
            "view nor split, or upload one split at a time."
        )


def read_csv(data: bytes) -> pd.DataFrame:
    """Every cell as text; comma, semicolon or tab between them."""
    refuse_too_large(len(data))
    if b"\0" in data:
        raise TableError(
            "The uploaded file is not a readable CSV: it is binary or UTF-16 text. "
            "Save it as CSV (UTF-8)."
        )
    head = data[:4096].decode("utf-8-sig", errors="replace").partition("\n")[0]
    separator = max(",;\t", key=head.count)
    try:
        return pd.read_csv(BytesIO(data), dtype="string", encoding="utf-8-sig", sep=separator)
    except (UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise TableError(
            f"The uploaded file is not a readable CSV: {damage_in_words(error)}. Save "
            "it as CSV (UTF-8)."
        ) from None


def guess_columns(table: pd.DataFrame) -> Columns:
    """By their names, the likeliest name first; no column is guessed twice."""
    by_name = {str(name).strip().lower(): str(name) for name in reversed(table.columns)}
    taken: set[str] = set()
    guesses: dict[str, str] = {}
    for role, names in _NAMES.items():
        found = next((by_name[n] for n in names if n in by_name and by_name[n] not in taken), None)
        if found is not None:
            guesses[role] = found
            taken.add(found)
    return Columns(**guesses)


def label_words(table: pd.DataFrame, columns: Columns) -> list[str]:
    """The different labels, most frequent first."""
    if columns.label is None:
        return []
    return [str(word) for word in table[columns.label].dropna().str.strip().value_counts().index]


def guess_positive(words: list[str]) -> list[str]:
    """Those among `words` that mean cancer in English; none where one of them is unknown."""
    known = _POSITIVE | _NEGATIVE
    if any(word.lower() not in known for word in words):
        return []
    return [word for word in words if word.lower() in _POSITIVE]


def understand(table: pd.DataFrame, columns: Columns, positive: list[str]) -> Understood:
    """`positive` are the labels that mean cancer; every other label means none."""
    if table.empty:
        raise TableError("The uploaded table has no rows.")
    if columns.score is None or columns.label is None:
        lacking = "score" if columns.score is None else "label"
        raise TableError(
            f"Which column holds the {lacking}? The table has {', '.join(map(str, table.columns))}."
        )
    notes = _twins(table, columns)
    score = _scores(table[columns.score], notes)
    result = pd.DataFrame({"score": score, "positive": _truth(table[columns.label], positive)})
    for role in ("image_id", "patient_id", "exam_id"):
        name = getattr(columns, role)
        result[role] = pd.NA if name is None else table[name].str.strip()
    for role in ("side", "view", "split"):
        result[role] = _coded(table, getattr(columns, role), role, notes)
    for column in ("density", "age", "site", "machine", "birads", "lesion", "model_id", "dataset"):
        taken = {getattr(columns, field.name) for field in fields(columns)}
        if column in table.columns and column not in taken:
            result[column] = table[column]
    result = _one_row_per_image(result, notes)
    if "model_id" not in result.columns:
        result["model_id"] = "uploaded"
    return Understood(predictions=check_predictions(result), notes=tuple(notes))


def _scores(cells: "pd.Series[str]", notes: list[str]) -> "pd.Series[float]":
    text = cells.str.strip()
    if text.isna().any():
        notes.append(f"{_rows(text.isna())} no score and were left out.")
    score = pd.to_numeric(text, errors="coerce")
    unread = text.notna() & score.isna()
    if unread.any() and text[unread].str.contains(",", regex=False).all():
        score = pd.to_numeric(text.str.replace(",", ".", regex=False), errors="coerce")
        unread = text.notna() & score.isna()
        notes.append("Scores are written with a decimal comma.")
    if unread.any():
        raise TableError(
            f"{unread.sum()} of {len(text)} scores are not numbers (first: {text[unread].iloc[0]})."
        )
    infinite = score.abs() == np.inf
    if infinite.any():
        notes.append(
            f"{_rows(infinite)} an infinite score (first: {text[infinite].iloc[0]}) and were left "
            "out."
        )
    score = score.astype("float64").replace([np.inf, -np.inf], np.nan)
    low, high = score.min(), score.max()
    if low >= 0.0 and 1.0 < high <= 100.0:
        notes.append(f"Scores reach {high:g}: taken for per cent and divided by 100.")
        return score / 100
    if low < 0.0 or high > 100.0:
        notes.append(
            f"Scores run from {low:g} to {high:g}: taken for logits and put through the logistic "
            "function, which keeps their order."
        )
        return pd.Series(expit(score.to_numpy()), index=score.index)
    return score


def _truth(cells: "pd.Series[str]", positive: list[str]) -> "pd.Series[bool]":
    text = cells.str.strip()
    words = text.dropna().unique()
    if not positive and not (len(words) and {word.lower() for word in words} <= _NEGATIVE):
        raise TableError(
            f"Which labels mean cancer? The label column holds {', '.join(sorted(words)[:6])}."
        )
    return text.isin(positive).astype("boolean").mask(text.isna())


def _coded(
    table: pd.DataFrame, column: str | None, role: str, notes: list[str]
) -> "pd.Series[str]":
    """Known words as their codes; anything else is missing, and said to be."""
    if column is None:
        return pd.Series(pd.NA, index=table.index, dtype="string")
    text = table[column].str.strip()
    words = _OTHER_WORDS[role] | {code.lower(): str(code) for code in _CODES[role]}
    codes = text.str.lower().map(words).astype("string")
    unknown = text.fillna("").ne("") & codes.isna()
    if unknown.any():
        notes.append(
            f"{_rows(unknown)} a {role} that is none of {', '.join(_CODES[role])} "
            f"(first: {text[unknown].iloc[0]}); it was taken for none."
        )
    return codes


def _rows(marked: "pd.Series[bool]") -> str:
    return f"{marked.sum()} of {many(len(marked), 'row has', 'rows have')}"


def _twins(table: pd.DataFrame, columns: Columns) -> list[str]:
    """A sentence for each chosen column whose name the table has more than once.

    Of columns with one name the reader calls the second "name.1", the third "name.2".
    """
    by_name: dict[str, list[str]] = {}
    names = [str(name) for name in table.columns]
    lower = {name.strip().lower() for name in names}
    for name in names:
        stem = re.sub(r"\.\d+$", "", name.strip().lower())
        by_name.setdefault(stem if stem in lower else name.strip().lower(), []).append(name)
    return [
        f"{len(alike)} columns are named {stem} ({', '.join(alike)}); {taken} was taken."
        for taken in (getattr(columns, field.name) for field in fields(columns))
        for stem, alike in by_name.items()
        if taken in alike and len(alike) > 1
    ]


def _one_row_per_image(table: pd.DataFrame, notes: list[str]) -> pd.DataFrame:
    table = table[table["score"].notna()]
    if table.empty:
        raise TableError("No row of the uploaded table has a finite score.")
    if table["image_id"].isna().any():
        notes.append("Images are numbered by row: no column names them all.")
        return table.assign(image_id=[f"row {number + 2}" for number in table.index])
    if table["image_id"].is_unique:
        return table
    once = table.drop_duplicates()
    if len(once) < len(table):
        repeated = many(len(table) - len(once), "repeated row was", "repeated rows were")
        notes.append(f"{repeated} counted once.")
    differing = once["image_id"][once["image_id"].duplicated()]
    if not differing.empty:
        raise TableError(
            f"{many(differing.nunique(), 'image has', 'images have')} rows that disagree "
            f"(first: {differing.iloc[0]}). One row is one image: choose the column that "
            "names images, or mend the table."
        )
    return once
