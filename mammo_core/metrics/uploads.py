"""A table of scores that somebody else made, turned into predictions, with what was understood.

What columns, labels and numbers mean is guessed, and can be said by hand; where names leave a
question, it is asked. What was done is said aloud; a decision is no score; what cannot be
understood is refused.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, Final

import numpy as np
import pandas as pd
from scipy.special import expit

from mammo_core.errors import TableError
from mammo_core.metrics.columns import (
    LOGIT_WORDS,
    Columns,
    is_decision,
    rank_of,
    words_of,
)
from mammo_core.tables import check_predictions, check_splits
from mammo_core.types import Laterality, Split, View
from mammo_core.words import many


class Scale(StrEnum):
    """What the numbers of a score column are."""

    PROBABILITY = "probability, 0 to 1"
    PER_CENT = "per cent, 0 to 100"
    LOGIT = "logit"
    RANKS = "another scale, used as ranks"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Understood:
    """Predictions under the contract, and a sentence for everything that was done to get there."""

    predictions: pd.DataFrame
    notes: tuple[str, ...]


_BESIDES: Final = (
    "density", "age", "site", "machine", "birads", "lesion", "model_id", "dataset",
)  # fmt: skip
_NEARLY_ALL: Final = 0.98  # between 0 and 1: then numbers are probabilities, the rest stray
_FEWEST_PER_CENT: Final = 20.0  # numbers that end below it are as likely BI-RADS or logits
_MOST_NAMES: Final = 20  # of columns, in a sentence
_POSITIVE: Final = frozenset({
    "1", "1.0", "true", "t", "yes", "y", "cancer", "malignant", "malignancy", "positive", "pos",
    "m", "abnormal", "tumor", "tumour",
})  # fmt: skip
_NEGATIVE: Final = frozenset({
    "0", "0.0", "false", "f", "no", "n", "benign", "normal", "negative", "neg", "b", "healthy",
    "benign_without_callback", "no cancer", "no_cancer", "non-cancer", "not cancer", "no finding",
})  # fmt: skip
#: Words for a truth that is not known; they are never negative.
_UNKNOWN: Final = frozenset({
    "unknown", "not known", "unk", "u", "n/a", "na", "nan", "none", "null", "missing", "?", "-",
    "not available", "not assessed", "not applicable", "unlabelled", "unlabeled", "uncertain",
    "undetermined", "indeterminate", "pending", "9", "99", "-9", "-99", "-999",
})  # fmt: skip
#: Numbers that stand for a missing one where they lie far from all others.
_FOR_MISSING: Final = (-99999.0, -9999.0, -999.0, -99.0, -9.0, -1.0, 999.0, 9999.0, 99999.0)
_CODES: Final = {"side": tuple(Laterality), "view": tuple(View), "split": tuple(Split)}
_OTHER_WORDS: Final = {
    "side": {"left": "L", "right": "R"},
    "view": {},
    "split": {"valid": "val", "validation": "val", "testing": "test", "training": "train"},
}


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
            if rank_of("score", words_of(str(name))) and is_decision(table[str(name)])
        ]
        return " ".join((*map(_no_score, decisions), _which("score", table)))
    if columns.label is None:
        return _which("label", table)
    words = [word for word in label_words(table, columns) if word.lower() not in _UNKNOWN]
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
    """Those among `words` that mean cancer in English; none where one of them is strange."""
    known = _POSITIVE | _NEGATIVE | _UNKNOWN
    if any(word.lower() not in known for word in words):
        return []
    return [word for word in words if word.lower() in _POSITIVE]


def guess_unknown(words: list[str]) -> list[str]:
    """Those among `words` that say that the truth is not known."""
    return [word for word in words if word.lower() in _UNKNOWN]


def score_numbers(table: pd.DataFrame, columns: Columns) -> "pd.Series[float]":
    """The finite numbers of the score column, as written; empty where there is no such column."""
    if columns.score is None:
        return pd.Series(dtype="float64")
    return _numbers(table[columns.score], []).dropna()


def guess_missing(numbers: "pd.Series[float]") -> list[float]:
    """Values such as -9999 that stand for a missing score: they lie far outside all others."""
    codes = numbers.isin(_FOR_MISSING)
    rest = numbers[~codes]
    if rest.empty:
        return []
    low, high = float(rest.min()), float(rest.max())
    width = max(high - low, 1.0)
    return [
        code for code in sorted(set(numbers[codes])) if code <= low - width or code >= high + width
    ]


def guess_scale(numbers: "pd.Series[float]") -> Scale:
    """The likeliest; a stray number of many does not change it. Positive numbers that are neither
    shares nor per cent keep their order and nothing more: BI-RADS, logits, mean grey levels.
    """
    if numbers.empty or numbers.between(0.0, 1.0).mean() >= _NEARLY_ALL:
        return Scale.PROBABILITY
    low, high = float(numbers.min()), float(numbers.max())
    if low < 0.0:
        return Scale.LOGIT
    return Scale.PER_CENT if _FEWEST_PER_CENT < high <= 100.0 else Scale.RANKS


def named_scale(columns: Columns) -> Scale | None:
    """What the score column's name says of its numbers; None where it says nothing."""
    is_logit = columns.score is not None and bool(LOGIT_WORDS & words_of(columns.score))
    return Scale.LOGIT if is_logit else None


def understand(
    table: pd.DataFrame,
    columns: Columns,
    positive: list[str],
    *,
    unknown: Sequence[str] | None = None,
    scale: Scale | None = None,
    missing: Sequence[float] | None = None,
) -> Understood:
    """`positive` are the labels that mean cancer, `unknown` those that tell nothing; every other
    label means none. `missing` are numbers that are no score. What is None is guessed.
    """
    if table.empty:
        raise TableError("The uploaded table has no rows.")
    question = open_question(table, columns, positive)
    if question or columns.score is None or columns.label is None:
        raise TableError(question)
    if unknown is None:
        unknown = guess_unknown(label_words(table, columns))
    if scale is None:
        scale = named_scale(columns)
    notes = _twins(table, columns)
    score = _scores(table[columns.score], notes, scale=scale, missing=missing)
    truth = _truth(table[columns.label], positive, unknown, notes)
    result = pd.DataFrame({"score": score, "positive": truth})
    for role in ("image_id", "patient_id", "exam_id"):
        name = getattr(columns, role)
        result[role] = pd.NA if name is None else table[name].str.strip()
    for role in ("side", "view", "split"):
        result[role] = _coded(table, getattr(columns, role), role, notes)
    result = result.assign(**_known_besides(table, columns, notes))
    result = _one_row_per_image(result, notes)
    if "model_id" not in result.columns:
        result["model_id"] = "uploaded"
    predictions = check_predictions(result)
    check_splits(predictions)
    return Understood(predictions=predictions, notes=tuple(notes))


def _known_besides(
    table: pd.DataFrame, columns: Columns, notes: list[str]
) -> dict[str, "pd.Series[Any]"]:
    """Columns of the contract that nobody chose for anything else."""
    taken = {getattr(columns, field.name) for field in fields(columns)}
    found = [name for name in _BESIDES if name in table.columns and name not in taken]
    return {name: _ages(table[name], notes) if name == "age" else table[name] for name in found}


def _scores(
    cells: "pd.Series[str]",
    notes: list[str],
    *,
    scale: Scale | None,
    missing: Sequence[float] | None,
) -> "pd.Series[float]":
    score = _numbers(cells, notes)
    missing = guess_missing(score.dropna()) if missing is None else missing
    is_code = score.isin(list(missing))
    if is_code.any():
        codes = ", ".join(f"{code:g}" for code in missing)
        notes.append(f"{_rows(is_code)} {codes} for a score: no score, and left out.")
        score = score.mask(is_code)
    scale = scale or guess_scale(score.dropna())
    highest = {Scale.PROBABILITY: 1.0, Scale.PER_CENT: 100.0}.get(scale)
    if highest is not None:
        outside = score.notna() & ~score.between(0.0, highest)
        if outside.any():
            raise TableError(
                f"{outside.sum()} of {score.notna().sum()} scores are no {scale} (first: "
                f"{score[outside].iloc[0]:g}). Choose another scale, name the numbers that stand "
                "for a missing score, or mend the table."
            )
        if scale is Scale.PER_CENT:
            notes.append(f"Scores reach {score.max():g}: per cent, divided by 100.")
        return score / highest
    spread = f"Scores run from {score.min():g} to {score.max():g}"
    if scale is Scale.LOGIT:
        notes.append(
            f"{spread}: taken for logits and put through the logistic function, which keeps their "
            "order."
        )
        return pd.Series(expit(score.to_numpy()), index=score.index)
    notes.append(
        f"{spread}: used as ranks, 0 the lowest and 1 the highest of this table. AUC, sensitivity "
        "and specificity are as they were; calibration means nothing, and a threshold holds in "
        "this table alone."
    )
    return (score.rank() - 0.5) / max(1, int(score.notna().sum()))


def _numbers(cells: "pd.Series[str]", notes: list[str]) -> "pd.Series[float]":
    """Finite numbers; missing where a cell holds none. Words are refused."""
    text = cells.str.strip()
    if text.isna().any():
        notes.append(f"{_rows(text.isna())} no score and were left out.")
    score, is_comma = _decimal(text)
    if is_comma:
        notes.append("Scores are written with a decimal comma.")
    unread = text.notna() & score.isna()
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
    return score.astype("float64").replace([np.inf, -np.inf], np.nan)


def _decimal(text: "pd.Series[str]") -> tuple["pd.Series[float]", bool]:
    """Numbers, and whether they are written with a decimal comma; missing where there is none."""
    number = pd.to_numeric(text, errors="coerce")
    unread = text.notna() & number.isna()
    if unread.any() and text[unread].str.contains(",", regex=False).all():
        return pd.to_numeric(text.str.replace(",", ".", regex=False), errors="coerce"), True
    return number, False


def _ages(cells: "pd.Series[str]", notes: list[str]) -> "pd.Series[float]":
    text = cells.astype("string").str.strip()
    age, _ = _decimal(text)
    unread = text.fillna("").ne("") & age.isna()
    if unread.any():
        notes.append(
            f"{_rows(unread)} an age that is no number (first: {text[unread].iloc[0]}); it was "
            "taken for none."
        )
    return age.astype("float64")


def _truth(
    cells: "pd.Series[str]", positive: list[str], unknown: Sequence[str], notes: list[str]
) -> "pd.Series[bool]":
    text = cells.str.strip()
    is_unknown = text.isin(list(unknown)) & ~text.isin(positive)
    if is_unknown.any():
        told = ", ".join(sorted(text[is_unknown].unique()))
        notes.append(
            f"{_rows(is_unknown)} a label that tells no truth ({told}): unknown is not negative, "
            "so they are counted nowhere."
        )
    return text.isin(positive).astype("boolean").mask(text.isna() | is_unknown)


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
