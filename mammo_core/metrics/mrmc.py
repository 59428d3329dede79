"""Readers without and with a model, as a sample of readers on a sample of cases (MRMC): what would
other readers do on other cases; and, for a claim about these readers alone, with the readers fixed.

Obuchowski and Rockette (1995), Communications in Statistics 24:285, with the degrees of freedom of
Hillis (2007), Statistics in Medicine 26:596; covariances by the jackknife, one woman left out at a
time. Every reader has read every case in both ways.

Of rates that alone was too ready: equal ways were called different in 4 to 8 of 100 made-up
studies, and a gain from .92 to .97 was held in 90. So what readers and ways do to each other is
taken for no less than the cases alone explain, degrees of freedom know how few women there are,
and intervals reach as far as Wilson's (1927) of both averages, squared and added (Zou 2007).
"""

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

from mammo_core.errors import TableError
from mammo_core.metrics.compare import apart
from mammo_core.metrics.readers import ReaderStudy
from mammo_core.metrics.uncertainty import (
    CONFIDENCE,
    placements,
    range_in_words,
    wilson_interval,
)
from mammo_core.words import many

Floats = NDArray[np.float64]

SEQUENTIAL: Final = (
    "Sequential design: each case was answered without the model and at once again with it. "
    "Readers remember their first answer, so the change may come out smaller, and its interval "
    "narrower, than with weeks between the two readings."
)

#: With two random readers, equal ways differed in up to 12 of 100 made-up studies (Roe and Metz) at
#: a nominal 5; with three and four in 4 to 7.
FEWEST_READERS: Final = 3
FEWEST_FIXED: Final = 2
FEWEST_WOMEN: Final = 10  # with cancer, and as many without


class Readers(StrEnum):
    """What a result is about: readers like these, or these alone."""

    RANDOM = "random readers, random cases"
    FIXED = "these readers alone, random cases"


class ReaderFigure(StrEnum):
    AUC = "AUC"
    SENSITIVITY = "sensitivity"
    SPECIFICITY = "specificity"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Crossed:
    """`scores` has (2 modalities, readers, cases)."""

    modalities: tuple[str, str]
    readers: tuple[str, ...]
    scores: Floats
    positive: NDArray[np.bool_]
    groups: NDArray[np.intp]
    notes: tuple[str, ...] = ()
    unnamed: int = 0  # cases of no named woman: each counts as a woman of its own


@dataclass(frozen=True, slots=True, kw_only=True)
class Covariances:
    """Of two figures over the same cases, on average: `one` of one reader in two modalities, `two`
    of two readers in one, `three` of two readers in two; `error` is the variance of a single one.
    """

    error: float
    one: float
    two: float
    three: float
    error_by_modality: tuple[float, float]
    two_by_modality: tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class AverageReader:
    modality: str
    value: float
    low: float
    high: float
    by_reader: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderEffect:
    """Of the average reader: the second modality less the first. The interval is that of this
    figure alone, the p corrected for as many figures as `compared`.
    """

    figure: ReaderFigure
    averages: tuple[AverageReader, AverageReader]
    value: float
    low: float
    high: float
    p_value: float
    freedom: float
    about: Readers
    readers: int
    cases: int
    positives: int
    women: int
    unnamed: int = 0
    compared: int = 1

    @property
    def is_clear(self) -> bool:
        """By the p and by the interval, which for rates is the wider of two."""
        return self.p_value < 1 - CONFIDENCE and (self.low > 0.0 or self.high < 0.0)

    @property
    def sentence(self) -> str:
        first, second = self.averages
        p = "< 0.001" if self.p_value < 0.001 else f"= {self.p_value:.3f}"
        spread = f"{self.value:+.3f}, {range_in_words(self.low, self.high, '+.3f')}, p {p}"
        if self.compared > 1:
            spread += f" corrected for {self.compared} figures"
        told = "differs" if self.is_clear else "cannot be told apart"
        return (
            f"{self.figure} of the average reader {told}: {first.value:.3f} {first.modality}, "
            f"{second.value:.3f} {second.modality} ({spread}; {self.basis}; {self.about})."
        )

    @property
    def basis(self) -> str:
        """The denominators: of sensitivity the cases with cancer, of specificity the others."""
        negatives = self.cases - self.positives
        counted = {
            ReaderFigure.AUC: f"{self.positives:,} with and {negatives:,} without cancer",
            ReaderFigure.SENSITIVITY: f"{self.positives:,} with cancer",
            ReaderFigure.SPECIFICITY: f"{negatives:,} without cancer",
        }[self.figure]
        cases = cases_in_words(self.cases, self.women, self.unnamed)
        return f"{many(self.readers, 'reader', 'readers')}, {cases}, {counted}"


def cases_in_words(cases: int, women: int, unnamed: int) -> str:
    """How many, and of how many women as far as these are known."""
    told = many(cases, "case", "cases")
    if unnamed == cases:
        return f"{told} (women not known)"
    whose = f"{told} of {many(women, 'woman', 'women')}"
    return f"{whose} ({unnamed:,} of no named woman)" if unnamed else whose


def number_women(cases: pd.Index, women: "pd.Series[str] | None") -> tuple[NDArray[np.intp], int]:
    """The woman of each case, numbered, and how many cases have none named; each of these is a
    woman of its own.
    """
    if women is None:
        return np.arange(len(cases)), len(cases)
    groups = pd.factorize(women.reindex(cases))[0]
    unnamed = groups < 0
    groups[unnamed] = groups.max(initial=-1) + 1 + np.arange(unnamed.sum())
    return groups, int(unnamed.sum())


def crossed(
    study: ReaderStudy,
    modalities: tuple[str, str],
    *,
    truth: "pd.Series[bool] | None" = None,
    women: "pd.Series[str] | None" = None,
    column: str = "score",
) -> Crossed:
    """The readers who read in both modalities, on the cases that all of them read in both and whose
    truth is known. `women` names the woman of each case; without it each case is her own.
    """
    known = (study.truth if truth is None else truth).dropna()
    reads = study.reads[study.reads["modality"].isin(modalities)]
    wide = reads.pivot(index="case", columns=["modality", "reader"], values=column)
    read_by = [set(reads.loc[reads["modality"] == one, "reader"]) for one in modalities]
    readers = sorted(set.intersection(*read_by))
    if len(readers) < FEWEST_FIXED:
        raise TableError(
            f"{many(len(readers), 'reader has', 'readers have')} read in both ways "
            f"({modalities[0]}, {modalities[1]}); to compare the two, at least {FEWEST_FIXED} must "
            f"have, and to speak of readers like them at least {FEWEST_READERS}."
        )
    kept = wide[[(m, reader) for m in modalities for reader in readers]].dropna()
    kept = kept[kept.index.isin(known.index)]
    positive = known.reindex(kept.index).to_numpy(dtype=bool)
    if not positive.any() or positive.all():
        raise TableError(
            f"The {len(kept)} cases that every reader read in both ways and whose truth is known "
            "are of one class, so readers cannot be compared."
        )
    lacking = wide.index.size - len(kept)
    groups, unnamed = number_women(kept.index, women)
    with_cancer, without = (len(set(groups[one])) for one in (positive, ~positive))
    if min(with_cancer, without) < FEWEST_WOMEN:
        raise TableError(
            f"{many(with_cancer, 'woman', 'women')} with and {without:,} without cancer were read "
            f"by every reader in both ways; below {FEWEST_WOMEN} of either, what a difference owes "
            "to chance cannot be told. Let the readers read more cases."
        )
    notes = []
    if lacking:
        notes.append(
            f"{many(lacking, 'case', 'cases')} left out: not read by all in both ways, or of "
            "unknown truth."
        )
    if unnamed and women is not None:
        notes.append(
            f"{unnamed:,} of {many(len(kept), 'case', 'cases')} of no named woman: each is taken "
            "for a woman of its own, so every interval is too narrow where several are of one. "
            "Name the woman of every case, or leave those rows out."
        )
    return Crossed(
        modalities=modalities,
        readers=tuple(readers),
        scores=kept.to_numpy(dtype=np.float64).T.reshape(2, len(readers), len(kept)),
        positive=positive,
        groups=groups,
        notes=tuple(notes),
        unnamed=unnamed,
    )


def compare_modalities(
    reads: Crossed,
    figure: ReaderFigure,
    *,
    called_from: float = math.nan,
    about: Readers = Readers.RANDOM,
) -> ReaderEffect:
    """`called_from` is the score from which a reader calls, for sensitivity and specificity."""
    readers = len(reads.readers)
    if about is Readers.RANDOM and readers < FEWEST_READERS:
        raise TableError(
            f"{readers} readers are too few to speak of readers like them: how readers differ "
            f"cannot be learnt from fewer than {FEWEST_READERS}. What is said holds for these "
            "readers alone."
        )
    flat = reads.scores.reshape(-1, reads.scores.shape[-1])
    whole, without = _AUCS if figure is ReaderFigure.AUC else _RATES[figure]
    rows = flat if figure is ReaderFigure.AUC else (flat >= called_from).astype(np.float64)
    values = np.array([whole(row, reads.positive) for row in rows])
    left_out = np.stack([without(row, reads.positive, reads.groups) for row in rows])
    women = left_out.shape[1]
    covariance = np.cov(left_out) * (women - 1) ** 2 / women
    return obuchowski_rockette(
        values.reshape(2, readers),
        covariances_of(covariance.reshape(2, readers, 2, readers)),
        reads=reads,
        figure=figure,
        about=about,
    )


def covariances_of(covariance: Floats) -> Covariances:
    """From all (modality, reader, modality, reader), averaged over what should be alike."""
    readers = covariance.shape[1]
    same = np.eye(readers, dtype=bool)
    error = [float(covariance[m, :, m, :][same].mean()) for m in (0, 1)]
    two = [float(covariance[m, :, m, :][~same].mean()) for m in (0, 1)]
    across = covariance[0, :, 1, :]
    return Covariances(
        error=float(np.mean(error)),
        one=float(across[same].mean()),
        two=float(np.mean(two)),
        three=float(across[~same].mean()),
        error_by_modality=(error[0], error[1]),
        two_by_modality=(two[0], two[1]),
    )


def obuchowski_rockette(
    values: Floats,
    covariances: Covariances,
    *,
    reads: Crossed,
    figure: ReaderFigure,
    about: Readers = Readers.RANDOM,
) -> ReaderEffect:
    """From the figures (2 modalities, readers) and their covariances."""
    means, women = values.mean(axis=1), _women_of(reads, figure)
    value = float(means[1] - means[0])
    difference = _of_difference(values, covariances, about, women)
    if difference.error <= _NO_SPREAD:
        raise TableError(
            f"{figure[0].upper()}{figure[1:]} is {means[0]:.3f} {reads.modalities[0]} and "
            f"{means[1]:.3f} {reads.modalities[1]}, without any spread between readers and cases, "
            "so nothing can be said of other cases."
        )
    spreads = [_of_average(values[m], covariances, m, about, women) for m in (0, 1)]
    first, second = (
        _average(values[m], spread, reads.modalities[m], women) for m, spread in enumerate(spreads)
    )
    half = _quantile(difference.freedom) * difference.error
    low, high = value - half, value + half
    if women is not None:
        ends = _from_both(means, (spreads[0], spreads[1]), difference, women, values.shape[1])
        low, high = min(low, ends[0]), max(high, ends[1])
    return ReaderEffect(
        figure=figure,
        averages=(first, second),
        value=value,
        low=max(-1.0, low),
        high=min(1.0, high),
        p_value=_p_of(abs(value) / difference.error, difference.freedom),
        freedom=difference.freedom,
        about=about,
        readers=values.shape[1],
        cases=len(reads.positive),
        positives=int(reads.positive.sum()),
        women=int(reads.groups.max()) + 1,
        unnamed=reads.unnamed,
    )


def _women_of(reads: Crossed, figure: ReaderFigure) -> int | None:
    """Women that a rate is of; None for the AUC, which is as published."""
    if figure is ReaderFigure.AUC:
        return None
    is_counted = reads.positive == (figure is ReaderFigure.SENSITIVITY)
    return len(np.unique(reads.groups[is_counted]))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Spread:
    """A standard error and its degrees of freedom; infinite, so normal, where readers are fixed and
    no rate is told.
    """

    error: float
    freedom: float


def _spread_of(
    readers: int, about: Readers, women: int | None, *, between: float, least: float, shared: float
) -> _Spread:
    """Of the mean of so many readers. `between` is found from what they differ by, `least` what the
    cases alone explain of it, `shared` what all of them have in common.

    Rates: Satterthwaite's degrees of freedom, `shared` known from the women alone.
    """
    common = readers * shared
    if about is Readers.FIXED:
        freedom = math.inf if women is None else women - 1.0
        return _Spread(error=math.sqrt(max(least + common, 0.0) / readers), freedom=freedom)
    if women is None:
        spread, doubt = between + common, between**2 / (readers - 1)
    else:
        spread = max(between, least) + common
        doubt = between**2 / (readers - 1) + common**2 / (women - 1)
    freedom = max(1.0, spread**2 / doubt) if doubt > 0 else math.inf
    if women is not None:  # what the cases explain is known from so many
        freedom = min(freedom, women - 1.0)
    return _Spread(error=math.sqrt(spread / readers), freedom=freedom)


def _of_difference(
    values: Floats, covariances: Covariances, about: Readers, women: int | None
) -> _Spread:
    readers = values.shape[1]
    rest = values - values.mean(axis=1)[:, None] - values.mean(axis=0) + values.mean()
    shared = max(covariances.two - covariances.three, 0.0)
    return _spread_of(
        readers,
        about,
        women,
        between=2 * float((rest**2).sum()) / (readers - 1),
        least=2 * (covariances.error - covariances.one - shared),
        shared=2 * shared,
    )


def _of_average(
    row: Floats, covariances: Covariances, number: int, about: Readers, women: int | None
) -> _Spread:
    shared = max(covariances.two_by_modality[number], 0.0)
    return _spread_of(
        len(row),
        about,
        women,
        between=float(row.var(ddof=1)),
        least=covariances.error_by_modality[number] - shared,
        shared=shared,
    )


def _average(row: Floats, spread: _Spread, modality: str, women: int | None) -> AverageReader:
    value, quantile = float(row.mean()), _quantile(spread.freedom)
    if women is None:
        half = quantile * spread.error
        low, high = max(0.0, value - half), min(1.0, value + half)
    else:
        low, high = _wilson(value, spread, quantile, women, len(row))
    return AverageReader(
        modality=modality, value=value, low=low, high=high, by_reader=tuple(row.tolist())
    )


def _wilson(
    value: float, spread: _Spread, quantile: float, women: int, readers: int
) -> tuple[float, float]:
    """Of as many cases as would vary as much; where all readers are right in all, of the women."""
    alone = value * (1 - value)
    if alone <= 0.0 or spread.error <= _NO_SPREAD:
        return wilson_interval(value, women, z=quantile)
    total = min(max(1.0, alone / spread.error**2), float(women * readers))
    return wilson_interval(value, total, z=quantile)


def _from_both(
    means: Floats, averages: tuple[_Spread, _Spread], difference: _Spread, women: int, readers: int
) -> tuple[float, float]:
    """The intervals of both averages squared and added, less what the two ways share."""
    first, second = float(means[0]), float(means[1])
    quantile = _quantile(difference.freedom)
    (low, high), (other_low, other_high) = (
        _wilson(mean, spread, quantile, women, readers)
        for mean, spread in zip((first, second), averages, strict=True)
    )
    one, other = (spread.error for spread in averages)
    alike = 0.0
    if min(one, other) > _NO_SPREAD:
        alike = (one**2 + other**2 - difference.error**2) / (2 * one * other)
        alike = min(1.0, max(-1.0, alike))
    value = second - first
    return (
        value - apart(second - other_low, high - first, alike),
        value + apart(other_high - second, first - low, alike),
    )


_NO_SPREAD: Final = 1e-9
_MOST_FREEDOM: Final = 1e6


def _quantile(freedom: float) -> float:
    return float(stdtrit(min(freedom, _MOST_FREEDOM), (1 + CONFIDENCE) / 2))


def _p_of(distance: float, freedom: float) -> float:
    return float(2 * stdtr(min(freedom, _MOST_FREEDOM), -distance))


def _auc(row: Floats, positive: NDArray[np.bool_]) -> float:
    return float(placements(row, positive)[positive].mean())


def _aucs_without(row: Floats, positive: NDArray[np.bool_], groups: NDArray[np.intp]) -> Floats:
    """The AUC with each woman left out in turn, from one sort."""
    ill, well = int(positive.sum()), int((~positive).sum())
    shares = placements(row, positive)
    won = np.bincount(groups, weights=np.where(positive, shares * well, shares * ill))
    hers_ill = np.bincount(groups, weights=positive)
    hers_well = np.bincount(groups, weights=~positive)
    own = np.zeros(len(won))  # her own pairs were taken away twice
    for woman in np.flatnonzero((hers_ill > 0) & (hers_well > 0)):
        scores, is_ill = row[groups == woman], positive[groups == woman]
        apart = scores[is_ill][:, None] - scores[~is_ill][None, :]
        own[woman] = (apart > 0).sum() + 0.5 * (apart == 0).sum()
    whole = float(shares[positive].sum()) * well
    return np.asarray((whole - won + own) / ((ill - hers_ill) * (well - hers_well)))


def _sensitivity(row: Floats, positive: NDArray[np.bool_]) -> float:
    return float(row[positive].mean())


def _sensitivities_without(
    row: Floats, positive: NDArray[np.bool_], groups: NDArray[np.intp]
) -> Floats:
    found = np.bincount(groups, weights=row * positive)
    hers = np.bincount(groups, weights=positive)
    return np.asarray((found.sum() - found) / (hers.sum() - hers))


def _specificity(row: Floats, positive: NDArray[np.bool_]) -> float:
    return _sensitivity(1 - row, ~positive)


def _specificities_without(
    row: Floats, positive: NDArray[np.bool_], groups: NDArray[np.intp]
) -> Floats:
    return _sensitivities_without(1 - row, ~positive, groups)


_AUCS: Final = (_auc, _aucs_without)
_RATES: Final = {
    ReaderFigure.SENSITIVITY: (_sensitivity, _sensitivities_without),
    ReaderFigure.SPECIFICITY: (_specificity, _specificities_without),
}
