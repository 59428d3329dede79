import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from mammo_core.metrics.cases import Pooling
from mammo_core.metrics.confounding import beyond_confounders, encoding_of, folds_of
from mammo_core.types import Level
from tests.predictions import made_up_predictions


def older_with_cancer(*, skill: float) -> pd.DataFrame:
    """Women with cancer are ten years older."""
    table = made_up_predictions(women=150, with_cancer=50, skill=skill)
    rng = np.random.default_rng(1)
    number = table["patient_id"].str[1:].astype(int)
    age = 55 + 8 * rng.normal(size=150)[number] + 10 * (number < 50)
    return table.assign(age=age, density=pd.NA, site=pd.NA)


def test_what_age_alone_reaches_is_told_and_what_the_score_adds() -> None:
    beyond = beyond_confounders(older_with_cancer(skill=2.0), level=Level.BREAST, rule=Pooling.MAX)
    assert beyond is not None
    assert beyond.confounders == ("age",)
    assert 0.7 < beyond.alone.value < 0.87
    assert beyond.together.value > beyond.alone.value + 0.05
    assert beyond.added.low > 0
    assert "known without the image (age) reaches AUC 0." in beyond.sentence


def test_a_score_that_only_guesses_adds_nothing_that_can_be_told() -> None:
    beyond = beyond_confounders(older_with_cancer(skill=0.0), level=Level.BREAST, rule=Pooling.MAX)
    assert beyond is not None
    assert beyond.added.low < 0
    assert beyond.sentence.endswith("cannot be told from adding nothing.")


def test_a_score_that_is_the_age_adds_nothing() -> None:
    table = older_with_cancer(skill=0.0)
    table["score"] = ((table["age"] - 20) / 80).clip(0, 1)
    beyond = beyond_confounders(table, level=Level.BREAST, rule=Pooling.MAX)
    assert beyond is not None
    assert abs(beyond.added.value) < 0.02


def test_without_confounders_there_is_nothing_to_go_beyond() -> None:
    bare = made_up_predictions().assign(age=pd.NA, density=pd.NA, site=pd.NA)
    assert beyond_confounders(bare, level=Level.BREAST, rule=Pooling.MAX) is None


def test_no_woman_is_in_two_folds_and_cancers_are_spread_evenly() -> None:
    table = made_up_predictions(women=60, with_cancer=20)
    positive = table["positive"].to_numpy(dtype=bool)
    folds = folds_of(table["group_id"], positive, seed=0)
    assert folds is not None
    assert (table.assign(fold=folds).groupby("group_id")["fold"].nunique() == 1).all()
    assert np.bincount(folds[positive]).tolist() == [8] * 5  # 20 women, two images each


def test_a_missing_age_is_a_value_of_its_own() -> None:
    table = pd.DataFrame({"age": pd.array([40, 60, None], dtype="Float64")})
    encoding = encoding_of(table)
    assert encoding.names == ("age", "age missing")
    assert (encoding.of(table)[:, 1] > 0).tolist() == [False, False, True]


def test_a_table_is_encoded_as_scikit_learn_does_it() -> None:
    rng = np.random.default_rng(3)
    seen, asked = (
        pd.DataFrame(
            {
                "age": pd.array(rng.integers(40, 80, size=30), dtype="Float64"),
                "grey": rng.normal(size=30),
                "nobody": pd.array([pd.NA] * 30, dtype="Float64"),
                "always": 7.0,
                "site": pd.array(rng.choice(sites, size=30), dtype="string"),
            }
        )
        for sites in (["A", "B", "C"], ["A", "B", "D"])
    )
    seen.loc[:4, "age"] = seen.loc[3:6, "site"] = pd.NA
    numbers, words = ["age", "grey", "nobody", "always"], ["site"]
    gaps = SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)
    theirs = ColumnTransformer(
        [
            ("numbers", make_pipeline(gaps, StandardScaler()), numbers),
            ("words", OneHotEncoder(handle_unknown="ignore", sparse_output=False), words),
        ]
    )

    def plain(table: pd.DataFrame) -> pd.DataFrame:
        told = table[numbers].astype(np.float64)
        return told.assign(site=table["site"].fillna("unknown").astype(object))

    ours = encoding_of(seen)
    for table, expected in (
        (seen, theirs.fit_transform(plain(seen))),
        (asked, theirs.transform(plain(asked))),
    ):
        np.testing.assert_allclose(ours.of(table), expected, atol=1e-12)


def test_one_woman_with_cancer_cannot_be_both_learnt_from_and_judged() -> None:
    table = made_up_predictions(women=60, with_cancer=1)
    assert folds_of(table["group_id"], table["positive"].to_numpy(dtype=bool), seed=0) is None


def test_where_all_women_have_cancer_and_one_a_healthy_breast_nothing_can_be_learnt() -> None:
    """Biopsied women: the one from whom "no cancer" is learnt is in one fold alone."""
    table = made_up_predictions(women=40, with_cancer=40)
    table = table[table["positive"] | (table["patient_id"] == "w003")]
    table = table.assign(age=range(len(table)), density=pd.NA, site=pd.NA)
    assert beyond_confounders(table, level=Level.BREAST, rule=Pooling.MAX) is None
