import pandas as pd
import pytest

from mammo_core.metrics.cases import Order, Outcome, in_order, outcomes_at
from mammo_core.tables import check_predictions


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
    worst = in_order(five, Order.WORST, threshold=0.5, seed=0)
    assert worst["image_id"].tolist() == ["b", "c", "a", "d", "e"]
    best = in_order(five, Order.BEST, threshold=0.5, seed=0)
    assert best["image_id"].tolist() == ["d", "a", "c", "b", "e"]
    highest = in_order(five, Order.HIGHEST, threshold=0.5, seed=0)
    assert highest["image_id"].tolist() == ["e", "c", "a", "d", "b"]


def test_a_random_order_is_that_of_its_seed_whatever_the_order_of_the_rows(
    five: pd.DataFrame,
) -> None:
    one = in_order(five, Order.RANDOM, threshold=0.5, seed=1)["image_id"].tolist()
    same = in_order(five.iloc[::-1], Order.RANDOM, threshold=0.5, seed=1)["image_id"].tolist()
    assert one == same
    assert sorted(one) == ["a", "b", "c", "d", "e"]
    others = [
        in_order(five, Order.RANDOM, threshold=0.5, seed=seed)["image_id"].tolist()
        for seed in range(2, 8)
    ]
    assert any(other != one for other in others)
