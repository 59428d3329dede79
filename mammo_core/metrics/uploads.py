"""A table of scores that somebody else made, turned into predictions, with what was understood.

Column names are guessed and can be set by hand; where they leave a question, it is asked. Logits,
percentages, decimal commas, text labels and repeated rows are recognised and said aloud; a decision
is no score; what cannot be understood is refused.
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
    "score": ("score", "probability", "prob", "y_score", "y_prob", "p_cancer", "p_malignant",
              "cancer_probability", "prediction", "pred", "y_pred", "output", "logit"),
    "image_id": ("image_id", "image", "imageid", "file", "filename", "file_name", "path",
                 "prediction_id", "id"),
    "patient_id": ("patient_id", "patient", "patientid", "subject", "subject_id", "woman",
                   "client_id", "id1"),
    "exam_id": ("exam_id", "exam", "study_id", "study", "episode_id", "accession"),
    "side": ("side", "laterality", "breast", "leftright", "left or right breast"),
    "view": ("view", "view_position", "viewposition", "projection"),
    "split": ("split", "set", "subset", "partition"),
}  # fmt: skip
#: Words that a column's name is made of, where it is none of the names above.
_SCORE_WORDS: Final = frozenset(
    [
        "prob",
        "probability",
        "proba",
        "score",
        "logit",
        "logits",
        "risk",
        "likelihood",
        "confidence",
        "suspicion",
    ]
)
_PREDICTED: Final = frozenset(["pred", "prediction", "predicted", "output"])
_LOGIT_WORDS: Final = frozenset({"logit", "logits"})
_OF_CANCER: Final = frozenset(
    ["cancer", "malignant", "malignancy", "positive", "abnormal", "tumor", "tumour"]
)
_OF_NO_CANCER: Final = frozenset(
    ["benign", "normal", "no", "non", "not", "negative", "neg", "healthy"]
)
_LABEL_WORDS: Final = frozenset(
    ["target", "label", "truth", "true", "gt", "pathology", "diagnosis", "outcome", "malignancy"]
)
_ID_WORDS: Final = {
    "image_id": frozenset({"image", "img", "file", "filename"}),
    "patient_id": frozenset({"patient", "subject", "woman", "client"}),
    "exam_id": frozenset({"exam", "study", "episode", "accession"}),
}
_ID_ENDS: Final = frozenset(
    ["id", "ids", "name", "path", "key", "uid", "no", "nr", "number", "code"]
)
_MOST_NAMES: Final = 20  # of columns, in a sentence
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
    """By their names, the likeliest name first, then by the words in them; no column is guessed
    twice. Of columns that might be the score, one that holds decisions is not taken.
    """
    names = [str(name) for name in table.columns]
    by_name = {name.strip().lower(): name for name in reversed(names)}
    taken: set[str] = set()
    guesses: dict[str, str] = {}
    for role, known in _NAMES.items():
        found = [by_name[name] for name in known if name in by_name]
        found += _by_words(role, names)
        free = [name for name in found if name not in taken]
        if role == "score":
            free = [name for name in free if not is_decision(table[name])]
        if free:
            guesses[role] = free[0]
            taken.add(free[0])
    return Columns(**guesses)


def is_decision(cells: "pd.Series[str]") -> bool:
    """Whether all is 0 or 1: what was called at some threshold, not how it scored."""
    numbers = pd.to_numeric(cells.str.strip(), errors="coerce").dropna()
    return not numbers.empty and bool(numbers.isin((0.0, 1.0)).all())


def _words_of(name: str) -> frozenset[str]:
    return frozenset(filter(None, re.split(r"[^a-z0-9]+", name.lower())))


def _by_words(role: str, names: list[str]) -> list[str]:
    """The column whose name speaks of `role`; none where several do so equally."""
    ranked = {name: rank for name in names if (rank := _rank(role, _words_of(name)))}
    best = [name for name, rank in ranked.items() if rank == max(ranked.values())]
    return best if len(best) == 1 else []


def _rank(role: str, words: frozenset[str]) -> int:
    """How clearly a column of such words holds `role`; 0 where it does not."""
    is_predicted = bool(words & (_SCORE_WORDS | _PREDICTED)) or (
        "p" in words and bool(words & _OF_CANCER)
    )
    if role == "score":
        is_of_another = bool(words & (_OF_NO_CANCER | {"label", "class"}))
        is_named = bool(words & _SCORE_WORDS)
        return 0 if is_of_another or not is_predicted else 1 + is_named + bool(words & _OF_CANCER)
    if role == "label":
        return int(bool(words & _LABEL_WORDS) and not is_predicted)
    known = _ID_WORDS.get(role, frozenset())
    return int(bool(words & known) and words <= known | _ID_ENDS)


def columns_in_words(columns: Columns) -> str:
    """What was taken for what, in a line."""
    told = [f"score: {columns.score}", f"label: {columns.label}", f"patient: {columns.patient_id}"]
    return f"What the columns mean ({', '.join(told).replace('None', 'not known')})"


def open_question(table: pd.DataFrame, columns: Columns, positive: list[str]) -> str:
    """What has to be told of the columns before the table can be understood; "" for nothing."""
    if table.empty:
        return ""
    if columns.score is not None and is_decision(table[columns.score]):
        return f"{_no_score(columns.score)} {_which('score', table)}"
    if columns.score is None:
        decisions = [
            str(name)
            for name in table.columns
            if _rank("score", _words_of(str(name))) and is_decision(table[str(name)])
        ]
        return " ".join((*map(_no_score, decisions), _which("score", table)))
    if columns.label is None:
        return _which("label", table)
    words = label_words(table, columns)
    if not positive and not (words and {word.lower() for word in words} <= _NEGATIVE):
        return f"Which labels mean cancer? The label column holds {', '.join(sorted(words)[:6])}."
    return ""


def _no_score(name: str) -> str:
    return (
        f"{name} holds nothing but 0 and 1: decisions made at some threshold, no scores that one "
        "could be moved along."
    )


def _which(what: str, table: pd.DataFrame) -> str:
    names = [str(name) for name in table.columns]
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return f"Which column holds the {what}? The table has {', '.join(names[:_MOST_NAMES])}{more}."


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
    question = open_question(table, columns, positive)
    if question or columns.score is None or columns.label is None:
        raise TableError(question)
    notes = _twins(table, columns)
    score = _scores(
        table[columns.score], notes, is_logit=bool(_LOGIT_WORDS & _words_of(columns.score))
    )
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


def _scores(cells: "pd.Series[str]", notes: list[str], *, is_logit: bool) -> "pd.Series[float]":
    """`is_logit` where the column's name says so."""
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
    if not is_logit and low >= 0.0 and 1.0 < high <= 100.0:
        notes.append(f"Scores reach {high:g}: taken for per cent and divided by 100.")
        return score / 100
    if is_logit or low < 0.0 or high > 100.0:
        why = "by the column's name " if is_logit else ""
        notes.append(
            f"Scores run from {low:g} to {high:g}: {why}taken for logits and put through the "
            "logistic function, which keeps their order."
        )
        return pd.Series(expit(score.to_numpy()), index=score.index)
    return score


def _truth(cells: "pd.Series[str]", positive: list[str]) -> "pd.Series[bool]":
    text = cells.str.strip()
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
