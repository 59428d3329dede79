"""Models side by side: whom each number counts, and which women nothing was chosen on."""

import pandas as pd
import pytest

from mammo_core.metrics.several import SPECIFICITY, Standings, counted_rows, place
from mammo_core.types import Level
from tests.predictions import made_up_predictions

SKILLS = {"good": 3.0, "fair": 1.5, "blind": 0.0}


def halved(table: pd.DataFrame) -> pd.DataFrame:
    """Every other woman's images are validation, so that both halves have cancers."""
    number = table["patient_id"].str[1:].astype(int)
    return table.assign(split=(number // 2 % 2).map({0: "val", 1: "test"}))


def tables(women: int = 200, with_cancer: int = 80) -> dict[str, pd.DataFrame]:
    return {
        name: halved(
            made_up_predictions(
                women=women, with_cancer=with_cancer, skill=skill, seed=seed, model_id=name
            )
        )
        for seed, (name, skill) in enumerate(SKILLS.items())
    }


@pytest.fixture(scope="module")
def standings() -> Standings:
    return place(tables(), first="fair")


def test_the_best_by_auc_comes_first_and_every_breast_of_the_test_women_counts(
    standings: Standings,
) -> None:
    assert [one.name for one in standings.placed] == ["good", "fair", "blind"]
    assert (standings.level, standings.split) == (Level.BREAST, "test")
    assert (standings.cases, standings.women) == (200, 100)
    assert (standings.left_out, standings.disagreeing, standings.unknown) == (0, 0, 0)
    for one in standings.placed:
        assert one.auc is not None
        assert (one.auc.positives, one.auc.negatives, one.auc.groups) == (40, 160, 100)
        assert one.auc.low < one.auc.value < one.auc.high


def test_differences_are_from_the_first_and_of_the_same_women(standings: Standings) -> None:
    good, fair, blind = standings.placed
    assert fair.difference is None
    for one, sign in ((good, 1), (blind, -1)):
        assert one.difference is not None
        assert one.auc is not None
        assert fair.auc is not None
        assert one.difference.value == pytest.approx(one.auc.value - fair.auc.value)
        assert sign * one.difference.value > 0
        assert one.difference.p_value is not None
        assert one.difference.p_value < 0.05
        assert (one.difference.cases, one.difference.groups) == (200, 100)


def test_what_is_chosen_on_validation_is_promised_there_and_delivered_on_test(
    standings: Standings,
) -> None:
    good = standings.placed[0]
    assert good.promised is not None
    assert good.delivered is not None
    assert (good.promised.point.positives, good.promised.point.negatives) == (40, 160)
    assert good.promised.point.true_negatives >= SPECIFICITY * 160
    assert good.delivered.point.threshold == good.promised.point.threshold
    assert (good.delivered.sensitivity.total, good.delivered.specificity.total) == (40, 160)
    assert good.delivered.specificity.low < good.delivered.specificity.value


def test_a_recalibration_fitted_on_validation_mends_scores_that_were_all_too_low() -> None:
    made = tables()
    made["good"]["score"] = made["good"]["score"] / 50
    good = place(made, first="fair").placed[0]
    assert good.name == "good"
    assert good.before is not None
    assert good.after is not None
    assert abs(good.before.intercept) > 1.0
    assert good.after.intercept_interval is not None
    low, high = good.after.intercept_interval
    assert low < 0.0 < high
    assert good.after.brier.score < good.before.brier.score


def test_cases_that_two_models_lack_each_for_itself_are_all_left_out() -> None:
    made = tables()
    for name, woman in (("good", "w002"), ("blind", "w003")):
        made[name] = made[name][made[name]["patient_id"] != woman]
    found = place(made, first="fair")
    assert (found.cases, found.left_out, found.women) == (196, 4, 98)


def test_what_each_model_lacks_is_its_own_and_what_it_scored_counts_by_itself() -> None:
    """One that could score a tenth of the breasts cuts the cases of all; whose doing, is told."""
    made = tables()
    number = made["blind"]["patient_id"].str[1:].astype(int)
    made["blind"] = made["blind"][number % 10 < 4]
    found = place(made, first="fair")
    good, fair, blind = (
        next(one for one in found.placed if one.name == name) for name in ("good", "fair", "blind")
    )
    assert found.cases == 80
    assert (good.lacks, fair.lacks, blind.lacks) == (0, 0, 120)
    assert blind.own is None
    for one in (good, fair):
        assert one.own is not None
        assert (one.own.positives, one.own.negatives, one.own.groups) == (40, 160, 100)
        assert one.auc is not None
        assert one.auc.groups == 40


def test_a_model_that_shares_no_case_with_the_others_is_dropped_and_they_are_placed() -> None:
    """Of the rest the ones with most in common come first, whatever order they were named in."""
    made = tables()
    woman = made["good"]["patient_id"].str[1:].astype(int)
    made = {
        "early": made["blind"][woman < 20],
        "good": made["good"][woman >= 20],
        "fair": made["fair"],
    }
    found = place(made, first="fair")
    assert {one.name for one in found.placed} == {"good", "fair"}
    assert found.dropped == {
        "early": "These predictions have no case in common, so they cannot be compared."
    }


def test_what_has_no_label_or_two_truths_is_left_out_and_counted_as_that() -> None:
    made = tables()
    for name in made:
        is_hers = made[name]["patient_id"] == "w199"
        made[name].loc[is_hers, "positive"] = pd.NA
    other = (made["blind"]["patient_id"] == "w198") & (made["blind"]["side"] == "L")
    made["blind"].loc[other, "positive"] = True
    found = place(made, first="fair")
    assert (found.unknown, found.disagreeing, found.left_out) == (2, 1, 0)
    assert found.cases == 197


def test_without_splits_all_women_count_and_nothing_is_chosen() -> None:
    made = {name: table.assign(split=pd.NA) for name, table in tables().items()}
    found = place(made, first="fair")
    assert (found.split, found.cases) == ("all", 400)
    assert len(counted_rows(made["fair"], found)) == len(made["fair"])
    for one in found.placed:
        assert (one.after, one.promised, one.delivered) == (None, None, None)
        assert one.before is not None
        assert "No validation split" in one.notes[0]


def test_what_validation_does_not_allow_is_said_of_validation() -> None:
    made = tables()
    is_val = made["blind"]["split"] == "val"
    made["blind"].loc[is_val, "score"] = 0.5
    blind = place(made, first="fair").placed[-1]
    assert blind.promised is None
    assert any(note.startswith("On validation: specificity at least") for note in blind.notes)


def test_the_rows_that_count_are_those_of_the_test_split(standings: Standings) -> None:
    table = tables()["fair"]
    assert set(counted_rows(table, standings)["split"]) == {"test"}
    assert len(counted_rows(table, standings)) == 400
