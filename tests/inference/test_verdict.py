from dataclasses import replace

import numpy as np
import pytest

from mammo_core.datasets.adapters.adapter import DENSITY
from mammo_core.inference.verdict import (
    ScoredCase,
    ScoredImage,
    as_given,
    cases_hash,
    completeness_in_words,
    grade_cases,
    grade_in_words,
    point_to_lock,
    promise_in_words,
    rules_in_words,
    said_of_all,
    said_once,
    score_cases,
    threshold_in_words,
    usual_images,
    verdict_on,
    why_no_verdict,
)
from mammo_core.metrics.cases import Cases, Pooling, pool_cases
from mammo_core.runs.operating_points import LockedPoint, Promise
from mammo_core.scores import Recalibration, ScoreMap
from mammo_core.types import ImageRef, Laterality, Level, View
from tests.predictions import made_up_predictions

BY_BREAST = LockedPoint(
    threshold=0.5,
    level=Level.BREAST,
    pooling=Pooling.MAX,
    calibration="none",
    split="val",
    dataset="made up",
    aim="sensitivity of at least 90 %",
    promise=Promise(found=27, positives=30, left_alone=120, negatives=150),
    locked_at="2026-01-01T00:00:00+00:00",
    card_sha256="0" * 64,
)


def image(name: str, score: float, *, exam: str | None = "e1") -> ScoredImage:
    """`name` is side and view: "R CC"; "?" where one is not known."""
    side, view = name.split()
    ref = ImageRef(
        image_id=f"{exam} {name}",
        patient_id="p1",
        exam_id=exam,
        side=None if side == "?" else Laterality(side),
        view=None if view == "?" else View(view),
    )
    return ScoredImage(ref=ref, title=name, score=score)


FOUR = [image("R CC", 0.2), image("R MLO", 0.6), image("L CC", 0.1), image("L MLO", 0.3)]


def titled(cases: list[ScoredCase]) -> dict[str, ScoredCase]:
    return {case.title: case for case in cases}


def test_a_breast_and_an_exam_score_as_their_highest_image() -> None:
    cases = titled(score_cases(FOUR, None))
    assert cases["Right breast"].score == 0.6
    assert cases["Left breast"].score == 0.3
    assert cases["Exam"].score == 0.6
    assert cases["L CC"].score == 0.1


def test_the_level_of_the_locked_point_is_pooled_by_its_own_rule() -> None:
    by_mean = replace(BY_BREAST, pooling=Pooling.MEAN)
    cases = titled(score_cases(FOUR, by_mean))
    assert cases["Right breast"].score == pytest.approx(0.4)
    assert cases["Exam"].score == 0.6


HALVED = ScoreMap(kind=Recalibration.ISOTONIC, prevalence=0.1, knots=(0.0, 1.0), values=(0.0, 0.5))
RECALIBRATED = replace(BY_BREAST, threshold=0.3, calibration="isotonic", score_map=HALVED)


def test_a_score_is_recalibrated_before_it_meets_a_threshold_for_such_scores() -> None:
    cases = titled(score_cases(FOUR, RECALIBRATED))
    right, left = (verdict_on(cases[f"{side} breast"], RECALIBRATED) for side in ("Right", "Left"))
    assert right is not None
    assert left is not None
    assert (right.is_above, right.recalibrated) == (True, pytest.approx(0.3))  # exactly at it
    assert (left.is_above, left.recalibrated) == (False, pytest.approx(0.15))
    assert right.threshold == pytest.approx(0.6)  # among scores as the model gives them


def test_a_threshold_whose_recalibration_was_not_kept_judges_nothing_and_says_so() -> None:
    lost = replace(RECALIBRATED, score_map=None)
    cases = score_cases(FOUR, lost)
    assert not any(verdict_on(case, lost) for case in cases)
    assert "that re-calibration was not kept" in why_no_verdict(cases, lost)
    assert as_given(lost) is None
    assert threshold_in_words(lost) == "0.3000 after isotonic re-calibration"


def test_a_threshold_is_told_as_locked_and_as_the_model_scores() -> None:
    assert threshold_in_words(BY_BREAST) == "0.5000"
    told = threshold_in_words(RECALIBRATED)
    assert told == "0.3000 after isotonic re-calibration (0.6000 as the model scores)"


def test_why_there_is_no_verdict_is_said_only_where_there_is_none() -> None:
    assert why_no_verdict(score_cases(FOUR, BY_BREAST), BY_BREAST) == ""
    alone = [image("? CC", 0.2)]
    assert "by breast: there is no such case" in why_no_verdict(
        score_cases(alone, BY_BREAST), BY_BREAST
    )
    odd = replace(BY_BREAST, pooling="loudest")
    assert "pooled by 'loudest'" in why_no_verdict(score_cases(FOUR, odd), odd)


def test_only_cases_of_the_locked_level_get_a_verdict() -> None:
    verdicts = {c.title: verdict_on(c, BY_BREAST) for c in score_cases(FOUR, BY_BREAST)}
    assert [title for title, verdict in verdicts.items() if verdict] == [
        "Right breast",
        "Left breast",
    ]
    right = verdicts["Right breast"]
    assert right is not None
    assert right.is_above


def test_without_a_locked_point_nothing_gets_a_verdict() -> None:
    assert not any(verdict_on(case, None) for case in score_cases(FOUR, None))


@pytest.mark.parametrize(
    "unfit", [{"calibration": "Platt"}, {"pooling": "the median"}], ids=["calibration", "pooling"]
)
def test_a_point_locked_on_other_scores_gives_no_verdict(unfit: dict[str, str]) -> None:
    point = replace(BY_BREAST, **unfit)
    assert not any(verdict_on(case, point) for case in score_cases(FOUR, point))


def test_a_score_exactly_at_the_threshold_is_above_it() -> None:
    point = replace(BY_BREAST, threshold=0.6)
    verdict = verdict_on(titled(score_cases(FOUR, point))["Right breast"], point)
    assert verdict is not None
    assert verdict.in_words == "Score above the threshold."


def test_below_the_threshold_never_stands_alone() -> None:
    verdict = verdict_on(titled(score_cases(FOUR, BY_BREAST))["Left breast"], BY_BREAST)
    assert verdict is not None
    assert verdict.in_words == "Score below the threshold. That does not mean normal."


def test_a_woman_is_called_if_any_of_her_breasts_is() -> None:
    point = replace(BY_BREAST, level=Level.EXAM, pooling=Pooling.OWN_BREAST)
    exam = titled(score_cases(FOUR, point))["Exam"]
    assert exam.score == 0.6
    verdict = verdict_on(exam, point)
    assert verdict is not None
    assert verdict.is_above


def test_two_exams_are_told_apart() -> None:
    other = image("R CC", 0.9, exam="e2")
    cases = titled(score_cases([*FOUR, other], BY_BREAST))
    assert cases["Exam 1"].score == 0.6
    assert cases["Exam 2"].score == 0.9
    assert cases["Right breast, exam 2"].score == 0.9


def test_an_image_of_no_known_side_counts_for_the_exam_alone() -> None:
    cases = titled(score_cases([image("? CC", 0.8), image("L CC", 0.1)], None))
    assert cases["Left breast"].score == 0.1
    assert cases["Exam"].score == 0.8
    assert len([case for case in cases.values() if case.level is Level.BREAST]) == 1


def test_missing_views_are_counted_against_what_the_threshold_was_set_on() -> None:
    usual = usual_images(pool_cases(made_up_predictions(), Level.EXAM))
    assert usual == 4
    exam = titled(score_cases(FOUR[:2], None))["Exam"]
    assert completeness_in_words(exam, usual) == (
        "2 of 4 views: the threshold was set on complete exams."
    )
    assert completeness_in_words(titled(score_cases(FOUR, None))["Exam"], usual) == ""


def test_a_view_taken_twice_does_not_stand_for_a_missing_one() -> None:
    twice = [image("R CC", 0.2), replace(image("R CC", 0.4), title="R CC 2")]
    breast = titled(score_cases(twice, None))["Right breast"]
    assert completeness_in_words(breast, 2).startswith("1 of 2 views")


def test_more_images_than_usual_are_told() -> None:
    breast = titled(score_cases([*FOUR[:2], image("R ML", 0.7)], None))["Right breast"]
    assert completeness_in_words(breast, 2) == ("3 images: the threshold was set on breasts of 2.")


def test_the_promise_is_told_with_its_true_denominators() -> None:
    assert promise_in_words(BY_BREAST, "cancer") == (
        "In validation this threshold called 27 of 30 breasts with cancer and 30 of 150 breasts "
        "without. Chance leaves open (95 %): sensitivity 74% to 97%, specificity 73% to 86%."
    )


def test_the_best_threshold_of_few_women_promises_no_range() -> None:
    assert promise_in_words(replace(BY_BREAST, aim="Youden"), "cancer").endswith(
        "without. This threshold is the best of all on these cases, so it looks better here than "
        "it is; with under 50 women with cancer, or without, by how much is not known."
    )


def test_the_rules_are_told_once_where_they_are_one() -> None:
    assert rules_in_words(score_cases(FOUR, BY_BREAST)) == (
        "The score of a breast and of an exam is the highest of its images."
    )
    by_mean = replace(BY_BREAST, pooling=Pooling.MEAN)
    assert rules_in_words(score_cases(FOUR, by_mean)) == (
        "The score of a breast is the mean of its images, of an exam the highest."
    )


def test_what_is_the_same_is_said_once() -> None:
    def titles(images: list[ScoredImage], point: LockedPoint | None) -> list[str]:
        return [case.title for case in said_once(score_cases(images, point), point)]

    by_exam = replace(BY_BREAST, level=Level.EXAM)
    by_image = replace(BY_BREAST, level=Level.IMAGE)
    assert titles(FOUR, None) == ["Right breast", "Left breast", "Exam"]
    assert titles(FOUR[:2], None) == ["Right breast"]
    assert titles(FOUR[:2], by_exam) == ["Exam"]
    assert titles(FOUR[:1], None) == ["R CC"]
    assert titles(FOUR[:1], BY_BREAST) == ["Right breast"]
    assert titles([FOUR[0], FOUR[2]], None) == ["Right breast", "Left breast", "Exam"]
    assert titles(FOUR[:2], by_image) == ["Right breast", "R CC", "R MLO"]


@pytest.mark.slow
def test_a_mean_is_rounded_as_it_is_where_thresholds_are_chosen() -> None:
    by_mean = replace(BY_BREAST, pooling=Pooling.MEAN, level=Level.EXAM)
    rng = np.random.default_rng(0)
    for _ in range(200):
        scores = rng.random(4).round(6)
        table = made_up_predictions(women=1, with_cancer=1).assign(score=scores)
        threshold = pool_cases(table, Level.EXAM, Pooling.MEAN).score[0]
        images = [image(one.title, score) for one, score in zip(FOUR, scores[::-1], strict=True)]
        case = titled(score_cases(images, by_mean))["Exam"]
        verdict = verdict_on(case, replace(by_mean, threshold=float(threshold)))
        assert verdict is not None
        assert verdict.is_above


def test_a_breast_and_an_exam_are_graded_by_the_mean_of_their_views() -> None:
    shares = {
        "R CC": (0.0, 0.6, 0.4, 0.0),  # B, and with the other view C: (0, .3, .6, .1)
        "R MLO": (0.0, 0.0, 0.8, 0.2),
        "L CC": (0.0, 1.0, 0.0, 0.0),
        "L MLO": (0.4, 0.6, 0.0, 0.0),
    }
    by_id = {f"e1 {name}": probabilities for name, probabilities in shares.items()}
    graded = {one.title: one for one in grade_cases(FOUR, by_id, DENSITY)}
    assert {title: one.grade for title, one in graded.items()} == {
        "Right breast": "C", "Left breast": "B", "Exam": "B",
        "R CC": "B", "R MLO": "C", "L CC": "B", "L MLO": "B",
    }  # fmt: skip
    assert graded["Exam"].shares == pytest.approx((0.1, 0.55, 0.3, 0.05))
    assert grade_in_words(graded["Right breast"], DENSITY) == (
        "Density C, as this model sees it (A 0.00, B 0.30, C 0.60, D 0.10)"
    )


def test_the_median_class_is_not_the_likeliest_where_the_rest_lies_to_one_side() -> None:
    shares = {"e1 R CC": (0.4, 0.3, 0.2, 0.1)}
    (graded,) = grade_cases(FOUR[:1], shares, DENSITY)
    assert graded.grade == "B"


def test_one_image_is_graded_once() -> None:
    graded = grade_cases(FOUR[:1], {"e1 R CC": (1.0, 0.0, 0.0, 0.0)}, DENSITY)
    assert [(one.title, one.grade) for one in graded] == [("R CC", "A")]


def test_a_lock_names_the_cases_it_was_chosen_on_by_their_scores() -> None:
    table = made_up_predictions(women=4, with_cancer=2)
    cases = pool_cases(table, Level.BREAST)
    other = pool_cases(table.assign(score=1 - table["score"]), Level.BREAST)

    def lock(chosen_on: Cases) -> LockedPoint:
        return point_to_lock(
            chosen_on, 0.5, split="val", aim="fixed", locked_at="now", card_sha256="0" * 64
        )

    assert lock(cases).cases_sha256 == cases_hash(cases)
    assert lock(other).cases_sha256 != lock(cases).cases_sha256


def test_while_an_image_has_no_side_no_sentence_is_said_of_the_exam() -> None:
    """The one without a side may be the highest of its breast."""
    cases = score_cases([*FOUR[:2], image("? CC", 0.9)], BY_BREAST)
    assert said_of_all(cases, BY_BREAST) == (
        "",
        "No verdict yet: 1 image has no side. Set L or R on the image.",
    )
    named = replace(image("? MLO", 0.9), is_proposed=True)
    assert said_of_all(score_cases([*FOUR[:2], named], BY_BREAST), BY_BREAST) == (
        "",
        "No verdict yet: sides are proposed from the file names. Confirm them.",
    )
    cases = score_cases([*FOUR[:1], image("? CC", 0.9), named], BY_BREAST)
    assert said_of_all(cases, BY_BREAST)[1].startswith("No verdict yet: 1 image has no side.")
    assert said_of_all(score_cases(FOUR, BY_BREAST), BY_BREAST)[0].startswith("Score above")
