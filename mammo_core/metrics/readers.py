"""Readers of a study beside a model: their points on its ROC, and the difference, paired by woman.

The columns are those of iMRMC (FDA): reader, case, modality, score, and the truth either as a
column of its own or as rows whose reader is -1 or "truth". Cases are named as on the page. Where
readers were asked, columns of their own tell whether they would recall the woman, the BI-RADS
category and the density; `woman` says which cases are of one.
"""

import re
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mammo_core.errors import TableError
from mammo_core.metrics.cases import Cases
from mammo_core.metrics.compare import Difference, taken
from mammo_core.metrics.paired_rates import beside_calls
from mammo_core.metrics.threshold import OperatingPoint
from mammo_core.metrics.uncertainty import Rate, rate_with_interval, rates_at
from mammo_core.words import many

_NAMES: Final = {
    "reader": ("reader", "readerid", "reader_id"),
    "case": ("case", "caseid", "case_id"),
    "modality": ("modality", "modalityid", "modality_id"),
    "score": ("score", "rating"),
    "truth": ("truth", "label", "cancer"),
    "recalled": ("recalled", "called"),
    "birads": ("birads", "bi-rads", "bi_rads"),
    "density": ("density",),
    "woman": ("woman", "patient", "patient_id"),
}
_ASKED: Final = ("recalled", "birads", "density", "woman")
_NEEDED: Final = ("reader", "case", "score")
_TRUTH_READERS: Final = ("-1", "truth")
#: As an export of a reader study made here calls the rows of the model itself.
MODEL_ALONE: Final = "model alone"
_POSITIVE: Final = ("1", "1.0", "true", "yes", "cancer", "malignant")
_NEGATIVE: Final = ("0", "0.0", "false", "no", "no cancer", "benign", "normal")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReaderStudy:
    """`reads` has `reader, case, modality, score`, one row per read, and where it was asked
    `recalled` (1 or 0), `birads`, `density`, `woman`; `model` the same of the model itself. `truth`
    says what is known of a case, by its name; empty where the file tells none.
    """

    reads: pd.DataFrame
    truth: "pd.Series[bool]"
    notes: tuple[str, ...]
    model: pd.DataFrame = field(default_factory=pd.DataFrame)

    @property
    def women(self) -> "pd.Series[str] | None":
        """The woman of each case; None where the file does not tell them."""
        if "woman" not in self.reads:
            return None
        return self.reads.dropna(subset="woman").groupby("case")["woman"].first()

    @property
    def modalities(self) -> list[str]:
        return sorted(set(self.reads["modality"]))

    @property
    def scores(self) -> list[float]:
        """The different scores, rising: ratings of a scale, or 0 and 1 for calls."""
        return sorted(float(score) for score in set(self.reads["score"]))


def reader_in_words(reader: str) -> str:
    """Studies name readers "ann", "3" or "Reader 3": the word stands before a name once."""
    return reader if re.match(r"reader(?![a-z])", reader, re.IGNORECASE) else f"reader {reader}"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReaderResult:
    """One reader on the cases that he or she read, and the model on the same.

    `model` is its point where it is at least as specific as the reader; `gain` is its sensitivity
    there less the reader's, its interval and p corrected for the number of readers (Bonferroni).
    """

    reader: str
    sensitivity: Rate
    specificity: Rate
    model: OperatingPoint
    model_specificity: Rate
    gain: Difference


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReadersBeside:
    """All readers beside one model; `cases` are those that any of them read."""

    cases: Cases
    results: tuple[ReaderResult, ...]
    notes: tuple[str, ...]


def read_study(cells: pd.DataFrame) -> ReaderStudy:
    """What the cells of an uploaded CSV or iMRMC file say."""
    table = _table_of(cells)
    missing = [name for name in _NEEDED if name not in table.columns]
    if missing:
        raise TableError(
            f"The reader study lacks the column {', '.join(missing)}. It has "
            f"{', '.join(map(str, table.columns))}; wanted are reader, case, modality, score and "
            "truth, as iMRMC writes them."
        )
    if "modality" not in table.columns:
        table["modality"] = "1"
    is_truth = table["reader"].str.lower().isin(_TRUTH_READERS)
    needed = ["reader", "case", "modality", "score"]
    asked = [name for name in _ASKED if name in table.columns]
    reads = table.loc[~is_truth, [*needed, *asked]].dropna(subset=needed)
    reads = _understood(reads)
    notes = []
    is_model = reads["modality"] == MODEL_ALONE
    model = reads[is_model].reset_index(drop=True)
    if is_model.any():
        notes.append(f"The rows of “{MODEL_ALONE}” left out: the model is no reader beside itself.")
        reads = reads[~is_model]
    lacking = int((~is_truth).sum() - is_model.sum()) - len(reads)
    if lacking:
        notes.append(f"{many(lacking, 'read', 'reads')} left out for lack of a value.")
    score = pd.to_numeric(reads["score"], errors="coerce")
    unread = score.isna() | (score.abs() == np.inf)
    if unread.any():
        raise TableError(
            f"{int(unread.sum())} of {len(reads)} scores of the reader study are no finite numbers "
            f"(first: {reads.loc[unread, 'score'].iloc[0]})."
        )
    reads = reads.assign(score=score).drop_duplicates()
    if reads.empty:
        raise TableError("The reader study has no read with reader, case and score.")
    twice = reads.duplicated(["reader", "case", "modality"])
    if twice.any():
        first = reads[twice].iloc[0]
        raise TableError(
            f"{many(int(twice.sum()), 'case was', 'cases were')} scored twice by one reader and "
            f"differently (first: {first['case']} by {first['reader']}). One read is one row."
        )
    return ReaderStudy(
        reads=reads.reset_index(drop=True),
        truth=_truth(table, is_truth),
        notes=tuple(notes),
        model=model,
    )


def _understood(reads: pd.DataFrame) -> pd.DataFrame:
    """With decisions as 1 and 0, and words in capitals; columns that say nothing are left out."""
    if "recalled" in reads:
        words = reads["recalled"].str.lower()
        strange = words.notna() & (words != "") & ~words.isin([*_POSITIVE, *_NEGATIVE])
        if strange.any():
            raise TableError(
                f"{many(int(strange.sum()), 'decision', 'decisions')} to recall in the reader "
                f"study are neither yes nor no (first: {reads.loc[strange, 'recalled'].iloc[0]})."
            )
        called = words.isin(_POSITIVE).astype(np.float64)
        reads = reads.assign(recalled=called.where(words.isin([*_POSITIVE, *_NEGATIVE])))
    for name in {"birads", "density"} & {*reads.columns}:
        words = reads[name].str.upper()
        reads = reads.assign(**{name: words.where(words != "")})
    if "woman" in reads:
        reads = reads.assign(woman=reads["woman"].where(reads["woman"] != ""))
        women = reads.groupby("case")["woman"].nunique()
        if (women > 1).any():
            raise TableError(
                f"{many(int((women > 1).sum()), 'case is', 'cases are')} of two women in the "
                f"reader study (first: {women.index[women > 1][0]}). A case is of one woman."
            )
    empty = [name for name in _ASKED if name in reads and reads[name].isna().all()]
    return reads.drop(columns=empty)


def beside_readers(
    study: ReaderStudy, cases: Cases, *, modality: str, called_from: float
) -> ReadersBeside:
    """A reader calls at scores of at least `called_from`."""
    reads = study.reads[study.reads["modality"] == modality]
    rows = pd.Series(pd.Index(cases.case_ids).get_indexer(pd.Index(reads["case"])), reads.index)
    named = rows >= 0
    if not named.any():
        raise TableError(
            f"None of the {reads['case'].nunique()} cases of the study is named as here (there: "
            f"{reads['case'].iloc[0]}; here: {cases.case_ids[0]}). Count by what the study counts, "
            "and name cases as the table of mistakes does."
        )
    notes = []
    if not named.all():
        strangers = reads.loc[~named, "case"].nunique()
        notes.append(
            f"{many(strangers, 'case', 'cases')} of the study left out: not predicted here."
        )
    told = reads["case"].map(study.truth).astype("boolean")
    here = pd.Series(cases.positive[rows.clip(lower=0)], reads.index)
    differs = named & (told != here).fillna(value=False).astype(bool)
    if differs.any():
        notes.append(
            f"{many(reads.loc[differs, 'case'].nunique(), 'case', 'cases')} left out because the "
            "study and the predictions differ on the truth."
        )
    kept = reads[named & ~differs].assign(row=rows)
    judged, unjudged = [], []
    for reader, part in kept.groupby("reader", sort=True):
        own = taken(cases, part["row"].to_numpy())
        if own.positives and own.negatives:
            judged.append((str(reader), own, (part["score"] >= called_from).to_numpy()))
        else:
            unjudged.append(str(reader))
    if unjudged:
        notes.append(f"Left out, having read cases of one class only: {', '.join(unjudged)}.")
    if not judged:
        raise TableError("No reader read cases with and cases without cancer.")
    results = tuple(_result(*one, readers=len(judged)) for one in judged)
    every = taken(cases, np.array(sorted(set(kept["row"]))))
    return ReadersBeside(cases=every, results=results, notes=tuple(notes))


def _result(reader: str, cases: Cases, called: NDArray[np.bool_], *, readers: int) -> ReaderResult:
    positive, groups = cases.positive, cases.groups
    model, gain = beside_calls(cases, called, looks=readers)
    return ReaderResult(
        reader=reader,
        sensitivity=rate_with_interval(called[positive], groups[positive]),
        specificity=rate_with_interval(~called[~positive], groups[~positive]),
        model=model,
        model_specificity=rates_at(cases, model.threshold).specificity,
        gain=gain,
    )


def _table_of(table: pd.DataFrame) -> pd.DataFrame:
    by_name = {str(name).strip().lower(): str(name) for name in table.columns}
    found = {
        role: next((by_name[name] for name in names if name in by_name), None)
        for role, names in _NAMES.items()
    }
    return pd.DataFrame({role: table[name].str.strip() for role, name in found.items() if name})


def _truth(table: pd.DataFrame, is_truth: "pd.Series[bool]") -> "pd.Series[bool]":
    """Per case, from the column or from the rows of the reader called truth."""
    if is_truth.any():
        told = table.loc[is_truth, ["case", "score"]].rename(columns={"score": "truth"})
    elif "truth" in table.columns:
        told = table[["case", "truth"]]
    else:
        return pd.Series(dtype="boolean")
    words = told["truth"].str.lower()
    unknown = words.notna() & ~words.isin([*_POSITIVE, *_NEGATIVE])
    if unknown.any():
        raise TableError(
            f"The truth of {int(unknown.sum())} rows of the reader study is neither 0 nor 1 "
            f"(first: {told.loc[unknown, 'truth'].iloc[0]})."
        )
    known = told.assign(truth=words.isin(_POSITIVE))[words.notna()].drop_duplicates()
    twice = known["case"].duplicated()
    if twice.any():
        raise TableError(
            f"The reader study tells two truths of {many(int(twice.sum()), 'case', 'cases')} "
            f"(first: {known.loc[twice, 'case'].iloc[0]})."
        )
    return known.set_index("case")["truth"]
