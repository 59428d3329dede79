"""Metrics beside scikit-learn, the package confidenceinterval and the bootstrap one would write."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.side_by_side import Comparison, Side, Work, clocked
from mammo_core.metrics.cases import Cases, Pooling
from mammo_core.metrics.threshold import operating_points
from mammo_core.metrics.uncertainty import auc_covariance, auc_parts, auc_with_interval
from mammo_core.types import Level

RESAMPLES: Final = 2_000
MEASURED: Final = 10  # of the resamples; the rest takes as long
IMAGES_OF_A_WOMAN: Final = 5


def put_single(folder: Path, cases: int) -> None:
    """A case of each woman."""
    put_cases(folder, np.arange(cases), share=0.02)


def put_clustered(folder: Path, cases: int) -> None:
    drawn = np.random.default_rng(1).integers(0, cases // IMAGES_OF_A_WOMAN, cases)
    put_cases(folder, np.unique(drawn, return_inverse=True)[1], share=0.04)


def put_cases(folder: Path, groups: NDArray[np.intp], *, share: float) -> None:
    rng = np.random.default_rng(0)
    positive = (rng.random(groups.max() + 1) < share)[groups]
    score = rng.random(len(groups)) * 0.7 + 0.3 * positive
    np.savez(folder / "cases.npz", groups=groups, positive=positive, score=score)


def load(folder: Path) -> Cases:
    kept = np.load(folder / "cases.npz")
    count = len(kept["score"])
    return Cases(
        level=Level.IMAGE,
        rule=Pooling.MAX,
        case_ids=tuple(map(str, range(count))),
        groups=kept["groups"],
        positive=kept["positive"],
        score=kept["score"],
        images=np.ones(count, dtype=np.intp),
    )


@contextmanager
def every_point(folder: Path) -> Iterator[Work]:
    cases = load(folder)

    def work() -> None:
        operating_points(cases)
        parts = auc_parts(cases.score, cases.positive, cases.groups)
        auc_covariance(parts, parts)

    yield clocked(work)


@contextmanager
def by_scikit_learn(folder: Path) -> Iterator[Work]:
    from sklearn.metrics import roc_auc_score, roc_curve

    cases = load(folder)

    def work() -> None:
        roc_curve(cases.positive, cases.score, drop_intermediate=False)
        roc_auc_score(cases.positive, cases.score)

    yield clocked(work)


@contextmanager
def with_interval(folder: Path) -> Iterator[Work]:
    cases = load(folder)
    yield clocked(lambda: auc_with_interval(cases))


@contextmanager
def by_confidenceinterval(folder: Path) -> Iterator[Work]:
    import confidenceinterval

    cases = load(folder)
    truth = cases.positive.astype(int)
    yield clocked(lambda: confidenceinterval.roc_auc_score(truth, cases.score))


@contextmanager
def by_every_pair(folder: Path) -> Iterator[Work]:
    """DeLong's variance as its definition says."""
    cases = load(folder)

    def work() -> float:
        score, positive = cases.score, cases.positive
        difference = score[positive][:, None] - score[~positive][None, :]
        wins = (difference > 0) + 0.5 * (difference == 0)
        spread = wins.mean(axis=1).var(ddof=1), wins.mean(axis=0).var(ddof=1)
        return float(spread[0] / positive.sum() + spread[1] / (~positive).sum())

    yield clocked(work)


@contextmanager
def by_bootstrap(folder: Path) -> Iterator[Work]:
    """Women drawn, their rows gathered, scikit-learn asked, once per resample."""
    from sklearn.metrics import roc_auc_score

    cases = load(folder)
    rng = np.random.default_rng(0)
    order = np.argsort(cases.groups, kind="stable")
    rows_of = np.split(order, np.cumsum(np.bincount(cases.groups))[:-1])

    def resample() -> None:
        drawn = rng.integers(0, len(rows_of), len(rows_of))
        rows = np.concatenate([rows_of[woman] for woman in drawn])
        roc_auc_score(cases.positive[rows], cases.score[rows])

    some = clocked(lambda: [resample() for _ in range(MEASURED)])
    yield lambda: some() * RESAMPLES / MEASURED


ENTRIES: Final = (
    Comparison(
        what="1,000,000 cases: every operating point and the AUC, here with DeLong's variance",
        put=put_single,
        size=1_000_000,
        here=Side(name="metrics", open=every_point),
        instead=(Side(name="scikit-learn, without variance", open=by_scikit_learn),),
        turns=3,
    ),
    Comparison(
        what="10,000 cases: the AUC with its interval",
        put=put_single,
        size=10_000,
        here=Side(name="metrics", open=with_interval),
        instead=(
            Side(name="every pair, numpy", open=by_every_pair),
            Side(
                name="confidenceinterval, DeLong",
                open=by_confidenceinterval,
                needs="confidenceinterval",
            ),
        ),
    ),
    Comparison(
        what="55,000 images of about 11,000 women: the interval of the AUC by woman",
        put=put_clustered,
        size=55_000,
        here=Side(name="metrics", open=with_interval),
        instead=(
            Side(
                name=f"{RESAMPLES:,} bootstraps of scikit-learn, from {MEASURED}",
                open=by_bootstrap,
            ),
        ),
        turns=3,
    ),
)
