import pandas as pd
import pytest

from mammo_core.metrics.cases import Outcome, outcomes_at, outcomes_of, pool_cases, worst_first
from mammo_core.tables import check_predictions
from mammo_core.types import Level


@pytest.fixture
def five() -> pd.DataFrame:
    """Two cancers, two images without, one of unknown truth; called from 0.5 on."""
    return check_predictions(
        pd.DataFrame(
            {
                "image_id": ["a", "b", "c", "d", "e"],
                "model_id": "m",
                "score": [0.5, 0.1, 0.8, 0.4, 0.9],
                "positive": pd.array([True, True, False, False, pd.NA], dtype="boolean"),
            }
        )
    )


def test_an_image_exactly_at_the_threshold_is_called(five: pd.DataFrame) -> None:
    outcomes = outcomes_at(five, 0.5)
    assert outcomes[:4].tolist() == ["found", "missed", "false alarm", "not called"]
    assert outcomes[4] is pd.NA


def test_right_are_the_found_and_the_left_alone() -> None:
    assert [outcome for outcome in Outcome if outcome.is_right] == ["found", "not called"]


def test_worst_is_furthest_on_the_wrong_side_and_unknown_truth_comes_last(
    five: pd.DataFrame,
) -> None:
    assert worst_first(five, 0.5)["image_id"].tolist() == ["b", "c", "a", "d", "e"]


def test_cases_have_the_outcomes_of_their_rows(five: pd.DataFrame) -> None:
    outcomes = outcomes_of(pool_cases(five, Level.IMAGE), 0.5)
    assert outcomes == {"a": "found", "b": "missed", "c": "false alarm", "d": "not called"}
