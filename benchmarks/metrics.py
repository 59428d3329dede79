"""How fast the metrics are, beside the naive form and scikit-learn, in one run.

python -m benchmarks.metrics
"""

import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score, roc_curve

from mammo_core.metrics.cases import Cases, Pooling
from mammo_core.metrics.threshold import operating_points
from mammo_core.metrics.uncertainty import auc_covariance, auc_parts
from mammo_core.types import Level


def seconds(work: Callable[[], object]) -> float:
    """The best of three: what the machine can do, not what else it was doing."""
    times = []
    for _ in range(3):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def made_up(cases: int, women: int, *, share: float, seed: int = 0) -> Cases:
    rng = np.random.default_rng(seed)
    groups = np.unique(rng.integers(0, women, cases), return_inverse=True)[1]
    positive = (rng.random(groups.max() + 1) < share)[groups]
    return Cases(
        level=Level.IMAGE,
        rule=Pooling.MAX,
        case_ids=tuple(map(str, range(cases))),
        groups=groups,
        positive=positive,
        score=rng.random(cases) * 0.7 + 0.3 * positive,
        images=np.ones(cases, dtype=np.intp),
    )


def naive_delong(score: NDArray[np.float64], positive: NDArray[np.bool_]) -> float:
    """Every pair, as the definition says."""
    difference = score[positive][:, None] - score[~positive][None, :]
    wins = (difference > 0) + 0.5 * (difference == 0)
    return float(
        wins.mean(axis=1).var(ddof=1) / positive.sum()
        + wins.mean(axis=0).var(ddof=1) / (~positive).sum()
    )


def naive_bootstrap(cases: Cases, resamples: int) -> list[float]:
    """Women drawn, their rows gathered, scikit-learn asked, once per resample."""
    rng = np.random.default_rng(0)
    order = np.argsort(cases.groups, kind="stable")
    rows_of = np.split(order, np.cumsum(np.bincount(cases.groups))[:-1])
    aucs = []
    for _ in range(resamples):
        drawn = rng.integers(0, len(rows_of), len(rows_of))
        rows = np.concatenate([rows_of[woman] for woman in drawn])
        aucs.append(float(roc_auc_score(cases.positive[rows], cases.score[rows])))
    return aucs


def main() -> None:
    million = made_up(1_000_000, 1_000_000, share=0.02)

    def ours() -> float:
        operating_points(million)
        parts = auc_parts(million.score, million.positive, million.groups)
        return auc_covariance(parts, parts)

    def scikit() -> None:
        roc_curve(million.positive, million.score, drop_intermediate=False)
        roc_auc_score(million.positive, million.score)

    print(f"1,000,000 cases, ROC + AUC + DeLong variance: {seconds(ours):.2f} s")
    print(f"1,000,000 cases, scikit-learn ROC + AUC, no variance: {seconds(scikit):.2f} s")
    few = made_up(10_000, 10_000, share=0.1)
    naive = seconds(lambda: naive_delong(few.score, few.positive))
    fast = seconds(lambda: auc_covariance(*[auc_parts(few.score, few.positive, few.groups)] * 2))
    print(f"10,000 cases, DeLong variance: {fast * 1000:.1f} ms, all pairs: {naive * 1000:.0f} ms")

    women = made_up(55_000, 12_000, share=0.04)

    one = seconds(lambda: naive_bootstrap(women, 10)) / 10
    print(
        f"55,000 images of 12,000 women, 2,000 resamples with scikit-learn: {one * 2000:.0f} s (10 "
        "measured, times 200)"
    )
    closed = seconds(
        lambda: auc_covariance(*[auc_parts(women.score, women.positive, women.groups)] * 2)
    )
    print(f"the same interval in closed form (Obuchowski): {closed * 1000:.0f} ms")


if __name__ == "__main__":
    main()
