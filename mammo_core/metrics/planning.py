"""How many women a study needs: for an interval as narrow as wanted, or to see a difference between
two models, or between readers without and with one.

Formulas of large samples; women with several cases each count less by the design effect.
"""

import math
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from scipy.special import fdtri, ncfdtr, ndtri

from mammo_core.errors import ConfigError
from mammo_core.metrics.mrmc import FEWEST_READERS, FEWEST_WOMEN
from mammo_core.metrics.uncertainty import (
    CONFIDENCE,
    FEWEST_OF_CLASS,
    hanley_mcneil_variance,
    newcombe_interval,
    normal_quantile,
    wilson_interval,
)
from mammo_core.words import CANCERS, CalledFor, many

_FEWEST: Final = 4
#: What is taken for want of better: correlations of the errors of one reader without and with the
#: model, and of two readers, in one way or in two; and the standard deviation, between readers, of
#: what the model brings them.
READER_LIKENESS: Final = 0.47
_OF_TWO_READERS: Final = 0.3
READER_SPREAD: Final = 0.02
_MOST: Final = 10_000_000  # cases: beyond it a wish is refused


class PlannedFigure(StrEnum):
    AUC = "AUC"
    SENSITIVITY = "sensitivity"
    SPECIFICITY = "specificity"


_PLURALS: Final = {
    PlannedFigure.AUC: "AUCs",
    PlannedFigure.SENSITIVITY: "sensitivities",
    PlannedFigure.SPECIFICITY: "specificities",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyPlan:
    """What is expected and wanted. Without `other` the interval of one model shall reach no further
    than `reach` to either side; with it, a paired test of two models shall find their difference
    with `power`.
    """

    figure: PlannedFigure
    expected: float
    other: float | None = None
    reach: float = 0.05
    power: float = 0.8
    prevalence: float = 0.5  # share of the women of the study who have what is looked for
    cases_per_woman: float = 1.0
    likeness: float = 0.5  # of the cases of one woman (intraclass correlation)
    correlation: float = 0.5  # of the two AUCs, or of the two models' calls
    readers: int = 0  # 0: no readers; else `expected` and `other` are those of the average reader
    reader_likeness: float = READER_LIKENESS  # of the errors of one reader without and with it
    reader_spread: float = READER_SPREAD  # between readers, of what the model brings them
    finding: CalledFor = CANCERS  # what the model looks for

    def check(self) -> None:
        shares = {
            "expected value": self.expected,
            "other value": self.expected if self.other is None else self.other,
            "reach of the interval": self.reach,
            "power": self.power,
            "prevalence": self.prevalence,
        }
        for name, value in shares.items():
            if not 0.0 < value < 1.0:
                raise ConfigError(f"The {name} is {value:g}; it must lie between 0 and 1.")
        alike = {
            "likeness": self.likeness,
            "correlation": self.correlation,
            "likeness of a reader's errors": self.reader_likeness,
            "spread between readers": self.reader_spread,
        }
        for name, value in alike.items():
            if not 0.0 <= value < 1.0:
                raise ConfigError(f"The {name} is {value:g}; it must be from 0 to below 1.")
        if not 1.0 <= self.cases_per_woman < math.inf:
            raise ConfigError(f"{self.cases_per_woman:g} cases a woman; give one or more.")
        self._check_readers()
        if self.other is not None and self.other == self.expected:
            raise ConfigError("Both values are the same: no study can show a difference of 0.")

    def _check_readers(self) -> None:
        if not self.readers:
            return
        if self.readers < FEWEST_READERS or self.other is None:
            raise ConfigError(
                f"A study with readers needs {FEWEST_READERS} or more, for how readers differ "
                "cannot be learnt from fewer, and what they reach with the model."
            )
        if self.reader_likeness < _OF_TWO_READERS:
            raise ConfigError(
                f"The likeness of a reader's errors is {self.reader_likeness:g}; it must be at "
                f"least that of the errors of two readers, {_OF_TWO_READERS:g}."
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Needed:
    """Women to be recruited, and what the numbers rest on."""

    with_cancer: int
    without: int
    women: int
    remarks: tuple[str, ...]
    finding: CalledFor = CANCERS

    @property
    def sentence(self) -> str:
        return (
            f"{many(self.women, 'woman', 'women')}: {self.with_cancer:,} with and "
            f"{self.without:,} without {self.finding.one}."
        )


def women_needed(plan: StudyPlan) -> Needed:
    """A ConfigError where the plan contradicts itself, or no study is large enough."""
    plan.check()
    odds = (1 - plan.prevalence) / plan.prevalence
    effect = design_effect(plan.cases_per_woman, plan.likeness)
    ill: float
    if plan.figure is PlannedFigure.AUC:
        ill = auc_cases(plan, odds)
    elif plan.figure is PlannedFigure.SENSITIVITY:
        ill = rate_cases(plan)
    else:
        ill = rate_cases(plan) / odds
    with_cancer = math.ceil(ill * effect / plan.cases_per_woman - 1e-9)
    with_cancer = max(with_cancer, FEWEST_WOMEN, math.ceil(FEWEST_WOMEN / odds - 1e-9))
    without = math.ceil(with_cancer * odds - 1e-9)
    return Needed(
        with_cancer=with_cancer,
        without=without,
        women=with_cancer + without,
        remarks=_remarks(plan, with_cancer, effect),
        finding=plan.finding,
    )


def design_effect(cases: float, likeness: float) -> float:
    """By how much more cases are needed where a woman brings several (Kish 1965)."""
    return 1 + (cases - 1) * likeness


def auc_cases(plan: StudyPlan, odds: float) -> int:
    """Cases with cancer, `odds` times as many without (Hanley and McNeil 1982, 1983)."""
    if plan.readers:
        return _least(lambda ill: reader_power(plan, ill, odds) >= plan.power)
    if plan.other is None:
        return _least(lambda ill: _auc_reach(plan.expected, ill, odds) <= plan.reach)
    apart, other = abs(plan.expected - plan.other), plan.other

    def is_seen(ill: float) -> bool:
        one, two = (
            hanley_mcneil_variance(value, ill, ill * odds) for value in (plan.expected, other)
        )
        spread = one + two - 2 * plan.correlation * math.sqrt(one * two)
        return apart >= (normal_quantile() + float(ndtri(plan.power))) * math.sqrt(spread)

    return _least(is_seen)


def _auc_reach(value: float, ill: float, odds: float) -> float:
    """Of the interval that will be shown for so many: the further of its two sides."""
    low, high = newcombe_interval(value, ill, ill * odds, z=normal_quantile())
    return max(value - low, high - value)


def rate_cases(plan: StudyPlan) -> int:
    """Cases of the kind that the rate is of."""
    if plan.readers:
        return _least(lambda cases: reader_power(plan, cases, 1.0) >= plan.power)
    if plan.other is None:
        return _least(lambda cases: _rate_reach(plan.expected, cases) <= plan.reach)
    apart = discordant(plan.expected, plan.other, plan.correlation)
    return math.ceil(mcnemar_cases(*apart, power=plan.power))


def _rate_reach(value: float, cases: float) -> float:
    low, high = wilson_interval(value, cases)
    return max(value - low, high - value)


def discordant(one: float, other: float, correlation: float) -> tuple[float, float]:
    """The shares of cases that only one of two models calls, from their rates and phi."""
    both = one * other + correlation * math.sqrt(one * (1 - one) * other * (1 - other))
    both = min(both, one, other)
    return one - both, other - both


def mcnemar_cases(only_one: float, only_other: float, *, power: float) -> float:
    """Pairs for McNemar's test (Connor 1987, Biometrics 43:207)."""
    apart, shared = abs(only_one - only_other), only_one + only_other
    z, w = normal_quantile(), float(ndtri(power))
    return (z * math.sqrt(shared) + w * math.sqrt(shared - apart**2)) ** 2 / apart**2


def reader_power(plan: StudyPlan, ill: float, odds: float) -> float:
    """Of the F test of Obuchowski and Rockette with Hillis' degrees of freedom (Hillis, Obuchowski
    and Berbaum 2011, Academic Radiology 18:129), readers and cases random.
    """
    assert plan.other is not None
    middle = (plan.expected + plan.other) / 2
    error = (
        hanley_mcneil_variance(middle, ill, ill * odds)
        if plan.figure is PlannedFigure.AUC
        else middle * (1 - middle) / ill
    )
    readers = plan.readers
    spread = plan.reader_spread**2 / 2 + error * (1 - plan.reader_likeness)
    noncentral = readers * (plan.expected - plan.other) ** 2 / (2 * spread)
    freedom = readers - 1  # two readers err as alike in two ways as in one: cases add nothing
    critical = fdtri(1, freedom, CONFIDENCE)
    return 1 - float(ncfdtr(1, freedom, noncentral, critical))


def _least(is_enough: Callable[[float], bool]) -> int:
    """The smallest number of cases that is enough; all above it are."""
    most = _FEWEST
    while not is_enough(most):
        most *= 2
        if most > _MOST:
            raise ConfigError(
                f"Not even {_MOST:,} cases are enough. Ask for a wider interval, a larger "
                "difference, or more readers."
            )
    return bisect_left(range(most), True, lo=_FEWEST, key=is_enough)


def _remarks(plan: StudyPlan, with_cancer: int, effect: float) -> tuple[str, ...]:
    remarks = []
    if effect > 1.0:
        remarks.append(
            f"{plan.cases_per_woman:g} cases a woman that are alike by {plan.likeness:g} make each "
            f"worth {1 / effect:.2f} of one alone."
        )
    if plan.readers:
        remarks.append(
            f"{plan.readers} readers and the cases are both a sample; errors of one reader without "
            f"and with the model correlate by {plan.reader_likeness:g}, those of two readers by "
            f"{_OF_TWO_READERS:g}, and what the model brings differs between readers by "
            f"{plan.reader_spread:g} (standard deviation)."
        )
    elif plan.other is not None:
        remarks.append(
            f"Both models score the same women; their {_PLURALS[plan.figure]} correlate by "
            f"{plan.correlation:g}. A pilot tells better."
        )
    if plan.figure is PlannedFigure.AUC:
        remarks.append(
            "The variance of an AUC is taken as Hanley and McNeil have it, which is on the safe "
            "side: of bell-shaped scores fewer women would do."
        )
    if with_cancer < FEWEST_OF_CLASS:
        remarks.append(
            f"With fewer than {FEWEST_OF_CLASS} women with {plan.finding.one} these formulas are "
            "rough. Take more, or try the plan out by simulation."
        )
    return tuple(remarks)
