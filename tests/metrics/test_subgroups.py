import pandas as pd
import pytest

from mammo_core.metrics.cases import Pooling
from mammo_core.metrics.subgroups import Slice, largest_gap, slice_names, sliceable, slices_of
from mammo_core.types import Level
from tests.predictions import made_up_predictions


def by(predictions: pd.DataFrame, column: str, *, level: Level = Level.BREAST) -> list[Slice]:
    return slices_of(predictions, column, level=level, rule=Pooling.MAX, threshold=0.5)


def test_every_woman_is_in_one_slice_of_density() -> None:
    slices = by(made_up_predictions(women=120, with_cancer=40), "density")
    assert [part.name for part in slices] == ["A", "B", "C", "D"]
    assert [len(part.cases) for part in slices] == [60, 60, 60, 60]
    assert [part.women_with_cancer for part in slices] == [10, 10, 10, 10]
    assert all(part.is_small for part in slices)


def test_ages_are_cut_into_bands_of_ten_years() -> None:
    table = pd.DataFrame({"age": [39.9, 40, 49, 70, None]})
    assert slice_names(table, "age").fillna("?").tolist() == [
        "under 40",
        "40 to 49",
        "40 to 49",
        "70 and over",
        "?",
    ]


def test_a_breast_by_view_is_scored_on_that_view_alone() -> None:
    predictions = made_up_predictions(women=60, with_cancer=20)
    predictions.loc[predictions["view"] == "CC", "score"] = 0.0
    cc, mlo = by(predictions, "view")
    assert (cc.name, len(cc.cases), cc.sensitivity.count) == ("CC", 120, 0)
    assert mlo.sensitivity.count > 0


def test_images_without_the_value_are_shown_last_as_not_known() -> None:
    predictions = made_up_predictions(women=60, with_cancer=20)
    predictions.loc[predictions["site"] == "site 1", "site"] = pd.NA
    assert [part.name for part in by(predictions, "site")] == ["site 2", "not known"]


def test_only_columns_that_cut_are_offered() -> None:
    assert sliceable(made_up_predictions()) == ("density", "age", "view", "side", "site")


def test_a_slice_without_cancers_has_no_auc_but_a_specificity() -> None:
    predictions = made_up_predictions(women=60, with_cancer=20)
    predictions["machine"] = (
        predictions["positive"].map({True: "old", False: "new"}).astype("string")
    )
    new, old = by(predictions, "machine")
    assert new.auc is None
    assert new.specificity.total == 120 - 20
    assert old.auc is None


def test_the_largest_gap_is_named_with_both_its_parts() -> None:
    good = made_up_predictions(women=150, with_cancer=60, skill=4.0)
    bad = made_up_predictions(women=150, with_cancer=60, skill=0.0, seed=1)
    for column in ("image_id", "patient_id", "exam_id", "group_id"):
        bad[column] = "x" + bad[column]
    both = pd.concat([good.assign(site="north"), bad.assign(site="south")])
    gap = largest_gap(by(both, "site"))
    assert gap is not None
    assert (gap.better, gap.worse, gap.pairs) == ("north", "south", 1)
    assert gap.low > 0.2
    assert "between north and south" in gap.sentence


def test_a_gap_picked_from_many_equal_parts_is_said_to_be_chance() -> None:
    predictions = made_up_predictions(women=400, with_cancer=200)
    gap = largest_gap(by(predictions, "density"))
    assert gap is not None
    assert gap.pairs == 6
    assert gap.low < 0 < gap.value
    assert gap.sentence.endswith("Chance alone can explain it.")


def test_small_parts_are_never_compared() -> None:
    assert largest_gap(by(made_up_predictions(women=60, with_cancer=20), "density")) is None


def test_one_comparison_is_not_written_as_several() -> None:
    predictions = made_up_predictions(women=200, with_cancer=100)
    gap = largest_gap(by(predictions, "site"))
    assert gap is not None
    assert "corrected for 1 comparison)" in gap.sentence


@pytest.mark.parametrize("level", [Level.IMAGE, Level.BREAST])
def test_slices_are_counted_at_the_level_asked_for(level: Level) -> None:
    slices = by(made_up_predictions(), "side", level=level)
    assert [part.cases.level for part in slices] == [level, level]
