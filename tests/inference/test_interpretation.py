from dataclasses import replace

import numpy as np

from mammo_core.inference.interpretation import chance_at, range_in_words, rank_of
from mammo_core.metrics.cases import Cases, Pooling, pool_cases
from mammo_core.types import Level
from tests.predictions import made_up_predictions

WOMEN = pool_cases(made_up_predictions(women=60, with_cancer=20), Level.BREAST)


def four_breasts() -> Cases:
    return Cases(
        level=Level.BREAST,
        rule=Pooling.MAX,
        case_ids=("a", "b", "c", "d"),
        groups=np.arange(4),
        positive=np.array([False, False, False, True]),
        score=np.array([0.1, 0.2, 0.3, 0.9]),
        images=np.full(4, 2),
    )


def test_a_rank_counts_the_cases_without_cancer_that_score_lower() -> None:
    rank = rank_of(0.3, four_breasts())
    assert (rank.lower, rank.of) == (2, 3)


def test_a_higher_score_has_a_higher_chance_and_a_rarer_disease_a_lower_one() -> None:
    def chance(score: float, prevalence: float) -> float:
        found = chance_at(score, WOMEN, prevalence=prevalence)
        assert found is not None
        return found.value

    assert chance(0.8, 0.1) > chance(0.2, 0.1) > chance(0.2, 0.006)


def test_scores_that_tell_nothing_are_given_no_percentage() -> None:
    rng = np.random.default_rng(0)
    guesses = replace(WOMEN, score=rng.uniform(size=len(WOMEN)))
    assert chance_at(0.5, guesses, prevalence=0.02) is None


def test_a_chance_lies_in_its_interval_and_tells_its_denominators() -> None:
    found = chance_at(0.6, WOMEN, prevalence=0.01)
    assert found is not None
    assert found.low < found.value < found.high
    assert (found.positives, found.negatives) == (20, 100)


def test_with_few_women_no_percentage_is_given() -> None:
    assert chance_at(0.5, four_breasts(), prevalence=0.01) is None


def test_validation_scores_too_close_for_two_decimals_are_told_with_three() -> None:
    wide = four_breasts()
    assert range_in_words(wide) == ""
    narrow = replace(wide, score=np.array([0.584, 0.585, 0.586, 0.589]))
    assert range_in_words(narrow) == "All of its scores there lie between 0.584 and 0.589."
