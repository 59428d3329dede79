import pandas as pd
import pytest

from mammo_core.datasets.adapters.adapter import DENSITY
from mammo_core.metrics.cases import pool_cases
from mammo_core.metrics.uncertainty import auc_with_interval
from mammo_core.runs.card import Metric
from mammo_core.tables import class_columns
from mammo_core.training.outcome import measure, measure_order
from mammo_core.types import CANCER, Level, Split
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


def graded(*, women: int = 60, wrong: int = 10) -> pd.DataFrame:
    """Graded A to D by a model that says the next class to the images of `wrong` women."""
    table = made_up_predictions(women=women).assign(label=lambda rows: rows["density"])
    number = table["patient_id"].str[1:].astype(int)
    said = (number + (number < wrong)) % 4
    shares = {
        name: (said == place).astype(float) for place, name in enumerate(class_columns(DENSITY))
    }
    return table.assign(positive=table["label"].isin(DENSITY.positive).astype("boolean"), **shares)


def test_the_card_of_ordered_classes_gets_their_kappa_with_its_interval() -> None:
    by_image, by_breast = measure_order(graded(), Split.TEST, DENSITY)
    assert (by_image.name, by_image.level) == ("quadratic kappa", Level.IMAGE)
    assert (by_image.positives, by_image.negatives, by_image.women) == (120, 120, 60)
    assert (by_breast.level, by_breast.positives) == (Level.BREAST, 60)
    # 50 women are right; of 10 wrong ones eight are one class off, two (D said A) are three off.
    truths = [15 * 4] * 4
    said = [4 * count for count in (15 - 3 + 2, 15 + 3 - 3, 15 - 2 + 3, 15 - 2 + 2)]
    off = 4 * (8 * 1 + 2 * 9)
    chance = sum(
        t * s * (i - j) ** 2 for i, t in enumerate(truths) for j, s in enumerate(said)
    ) / sum(truths)
    assert by_image.value == pytest.approx(1 - off / chance)
    assert by_image.low is not None
    assert by_image.high is not None
    assert by_image.low < by_image.value < by_image.high
    assert by_image.title == "Quadratic kappa"


def test_a_kappa_of_few_women_has_no_value_and_says_why() -> None:
    found: tuple[Metric, ...] = measure_order(graded(women=20), Split.TEST, DENSITY)
    assert [metric.value for metric in found] == [None, None]
    assert "too few women" in found[0].method


def test_classes_without_an_order_get_no_kappa() -> None:
    assert measure_order(made_up_predictions(), Split.TEST, CANCER) == ()
