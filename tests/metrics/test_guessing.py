"""Guesses know nothing: neither the cases nor the order in which a table lists them."""

from dataclasses import replace

import numpy as np

from mammo_core.metrics.compare import guess_majority, guess_randomly, says_one_thing
from mammo_core.metrics.uncertainty import auc_of
from tests.metrics.conftest import cases_of

CASES = cases_of(np.linspace(0.01, 0.99, 200), np.arange(200) % 4 == 0)


def test_the_majority_gives_everybody_the_share_with_cancer() -> None:
    guessed = guess_majority(CASES)
    assert set(guessed.score) == {0.25}
    assert auc_of(guessed.score, guessed.positive) == 0.5
    assert says_one_thing(guessed)
    assert not says_one_thing(CASES)


def test_random_scores_are_those_of_the_case_whatever_its_place() -> None:
    turned = replace(CASES, case_ids=CASES.case_ids[::-1], positive=CASES.positive[::-1])
    assert np.array_equal(guess_randomly(CASES).score, guess_randomly(turned).score[::-1])
    assert not np.array_equal(guess_randomly(CASES).score, guess_randomly(CASES, seed=1).score)
    assert abs(auc_of(guess_randomly(CASES).score, CASES.positive) - 0.5) < 0.1


def test_guessing_is_neither_lucky_nor_unlucky_on_any_set_of_cases() -> None:
    few = [
        cases_of(np.linspace(0.01, 0.99, 40), np.random.default_rng(number).permutation(40) < 8)
        for number in range(20)
    ]
    aucs = [auc_of(guess_randomly(cases).score, cases.positive) for cases in few]
    assert max(abs(auc - 0.5) for auc in aucs) < 0.12  # one draw strays by 0.11 on average
