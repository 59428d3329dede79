"""How often each kind of 95 % interval holds the truth, on made-up women whose images resemble
each other. It decides which kinds mammo_core/metrics/uncertainty.py uses.

    python -m benchmarks.coverage
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import norm

from mammo_core.metrics.calibration import calibration_of, expected_error_interval
from mammo_core.metrics.cases import Cases, Pooling
from mammo_core.metrics.confounding import one_breast_auc
from mammo_core.metrics.curves import average_precision, average_precision_with_interval
from mammo_core.metrics.uncertainty import (
    Estimate,
    auc_of,
    auc_with_interval,
    effective_groups,
    rate_with_interval,
    resampled_aucs,
    wilson_interval,
)
from mammo_core.tables import check_predictions
from mammo_core.types import Level

TRIALS = 400
LARGE = 100_000  # women whose number is taken for the truth
Interval = tuple[float, float]


def women(rng: np.random.Generator, count: int, with_cancer: int, *, skill: float) -> Cases:
    """Four images each, two of one breast; a cancer is in one breast. Half of it all is shared."""
    breasts = np.repeat(rng.normal(size=(count, 2)), 2, axis=1) * 0.4
    score = rng.normal(size=(count, 1)) * 0.8 + breasts + rng.normal(size=(count, 4)) * 0.4
    positive = np.zeros((count, 4), dtype=bool)
    positive[:with_cancer, :2] = True
    return Cases(
        level=Level.IMAGE,
        rule=Pooling.MAX,
        case_ids=tuple(map(str, range(4 * count))),
        groups=np.repeat(np.arange(count), 4),
        positive=positive.ravel(),
        score=norm.cdf(score + skill * positive).ravel(),
        images=np.ones(4 * count, dtype=np.intp),
    )


def ours(cases: Cases) -> Interval:
    estimate = auc_with_interval(cases)
    return estimate.low, estimate.high


def percentiles(cases: Cases) -> Interval:
    aucs = resampled_aucs(cases.score[None, :], cases.positive, cases.groups, resamples=400, seed=0)
    low, high = np.nanpercentile(aucs[0], [2.5, 97.5])
    return float(low), float(high)


def as_if_independent(cases: Cases) -> Interval:
    return ours(replace(cases, groups=np.arange(len(cases))))


def auc_coverage(count: int, with_cancer: int, skill: float) -> dict[str, float]:
    rng = np.random.default_rng(count + with_cancer)
    trials = [women(rng, count, with_cancer, skill=skill) for _ in range(TRIALS)]
    truth = float(np.mean([auc_of(t.score, t.positive) for t in trials]))
    kinds: dict[str, Callable[[Cases], Interval]] = {
        "ours": ours,
        "bootstrap percentiles": percentiles,
        "DeLong as if independent": as_if_independent,
    }
    return {name: _held([kind(trial) for trial in trials], truth) for name, kind in kinds.items()}


def rate_coverage(count: int, most: int, share: float) -> dict[str, float]:
    rng = np.random.default_rng(count + most)
    found: dict[str, list[Interval]] = {
        "ours": [],
        "bootstrap percentiles": [],
        "Wilson as if independent": [],
    }
    for _ in range(TRIALS):
        groups = np.repeat(np.arange(count), rng.integers(1, most + 1, count))
        noise = rng.normal(size=count)[groups] + rng.normal(size=len(groups))
        hits = noise / np.sqrt(2) < norm.ppf(share)
        rate = rate_with_interval(hits, groups)
        found["ours"].append((rate.low, rate.high))
        found["Wilson as if independent"].append(wilson_interval(rate.value, len(groups)))
        found["bootstrap percentiles"].append(_rate_percentiles(rng, hits, groups))
    return {name: _held(intervals, share) for name, intervals in found.items()}


#: Numbers beside the AUC: what is measured of a sample, and its interval.
OTHERS: dict[str, tuple[Callable[[Cases], float], Callable[[Cases], Interval | None]]] = {
    "average precision": (average_precision, lambda cases: _ends(average_precision_with_interval(
        cases, resamples=500))),
    "calibration in the large": (
        lambda cases: calibration_of(cases).intercept,
        lambda cases: calibration_of(cases).intercept_interval,
    ),
    "calibration slope": (
        lambda cases: calibration_of(cases).slope,
        lambda cases: calibration_of(cases).slope_interval,
    ),
    "Brier score": (
        lambda cases: calibration_of(cases).brier.score,
        lambda cases: calibration_of(cases).brier_interval,
    ),
    "expected calibration error": (
        lambda cases: calibration_of(cases).expected_error,
        expected_error_interval,
    ),
}  # fmt: skip


def other_coverage(count: int, with_cancer: int, skill: float) -> dict[str, float]:
    """The truth is what a hundred thousand women of the same kind give. Samples that are said to
    have no interval are left out, and counted behind the name.
    """
    rng = np.random.default_rng(count + with_cancer)
    trials = [women(rng, count, with_cancer, skill=skill) for _ in range(TRIALS // 2)]
    many = LARGE // count
    large = women(rng, many * count, many * with_cancer, skill=skill)
    held = {}
    for name, (measure, interval_of) in OTHERS.items():
        found = [interval_of(trial) for trial in trials]
        intervals = [interval for interval in found if interval is not None]
        lacking = len(found) - len(intervals)
        label = f"{name} ({lacking} of {len(found)} without)" if lacking else name
        held[label] = _held(intervals, measure(large)) if intervals else float("nan")
    return held


def _ends(estimate: Estimate | None) -> Interval | None:
    return None if estimate is None else (estimate.low, estimate.high)


def one_breast_coverage(count: int, with_cancer: int, skill: float) -> float:
    """One breast per woman; the truth is that of the breasts, for all are drawn alike."""
    rng = np.random.default_rng(count)
    truths, intervals = [], []
    for _ in range(TRIALS // 2):
        cases = women(rng, count, with_cancer, skill=skill)
        drawn = one_breast_auc(as_predictions(cases), draws=50)
        truths.append(drawn.estimate.value)
        intervals.append((drawn.estimate.low, drawn.estimate.high))
    return _held(intervals, float(np.mean(truths)))


def as_predictions(cases: Cases) -> pd.DataFrame:
    woman = [f"w{group}" for group in cases.groups]
    return check_predictions(
        pd.DataFrame(
            {
                "image_id": cases.case_ids,
                "patient_id": woman,
                "side": np.tile(["L", "L", "R", "R"], len(cases) // 4),
                "positive": cases.positive,
                "score": cases.score,
                "model_id": "made up",
            }
        )
    )


def _rate_percentiles(
    rng: np.random.Generator, hits: NDArray[np.bool_], groups: NDArray[np.intp]
) -> Interval:
    if hits.all() or not hits.any():
        return wilson_interval(float(hits.mean()), effective_groups(groups))
    sums, sizes = np.bincount(groups, weights=hits), np.bincount(groups)
    drawn = rng.integers(0, len(sizes), (400, len(sizes)))
    low, high = np.percentile(sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1), [2.5, 97.5])
    return float(low), float(high)


def _held(intervals: list[Interval], truth: float) -> float:
    return float(np.mean([low <= truth <= high for low, high in intervals]))


def main() -> None:
    for count, with_cancer, skill in [
        (20, 6, 1.0), (40, 5, 1.0), (40, 10, 2.2), (200, 10, 1.0), (200, 60, 1.0), (200, 60, 2.5),
    ]:  # fmt: skip
        line = _line(auc_coverage(count, with_cancer, skill))
        print(f"AUC, {count} women, {with_cancer} with cancer, skill {skill}: {line}")
    for count, most, share in [(35, 2, 0.9), (60, 4, 0.9), (100, 4, 0.98), (400, 4, 0.99)]:
        line = _line(rate_coverage(count, most, share))
        print(f"Rate {share:.0%}, {count} women with 1 to {most} images: {line}")
    for count, with_cancer, skill in [(60, 15, 1.0), (200, 20, 1.0), (200, 60, 2.0)]:
        line = _line(other_coverage(count, with_cancer, skill))
        print(f"{count} women, {with_cancer} with cancer, skill {skill}: {line}")
        share = one_breast_coverage(count, with_cancer, skill)
        print(f"    one breast per woman, AUC: {share:.1%}")


def _line(shares: dict[str, float]) -> str:
    return ", ".join(f"{name} {share:.1%}" for name, share in shares.items())


if __name__ == "__main__":
    main()
