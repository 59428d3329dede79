from dataclasses import replace

import pytest

from mammo_core.config import RunConfig, save_settings
from mammo_core.errors import TableError
from mammo_core.reports.document import render_markdown
from mammo_core.reports.study.report import study_report
from mammo_core.reports.study.results import Results, measure_study
from mammo_core.reports.study.study import read_study
from mammo_core.runs.folder import RunFolder, card_hash
from mammo_core.runs.operating_points import LockedPoint, Promise, lock_point
from mammo_core.types import Level
from tests.reports.made_up_study import report_of


def results_of(run: RunFolder) -> Results:
    results = report_of(run).results
    assert results is not None
    return results


def lock(run: RunFolder, **changes: object) -> None:
    point = LockedPoint(
        threshold=0.0,
        level=Level.BREAST,
        pooling="max",
        calibration="none",
        split="val",
        dataset="made-up women",
        aim="everybody",
        promise=Promise(found=4, positives=4, left_alone=0, negatives=20),
        locked_at="2026-01-01T00:00:00+00:00",
        card_sha256=card_hash(run),
    )
    lock_point(run, replace(point, **changes))  # type: ignore[arg-type]


def test_promised_and_delivered_stand_side_by_side(study: RunFolder) -> None:
    lock(study)
    point = results_of(study).point
    assert point is not None
    assert point.is_locked
    assert (point.promised.sensitivity.count, point.promised.sensitivity.total) == (4, 4)
    assert (point.delivered.sensitivity.count, point.delivered.sensitivity.total) == (8, 8)
    assert (point.delivered.specificity.count, point.delivered.specificity.total) == (0, 40)
    assert point.promised.remark == ""


def test_a_threshold_picked_on_these_very_cases_has_the_wider_interval_or_none_and_no_better(
    study: RunFolder,
) -> None:
    lock(study, split="")
    fixed = results_of(study).point
    lock(study, split="", aim="F1")
    picked = results_of(study).point
    assert fixed is not None
    assert picked is not None
    assert picked.is_picked
    assert not fixed.is_picked
    narrow, wide = fixed.delivered.specificity, picked.delivered.specificity
    assert not wide.is_told or wide.high - wide.low > narrow.high - narrow.low


@pytest.mark.slow
def test_a_promise_is_shown_as_recorded_where_its_cases_count_otherwise(study: RunFolder) -> None:
    lock(study, promise=Promise(found=3, positives=4, left_alone=1, negatives=20))
    point = results_of(study).point
    assert point is not None
    assert (point.promised.sensitivity.count, point.promised.specificity.count) == (3, 1)
    assert "as recorded when it was locked" in point.promised.remark
    assert point.promised.ppv is None


@pytest.mark.slow
def test_a_threshold_for_orientation_is_chosen_on_validation(study: RunFolder) -> None:
    point = results_of(study).point
    assert point is not None
    assert not point.is_locked
    assert point.promised.sensitivity.value >= 0.9
    assert point.promised.sensitivity.total == 4


def test_without_validation_no_threshold_is_made_up(study: RunFolder) -> None:
    predictions = study.file("predictions.csv")
    lines = predictions.read_text().splitlines()
    predictions.write_text("\n".join(line for line in lines if ",val," not in line) + "\n")
    results = results_of(study)
    assert results.point is None
    assert "a threshold chosen on the test set would flatter itself" in results.why_no_point
    assert results.cuts
    assert not any(cut.rate_gaps for cut in results.cuts)  # they were told at 0.5, which nobody set


@pytest.mark.slow
def test_the_threshold_is_told_at_every_level(study: RunFolder) -> None:
    lock(study)
    found = {cases.level: rates for cases, rates in results_of(study).at_threshold}
    assert [found[level].specificity.total for level in (Level.IMAGE, Level.BREAST)] == [80, 40]
    assert found[Level.PATIENT].sensitivity.total == 8
    assert found[Level.PATIENT].specificity.total == 16


@pytest.mark.slow
def test_a_mean_has_no_meaning_at_other_levels(study: RunFolder) -> None:
    lock(study, pooling="mean")
    assert results_of(study).at_threshold == ()


@pytest.mark.slow
def test_a_point_on_recalibrated_scores_is_not_laid_on_raw_ones(study: RunFolder) -> None:
    lock(study, calibration="Platt")
    results = results_of(study)
    assert results.point is None
    assert "re-calibrated" in results.why_no_point


@pytest.mark.slow
def test_the_labels_own_level_is_the_main_one(study: RunFolder) -> None:
    main = results_of(study).main.cases
    assert (main.level, len(main), main.positives) == (Level.BREAST, 48, 8)


def test_no_test_predictions_are_no_result(study: RunFolder) -> None:
    predictions = study.file("predictions.csv")
    lines = predictions.read_text().splitlines()
    predictions.write_text("\n".join(line for line in lines if ",test," not in line) + "\n")
    with pytest.raises(TableError, match="no test predictions"):
        measure_study(read_study(study, [study.path.parent], audits=study.path))


@pytest.mark.slow
def test_a_pooling_rule_that_is_none_is_a_sentence(study: RunFolder) -> None:
    lock(study, pooling="loudest")
    assert "pools by 'loudest'" in results_of(study).why_no_point


@pytest.mark.slow
def test_a_recipe_may_fix_the_threshold_at_a_half_which_promises_nothing(study: RunFolder) -> None:
    config = study.settings(RunConfig)
    save_settings(replace(config, threshold="half"), study.settings_file)
    point = results_of(study).point
    assert point is not None
    assert (point.threshold, point.is_locked) == (0.5, False)
    assert point.promised.sensitivity is None
    assert point.delivered.sensitivity.total == 8
    text = render_markdown(study_report(report_of(study), made_at="now"))
    assert "is as the recipe of the training says" in text
    assert "no cases had a part in it" in text


def test_a_threshold_chosen_on_the_test_cases_is_shown_as_that(study: RunFolder) -> None:
    config = study.settings(RunConfig)
    save_settings(replace(config, threshold="test"), study.settings_file)
    point = results_of(study).point
    assert point is not None
    assert not point.is_locked
    assert point.delivered.sensitivity.value >= 0.9  # there, of course
    assert "on the test cases themselves" in point.promised.remark
