"""What a study of readers without and with a model says: each reader, the average reader, and who
agrees with whom.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, product
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mammo_core.errors import TableError
from mammo_core.metrics.agreement import RaterAgreement, Weighting, agreement
from mammo_core.metrics.cases import Cases, Pooling
from mammo_core.metrics.compare import holm
from mammo_core.metrics.mrmc import (
    SEQUENTIAL,
    Crossed,
    ReaderEffect,
    ReaderFigure,
    Readers,
    compare_modalities,
    crossed,
    number_women,
)
from mammo_core.metrics.readers import ReaderStudy, reader_in_words
from mammo_core.metrics.uncertainty import Estimate, Rate, auc_with_interval, rate_with_interval
from mammo_core.types import Level

WITHOUT: Final = "without AI"
WITH: Final = "with AI"
MODEL: Final = "model"

#: The words that can be given, from one end to the other. BI-RADS 0 is no step between 1 and 5: it
#: asks for more images, so it is left out of kappa and counted.
DENSITIES: Final = ("A", "B", "C", "D")
BIRADS: Final = ("1", "2", "3", "4A", "4B", "4C", "5")
CALLS: Final = ("no", "yes")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderRow:
    """One reader in one way, on the cases that all read in both."""

    reader: str
    modality: str
    auc: Estimate
    sensitivity: Rate | None  # None where it is not known whom the reader calls
    specificity: Rate | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RaterPair:
    """Two who judged the same cases; `left_out` could not be held against each other."""

    what: str
    modality: str
    one: str
    other: str
    agreement: RaterAgreement
    left_out: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyFindings:
    """`decision` says in words when a reader calls; `unsaid` why something cannot be told."""

    modalities: tuple[str, str]
    cases: int
    positives: int
    women: int
    decision: str
    rows: tuple[ReaderRow, ...]
    effects: tuple[ReaderEffect, ...]
    pairs: tuple[RaterPair, ...]
    notes: tuple[str, ...]
    unsaid: tuple[str, ...]
    unnamed: int = 0  # cases of no named woman

    @property
    def sentences(self) -> tuple[str, ...]:
        return (*(one.sentence for one in self.effects), *self.unsaid)


_NO_WOMEN: Final = (
    "The study does not tell which cases are of one woman, so each counts as a woman of her own: "
    "where several are of one, the intervals are too narrow."
)
_SEVERAL: Final = (
    "Each p is corrected for the figures of its claim (Holm), each interval is that of its figure "
    "alone. The two kinds of claim are not corrected for one another: say before the study which "
    "one decides."
)


def default_modalities(study: ReaderStudy) -> tuple[str, str]:
    """Without the model and with it, where the study calls them so; else the first two."""
    found = study.modalities
    if {WITHOUT, WITH} <= set(found):
        return WITHOUT, WITH
    if len(found) < 2:
        raise TableError(
            f"All reads are of one way ({found[0]}), so there is nothing to compare it with. A "
            "study needs the same cases read twice, as without the model and with it."
        )
    return found[0], found[1]


def judge_readers(
    study: ReaderStudy,
    *,
    modalities: tuple[str, str],
    called_from: float | None = None,
    truth: "pd.Series[bool] | None" = None,
    women: "pd.Series[str] | None" = None,
    is_sequential: bool = False,
) -> StudyFindings:
    """A reader calls where she or he would recall; where that was not asked, at scores of at least
    `called_from`.
    """
    women = study.women if women is None else women
    reads = crossed(study, modalities, truth=truth, women=women)
    calls, decision, missing = _calls(study, reads, called_from, truth=truth, women=women)
    effects, unsaid = [], [missing] if missing else []
    for figure, about in product(ReaderFigure, Readers):
        of = reads if figure is ReaderFigure.AUC else calls
        if of is None:
            continue
        try:
            effects.append(compare_modalities(of, figure, called_from=0.5, about=about))
        except TableError as error:
            unsaid.append(str(error))
    return StudyFindings(
        modalities=modalities,
        cases=len(reads.positive),
        positives=int(reads.positive.sum()),
        women=int(reads.groups.max()) + 1,
        decision=decision,
        rows=tuple(_rows(reads, calls)),
        effects=_corrected(effects),
        pairs=tuple(_pairs(study, modalities, women)),
        notes=(
            *study.notes,
            *reads.notes,
            *((_NO_WOMEN,) if women is None else ()),
            *((SEQUENTIAL,) if is_sequential else ()),
            _SEVERAL,
        ),
        unsaid=tuple(dict.fromkeys(unsaid)),
        unnamed=reads.unnamed,
    )


def _corrected(effects: Sequence[ReaderEffect]) -> tuple[ReaderEffect, ...]:
    """Each p for all figures of its claim: a model that changes nothing is rarely said to change
    one of three.
    """
    raised: dict[tuple[ReaderFigure, Readers], ReaderEffect] = {}
    for about in Readers:
        claim = [one for one in effects if one.about is about]
        for one, p_value in zip(claim, holm([one.p_value for one in claim]), strict=True):
            raised[(one.figure, about)] = replace(one, p_value=p_value, compared=len(claim))
    return tuple(raised[(one.figure, one.about)] for one in effects)


def _calls(
    study: ReaderStudy,
    reads: Crossed,
    called_from: float | None,
    *,
    truth: "pd.Series[bool] | None",
    women: "pd.Series[str] | None",
) -> tuple[Crossed | None, str, str]:
    """Calls as 1 and 0, when one calls in words, or why that is not known."""
    if "recalled" in study.reads:
        try:
            calls = crossed(study, reads.modalities, truth=truth, women=women, column="recalled")
        except TableError as error:
            return None, "", f"Sensitivity and specificity at the recall decision: {error}"
        return calls, "a reader calls whom she or he would recall", ""
    if called_from is None:
        return (
            None,
            "",
            (
                "Sensitivity and specificity cannot be told: readers were not asked whether they "
                "would recall the woman, and no score is given from which they would."
            ),
        )
    calls = replace(reads, scores=(reads.scores >= called_from).astype(np.float64))
    return calls, f"a reader calls from a score of {called_from:g}, chosen for this table", ""


def _rows(reads: Crossed, calls: Crossed | None) -> Iterator[ReaderRow]:
    for way, modality in enumerate(reads.modalities):
        for number, reader in enumerate(reads.readers):
            sensitivity, specificity = _rates(calls, way, reader)
            yield ReaderRow(
                reader=reader,
                modality=modality,
                auc=auc_with_interval(_cases(reads, reads.scores[way, number])),
                sensitivity=sensitivity,
                specificity=specificity,
            )


def _rates(calls: Crossed | None, way: int, reader: str) -> tuple[Rate | None, Rate | None]:
    if calls is None or reader not in calls.readers:
        return None, None
    called = calls.scores[way, calls.readers.index(reader)] > 0
    ill, groups = calls.positive, calls.groups
    return (
        rate_with_interval(called[ill], groups[ill]),
        rate_with_interval(~called[~ill], groups[~ill]),
    )


def _cases(reads: Crossed, scores: NDArray[np.float64]) -> Cases:
    count = len(scores)
    return Cases(
        level=Level.EXAM,
        rule=Pooling.MAX,
        case_ids=tuple(map(str, range(count))),
        groups=reads.groups,
        positive=reads.positive,
        score=scores,
        images=np.ones(count, dtype=np.intp),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judged:
    """A column of judgements, the words it knows, and what a disagreement weighs."""

    column: str
    title: str
    order: tuple[str, ...]
    weighting: Weighting


_JUDGED: Final = (
    _Judged(column="recalled", title="recall", order=CALLS, weighting=Weighting.NONE),
    _Judged(column="density", title="density", order=DENSITIES, weighting=Weighting.QUADRATIC),
    _Judged(column="birads", title="BI-RADS", order=BIRADS, weighting=Weighting.QUADRATIC),
)


def _pairs(
    study: ReaderStudy, modalities: tuple[str, str], women: "pd.Series[str] | None"
) -> Iterator[RaterPair]:
    """Reader and reader in each way, and each reader and the model."""
    for judged in _JUDGED:
        if judged.column not in study.reads:
            continue
        words = study.reads.assign(word=_words(study.reads[judged.column])).dropna(subset="word")
        model = _by_case(study.model, judged.column)
        for modality in modalities:
            wide = words[words["modality"] == modality].pivot(
                index="case", columns="reader", values="word"
            )
            for one, other in combinations(wide.columns, 2):
                yield from _pair(judged, modality, wide[[one, other]], women)
            for reader in wide.columns if len(model) else ():
                both = pd.DataFrame({MODEL: model, reader: wide[reader]})
                yield from _pair(judged, modality, both, women)


def _words(column: "pd.Series[Any]") -> "pd.Series[Any]":
    """Calls as words; where somebody gave a whole 4, nobody's 4 has parts."""
    if pd.api.types.is_float_dtype(column):
        return column.map({0.0: CALLS[0], 1.0: CALLS[1]})
    if (column == "4").any():
        return column.replace({part: "4" for part in BIRADS if part.startswith("4")})
    return column


def _by_case(model: pd.DataFrame, column: str) -> "pd.Series[Any]":
    if column not in model:
        return pd.Series(dtype="object")
    return _words(model.set_index("case")[column]).dropna()


def _pair(
    judged: _Judged, modality: str, both: pd.DataFrame, women: "pd.Series[str] | None"
) -> Iterator[RaterPair]:
    """Nothing where the two share no case that can be held against the other."""
    order = judged.order
    if (both == "4").any(axis=None):
        order = tuple(dict.fromkeys("4" if one.startswith("4") else one for one in order))
    cases = both[both.isin(order).all(axis=1)]
    if cases.empty:
        return
    one, other = map(str, cases.columns)
    yield RaterPair(
        what=judged.title,
        modality=modality,
        one=one,
        other=other,
        agreement=agreement(
            cases.iloc[:, 0].tolist(),
            cases.iloc[:, 1].tolist(),
            number_women(cases.index, women)[0],
            order=order,
            weighting=judged.weighting,
        ),
        left_out=len(both) - len(cases),
    )


_COLUMNS: Final = (
    "figure", "of", "way", "value", "low", "high", "p", "p_corrected_for", "count", "total",
    "level", "cases", "women", "readers", "about",
)  # fmt: skip
_LEVEL: Final = "case of the study"


def findings_table(found: StudyFindings) -> pd.DataFrame:
    """Every number with its interval, its level and what it is of, a row each."""
    rows = [*_of_readers(found), *_of_effects(found), *_of_pairs(found)]
    return pd.DataFrame(rows, columns=list(_COLUMNS)).assign(level=_LEVEL)


def _of_readers(found: StudyFindings) -> Iterator[dict[str, object]]:
    for row in found.rows:
        who = {"of": reader_in_words(row.reader), "way": row.modality, "about": "this reader alone"}
        auc = row.auc
        yield who | {
            "figure": str(ReaderFigure.AUC), "value": auc.value, "low": auc.low, "high": auc.high,
            "cases": auc.positives + auc.negatives, "women": auc.groups,
        }  # fmt: skip
        rates = (row.sensitivity, row.specificity)
        for figure, rate in zip((ReaderFigure.SENSITIVITY, ReaderFigure.SPECIFICITY), rates,
                                strict=True):  # fmt: skip
            if rate is not None:
                yield who | {
                    "figure": str(figure), "value": rate.value, "low": rate.low, "high": rate.high,
                    "count": rate.count, "total": rate.total, "cases": rate.total,
                    "women": rate.groups,
                }  # fmt: skip


def _of_effects(found: StudyFindings) -> Iterator[dict[str, object]]:
    for one in found.effects:
        basis = {
            "figure": str(one.figure), "cases": one.cases, "women": one.women,
            "readers": one.readers, "about": str(one.about),
        }  # fmt: skip
        for average in one.averages:
            yield basis | {
                "of": "average reader", "way": average.modality, "value": average.value,
                "low": average.low, "high": average.high,
            }  # fmt: skip
        first, second = one.averages
        yield basis | {
            "of": "difference", "way": f"{second.modality} less {first.modality}",
            "value": one.value, "low": one.low, "high": one.high, "p": one.p_value,
            "p_corrected_for": one.compared,
        }  # fmt: skip


def _of_pairs(found: StudyFindings) -> Iterator[dict[str, object]]:
    """Kappa without an interval is not written: it would look surer than it is."""
    for pair in found.pairs:
        judged = pair.agreement
        is_told = judged.low is not None
        yield {
            "figure": f"kappa of {pair.what}, {judged.weighting}",
            "of": f"{pair.one} and {pair.other}", "way": pair.modality,
            "value": judged.kappa if is_told else None, "low": judged.low, "high": judged.high,
            "count": judged.alike.count, "total": judged.alike.total,
            "cases": judged.alike.total, "women": judged.women,
        }  # fmt: skip
