"""Agreement of two who judged the same cases by the same words: reader and reader, model and
reader; density, BI-RADS, called or not.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from mammo_core.errors import TableError
from mammo_core.metrics.uncertainty import CONFIDENCE, FEWEST_GROUPS, Rate, rate_with_interval
from mammo_core.words import many

Floats = NDArray[np.float64]
_NO_SPREAD: Final = 1e-12
#: Women whom both do not give their own commonest word: of fewer, what should hold in 95 % held in
#: 75 to 94.
_FEWEST_APART: Final = 10


class Weighting(StrEnum):
    """What a disagreement weighs: all alike, by its distance, or by the square of it."""

    NONE = "unweighted"
    LINEAR = "linear"
    QUADRATIC = "quadratic"


@dataclass(frozen=True, slots=True, kw_only=True)
class RaterAgreement:
    """Cohen's kappa (1968) and the share of cases judged alike. `low` and `high` are None where
    women are few, nearly all of one word, or where nothing varies between them.
    """

    weighting: Weighting
    kappa: float
    low: float | None
    high: float | None
    alike: Rate
    women: int
    apart: int  # women with a case that is not of the commonest word, by who gave it to fewer

    @property
    def why_untold(self) -> str:
        if self.women < FEWEST_GROUPS:
            return f"fewer than {FEWEST_GROUPS} women"
        if self.apart < _FEWEST_APART:
            return f"fewer than {_FEWEST_APART} women judged other than by the commonest word"
        return "no spread"

    @property
    def sentence(self) -> str:
        alike = (
            f"alike in {self.alike.count:,} of {many(self.alike.total, 'case', 'cases')} of "
            f"{many(self.women, 'woman', 'women')} ({self.alike.value:.1%}, 95 % "
            f"{self.alike.low:.1%} to {self.alike.high:.1%})."
        )
        return f"Kappa ({self.weighting}) {self.in_words}; {alike}"

    @property
    def in_words(self) -> str:
        """A number that has no interval is not written: it would look surer than it is."""
        if self.low is None or self.high is None:
            return f"not shown, having no interval ({self.why_untold})"
        return f"{self.kappa:.2f} (95 % {self.low:.2f} to {self.high:.2f})"


def agreement(
    one: Sequence[str],
    other: Sequence[str],
    groups: NDArray[np.intp],
    *,
    order: Sequence[str],
    weighting: Weighting,
) -> RaterAgreement:
    """`order` are the words that can be given, from one end to the other; `groups` numbers the
    women. The interval leaves out one woman at a time and has Student's t on women.
    """
    places = {word: number for number, word in enumerate(order)}
    strange = sorted({*one, *other} - places.keys())
    if strange:
        raise TableError(
            f"{strange[0]!r} is none of the words that can be given ({', '.join(order)})."
        )
    if not len(one) or len(one) != len(other):
        raise TableError(
            f"Agreement needs two judgements of each case; there are {len(one)} and {len(other)}."
        )
    first, second = (
        np.array([places[word] for word in side], dtype=np.intp) for side in (one, other)
    )
    by_woman = squares_by_woman(first, second, groups, count=len(order))
    kappa, ends = kappa_with_interval(by_woman, weighting)
    low, high = ends or (None, None)
    return RaterAgreement(
        weighting=weighting,
        kappa=kappa,
        low=low,
        high=high,
        alike=rate_with_interval(first == second, groups),
        women=len(by_woman),
        apart=_fewest_apart(by_woman),
    )


def squares_by_woman(
    first: NDArray[np.integer],
    second: NDArray[np.integer],
    groups: NDArray[np.intp],
    *,
    count: int,
) -> Floats:
    """(women, first, second): how many of her cases are given each pair of words."""
    squares = np.zeros((int(groups.max()) + 1, count, count))
    np.add.at(squares, (groups, first, second), 1.0)
    return squares


def kappa_with_interval(
    by_woman: Floats, weighting: Weighting
) -> tuple[float, tuple[float, float] | None]:
    weights = _weights(by_woman.shape[1], weighting)
    whole = by_woman.sum(axis=0)
    kappa = float(_kappas(whole[None], weights)[0])
    if _fewest_apart(by_woman) < _FEWEST_APART:
        return kappa, None
    error = left_out_error(_kappas(whole - by_woman, weights))
    if error is None:
        return kappa, None
    half = float(stdtrit(len(by_woman) - 1, (1 + CONFIDENCE) / 2)) * error
    return kappa, (max(-1.0, kappa - half), min(1.0, kappa + half))


def _fewest_apart(by_woman: Floats) -> int:
    return min(_women_apart(by_woman.sum(axis=axis)) for axis in (1, 2))


def _women_apart(words: Floats) -> int:
    """Of (women, words), how many have a case that is not of the commonest word."""
    others = np.delete(words, int(words.sum(axis=0).argmax()), axis=1)
    return int((others.sum(axis=1) > 0).sum())


def _weights(count: int, weighting: Weighting) -> Floats:
    rank = np.arange(count)
    apart = np.abs(rank[:, None] - rank[None, :]).astype(np.float64)
    match weighting:
        case Weighting.NONE:
            return np.asarray(apart > 0, dtype=np.float64)
        case Weighting.LINEAR:
            return np.asarray(apart, dtype=np.float64)
        case Weighting.QUADRATIC:
            return np.asarray(apart**2, dtype=np.float64)


def _kappas(squares: Floats, weights: Floats) -> Floats:
    """Of each square; not a number where chance alone agrees wholly."""
    chance = squares.sum(axis=2)[:, :, None] * squares.sum(axis=1)[:, None, :]
    total = squares.sum(axis=(1, 2))
    with np.errstate(divide="ignore", invalid="ignore"):
        by_chance = (chance * weights).sum(axis=(1, 2)) / total
        return np.asarray(1 - (squares * weights).sum(axis=(1, 2)) / by_chance)


def left_out_error(left_out: Floats) -> float | None:
    """The standard error of a figure from its values without each woman in turn (jackknife); None
    where women are few, or where nothing varies between them.
    """
    women = len(left_out)
    if women < FEWEST_GROUPS or not np.isfinite(left_out).all():
        return None
    error = math.sqrt((women - 1) / women * float(((left_out - left_out.mean()) ** 2).sum()))
    return error if error > _NO_SPREAD else None
