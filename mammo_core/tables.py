"""The three tables every part of the workbench exchanges: names, types, and the checks on them.

* manifest      one row per image, before any model has seen it
* boxes         where something lies in an image, in its original pixels
* predictions   one row per image and model; the only thing metrics, plots and thresholds read

A missing value is `<NA>`: unknown is not negative, and never 0.
"""

import stat
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mammo_core.errors import TableError
from mammo_core.records import damage_in_words
from mammo_core.types import Laterality, Split, Task, View

MANIFEST_COLUMNS: Final[Mapping[str, str]] = {
    "image_id": "string",
    "path": "string",  # below the data set's folder, with forward slashes
    "patient_id": "string",
    "exam_id": "string",
    "group_id": "string",  # never missing: what splits and every bootstrap group by
    "side": "string",  # Laterality
    "view": "string",  # View
    "label": "string",  # one of Task.classes
    "split": "string",  # Split
    "fold": "Int64",
    "density": "string",  # A to D
    "birads": "string",
    "age": "Float64",
    "site": "string",
    "machine": "string",
    "lesion": "string",
}

BOX_COLUMNS: Final[Mapping[str, str]] = {
    "image_id": "string",
    "x0": "float64",
    "y0": "float64",
    "x1": "float64",
    "y1": "float64",
    "kind": "string",
}

#: The p_<class> columns follow these; their names depend on the task.
PREDICTION_COLUMNS: Final[Mapping[str, str]] = {
    **{name: dtype for name, dtype in MANIFEST_COLUMNS.items() if name != "path"},
    "dataset": "string",
    "model_id": "string",
    "engine": "string",
    "positive": "boolean",
    "score": "float64",
}

_CODED: Final[Mapping[str, tuple[str, ...]]] = {
    "side": tuple(Laterality),
    "view": tuple(View),
    "split": tuple(Split),
}
_CLASS_PREFIX: Final = "p_"
_FORMULA_STARTS: Final = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")  # the full-width ones too


def check_manifest(table: pd.DataFrame) -> pd.DataFrame:
    """`table` with the contract's columns and types; `group_id` filled; extra columns kept last."""
    table = shape_manifest(table)
    _refuse_repeats(table, "image_id", what="manifest")
    return table


def shape_manifest(table: pd.DataFrame) -> pd.DataFrame:
    """`check_manifest` without the rule that one row is one image: for tables still in question."""
    table = _with_contract(table, MANIFEST_COLUMNS, required=("image_id", "path"), what="manifest")
    _refuse_paths_of_no_file(table["path"])
    group = table["group_id"].fillna(table["patient_id"]).fillna(table["exam_id"])
    return table.assign(group_id=group.fillna(table["image_id"]))


_LONGEST_NAME: Final = 255  # bytes: no file system has longer ones


def _refuse_paths_of_no_file(paths: "pd.Series[str]") -> None:
    """Such a path is not merely missing: to ask a system for it is an error of its own."""
    wrong = paths.map(_is_no_path).to_numpy(dtype=bool)
    if wrong.any():
        raise TableError(
            f"{wrong.sum()} of {len(paths)} rows of the manifest have a path that no file can have "
            f"(first: row {int(wrong.argmax()) + 1:,}): a name in it is longer than "
            f"{_LONGEST_NAME} bytes or holds a zero byte. Correct the column path."
        )


def _is_no_path(path: str) -> bool:
    names = path.replace("\\", "/").encode().split(b"/")
    return b"\0" in path.encode() or max(map(len, names)) > _LONGEST_NAME


def check_boxes(table: pd.DataFrame) -> pd.DataFrame:
    """`table` with the contract's columns and types."""
    required = ("image_id", "x0", "y0", "x1", "y1")
    return _with_contract(table, BOX_COLUMNS, required=required, what="table of boxes")


def check_predictions(table: pd.DataFrame) -> pd.DataFrame:
    """`table` with the contract's columns and types, or what is wrong with it, in words."""
    if table.empty:
        raise TableError("The predictions table has no rows. Was anything scored?")
    required = ("image_id", "model_id", "score")
    classes = [str(name) for name in table.columns if str(name).startswith(_CLASS_PREFIX)]
    columns = {**PREDICTION_COLUMNS, **dict.fromkeys(classes, "float64")}
    table = _with_contract(table, columns, required=required, what="predictions table")
    outside = ~table["score"].between(0.0, 1.0)
    if outside.any():
        first = table.loc[outside, "image_id"].iloc[0]
        raise TableError(
            f"{outside.sum()} of {len(table)} scores are not between 0 and 1 "
            f"(first: image {first}). Scores must be probabilities; were logits saved?"
        )
    _refuse_repeats(
        table.assign(image_id=table["model_id"] + " / " + table["image_id"]),
        "image_id",
        what="predictions table",
    )
    group = table["group_id"].fillna(table["patient_id"]).fillna(table["exam_id"])
    return table.assign(group_id=group.fillna(table["image_id"]))


def check_splits(manifest: pd.DataFrame) -> None:
    """Refuse a manifest in which one group (a woman) lies in more than one split."""
    splits = manifest.dropna(subset=["split"]).groupby("group_id")["split"].nunique()
    shared = splits.index[splits > 1].tolist()
    if shared:
        raise TableError(
            f"{len(shared)} of {len(splits)} patients are in more than one split "
            f"(first: {shared[0]}). Split by patient, or results on the test set mean nothing."
        )


def check_labels(manifest: pd.DataFrame, task: Task) -> None:
    """Refuse labels that `task` does not know."""
    unknown = sorted(set(manifest["label"].dropna()) - set(task.classes))
    if unknown:
        raise TableError(
            f"The label {unknown[0]!r} is none of this task's classes ({', '.join(task.classes)}). "
            "Choose the task or the label rule that fits this data set."
        )


def class_columns(task: Task) -> list[str]:
    """The predictions columns that hold one probability per class."""
    return [_CLASS_PREFIX + name for name in task.classes]


def positive_of(labels: "pd.Series[Any]", task: Task) -> "pd.Series[bool]":
    """True, False or <NA> per row: whether the label is one of the task's positive classes."""
    positive = labels.isin(task.positive).astype("boolean")
    return positive.mask(labels.isna())


def class_indices(labels: "pd.Series[Any]", task: Task) -> NDArray[np.intp]:
    """The class of each label, all of them known, as its place in the task."""
    return np.array([task.classes.index(label) for label in labels], dtype=np.intp)


_MOST_BYTES: Final = 2**30  # a million images have a fifth of it


def read_table(path: Path, *, what: str) -> pd.DataFrame:
    """A CSV as text columns, ids left as written ("007" stays "007"). A device or a pipe has no
    end, so it is not read.
    """
    try:
        state = path.stat()
        if not stat.S_ISREG(state.st_mode) or state.st_size > _MOST_BYTES:
            raise TableError(
                f"The {what} {path.name} is no plain file of at most {_MOST_BYTES // 2**20:,} MB; "
                "it was not read. Name a CSV."
            )
        return parse_table(path, name=path.name, what=what)
    except FileNotFoundError:
        raise TableError(f"There is no {what} at {path}.") from None


def parse_table(
    source: Path | IO[bytes], *, name: str, what: str, separator: str = ","
) -> pd.DataFrame:
    """The CSV `name` as text columns."""
    try:
        return pd.read_csv(source, dtype="string", encoding="utf-8-sig", sep=separator)
    except (UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise TableError(
            f"The {what} {name} is not a readable CSV: {damage_in_words(error)}. Save it as "
            "CSV (UTF-8), or copy it again from where it came."
        ) from None


def safe_cell(text: str) -> str:
    """`text` as a cell of a CSV that a spreadsheet shows and never runs as a formula. A carriage
    return alone would begin a row of its own there: the writer puts no quotes around it.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def to_safe_csv(table: pd.DataFrame) -> str:
    """CSV that a spreadsheet shows and never runs: a text that starts a formula is quoted."""
    safe = table.map(lambda value: safe_cell(value) if isinstance(value, str) else value)
    return safe.rename(columns=lambda name: safe_cell(str(name))).to_csv(
        index=False, lineterminator="\n"
    )


def _with_contract(
    table: pd.DataFrame, columns: Mapping[str, str], *, required: tuple[str, ...], what: str
) -> pd.DataFrame:
    missing = [name for name in required if name not in table.columns]
    if missing:
        raise TableError(
            f"The {what} lacks {', '.join(missing)}. It has {', '.join(map(str, table.columns))}."
        )
    typed = {name: _typed(table, name, dtype, what=what) for name, dtype in columns.items()}
    extra = {str(name): table[name] for name in table.columns if name not in columns}
    result = pd.DataFrame({**typed, **extra}, index=table.index)
    for name in required:
        lacking = result[name].isna()
        if lacking.any():
            first = int(lacking.to_numpy().argmax()) + 1
            raise TableError(
                f"{lacking.sum()} of {len(result)} rows of the {what} have no {name} (first: row "
                f"{first:,}). Fill it in; if only the last row lacks it, the file was cut short: "
                "copy it again from where it came."
            )
    return result


def _typed(table: pd.DataFrame, name: str, dtype: str, *, what: str) -> "pd.Series[Any]":
    if name not in table.columns:
        return pd.Series(pd.NA, index=table.index, dtype=_nullable(dtype))
    column: pd.Series[Any] = table[name]
    if dtype == "boolean" and pd.api.types.is_string_dtype(column):
        column = column.str.lower().map({"true": True, "false": False})
    try:
        column = column.astype(dtype)  # type: ignore[call-overload]
    except (TypeError, ValueError) as error:
        raise TableError(f"Column {name} of the {what} must be {dtype}: {error}") from None
    if name in _CODED:
        found = sorted(set(column.dropna()) - set(_CODED[name]))
        if found:
            raise TableError(
                f"Column {name} of the {what} holds {found[0]!r}; "
                f"allowed: {', '.join(_CODED[name])}, or empty."
            )
    return column


def _nullable(dtype: str) -> str:
    return "Float64" if dtype == "float64" else dtype


def _refuse_repeats(table: pd.DataFrame, column: str, *, what: str) -> None:
    repeated = table[column][table[column].duplicated()]
    if not repeated.empty:
        raise TableError(
            f"{repeated.nunique()} images appear more than once in the {what} "
            f"(first: {repeated.iloc[0]}). One row is one image."
        )
