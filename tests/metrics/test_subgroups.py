from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from mammo_core.metrics.cases import Pooling
from mammo_core.metrics.compare import auc_difference, taken
from mammo_core.metrics.subgroups import (
    Gap,
    PartFigure,
    Slice,
    gaps_between,
    rows_of_slice,
    slice_names,
    sliceable,
    slices_of,
)
from mammo_core.tables import check_predictions
from mammo_core.types import Level
from mammo_core.words import CalledFor
from tests.predictions import made_up_predictions


def by(predictions: pd.DataFrame, column: str, *, level: Level = Level.BREAST) -> list[Slice]:
    return slices_of(predictions, column, level=level, rule=Pooling.MAX, threshold=0.5)


def gap_in_auc(predictions: pd.DataFrame, column: str) -> Gap | None:
    return gaps_between({column: by(predictions, column)}, None).in_auc.get(column)


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


def test_an_image_of_two_tags_is_in_the_part_of_each() -> None:
    table = made_up_predictions(women=60, with_cancer=20)
    tags = [("blurred", "clip"), ("clip",), ("no tag",), ("no tag",)] * 60
    table = table.assign(tag=pd.Series(tags, dtype=object))[:120]
    assert "tag" in sliceable(table)
    blurred, clip, none = by(table, "tag", level=Level.IMAGE)
    assert [(part.name, len(part.cases)) for part in (blurred, clip, none)] == [
        ("blurred", 30),
        ("clip", 60),
        ("no tag", 60),
    ]
    assert list(rows_of_slice(table, "tag", "clip")["image_id"]) == list(clip.cases.case_ids)


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
    gap = gap_in_auc(both, "site")
    assert gap is not None
    assert (gap.better, gap.worse, gap.pairs) == ("north", "south", 1)
    assert gap.low > 0.2
    assert "between north and south" in gap.sentence


def test_a_gap_picked_from_many_equal_parts_is_said_to_be_chance() -> None:
    predictions = made_up_predictions(women=400, with_cancer=200)
    gap = gap_in_auc(predictions, "density")
    assert gap is not None
    assert gap.pairs == 6
    assert gap.low < 0 < gap.value
    assert gap.sentence.endswith("Chance alone can explain it.")


def test_small_parts_are_never_compared() -> None:
    assert gap_in_auc(made_up_predictions(women=60, with_cancer=20), "density") is None


def test_one_comparison_is_not_written_as_several() -> None:
    predictions = made_up_predictions(women=200, with_cancer=100)
    gap = gap_in_auc(predictions, "site")
    assert gap is not None
    assert "corrected for 1 comparison)" in gap.sentence


@pytest.mark.parametrize("level", [Level.IMAGE, Level.BREAST])
def test_slices_are_counted_at_the_level_asked_for(level: Level) -> None:
    slices = by(made_up_predictions(), "side", level=level)
    assert [part.cases.level for part in slices] == [level, level]


def by_density(
    hits: dict[str, tuple[int, int]], *, column: str = "density"
) -> tuple[pd.DataFrame, dict[str, list[Slice]]]:
    """Women without cancer, so many of so many of each part left alone at a threshold of 0.5."""
    rows = [
        {"image_id": f"{name}{number}", "patient_id": f"{name}{number}", "positive": False,
         "score": 0.1 if number < left_alone else 0.9, column: name, "model_id": "m"}
        for name, (left_alone, total) in hits.items()
        for number in range(total)
    ]  # fmt: skip
    table = check_predictions(pd.DataFrame(rows))
    cut = slices_of(table, column, level=Level.IMAGE, rule=Pooling.MAX, threshold=0.5)
    return table, {column: cut}


def test_a_gap_in_specificity_is_found_where_there_is_no_auc_to_compare() -> None:
    _, cuts = by_density({"A": (10, 10), "B": (45, 56), "C": (40, 71), "D": (9, 30)})
    found = gaps_between(cuts, 0.5)
    assert found.in_auc == {}
    first = next(gap for gap in found.in_rates if gap.figure is PartFigure.SPECIFICITY)
    assert (first.higher, first.lower) == ("B", "D")  # A has too few women
    assert first.value == pytest.approx(45 / 56 - 9 / 30)
    assert first.is_clear
    assert first.low > 0.1  # for nine comparisons at once
    assert "specificity: B above D by 50.4%" in first.sentence
    share = next(gap for gap in found.in_rates if gap.figure is PartFigure.CALIBRATION)
    assert "share with cancer less mean score: " in share.sentence
    dense = CalledFor(one="C or D", several="with C or D")
    assert "share with C or D less mean score: " in share.told_of(dense)


def test_a_part_of_one_class_is_not_said_to_hold_fewer_cancers_or_to_be_recalled_less() -> None:
    """As BI-RADS 1, or women of density A and D where density is learnt: the cut says so itself."""
    rows = [
        {"image_id": f"{birads}{number}", "patient_id": f"{birads}{number}", "birads": birads,
         "positive": birads == "0" and number % 2 == 0, "score": 0.9 if number % 3 else 0.1,
         "model_id": "m"}
        for birads in ("0", "1")
        for number in range(80)
    ]  # fmt: skip
    table = check_predictions(pd.DataFrame(rows))
    gaps = gaps_between({"birads": by(table, "birads", level=Level.IMAGE)}, 0.5)
    assert {gap.figure for gap in gaps.in_rates} == {PartFigure.SPECIFICITY}
    assert {gap.compared for gap in gaps.in_rates} == {1}


def test_a_part_in_which_everything_is_right_can_be_compared() -> None:
    _, cuts = by_density({"A": (40, 40), "B": (20, 40)})
    gap = next(
        one for one in gaps_between(cuts, 0.5).in_rates if one.figure is PartFigure.SPECIFICITY
    )
    assert gap.p_value < 0.001


def test_gaps_are_corrected_across_columns() -> None:
    _, density = by_density({"A": (40, 40), "B": (33, 40)})
    _, site = by_density({"x": (30, 40), "y": (30, 40)}, column="site")
    alone = next(
        g for g in gaps_between(density, 0.5).in_rates if g.figure is PartFigure.SPECIFICITY
    )
    among = next(
        g for g in gaps_between(density | site, 0.5).in_rates if g.figure is PartFigure.SPECIFICITY
    )
    assert among.compared == 2 * alone.compared
    assert among.p_value > 1.5 * alone.p_value


@pytest.mark.parametrize("left_alone", range(16, 34))
def test_a_gap_is_clear_where_its_interval_excludes_0_and_nowhere_else(left_alone: int) -> None:
    _, cuts = by_density({"A": (36, 40), "B": (left_alone, 40), "C": (38, 40), "D": (39, 40)})
    for gap in gaps_between(cuts, 0.5).in_rates:
        assert gap.is_clear is (gap.low > 0), gap.sentence


def test_a_gap_in_auc_is_corrected_across_columns() -> None:
    predictions = made_up_predictions(women=300, with_cancer=150)
    site, side = by(predictions, "site"), by(predictions, "side")
    alone, among = (
        gaps_between(cuts, None).in_auc for cuts in ({"site": site}, {"site": site, "side": side})
    )
    assert (alone["site"].pairs, among["site"].pairs) == (1, 2)
    assert among["site"].high > alone["site"].high


def test_gaps_in_auc_and_in_rates_are_corrected_together() -> None:
    cuts = {"site": by(made_up_predictions(women=300, with_cancer=150), "site")}
    alone, together = gaps_between(cuts, None), gaps_between(cuts, 0.5)
    assert alone.in_rates == []
    assert alone.in_auc["site"].pairs == 1
    assert together.in_auc["site"].pairs == 5  # the AUC and four figures at the threshold
    assert {gap.compared for gap in together.in_rates} == {5}
    assert together.in_auc["site"].high > alone.in_auc["site"].high


def test_two_views_of_the_same_women_are_told_apart_sooner_than_two_of_others() -> None:
    predictions = made_up_predictions(women=200, with_cancer=100)
    paired = gap_in_auc(predictions, "view")
    is_mlo = predictions["view"] == "MLO"
    predictions["group_id"] = predictions["group_id"].where(~is_mlo, "x" + predictions["group_id"])
    apart = gap_in_auc(predictions, "view")
    assert paired is not None
    assert apart is not None
    assert paired.value == pytest.approx(apart.value)
    assert paired.high - paired.low < 0.95 * (apart.high - apart.low)


def test_the_gap_between_two_views_of_the_same_women_is_that_of_two_models() -> None:
    """One image of each view and woman: each view could be a model. What both share is a
    covariance, of women as a sample; without that it came out a little too small.
    """
    rng = np.random.default_rng(3)
    positive = np.arange(240) < 60
    woman = rng.normal(size=240) + positive
    table = pd.DataFrame(
        {
            "image_id": [f"{number}{view}" for view in ("CC", "MLO") for number in range(240)],
            "patient_id": [f"w{number}" for number in range(240)] * 2,
            "view": np.repeat(["CC", "MLO"], 240),
            "positive": np.tile(positive, 2),
            "score": norm.cdf(np.concatenate([woman + rng.normal(size=240) for _ in range(2)])),
            "model_id": "m",
        }
    )
    cut = by(check_predictions(table), "view", level=Level.IMAGE)
    gap = gaps_between({"view": cut}, None).in_auc["view"]
    parts = {part.name: part.cases for part in cut}
    one, other = (parts[name] for name in (gap.better, gap.worse))
    order = [other.case_ids.index(name.replace(gap.better, gap.worse)) for name in one.case_ids]
    as_model = replace(taken(other, np.array(order)), case_ids=one.case_ids)
    difference = auc_difference(one, as_model)
    assert (gap.value, gap.low, gap.high) == pytest.approx(
        (difference.value, difference.low, difference.high), abs=1e-12
    )


def gap_is_claimed(rng: np.random.Generator) -> bool:
    """120 women, two images each that are alike; one image of each is CC, the other MLO."""
    woman = rng.normal(size=120)
    positive = np.arange(120) < 40
    rows = pd.DataFrame(
        {
            "image_id": [f"{number}" for number in range(240)],
            "patient_id": np.repeat([f"w{number}" for number in range(120)], 2),
            "view": ["CC", "MLO"] * 120,
            "density": rng.choice(list("AB"), 240),
            "positive": np.repeat(positive, 2),
            "score": norm.cdf(np.repeat(woman + positive, 2) + 0.3 * rng.normal(size=240)),
            "model_id": "m",
        }
    )
    table = check_predictions(rows)
    cuts = {
        column: slices_of(table, column, level=Level.IMAGE, rule=Pooling.MAX, threshold=0.6)
        for column in ("view", "density")
    }
    return any(gap.is_clear for gap in gaps_between(cuts, 0.6).in_rates)


@pytest.mark.slow
def test_parts_that_are_alike_are_rarely_told_apart() -> None:
    rng = np.random.default_rng(0)
    assert np.mean([gap_is_claimed(rng) for _ in range(40)]) <= 0.1


@pytest.mark.slow
def test_parts_that_are_alike_are_told_apart_in_one_study_of_twenty_at_most() -> None:
    rng = np.random.default_rng(0)
    assert np.mean([gap_is_claimed(rng) for _ in range(2000)]) <= 0.06
