"""Kappa against scikit-learn and a formula, and how often its interval holds."""

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from mammo_core.errors import TableError
from mammo_core.metrics.agreement import RaterAgreement, Weighting, agreement

DENSITY = ("A", "B", "C", "D")
_NAMES = {Weighting.NONE: None, Weighting.LINEAR: "linear", Weighting.QUADRATIC: "quadratic"}


def judged(
    rng: np.random.Generator, women: int, *, images: int = 1
) -> tuple[list[str], list[str], np.ndarray]:
    """Two who see the same density, each with an error of their own; her images are alike."""
    groups = np.repeat(np.arange(women), images)
    seen = rng.normal(size=women)[groups]
    words = []
    for _ in range(2):
        own = seen + 0.7 * rng.normal(size=women)[groups]
        words.append([DENSITY[place] for place in np.digitize(own, [-1.0, 0.0, 1.0])])
    return words[0], words[1], groups


def of(rng: np.random.Generator, women: int, *, images: int = 1) -> RaterAgreement:
    one, other, groups = judged(rng, women, images=images)
    return agreement(one, other, groups, order=DENSITY, weighting=Weighting.QUADRATIC)


@pytest.mark.parametrize("weighting", list(Weighting))
def test_kappa_is_that_of_scikit_learn(weighting: Weighting) -> None:
    one, other, groups = judged(np.random.default_rng(0), 80)
    found = agreement(one, other, groups, order=DENSITY, weighting=weighting)
    assert found.kappa == pytest.approx(cohen_kappa_score(one, other, weights=_NAMES[weighting]))


def test_a_square_by_hand_has_the_interval_of_the_formula() -> None:
    """200, 50, 100, 150: kappa .4, standard error by Fleiss, Cohen and Everitt (1969) .0402."""
    one = ["yes"] * 250 + ["no"] * 250
    other = ["yes"] * 200 + ["no"] * 50 + ["yes"] * 100 + ["no"] * 150
    found = agreement(one, other, np.arange(500), order=("no", "yes"), weighting=Weighting.NONE)
    assert found.kappa == pytest.approx(0.4)
    assert found.low is not None
    assert found.high is not None
    assert (found.high - found.low) / 2 / 1.9647 == pytest.approx(0.0402, abs=0.0006)
    assert "alike in 350 of 500 cases of 500 women (70.0%" in found.sentence


def test_images_of_one_woman_tell_no_more_than_one() -> None:
    one, other, groups = judged(np.random.default_rng(1), 100)
    once = agreement(one, other, groups, order=DENSITY, weighting=Weighting.LINEAR)
    four = agreement(
        one * 4, other * 4, np.tile(groups, 4), order=DENSITY, weighting=Weighting.LINEAR
    )
    assert (four.kappa, four.low, four.high) == pytest.approx((once.kappa, once.low, once.high))


def held(studies: int) -> float:
    truth = of(np.random.default_rng(2), 200_000).kappa
    rng, answers = np.random.default_rng(3), []
    for _ in range(studies):
        found = of(rng, 80, images=2)
        assert found.low is not None
        assert found.high is not None
        answers.append(found.low <= truth <= found.high)
    return float(np.mean(answers))


@pytest.mark.slow
def test_the_interval_of_kappa_holds_it() -> None:
    assert held(100) >= 0.89


@pytest.mark.slow
def test_the_interval_of_kappa_holds_it_in_95_of_100() -> None:
    assert 0.92 <= held(2000) <= 0.985


def test_few_women_and_a_single_word_have_no_interval() -> None:
    assert of(np.random.default_rng(4), 20).low is None
    same = agreement(["A"] * 40, ["A"] * 40, np.arange(40), order=DENSITY, weighting=Weighting.NONE)
    assert np.isnan(same.kappa)
    assert same.low is None


def test_a_word_that_nearly_all_are_given_leaves_no_interval() -> None:
    """Of 50 women of whom 3 in 100 are called it held in 85 of 100 studies."""
    rng = np.random.default_rng(0)
    for called, is_told in ((9, False), (10, True)):
        one = np.where(np.arange(60) < called, "A", "B")
        other = np.where(rng.permutation(60) < called, "A", "B")
        found = agreement(one, other, np.arange(60), order=DENSITY, weighting=Weighting.NONE)
        assert (found.low is not None) is is_told
        assert ("fewer than 10 women judged other" in found.in_words) is not is_told


def test_a_word_that_cannot_be_given_is_refused() -> None:
    with pytest.raises(TableError, match="'E' is none of the words that can be given"):
        agreement(["E"], ["A"], np.arange(1), order=DENSITY, weighting=Weighting.NONE)
