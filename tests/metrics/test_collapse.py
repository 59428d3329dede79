import numpy as np
import pandas as pd
import pytest

from mammo_core.metrics.cases import pool_cases
from mammo_core.metrics.collapse import call_collapse, class_collapse, is_collapsed
from mammo_core.tables import check_predictions
from mammo_core.types import CANCER, Level, Task

EIGHT = Task(name="eight", title="Eight", classes=tuple("abcdefgh"), positive=("e", "f", "g", "h"))


def table_of(said: list[str], truth: list[str], task: Task) -> pd.DataFrame:
    """One image of one woman each; the class said has probability 1."""
    shares = {f"p_{name}": [float(one == name) for one in said] for name in task.classes}
    return check_predictions(
        pd.DataFrame(shares).assign(
            image_id=[f"i{n}" for n in range(len(said))],
            patient_id=[f"w{n}" for n in range(len(said))],
            model_id="m",
            label=truth,
            positive=[one in task.positive for one in truth],
            score=[float(one in task.positive) for one in said],
        )
    )


def test_forty_images_of_eight_classes_all_called_one_are_told() -> None:
    told = class_collapse(table_of(["b"] * 40, list("abcdefgh") * 5, EIGHT), EIGHT)
    assert told == (
        "Collapsed onto one class: taking the likeliest class of each image, 40 of 40 are called "
        "'b', which 5 are. Never called: a, c, d, e, f, g, h."
    )


def test_calls_that_follow_the_truth_are_no_collapse() -> None:
    truth = list("abcdefgh") * 5
    assert class_collapse(table_of(truth, truth, EIGHT), EIGHT) == ""


@pytest.mark.parametrize(
    ("others", "total", "is_told"),
    [
        (10, 100, False),  # nearly all are of the class: saying so to all is nearly right
        (34, 100, True),
        (4, 8, False),  # .5 to the 8th: one caller in 256 would say the same by chance
        (6, 12, True),  # .5 to the 12th: one in 4,096
    ],
)
def test_a_set_of_nearly_one_class_and_a_small_one_stay_quiet(
    others: int, total: int, is_told: bool
) -> None:
    actual = np.array([1] * others + [0] * (total - others))
    assert is_collapsed(np.zeros(total, dtype=np.intp), actual, 2) is is_told


def test_one_image_in_ten_called_otherwise_is_no_collapse() -> None:
    calls = np.array([1] * 10 + [0] * 90)
    assert not is_collapsed(calls, np.array([1, 0] * 50), 2)


def test_a_threshold_that_calls_nearly_everybody_is_told() -> None:
    truth = ["cancer", "no cancer", "no cancer"] * 20
    scores = np.linspace(0.2, 0.8, 60)
    predictions = table_of(["cancer"] * 60, truth, CANCER).assign(score=scores)
    cases = pool_cases(predictions, Level.IMAGE)
    assert call_collapse(cases, 0.1) == (
        "The threshold 0.1000 calls nearly every image: 60 of 60, of which 20 are positive."
    )
    assert "calls hardly any image: 0 of 60" in call_collapse(cases, 0.9)
    assert call_collapse(cases, 0.5) == ""


def test_a_table_that_tells_no_class_is_not_judged() -> None:
    predictions = table_of(["cancer"] * 40, ["no cancer", "cancer"] * 20, CANCER)
    assert class_collapse(predictions, CANCER) != ""
    assert class_collapse(predictions.drop(columns=["p_cancer"]), CANCER) == ""
