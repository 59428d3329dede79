from datetime import date

import pytest

from mammo_core.datasets.adapters.cbis_ddsm import KIND_AND_PATHOLOGY
from mammo_core.datasets.adapters.density_folders import EIGHT
from mammo_core.datasets.adapters.vindr_mammo import FINDING
from mammo_core.types import CANCER, DENSITY, Level
from mammo_core.words import (
    CANCERS,
    case_in_words,
    day_in_words,
    finding_of,
    many,
    short_day,
)


@pytest.mark.parametrize(
    ("count", "words"), [(0, "0 women"), (1, "1 woman"), (2, "2 women"), (12_000, "12,000 women")]
)
def test_one_is_not_several(count: int, words: str) -> None:
    assert many(count, "woman", "women") == words


def test_where_two_views_are_scored_together_an_image_is_said_to_stand_for_both() -> None:
    assert case_in_words(Level.IMAGE, 1) == "image"
    assert case_in_words(Level.IMAGE, 2).startswith("image, each with its partner beside it")
    assert case_in_words(Level.BREAST, 2) == "breast"


def test_a_day_is_written_with_its_year_and_where_that_is_clear_without() -> None:
    assert short_day(date(2026, 3, 1)) == "1 Mar"
    assert day_in_words("2026-03-01T10:00:00+00:00") == "1 Mar 2026"


def test_what_a_model_calls_cases_for_is_cancer_only_where_its_card_says_so() -> None:
    assert [finding_of(task) for task in (CANCER, KIND_AND_PATHOLOGY, EIGHT)] == [CANCERS] * 3
    assert finding_of(None) == CANCERS  # an uploaded table: its labels that mean cancer are asked
    density = finding_of(DENSITY)
    assert (density.one, density.several, density.is_cancer) == ("C or D", "with C or D", False)
    assert finding_of(FINDING).one == "a positive class"  # all ten would fill the line
