"""Women made up for coverage: so many with cancer, one case or four images of each; one model or
several that see much alike.
"""

from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from scipy.stats import norm

from mammo_core.metrics.cases import Cases, Pooling
from mammo_core.types import Level

AUCS: Final = (0.75, 0.95)


def skill_of(auc: float) -> float:
    """How far apart two normal classes are whose AUC this is."""
    return float(norm.ppf(auc) * np.sqrt(2))


def women(rng: np.random.Generator, count: int, with_cancer: int, *, skill: float) -> Cases:
    """Four images each, two of one breast; a cancer is in one breast. Half of it all is shared."""
    breasts = np.repeat(rng.normal(size=(count, 2)), 2, axis=1) * 0.4
    score = rng.normal(size=(count, 1)) * 0.8 + breasts + rng.normal(size=(count, 4)) * 0.4
    positive = np.zeros((count, 4), dtype=bool)
    positive[:with_cancer, :2] = True
    return cases_of(norm.cdf(score + skill * positive).ravel(), positive.ravel(), images=4)


def one_each(
    rng: np.random.Generator, count: int, with_cancer: int, *, skill: float, levels: bool = False
) -> Cases:
    """One case per woman; with `levels` the score is one of five."""
    positive = np.arange(count) < with_cancer
    score = rng.normal(size=count) + skill * positive
    if levels:
        score = np.digitize(score, [-0.5, 0.5, 1.2, 2.0]).astype(np.float64)
    return cases_of(norm.cdf(score), positive, images=1)


def cases_of(score: NDArray[np.float64], positive: NDArray[np.bool_], *, images: int) -> Cases:
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


def drawn(rng: np.random.Generator, count: int, ill: int, skill: float, kind: str) -> Cases:
    if kind == "clustered":
        return women(rng, count, ill, skill=skill * np.sqrt(0.96))
    return one_each(rng, count, ill, skill=skill, levels=kind == "five levels")


def equal_models(rng: np.random.Generator, count: int, *, ill: int, size: int) -> list[Cases]:
    positive = np.arange(size) < ill
    seen = rng.normal(size=size) + 2.0 * positive
    return [
        cases_of(norm.cdf((seen + rng.normal(size=size)) / 2), positive, images=1)
        for _ in range(count)
    ]


#: Women with cancer, of how many, and the AUC of the new model and the old one.
RIVALS: Final = (
    (10, 500, 0.90, 0.95), (20, 500, 0.90, 0.95), (34, 100, 0.90, 0.95), (60, 200, 0.90, 0.95),
    (60, 2000, 0.85, 0.90), (170, 500, 0.90, 0.95), (10, 500, 0.95, 0.95), (60, 200, 0.95, 0.97),
    (10, 500, 0.60, 0.70), (34, 100, 0.75, 0.80),
)  # fmt: skip


def two_rivals(
    rng: np.random.Generator, ill: int, count: int, aucs: tuple[float, float], images: int
) -> list[Cases]:
    """Two models that see much alike, of so many images of each woman; half of what an image's
    scores vary by is hers where there are several.
    """
    positive = np.repeat(np.arange(count) < ill, images)
    hers = np.repeat(rng.normal(size=count), images)
    own = rng.normal(size=(3, count * images))
    seen = np.sqrt(0.7) * (hers if images == 1 else np.sqrt(0.7) * hers + np.sqrt(0.3) * own[2])
    return [
        cases_of(
            norm.cdf(seen + np.sqrt(0.3) * one + norm.ppf(auc) * np.sqrt(2) * positive),
            positive,
            images=images,
        )
        for auc, one in zip(aucs, own[:2], strict=True)
    ]
