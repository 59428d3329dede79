"""What is known beside the image, put together with the score."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from mammo_core.errors import TableError
from mammo_core.metrics.fusion import IMAGE, fuse
from mammo_core.types import Level
from tests.predictions import made_up_predictions


def women_whose_age_tells(*, seed: int = 0) -> pd.DataFrame:
    """Women with cancer are 10 years older on average, and no site or density tells anything."""
    table = made_up_predictions(women=200, with_cancer=80, skill=1.0, seed=seed)
    rng = np.random.default_rng(seed)
    numbers = table["group_id"].str[1:].astype(int)
    ages = rng.normal(55, 8, size=200) + 10 * (np.arange(200) < 80)
    return table.assign(age=ages[numbers].astype(float))


def test_age_that_tells_adds_to_the_score_and_has_the_largest_weights_with_it() -> None:
    fusion = fuse(women_whose_age_tells(), ["age"])
    measured = fusion.measure(Level.IMAGE)
    assert measured.added.low > 0
    assert measured.both.value > max(measured.image.value, measured.beside.value)
    assert "which cannot be told from nothing" not in measured.sentence
    assert set(fusion.weights["feature"]) == {"age", IMAGE}
    assert (fusion.weights["low"] > 0).all()
    assert (fusion.weights["low"] < fusion.weights["weight"]).all()
    assert (fusion.weights["weight"] < fusion.weights["high"]).all()


@pytest.mark.slow
def test_a_column_named_twice_is_taken_once() -> None:
    table = women_whose_age_tells()
    twice, once = fuse(table, ["age", "age"]), fuse(table, ["age"])
    assert twice.columns == ("age",)
    assert twice.both["score"].tolist() == once.both["score"].tolist()


@pytest.mark.slow
def test_density_that_tells_nothing_adds_nothing_and_weighs_nothing() -> None:
    fusion = fuse(made_up_predictions(women=120, with_cancer=40), ["density"])
    assert fusion.measure(Level.BREAST).added.low <= 0
    of_density = fusion.weights[fusion.weights["feature"] != IMAGE]
    assert of_density["feature"].str.startswith("density").sum() == 4
    assert ((of_density["low"] < 0) & (of_density["high"] > 0)).all()


@pytest.mark.slow
def test_a_gain_that_may_be_chance_is_said_to_be_none() -> None:
    table = made_up_predictions(women=40, with_cancer=12, seed=3)
    measured = fuse(table, ["age"]).measure(Level.BREAST)
    assert measured.added.low < 0 < measured.added.high
    assert measured.sentence.endswith("which cannot be told from nothing.")


@pytest.mark.parametrize("column", ["site", "machine", "birads", "after_biopsy"])
def test_what_tells_of_the_place_or_of_the_outcome_is_refused(column: str) -> None:
    with pytest.raises(TableError, match=f"'{column}' cannot be put together with a score"):
        fuse(made_up_predictions().assign(after_biopsy="0"), [column])


@pytest.mark.slow
def test_images_of_which_it_is_not_told_are_left_out_and_counted() -> None:
    """Filled in, the gaps would tell the site that never told it."""
    table = made_up_predictions(women=120, with_cancer=40)
    table.loc[table["site"] == "site 2", "density"] = pd.NA
    fusion = fuse(table, ["density"])
    assert fusion.left_out == (table["site"] == "site 2").sum() == 240
    assert set(fusion.both["site"]) == {"site 1"}
    assert len(fusion.both) == len(fusion.image) == len(fusion.beside) == 240


def test_no_woman_is_scored_by_a_regression_that_saw_her() -> None:
    """On the folds that the predictions bring, recomputed by hand."""
    table = women_whose_age_tells()
    numbers = table["group_id"].str[1:].astype(int)
    table = table.assign(fold=(numbers % 4).astype("Int64"))
    fusion = fuse(table, ["age"])
    for fold in range(4):
        held = (table["fold"] == fold).to_numpy(dtype=bool)
        ages = table["age"].to_numpy(dtype=float)
        standard = (ages - ages[~held].mean()) / ages[~held].std()
        model = LogisticRegression(C=0.1, max_iter=5000)
        model.fit(standard[~held, None], table["positive"].to_numpy(dtype=bool)[~held])
        expected = model.predict_proba(standard[held, None])[:, 1]
        np.testing.assert_allclose(fusion.beside["score"].to_numpy()[held], expected, atol=1e-6)


def test_measured_features_join_by_image() -> None:
    table = women_whose_age_tells()
    rng = np.random.default_rng(1)
    told = table["positive"].to_numpy(dtype=float) + rng.normal(size=len(table))
    features = pd.DataFrame({"image_id": table["image_id"], "entropy": told}).sample(
        frac=1.0, random_state=0
    )
    fusion = fuse(table, [], features=features)
    assert set(fusion.weights["feature"]) == {"entropy", IMAGE}
    assert fusion.measure(Level.IMAGE).added.low > 0


def test_to_name_nothing_is_a_mistake() -> None:
    with pytest.raises(TableError, match="Nothing was named"):
        fuse(made_up_predictions(), [])
