from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, norm

from benchmarks.women import two_rivals
from mammo_core.metrics.cases import Cases
from mammo_core.metrics.paired_rates import (
    _Ladder,
    beside_calls,
    mcnemar,
    rate_difference,
    sensitivities_at,
)
from mammo_core.metrics.threshold import (
    Aim,
    OperatingPoint,
    threshold_for_recall_rate,
    threshold_for_specificity,
)
from mammo_core.metrics.uncertainty import wilson_interval
from tests.metrics.conftest import cases_of
from tests.quick import some_slow


def square(both: int, only_one: int, only_other: int, neither: int) -> tuple[np.ndarray, ...]:
    counts = [both, only_one, only_other, neither]
    one = np.repeat([True, True, False, False], counts)
    other = np.repeat([True, False, True, False], counts)
    return one, other, np.arange(sum(counts))


@given(st.integers(0, 40), st.integers(0, 40))
def test_mcnemar_is_a_fair_coin_for_the_cases_that_differ(one: int, other: int) -> None:
    reference = binomtest(one, one + other).pvalue if one + other else 1.0
    assert mcnemar(one, other) == pytest.approx(reference)


def test_ten_cancers_that_only_one_model_finds_are_clear() -> None:
    difference = rate_difference(*square(30, 10, 0, 10))
    assert difference.value == pytest.approx(0.2)
    assert (difference.only_one, difference.only_other) == (10, 0)
    assert difference.is_clear
    assert difference.p_value == pytest.approx(2 / 2**10)


def test_as_many_found_by_one_as_by_the_other_are_no_difference() -> None:
    difference = rate_difference(*square(30, 5, 5, 10))
    assert difference.value == 0.0
    assert difference.low == pytest.approx(-difference.high)
    assert not difference.is_clear
    assert difference.p_value == 1.0


def test_models_that_find_unrelated_cancers_are_as_if_unpaired() -> None:
    one, other, women = square(25, 25, 25, 25)
    difference = rate_difference(one, other, women)
    low, high = wilson_interval(0.5, 100)
    assert difference.high == pytest.approx(np.hypot(high - 0.5, 0.5 - low))


def test_agreeing_models_are_told_apart_by_less() -> None:
    alike = rate_difference(*square(48, 4, 0, 48))
    unlike = rate_difference(*square(26, 26, 22, 26))
    assert alike.value == unlike.value == pytest.approx(0.04)
    assert alike.high - alike.low < 0.5 * (unlike.high - unlike.low)


def test_two_images_of_each_woman_that_agree_prove_no_more_than_one() -> None:
    one, other, women = square(30, 10, 3, 10)
    once = rate_difference(one, other, women)
    twice = rate_difference(*(np.repeat(part, 2) for part in (one, other, women)))
    assert twice.p_value == pytest.approx(once.p_value, abs=0.05)
    assert twice.high - twice.low == pytest.approx(once.high - once.low, rel=0.02)
    assert twice.groups == once.groups == 53


def test_the_paired_interval_is_the_one_in_print() -> None:
    """Fagerland, Lydersen and Laake (2014), Statistics in Medicine 33:2850, 21 children."""
    difference = rate_difference(*square(1, 1, 7, 12))
    assert (difference.low, difference.high) == pytest.approx((-0.507, -0.026), abs=0.0006)


def test_words_need_the_p_and_the_interval() -> None:
    difference = rate_difference(*square(4, 5, 0, 1))  # McNemar: 2 of 32
    assert difference.low > 0.0
    assert difference.p_value == pytest.approx(0.0625)
    assert not difference.is_clear


def equal_models(
    rng: np.random.Generator, count: int, *, women: int = 200, ill: int = 40, images: int = 1
) -> list[Cases]:
    """Models that see the same women equally well, each with an error of its own."""
    groups = np.repeat(np.arange(women), images)
    positive = groups < ill
    seen = rng.normal(size=women)[groups] + 2.0 * positive
    return [
        cases_of(seen + rng.normal(size=len(groups)), positive, groups=groups) for _ in range(count)
    ]


def share_of_studies(
    replicates: int, is_false_alarm: Callable[[np.random.Generator], bool]
) -> float:
    rng = np.random.default_rng(0)
    return float(np.mean([is_false_alarm(rng) for _ in range(replicates)]))


def any_called_different(
    rng: np.random.Generator, count: int, images: int = 1, *, aim: Aim = Aim.SPECIFICITY
) -> bool:
    models = equal_models(rng, count, images=images)
    target = 0.9 if aim is Aim.SPECIFICITY else 0.25
    found = sensitivities_at([str(number) for number in range(count)], models, target, aim=aim)
    return any(one.behind is not None and one.behind.is_clear for one in found)


def any_reader_called_different(rng: np.random.Generator, count: int) -> bool:
    """Readers who see what the model sees, and call where the score is high."""
    model, *readers = equal_models(rng, count + 1)
    return any(beside_calls(model, one.score >= 1.5, looks=count)[1].is_clear for one in readers)


@pytest.mark.parametrize(
    ("count", "images", "aim"),
    some_slow(
        [
            (2, 1, Aim.SPECIFICITY),
            (2, 2, Aim.SPECIFICITY),
            (5, 1, Aim.SPECIFICITY),
            (2, 1, Aim.RECALL_RATE),
        ],
        quick=1,
    ),
)
def test_equal_models_are_rarely_told_apart_at_one_rate(count: int, images: int, aim: Aim) -> None:
    """With thresholds taken for fixed they were in 13 to 33 of 100."""
    share = share_of_studies(40, lambda rng: any_called_different(rng, count, images, aim=aim))
    assert share <= 0.1


def test_ten_readers_as_good_as_the_model_rarely_differ_from_it() -> None:
    assert share_of_studies(20, lambda rng: any_reader_called_different(rng, 10)) <= 0.15


@pytest.mark.slow
@pytest.mark.parametrize(("count", "images"), [(2, 1), (2, 2), (5, 1)])
def test_equal_models_are_told_apart_in_one_study_of_twenty_at_most_at_one_recall_rate(
    count: int, images: int
) -> None:
    share = share_of_studies(
        500, lambda rng: any_called_different(rng, count, images, aim=Aim.RECALL_RATE)
    )
    assert share <= 0.07  # .05, and what chance makes of 500 studies


def difference_held(studies: int) -> float:
    """How often the interval holds what .9 and .8 in AUC make of the sensitivity, where scores are
    normal.
    """
    rng, held, aucs = np.random.default_rng(1), [], (0.9, 0.8)
    new, old = (norm.cdf(norm.ppf(auc) * np.sqrt(2) - norm.ppf(0.9)) for auc in aucs)
    for _ in range(studies):
        best, other = sensitivities_at(["new", "old"], two_rivals(rng, 60, 200, aucs, 1), 0.9)
        assert other.behind is not None
        true = new - old if best.name == "new" else old - new
        held.append(other.behind.low <= true <= other.behind.high)
    return float(np.mean(held))


def test_the_interval_of_a_difference_at_one_specificity_holds_it() -> None:
    assert difference_held(100) >= 0.92


@pytest.mark.slow
def test_it_holds_it_in_nineteen_of_twenty_studies() -> None:
    assert 0.93 <= difference_held(2000) <= 0.995


@pytest.mark.slow
@pytest.mark.parametrize(("count", "images"), [(2, 1), (2, 2), (5, 1), (10, 1)])
def test_equal_models_are_told_apart_in_one_study_of_twenty_at_most(
    count: int, images: int
) -> None:
    assert share_of_studies(2000, lambda rng: any_called_different(rng, count, images)) <= 0.06


@pytest.mark.slow
def test_equal_readers_are_told_apart_in_one_study_of_twenty_at_most() -> None:
    assert share_of_studies(2000, lambda rng: any_reader_called_different(rng, 10)) <= 0.06


def test_a_model_that_finds_far_more_at_one_specificity_is_told() -> None:
    rng = np.random.default_rng(3)
    (weak,) = equal_models(rng, 1)
    strong = replace(weak, score=weak.score + 2.0 * weak.positive)
    best, other = sensitivities_at(["weak", "strong"], [weak, strong], 0.9)
    assert (best.name, other.name) == ("strong", "weak")
    assert other.behind is not None
    assert other.behind.is_clear
    assert other.behind.value == best.sensitivity.value - other.sensitivity.value
    assert best.point.specificity >= 0.9


def test_a_model_beside_itself_has_no_test() -> None:
    (one,) = equal_models(np.random.default_rng(4), 1)
    behind = sensitivities_at(["A", "B"], [one, one], 0.9)[1].behind
    assert behind is not None
    assert (behind.value, behind.p_value, behind.p_in_words) == (0.0, None, "no test")
    assert behind.low < 0.0 < behind.high
    assert not behind.is_clear


@pytest.mark.parametrize(
    ("aim", "choose"),
    [
        (Aim.SPECIFICITY, threshold_for_specificity),
        (Aim.RECALL_RATE, threshold_for_recall_rate),
    ],
)
def test_a_draw_chooses_the_threshold_as_the_table_would(
    aim: Aim, choose: Callable[[Cases, float], OperatingPoint]
) -> None:
    """Drawing every woman once must give back what the choice on the cases themselves gives."""
    rng = np.random.default_rng(5)
    for _ in range(50):
        cases = cases_of(rng.integers(0, 6, 40), rng.random(40) < 0.4)
        for target in (0.0, 0.5, 0.8, 1.0):
            ladder, once = _Ladder.of(cases, aim), np.ones((1, 40), dtype=np.int32)
            (found,) = ladder.found(once, ladder.most_called(once, target))
            assert found == pytest.approx(choose(cases, target).sensitivity)


def test_ten_of_a_hundred_called_alike_are_ten_for_each_model() -> None:
    rng = np.random.default_rng(8)
    found = sensitivities_at(["A", "B"], equal_models(rng, 2), 0.1, aim=Aim.RECALL_RATE)
    assert all(one.point.called == len(equal_models(rng, 1)[0]) // 10 for one in found)
    assert found[1].behind is not None
    assert not found[1].behind.is_clear
