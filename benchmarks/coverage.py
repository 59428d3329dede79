"""How often each interval that is shown holds the truth, and how often each test that is shown
calls equal things different, on made-up women. Writes benchmarks/coverage.md.

    python -m benchmarks.coverage            # 2,000 studies each: hours
    python -m benchmarks.coverage 200 50     # a look: so many studies of intervals, and of tests
"""

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit
from scipy.stats import norm

from mammo_core.metrics.calibration import calibration_of, expected_error_interval
from mammo_core.metrics.cases import Cases, Pooling
from mammo_core.metrics.compare import compare_to_best, holm
from mammo_core.metrics.confounding import auc_within
from mammo_core.metrics.conservative import delivered_of, promised_rate
from mammo_core.metrics.curves import average_precision, average_precision_with_interval
from mammo_core.metrics.paired_rates import beside_calls, sensitivities_at
from mammo_core.metrics.rates import more_rates
from mammo_core.metrics.uncertainty import Estimate, Rate, auc_of, auc_with_interval, rates_at
from mammo_core.types import Level

STUDIES: Final = 2000
LARGE: Final = 50_000  # women whose number is taken for the truth
DESIGNS: Final = ((3, 150), (5, 250), (10, 500), (20, 1000), (34, 100), (170, 500))
AUCS: Final = (0.75, 0.95)
WRITTEN: Final = Path(__file__).with_name("coverage.md")
KINDS: Final = ("one case", "clustered", "five levels")
_OF_LEVELS: Final = ("AUC", "average precision")

Interval = tuple[float, float]
Figure = tuple[float, Interval | None]


def women(rng: np.random.Generator, count: int, with_cancer: int, *, skill: float) -> Cases:
    """Four images each, two of one breast; a cancer is in one breast. Half of it all is shared."""
    breasts = np.repeat(rng.normal(size=(count, 2)), 2, axis=1) * 0.4
    score = rng.normal(size=(count, 1)) * 0.8 + breasts + rng.normal(size=(count, 4)) * 0.4
    positive = np.zeros((count, 4), dtype=bool)
    positive[:with_cancer, :2] = True
    return _cases(norm.cdf(score + skill * positive).ravel(), positive.ravel(), images=4)


def one_each(
    rng: np.random.Generator, count: int, with_cancer: int, *, skill: float, levels: bool = False
) -> Cases:
    """One case per woman; with `levels` the score is one of five."""
    positive = np.arange(count) < with_cancer
    score = rng.normal(size=count) + skill * positive
    if levels:
        score = np.digitize(score, [-0.5, 0.5, 1.2, 2.0]).astype(np.float64)
    return _cases(norm.cdf(score), positive, images=1)


def _cases(score: NDArray[np.float64], positive: NDArray[np.bool_], *, images: int) -> Cases:
    return Cases(
        level=Level.IMAGE,
        rule=Pooling.MAX,
        case_ids=tuple(map(str, range(len(score)))),
        groups=np.repeat(np.arange(len(score) // images), images),
        positive=positive,
        score=score,
        images=np.ones(len(score), dtype=np.intp),
    )


def probabilities(cases: Cases, skill: float) -> Cases:
    """The same with the true probability of cancer for a score, where scores are normal."""
    share = cases.positives / len(cases)
    seen = norm.ppf(np.clip(cases.score, 1e-15, 1 - 1e-15))
    spread = np.sqrt(0.96) if not cases.is_one_per_group else 1.0
    log_odds = (skill * seen - skill**2 / 2) / spread**2 + np.log(share / (1 - share))
    return replace(cases, score=expit(log_odds))


def _ends(estimate: Estimate | Rate | None) -> Interval | None:
    if estimate is None or not np.isfinite(estimate.low):
        return None
    return estimate.low, estimate.high


def figures_of(cases: Cases, skill: float) -> dict[str, Figure]:
    """Every number that is shown by default, with its interval; None where it is hidden."""
    threshold = float(norm.cdf(1.0))
    rates = rates_at(cases, threshold)
    true = probabilities(cases, skill)
    calibration = calibration_of(true)
    precision = average_precision_with_interval(cases)
    found: dict[str, Figure] = {
        "AUC": (auc_of(cases.score, cases.positive), _ends(auc_with_interval(cases))),
        "AUC within three sites": _within(cases),
        "average precision": (average_precision(cases), _ends(precision)),
        "sensitivity": (rates.sensitivity.value, _ends(rates.sensitivity)),
        "specificity": (rates.specificity.value, _ends(rates.specificity)),
        "recall rate": (rates.recall_rate.value, _ends(rates.recall_rate)),
        "PPV": (rates.ppv.value, _ends(rates.ppv)),
        "NPV": (rates.npv.value, _ends(rates.npv)),
        "calibration in the large": (calibration.intercept, calibration.intercept_interval),
        "calibration slope": (calibration.slope, calibration.slope_interval),
        "Brier score": (calibration.brier.score, calibration.brier_interval),
        "expected calibration error": (
            calibration.expected_error, expected_error_interval(true)
        ),
    }  # fmt: skip
    for one in more_rates(true, float(np.quantile(true.score, 0.85))):
        if one.name == "Probabilistic F1":
            ends = None if one.low is None or one.high is None else (one.low, one.high)
            found[one.name] = (one.value, ends)
    for one in more_rates(cases, threshold):
        if one.name != "Probabilistic F1":
            ends = None if one.low is None or one.high is None else (one.low, one.high)
            found[one.name] = (one.value, ends)
    return found


def _within(cases: Cases) -> Figure:
    site = pd.Series(np.array(["A", "B", "C"])[cases.groups % 3])
    found = auc_within(cases, site, column="site")
    return (np.nan, None) if found is None else (found.value, (found.low, found.high))


def coverage(studies: int) -> Iterator[tuple[str, str, float, float]]:
    """Design, figure, share of the intervals that hold the truth, share that is hidden."""
    for (ill, count), auc, kind in product(DESIGNS, AUCS, KINDS):
        found = _held(studies, ill, count, float(norm.ppf(auc)) * np.sqrt(2), kind)
        for name, answers in found.items():
            told = [answer for answer in answers if answer is not None]
            share = float(np.mean(told)) if told else float("nan")
            design = f"{ill} of {count}, AUC {auc}, {kind}"
            yield design, name, share, 1 - len(told) / len(answers)


def _held(
    studies: int, ill: int, count: int, skill: float, kind: str
) -> dict[str, list[bool | None]]:
    """Per figure and study whether its interval holds the truth; None where it is hidden."""
    rng = np.random.default_rng(count + ill)
    times = LARGE // count
    large = figures_of(_drawn(rng, times * count, times * ill, skill, kind), skill)
    held: dict[str, list[bool | None]] = {}
    for _ in range(studies):
        for name, (_, ends) in figures_of(_drawn(rng, count, ill, skill, kind), skill).items():
            if kind != "five levels" or name in _OF_LEVELS:
                answer = None if ends is None else ends[0] <= large[name][0] <= ends[1]
                held.setdefault(name, []).append(answer)
    return held


def _drawn(rng: np.random.Generator, count: int, ill: int, skill: float, kind: str) -> Cases:
    if kind == "clustered":
        return women(rng, count, ill, skill=skill * np.sqrt(0.96))
    return one_each(rng, count, ill, skill=skill, levels=kind == "five levels")


def equal_models(rng: np.random.Generator, count: int, *, ill: int, size: int) -> list[Cases]:
    positive = np.arange(size) < ill
    seen = rng.normal(size=size) + 2.0 * positive
    return [
        _cases(norm.cdf((seen + rng.normal(size=size)) / 2), positive, images=1)
        for _ in range(count)
    ]


def _best_claimed(rng: np.random.Generator, count: int, ill: int, size: int) -> bool:
    models = equal_models(rng, count, ill=ill, size=size)
    return any(one.is_clear for one in compare_to_best([*map(str, range(count))], models))


def _specificity_claimed(rng: np.random.Generator, count: int, ill: int, size: int) -> bool:
    models = equal_models(rng, count, ill=ill, size=size)
    found = sensitivities_at([*map(str, range(count))], models, 0.9)
    return any(one.behind is not None and one.behind.is_clear for one in found)


def _reader_claimed(rng: np.random.Generator, count: int, ill: int, size: int) -> bool:
    model, *readers = equal_models(rng, count + 1, ill=ill, size=size)
    p_values = [beside_calls(model, one.score >= 0.8)[1].p_value for one in readers]
    return min(holm([1.0 if p is None else p for p in p_values])) < 0.05


def _promise_doubted(rng: np.random.Generator, _: int, ill: int, size: int) -> bool:
    counts = rng.binomial(ill, 0.85), rng.binomial(2 * ill, 0.85)
    kept = delivered_of(
        promised_rate(counts[0], ill, float(ill)), promised_rate(counts[1], 2 * ill, 2.0 * ill)
    )
    return kept is not None and kept.p_value < 0.05


TESTS: Final[Mapping[str, tuple[Callable[..., bool], tuple[int, ...]]]] = {
    "the best of so many against the others, AUC": (_best_claimed, (2, 5, 10, 20)),
    "so many models at specificity .9": (_specificity_claimed, (2, 5, 10, 20)),
    "so many readers beside the model": (_reader_claimed, (1, 5, 10)),
    "delivered against promised": (_promise_doubted, (1,)),
}


def type_one(studies: int) -> Iterator[tuple[str, int, str, float]]:
    for (name, (claims, counts)), (ill, size) in product(
        TESTS.items(), ((10, 500), (34, 100), (60, 200))
    ):
        for count in counts:
            rng = np.random.default_rng(count + size)
            share = np.mean([claims(rng, count, ill, size) for _ in range(studies)])
            yield name, count, f"{ill} of {size}", float(share)


def main() -> None:
    numbers = [int(one) for one in sys.argv[1:3]] or [STUDIES]
    studies, of_tests = numbers[0], numbers[-1]
    rows = list(coverage(studies))
    table = pd.DataFrame(rows, columns=["design", "figure", "held", "hidden"])
    lines = [
        "# Coverage and errors of the first kind",
        "",
        f"Written by `python -m benchmarks.coverage {studies} {of_tests}`: {studies:,} made-up "
        f"studies of each interval, {of_tests:,} of each test. "
        f"An interval of 95 % should hold the truth, that of {LARGE:,} women, in 92 to 99 %; what "
        "chance alone makes of so many studies is "
        f"{1.96 * np.sqrt(0.05 * 0.95 / studies):.1%} up or down. “Hidden” is the share of studies "
        "in which a figure is shown without an interval, or not at all.",
        "",
    ]
    for name, part in table.groupby("figure", sort=False):
        lines += [f"## {name}", "", "| design | held | hidden |", "|---|---|---|"]
        lines += [
            f"| {row.design} | {'–' if np.isnan(row.held) else f'{row.held:.1%}'} "
            f"| {row.hidden:.0%} |"
            for row in part.itertuples()
        ]
        lines.append("")
    lines += [
        "## Tests: equal things called different",
        "",
        "| test | models or readers | women with cancer | called different (.05 or less) |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| {n} | {count} | {who} | {share:.3f} |" for n, count, who, share in type_one(of_tests)
    ]
    WRITTEN.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
