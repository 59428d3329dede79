from dataclasses import replace

import numpy as np
import pytest

from benchmarks.women import equal_models
from mammo_core.errors import TableError
from mammo_core.metrics.cases import Cases
from mammo_core.metrics.compare import (
    _reaches_zero,
    auc_difference,
    compare_to_best,
    holm,
    share_cases,
)
from mammo_core.metrics.uncertainty import IntervalMethod, auc_of
from mammo_core.types import Level
from tests.metrics.conftest import cases_of
from tests.metrics.resampled import resampled_aucs

FOUR = cases_of([0.1, 0.2, 0.3, 0.4], [0, 0, 1, 1])


def test_models_over_the_same_cases_are_compared_on_all_of_them() -> None:
    shared = share_cases([FOUR, FOUR])
    assert shared.is_complete
    assert len(shared.cases[0]) == 4


def test_only_cases_that_all_have_are_kept_in_one_order() -> None:
    three = replace(
        FOUR,
        case_ids=("c3", "c1", "c9"),
        score=FOUR.score[[0, 1, 2]],
        positive=FOUR.positive[[3, 1, 0]],
        groups=FOUR.groups[[0, 1, 2]],
        images=FOUR.images[:3],
    )
    shared = share_cases([FOUR, three])
    assert [cases.case_ids for cases in shared.cases] == [("c1", "c3"), ("c1", "c3")]
    assert [cases.score.tolist() for cases in shared.cases] == [[0.2, 0.4], [0.2, 0.1]]
    assert shared.left_out == (2, 1)
    assert not shared.is_complete


def test_cases_whose_truth_differs_between_the_tables_are_left_out() -> None:
    other = cases_of([0.1, 0.2, 0.3, 0.4], [1, 0, 1, 1])
    shared = share_cases([FOUR, other])
    assert shared.cases[0].case_ids == ("c1", "c2", "c3")
    assert shared.disagreeing == 1
    assert not shared.is_complete


def test_models_that_disagree_on_every_truth_are_refused() -> None:
    with pytest.raises(TableError, match="truth of no case"):
        share_cases([FOUR, cases_of([0.1, 0.2, 0.3, 0.4], [1, 1, 0, 0])])


def test_two_data_sets_or_two_levels_are_refused() -> None:
    with pytest.raises(TableError, match="different cases"):
        share_cases([replace(FOUR, dataset=name) for name in ("one", "another")])
    with pytest.raises(TableError, match="image, patient"):
        share_cases([FOUR, replace(FOUR, level=Level.PATIENT)])


def test_models_without_a_common_case_are_refused() -> None:
    with pytest.raises(TableError, match="no case in common"):
        share_cases([FOUR, replace(FOUR, case_ids=("a", "b", "c", "d"))])


def two_models(women: int, images: int, *, gain: float, seed: int = 0) -> tuple[Cases, Cases]:
    """Two models that see much the same; the first sees `gain` more of each cancer."""
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(women), images)
    positive = groups % 3 == 0
    shared = rng.normal(size=women)[groups] + rng.normal(size=len(groups)) + positive
    scores = [shared + more * positive + 0.5 * rng.normal(size=len(groups)) for more in (gain, 0)]
    one, other = (cases_of(1 / (1 + np.exp(-s)), positive, groups=groups) for s in scores)
    return one, other


def test_a_clear_difference_is_called_one_and_has_the_right_sign() -> None:
    one, other = two_models(300, 2, gain=1.0)
    difference = auc_difference(one, other)
    assert difference.is_clear
    assert difference.value == pytest.approx(
        auc_of(one.score, one.positive) - auc_of(other.score, other.positive)
    )
    assert difference.method is IntervalMethod.OBUCHOWSKI
    assert difference.p_value is not None
    assert difference.p_value < 0.001
    assert auc_difference(other, one).value == -difference.value


def test_a_difference_within_chance_is_said_to_be_none() -> None:
    (comparison,) = compare_to_best(["A", "B"], two_models(90, 2, gain=0.02))
    assert not comparison.is_clear
    assert "cannot be told apart with these 180 cases of 90 women" in comparison.sentence


def test_a_clear_difference_names_the_better_model_first() -> None:
    worse_first = two_models(300, 2, gain=1.0)[::-1]
    (comparison,) = compare_to_best(["A", "B"], worse_first)
    assert comparison.sentence.startswith("B ranks these 600 cases of 300 women better than A")


def test_a_difference_that_looking_ten_times_explains_is_not_clear() -> None:
    one, other = two_models(120, 1, gain=0.2)
    alone = compare_to_best(["A", "B"], [one, other])[0]
    assert alone.is_clear
    crowd = compare_to_best(list("ABCDEFGHIJK"), [one, *[other] * 10])[0]
    assert crowd.difference.value == alone.difference.value
    assert crowd.difference.p_value == pytest.approx(alone.difference.p_value, rel=0.2)
    rng = np.random.default_rng(0)
    noisy = [replace(other, score=rng.permutation(other.score)) for _ in range(9)]
    picked = compare_to_best(list("ABCDEFGHIJK"), [one, other, *noisy])[0]
    assert picked.difference.compared == 11
    assert picked.difference.p_value > 2 * alone.difference.p_value
    assert picked.difference.low < 0.0
    assert not picked.is_clear
    assert "corrected for picking the best of 11" in picked.sentence


def test_the_p_and_the_interval_of_many_models_say_the_same() -> None:
    one, other = two_models(150, 1, gain=0.25)
    rng = np.random.default_rng(1)
    models = [replace(other, score=other.score + rng.normal(scale=0.1, size=150)) for _ in range(6)]
    for comparison in compare_to_best("ABCDEFG", [one, *models]):
        difference = comparison.difference
        assert difference.p_value is not None
        assert (difference.p_value < 0.05) == (difference.low > 0.0)


def best_claimed(studies: int, count: int) -> float:
    """How often the best of equal models is called better than any of the others."""
    rng, names = np.random.default_rng(0), [*map(str, range(count))]
    return float(
        np.mean([
            any(
                one.is_clear
                for one in compare_to_best(names, equal_models(rng, count, ill=60, size=200))
            )
            for _ in range(studies)
        ])
    )  # fmt: skip


@pytest.mark.slow
def test_the_best_of_ten_equal_models_is_rarely_called_better() -> None:
    """Each of the others beside the best as if nothing had been picked: in 35 of these 60."""
    assert best_claimed(60, 10) <= 0.13


@pytest.mark.slow
@pytest.mark.parametrize("count", [2, 5, 10])
def test_the_best_of_equal_models_is_called_better_in_one_study_of_twenty_at_most(
    count: int,
) -> None:
    assert best_claimed(2000, count) <= 0.06


@pytest.mark.parametrize("gain", [0.05, 0.2, 0.3, 0.4, 0.8])
def test_of_few_women_with_cancer_p_and_interval_agree_whoever_comes_first(gain: float) -> None:
    one, other = two_models(90, 2, gain=gain)
    found, turned = auc_difference(one, other), auc_difference(other, one)
    assert found.method is IntervalMethod.NEWCOMBE
    assert found.p_value is not None
    assert (found.p_value < 0.05) == (found.low > 0.0 or found.high < 0.0)
    assert (turned.low, turned.high) == pytest.approx((-found.high, -found.low))
    assert turned.p_value == pytest.approx(found.p_value, abs=1e-6)


def test_pairing_by_woman_agrees_with_the_bootstrap_over_women() -> None:
    one, other = two_models(300, 3, gain=0.3)
    difference = auc_difference(one, other)
    first, second = resampled_aucs(
        np.stack([one.score, other.score]), one.positive, one.groups, resamples=1000, seed=0
    )
    low, high = np.percentile(first - second, [2.5, 97.5])
    assert (difference.low, difference.high) == pytest.approx((low, high), abs=0.006)


@pytest.mark.parametrize(
    ("women", "method"), [(300, IntervalMethod.DELONG), (90, IntervalMethod.NEWCOMBE)]
)
def test_pairing_tells_apart_what_two_separate_intervals_would_not(
    women: int, method: IntervalMethod
) -> None:
    one, other = two_models(women, 1, gain=0.3)
    difference = auc_difference(one, other)
    assert difference.method is method
    shuffled = np.random.default_rng(1).permutation(np.flatnonzero(one.positive))
    score = other.score.copy()
    score[np.flatnonzero(one.positive)] = other.score[shuffled]
    unpaired = auc_difference(one, replace(other, score=score))
    assert difference.high - difference.low < 0.7 * (unpaired.high - unpaired.low)


def test_a_model_cannot_be_told_apart_from_itself() -> None:
    one, _ = two_models(60, 1, gain=0.0)
    difference = auc_difference(one, one)
    assert difference.value == 0.0
    assert difference.p_value is None
    assert not difference.is_clear


def test_few_women_get_a_wide_interval_and_no_test() -> None:
    one, other = two_models(12, 1, gain=3.0)
    difference = auc_difference(one, other)
    assert difference.method is IntervalMethod.NEWCOMBE
    assert difference.p_value is None
    assert difference.high - difference.low > 0.4


def test_holm_raises_the_smallest_most_and_keeps_the_order() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_a_table_that_names_no_data_set_is_compared_by_the_names_of_its_cases() -> None:
    known = cases_of([0.9, 0.1, 0.2], [True, False, False], dataset="one")
    unnamed = cases_of([0.8, 0.3, 0.1], [True, False, False])
    assert len(share_cases([known, unnamed]).cases[0]) == 3
    other = cases_of([0.8, 0.3, 0.1], [True, False, False], dataset="another")
    with pytest.raises(TableError, match="different cases"):
        share_cases([known, unnamed, other])


def test_aucs_that_are_equal_but_for_rounding_are_no_standard_error_apart() -> None:
    """An interval of no width about 1e-17 may end below 0 by rounding alone."""
    assert _reaches_zero(lambda z: -1e-17 - 0.02 * z, 2.0) == 0.0
    assert _reaches_zero(lambda z: 0.02 - 0.02 * z, 2.0) == pytest.approx(1.0)
