import pandas as pd
import pytest

from mammo_core.metrics.cases import pool_cases
from mammo_core.metrics.uncertainty import auc_with_interval
from mammo_core.training.outcome import measure
from mammo_core.types import Level, Split
from tests.predictions import made_up_predictions


def test_the_card_gets_the_auc_of_every_level_that_can_be_counted() -> None:
    table = made_up_predictions()
    by_image, by_breast = measure(table, Split.TEST)
    assert (by_image.level, by_breast.level) == (Level.IMAGE, Level.BREAST)
    assert by_breast.value == auc_with_interval(pool_cases(table, Level.BREAST)).value
    assert (by_breast.positives, by_breast.negatives, by_breast.women) == (20, 100, 60)


def test_an_auc_made_by_counting_images_alone_has_no_value_and_says_why() -> None:
    table = made_up_predictions()
    is_spare = ~table["positive"] & (table["view"] == "MLO")  # no cancer: one image per breast
    by_image, by_breast = measure(table[~is_spare], Split.TEST)
    assert by_image.value is not None
    assert (by_breast.value, by_breast.low, by_breast.high) == (None, None, None)
    assert "random scores would reach 0.67" in by_breast.method
    assert (by_breast.positives, by_breast.negatives) == (20, 100)


@pytest.mark.parametrize("truth", [True, False])
def test_a_test_split_of_one_class_has_no_auc(truth: bool) -> None:
    table = made_up_predictions().assign(positive=pd.array([truth] * 240, dtype="boolean"))
    assert [metric.value for metric in measure(table, Split.TEST)] == [None, None]
