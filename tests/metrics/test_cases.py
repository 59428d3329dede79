from dataclasses import replace

import pandas as pd
import pytest

from mammo_core.errors import TableError
from mammo_core.metrics.cases import (
    Cases,
    Pooling,
    asked_cases,
    images_of,
    levels_of,
    pool_cases,
    rows_of_split,
    rules_of,
)
from mammo_core.metrics.compare import auc_difference
from mammo_core.metrics.paired_rates import sensitivities_at
from mammo_core.metrics.threshold import operating_point
from mammo_core.metrics.uncertainty import IntervalMethod, auc_with_interval, rates_at
from mammo_core.tables import check_predictions
from mammo_core.types import DENSITY, Level
from mammo_core.words import finding_of
from tests.predictions import made_up_predictions


def scores_of(cases: Cases) -> dict[str, float]:
    return dict(zip(cases.case_ids, cases.score.tolist(), strict=True))


def test_a_breast_scores_as_its_most_suspicious_view(four_breasts: pd.DataFrame) -> None:
    cases = pool_cases(four_breasts, Level.BREAST)
    assert scores_of(cases) == {"w1 / L": 0.80, "w1 / R": 0.20, "w2 / L": 0.60, "w2 / R": 0.05}
    assert cases.images.tolist() == [2, 2, 2, 2]
    assert (cases.positives, cases.negatives, cases.group_count) == (1, 3, 2)


def test_the_mean_rule_averages_the_views(four_breasts: pd.DataFrame) -> None:
    assert scores_of(pool_cases(four_breasts, Level.BREAST, Pooling.MEAN)) == pytest.approx(
        {"w1 / L": 0.55, "w1 / R": 0.15, "w2 / L": 0.50, "w2 / R": 0.05}
    )


def test_a_woman_with_cancer_in_one_breast_is_positive(four_breasts: pd.DataFrame) -> None:
    cases = pool_cases(four_breasts, Level.PATIENT)
    assert cases.case_ids == ("w1", "w2")
    assert cases.positive.tolist() == [True, False]
    assert cases.is_one_per_group


def test_the_order_of_the_rows_changes_no_case(four_breasts: pd.DataFrame) -> None:
    shuffled = four_breasts.iloc[[5, 2, 7, 0, 3, 6, 1, 4]]
    assert scores_of(pool_cases(shuffled, Level.BREAST)) == scores_of(
        pool_cases(four_breasts, Level.BREAST)
    )


def test_a_case_is_negative_only_if_every_image_is(four_breasts: pd.DataFrame) -> None:
    four_breasts.loc[four_breasts["image_id"] == "w2LCC", "positive"] = pd.NA
    cases = pool_cases(four_breasts, Level.BREAST)
    assert "w2 / L" not in cases.case_ids
    assert cases.unknown == 1


def test_one_image_with_cancer_outweighs_one_that_is_unknown(four_breasts: pd.DataFrame) -> None:
    four_breasts.loc[four_breasts["image_id"] == "w1LCC", "positive"] = pd.NA
    cases = pool_cases(four_breasts, Level.BREAST)
    assert cases.unknown == 0
    assert cases.positive[cases.case_ids.index("w1 / L")]


def test_only_levels_that_every_row_supports_are_offered(four_breasts: pd.DataFrame) -> None:
    assert levels_of(four_breasts) == (Level.IMAGE, Level.BREAST, Level.PATIENT)
    assert levels_of(four_breasts.assign(side=pd.NA)) == (Level.IMAGE, Level.PATIENT)
    assert levels_of(four_breasts.assign(patient_id=pd.NA)) == (Level.IMAGE,)
    with_exams = four_breasts.assign(exam_id=four_breasts["patient_id"], patient_id=pd.NA)
    assert levels_of(with_exams) == (Level.IMAGE, Level.BREAST, Level.EXAM)


def test_exam_numbers_that_start_again_with_every_patient_stay_apart(
    four_breasts: pd.DataFrame,
) -> None:
    assert len(pool_cases(four_breasts.assign(exam_id="1"), Level.EXAM)) == 2


def test_two_exams_of_one_breast_are_two_cases(four_breasts: pd.DataFrame) -> None:
    exams = four_breasts.assign(exam_id=four_breasts["view"])
    assert len(pool_cases(exams, Level.BREAST)) == 8


def test_a_level_the_columns_do_not_support_is_refused_in_words(
    four_breasts: pd.DataFrame,
) -> None:
    four_breasts.loc[0, "side"] = pd.NA
    with pytest.raises(TableError, match="1 of 8 images have no side"):
        pool_cases(four_breasts, Level.BREAST)


def test_two_models_are_never_pooled(four_breasts: pd.DataFrame) -> None:
    both = pd.concat([four_breasts, four_breasts.assign(model_id="m2")])
    with pytest.raises(TableError, match="2 models"):
        pool_cases(both, Level.IMAGE)


def test_without_any_label_nothing_is_counted(four_breasts: pd.DataFrame) -> None:
    with pytest.raises(TableError, match="None of these predictions has a label"):
        pool_cases(four_breasts.assign(positive=pd.NA), Level.IMAGE)


def test_a_split_that_a_table_lacks_is_named_beside_those_it_has(
    four_breasts: pd.DataFrame,
) -> None:
    table = four_breasts.assign(split=["val"] * 6 + [pd.NA] * 2)
    assert len(rows_of_split(table, "")) == 2
    with pytest.raises(TableError, match=r"None of its 8 .* the split “test”; .*no split, “val”"):
        rows_of_split(table, "test")
    with pytest.raises(TableError, match="is without a split; they are of: “val”"):
        rows_of_split(table.assign(split="val"), "")


def test_a_cancer_is_found_only_if_its_own_breast_is_called(four_breasts: pd.DataFrame) -> None:
    four_breasts.loc[four_breasts["side"].eq("R"), "score"] = 0.95  # the healthy breasts
    women = pool_cases(four_breasts, Level.PATIENT, Pooling.OWN_BREAST)
    assert scores_of(women) == {"w1": 0.80, "w2": 0.95}
    point = operating_point(women, 0.9)
    assert (point.true_positives, point.false_negatives) == (0, 1)
    assert (point.false_positives, point.true_negatives) == (1, 0)


def test_a_woman_whose_other_breast_is_unknown_is_not_without_cancer(
    four_breasts: pd.DataFrame,
) -> None:
    four_breasts.loc[four_breasts["image_id"].isin(["w1RCC", "w2RCC"]), "positive"] = pd.NA
    women = pool_cases(four_breasts, Level.PATIENT, Pooling.OWN_BREAST)
    assert women.case_ids == ("w1",)
    assert women.unknown == 1


def test_women_may_be_counted_by_exam(four_breasts: pd.DataFrame) -> None:
    exams = four_breasts.assign(exam_id=four_breasts["view"])
    women = pool_cases(exams, Level.EXAM, Pooling.OWN_BREAST)
    assert (women.level, len(women), women.group_count) == (Level.EXAM, 4, 2)


def test_the_own_breast_is_offered_only_where_sides_are_known(four_breasts: pd.DataFrame) -> None:
    assert rules_of(four_breasts, Level.PATIENT)[0] is Pooling.OWN_BREAST
    assert Pooling.OWN_BREAST not in rules_of(four_breasts.assign(side=pd.NA), Level.PATIENT)
    assert rules_of(four_breasts, Level.BREAST) == (Pooling.MAX, Pooling.MEAN)
    assert rules_of(four_breasts, Level.IMAGE) == (Pooling.MAX,)


def test_breasts_are_not_counted_by_their_own_breast(four_breasts: pd.DataFrame) -> None:
    with pytest.raises(TableError, match="counts exams or patients"):
        pool_cases(four_breasts, Level.BREAST, Pooling.OWN_BREAST)


def test_a_case_leads_back_to_its_images(four_breasts: pd.DataFrame) -> None:
    cases = pool_cases(four_breasts, Level.BREAST)
    assert images_of(four_breasts, cases, "w1 / L")["image_id"].tolist() == ["w1LCC", "w1LMLO"]


def test_cases_without_a_patient_id_are_counted_and_mark_every_interval() -> None:
    table = made_up_predictions(women=60, with_cancer=20)
    lacking = table["patient_id"].isin([f"w{number:03d}" for number in range(15)])
    table.loc[lacking, ["patient_id", "exam_id", "group_id"]] = pd.NA
    cases = pool_cases(check_predictions(table), Level.IMAGE)
    assert (cases.unnamed, cases.group_count) == (60, 45 + 60)
    assert "60 of 240 cases have no patient id" in cases.unnamed_in_words
    assert auc_with_interval(cases).method is IntervalMethod.UNNAMED
    rates = rates_at(cases, 0.5)
    assert {rates.sensitivity.method, rates.npv.method} == {IntervalMethod.UNNAMED}
    other = replace(cases, score=cases.score[::-1])
    assert auc_difference(cases, other).method is IntervalMethod.UNNAMED
    best, last = sensitivities_at(["one", "other"], [cases, other], 0.9)
    assert last.behind is not None
    assert {best.sensitivity.method, best.specificity.method, last.behind.method} == {
        IntervalMethod.UNNAMED
    }


def test_cases_whose_women_are_all_known_are_marked_by_nothing() -> None:
    table = made_up_predictions(women=60, with_cancer=20)
    assert pool_cases(table, Level.PATIENT).unnamed == 0
    grouped = check_predictions(table.assign(patient_id=pd.NA, exam_id=pd.NA))
    cases = pool_cases(grouped, Level.IMAGE)
    assert (cases.unnamed, cases.group_count, cases.unnamed_in_words) == (0, 60, "")


@pytest.mark.parametrize(
    ("asked", "ids", "title"),
    [
        ("found", (), "0 breasts: cancers found"),
        ("missed", ("w1 / L",), "1 breast: cancers missed"),
        ("not called", ("w2 / R", "w1 / R", "w2 / L"), "3 breasts: without cancer, not called"),
        ("without:0.2:0.6", ("w1 / R",), "1 breast without cancer that score 0.200 to 0.600"),
        ("without:0:2", ("w2 / L", "w1 / R", "w2 / R"), None),
        ("with:0.8:2", ("w1 / L",), "1 breast with cancer that score 0.800 to 1.000"),
    ],
)
def test_a_cell_or_a_bar_stands_for_its_cases(
    four_breasts: pd.DataFrame, asked: str, ids: tuple[str, ...], title: str | None
) -> None:
    found = asked_cases(pool_cases(four_breasts, Level.BREAST), asked, 0.9)
    assert found.case_ids == ids
    assert title is None or found.title == title


def test_cases_of_a_model_of_density_are_not_told_as_cancers(four_breasts: pd.DataFrame) -> None:
    cases = replace(pool_cases(four_breasts, Level.BREAST), finding=finding_of(DENSITY))
    titles = [
        asked_cases(cases, asked, 0.9).title for asked in ("missed", "not called", "with:0.8:2")
    ]
    assert titles == [
        "1 breast: with C or D missed",
        "3 breasts: without C or D, not called",
        "1 breast with C or D that score 0.800 to 1.000",
    ]


@pytest.mark.parametrize("asked", ["", "wrong", "with:a:b", "with:0.1", "both:0:1"])
def test_what_names_no_cases_is_refused_in_words(four_breasts: pd.DataFrame, asked: str) -> None:
    with pytest.raises(TableError, match="names no cases"):
        asked_cases(pool_cases(four_breasts, Level.BREAST), asked, 0.5)
