"""What a threshold would mean for 1,000 women screened: a projection, never a finding.

The shares of the set are carried to a prevalence the reader names, as if its women with and without
cancer were those of a screening programme. A cancer is found where its own breast is called
(`Pooling.OWN_BREAST`); a woman is recalled where any of her breasts is (`Pooling.MAX`).
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mammo_core.errors import TableError
from mammo_core.metrics.cases import Cases
from mammo_core.metrics.compare import in_order_of
from mammo_core.metrics.rates import FEWEST_TO_JOIN, ratio_of, weighted_sum
from mammo_core.metrics.uncertainty import Rate, rate_with_interval, women_of_smaller_class
from mammo_core.types import Level
from mammo_core.words import many

SCREENED: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """Readers of 1.7 million screening exams, for orientation (Lehman 2017, Radiology 283:49)."""

    title: str = "BCSC 2017, digital screening"
    recalled: float = 116.0
    found: float = 5.1
    missed: float = 0.8
    ppv: float = 0.044
    sensitivity: float = 0.869
    specificity: float = 0.889
    prevalence: float = 0.0059  # found and missed together, per woman


@dataclass(frozen=True, slots=True, kw_only=True)
class Projection:
    """Expected numbers among `SCREENED` women at one prevalence."""

    prevalence: float
    recalled: float
    found: float
    missed: float  # its own breast was not called
    false_alarms: float
    ppv: float  # NaN where nobody is recalled
    npv: float
    elsewhere: float = 0.0  # missed, but the woman recalled for her other breast


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectionRange:
    """The projection, and of each of its numbers the lower and the upper end of its interval."""

    middle: Projection
    low: Projection
    high: Projection
    sensitivity: Rate
    specificity: Rate


def project(
    sensitivity: float, specificity: float, prevalence: float, *, elsewhere: float = 0.0
) -> Projection:
    """Expected numbers per 1,000 women, `prevalence` of whom have cancer.

    `elsewhere` is the share of women with cancer recalled for the other breast alone.
    """
    if not 0.0 < prevalence < 1.0:
        raise TableError(f"The prevalence is {prevalence}; it must lie between 0 and 1.")
    with_cancer = SCREENED * prevalence
    found = sensitivity * with_cancer
    false_alarms = (1 - specificity) * (SCREENED - with_cancer)
    recalled = found + false_alarms + elsewhere * with_cancer
    left_alone = SCREENED - recalled
    missed = with_cancer - found
    return Projection(
        prevalence=prevalence,
        recalled=recalled,
        found=found,
        missed=missed,
        false_alarms=false_alarms,
        ppv=found / recalled if recalled else math.nan,
        npv=1 - (missed - elsewhere * with_cancer) / left_alone if left_alone else math.nan,
        elsewhere=elsewhere * with_cancer,
    )


def project_at(
    women: Cases, threshold: float, prevalence: float, *, recalled: Cases | None = None
) -> ProjectionRange:
    """The projection at `threshold`, each number with an interval of its own: what adds two shares
    squares and adds their distances, and what divides them follows `ratio_of`.

    `women` are scored by the cancer's own breast, `recalled` are the same women by any breast;
    without them nobody with cancer is taken to be recalled for her other breast.
    """
    if women.level not in (Level.PATIENT, Level.EXAM):
        raise TableError(
            f"These cases are of {women.level}, but a programme calls women. Count by exam or "
            "by patient."
        )
    if not women.positives or not women.negatives:
        raise TableError(f"A projection needs women with and women without {women.finding.one}.")
    called = women.score >= threshold
    called_any = called if recalled is None else _same_women(women, recalled) >= threshold
    ill = women.positive
    any_breast = called | called_any

    def share(hits: NDArray[np.bool_], among: NDArray[np.bool_]) -> Rate:
        return rate_with_interval(hits[among], women.groups[among])

    shares = _Shares(
        found=share(called, ill),
        any_breast=share(any_breast, ill),
        left_ill=share(~any_breast, ill),
        elsewhere=share(any_breast & ~called, ill),
        alarms=share(called, ~ill),
        left_alone=share(~called, ~ill),
    )
    middle = project(
        shares.found.value, shares.left_alone.value, prevalence, elsewhere=shares.elsewhere.value
    )
    low, high = (_end(shares, middle, end) for end in (0, 1))
    return ProjectionRange(
        middle=middle, low=low, high=high, sensitivity=shares.found, specificity=shares.left_alone
    )


def why_no_projection(women: Cases) -> str:
    """The reason in a sentence; "" where there are enough of both kinds."""
    fewest = women_of_smaller_class(women)
    if fewest >= FEWEST_TO_JOIN:
        return ""
    return (
        f"No projection from {many(fewest, 'woman', 'women')} with {women.finding.one}, or "
        f"without: its intervals would be too narrow. It is made from {FEWEST_TO_JOIN} of each on."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shares:
    """Of the women with cancer, and (the last two) of those without."""

    found: Rate
    any_breast: Rate
    left_ill: Rate
    elsewhere: Rate
    alarms: Rate
    left_alone: Rate


def _end(shares: _Shares, middle: Projection, end: int) -> Projection:
    """Every number at its lower (0) or its upper (1) end."""
    ill = middle.prevalence
    ends = [(rate.low, rate.high) for rate in (shares.found, shares.alarms, shares.elsewhere)]
    found, alarms, elsewhere = (pair[end] for pair in ends)
    recalled = weighted_sum((ill, shares.any_breast), (1 - ill, shares.alarms))[1 + end]
    odds = (1 - ill) / ill
    others = middle.elsewhere / middle.found if middle.found else 0.0
    alarms_to_found = ratio_of(shares.alarms, shares.found)[2 - end]
    ill_to_well = ratio_of(shares.left_ill, shares.left_alone)[2 - end]
    return Projection(
        prevalence=ill,
        recalled=SCREENED * recalled,
        found=SCREENED * ill * found,
        missed=SCREENED * ill * (1 - ends[0][1 - end]),
        false_alarms=SCREENED * (1 - ill) * alarms,
        ppv=1 / (1 + others + odds * alarms_to_found),
        npv=1 / (1 + ill_to_well / odds),
        elsewhere=SCREENED * ill * elsewhere,
    )


def _same_women(women: Cases, recalled: Cases) -> NDArray[np.float64]:
    """The scores of `recalled` in the order of `women`."""
    matched = in_order_of(women, recalled)
    if matched is None:
        raise TableError(
            f"The {len(women):,} women scored by the cancer's own breast are not the "
            f"{len(recalled):,} scored by any breast. Count both from the same predictions."
        )
    return matched.score


@dataclass(frozen=True, slots=True, kw_only=True)
class Triage:
    """Two thresholds, per 1,000 women: below the first none is read, from the second all called.
    Each number with the ends of its interval.
    """

    not_read: tuple[float, float, float]
    read: tuple[float, float, float]
    called: tuple[float, float, float]
    cancers_not_read: tuple[float, float, float]
    share_not_read: Rate  # of the women with cancer


def triage(women: Cases, *, rule_out: float, rule_in: float, prevalence: float) -> Triage:
    """What reading only the scores between `rule_out` and `rule_in` would spare and cost."""
    if rule_out > rule_in:
        raise TableError(
            f"The rule-out threshold {rule_out:.3f} lies above the rule-in threshold {rule_in:.3f}."
        )
    if not women.positives or not women.negatives:
        raise TableError(f"Triage needs women with and women without {women.finding.one}.")
    ill = women.positive

    def share(hits: NDArray[np.bool_], among: NDArray[np.bool_]) -> Rate:
        return rate_with_interval(hits[among], women.groups[among])

    def projected(hits: NDArray[np.bool_]) -> tuple[float, float, float]:
        value, low, high = weighted_sum(
            (SCREENED * prevalence, share(hits, ill)),
            (SCREENED * (1 - prevalence), share(hits, ~ill)),
        )
        return value, max(0.0, low), min(float(SCREENED), high)

    is_out, is_in = women.score < rule_out, women.score >= rule_in
    missed, most = share(is_out, ill), SCREENED * prevalence
    return Triage(
        not_read=projected(is_out),
        read=projected(~is_out & ~is_in),
        called=projected(is_in),
        cancers_not_read=(most * missed.value, most * missed.low, most * missed.high),
        share_not_read=missed,
    )
