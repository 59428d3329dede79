"""What the panel of scores says and draws, made of plain cases."""

from dataclasses import replace

import numpy as np
import pytest

from mammo_core.inference.verdict import ScoredCase, ScoredImage, said_once, score_cases
from mammo_core.metrics.cases import Cases, Pooling
from mammo_core.runs.operating_points import LockedPoint, Promise
from mammo_core.types import DENSITY, ImageRef, Laterality, Level, View
from mammo_core.words import finding_of
from pages.components.read.panel.panel import (
    UNLOCKED,
    Backdrop,
    Panel,
    as_data,
    panel_of,
    words_of,
)

POINT = LockedPoint(
    threshold=0.5,
    level=Level.BREAST,
    pooling="max",
    calibration="none",
    split="val",
    dataset="made up",
    aim="fixed",
    promise=Promise(found=9, positives=10, left_alone=80, negatives=100),
    locked_at="2026-01-01T00:00:00+00:00",
    card_sha256="ab" * 32,
)


def exam(right: float, left: float, *, is_outside: bool = False) -> list[ScoredCase]:
    """Breasts and exam of four views; the CC of each breast scores 0.1."""
    images = [
        ScoredImage(
            ref=ImageRef(image_id=f"{side}{view}", side=side, view=view),
            title=f"{side} {view}",
            score=0.1 if view is View.CC else score,
            is_outside=is_outside,
        )
        for side, score in ((Laterality.RIGHT, right), (Laterality.LEFT, left))
        for view in (View.CC, View.MLO)
    ]
    return score_cases(images, POINT)[:3]


def validation(_: ScoredCase) -> Cases:
    """Two breasts with cancer, three without."""
    return Cases(
        level=Level.BREAST,
        rule=Pooling.MAX,
        case_ids=("a", "b", "c", "d", "e"),
        groups=np.arange(5),
        positive=np.array([True, False, True, False, False]),
        score=np.array([0.9, 0.2, 0.4, 0.1, 0.6]),
        images=np.full(5, 2),
        dataset="made up",
    )


VALIDATION = Backdrop(cases=validation)


def panel(right: float, left: float, point: LockedPoint | None = POINT) -> Panel:
    return panel_of(exam(right, left), point, VALIDATION, key="k")


@pytest.mark.parametrize(
    ("right", "left", "headline", "aside"),
    [
        (0.1, 0.2, "Score below the threshold.", "That does not mean normal."),
        (0.1, 0.5, "Score above the threshold: left breast.", "Below does not mean normal."),
        (0.8, 0.9, "Score above the threshold: right breast, left breast.", ""),
    ],
)
def test_the_exam_has_one_sentence_and_below_never_stands_alone(
    right: float, left: float, headline: str, aside: str
) -> None:
    told = panel(right, left)
    assert (told.headline, told.aside) == (headline, aside)


def test_each_breast_is_judged_and_lies_on_the_validation_scores_told_apart_by_class() -> None:
    first, second, whole = panel(0.1, 0.8).rows
    assert [row.side for row in (first, second, whole)] == ["below", "above", ""]
    assert [row.note for row in (first, whole)] == ["", ""]
    assert "highest of 4 views" in whole.alt
    bare = panel_of(exam(0.1, 0.8), POINT, Backdrop(cases=lambda case: None), key="k").rows[2]
    assert bare.note == "no exams to compare with"
    assert bare.positive == bare.other == ()
    assert (first.positive, first.other) == ((0.4, 0.9), (0.1, 0.2, 0.6))
    assert second.alt == (
        "Left breast: score 0.80 on a scale from 0 to 1, highest of 2 views, threshold 0.5000, "
        "over 2 validation breasts with cancer and 3 without"
    )


def test_what_was_scored_in_cross_validation_is_not_called_validation() -> None:
    told = panel_of(exam(0.1, 0.8), POINT, replace(VALIDATION, split=""), key="k")
    assert told.legend == "Women it had not seen (cross-validation): ■ with cancer, □ without."
    assert told.where == "In cross-validation"
    assert "over 2 cross-validated breasts with cancer" in told.rows[1].alt
    assert "validation" not in words_of(told).replace("cross-validation", "")
    assert panel(0.1, 0.8).legend == "Validation: ■ with cancer, □ without."


def test_a_model_of_density_is_not_told_as_one_of_cancer() -> None:
    density = replace(VALIDATION, finding=finding_of(DENSITY))
    told = panel_of(exam(0.1, 0.8), POINT, density, key="k")
    assert told.legend == "Validation: ■ with C or D, □ without."
    assert told.having == "C or D"
    assert "breasts with C or D and 3 without" in told.rows[1].alt
    assert "cancer" not in " ".join([words_of(told), *(row.alt for row in told.rows)])


def test_without_a_threshold_nothing_is_judged_and_nothing_can_be_dragged() -> None:
    told = panel(0.1, 0.8, None)
    assert told.threshold is None
    assert (told.headline, told.aside) == ("", "No verdict.")
    told = panel_of(exam(0.1, 0.8), None, VALIDATION, key="k", unjudged=UNLOCKED)
    assert told.aside == "No verdict: no threshold is locked."
    assert [row.side for row in told.rows] == ["", "", ""]


def test_of_an_image_the_model_does_not_know_there_is_the_stamp_and_nothing_to_compare_with() -> (
    None
):
    told = panel_of(exam(0.1, 0.8, is_outside=True), POINT, VALIDATION, key="k")
    assert told.stamp == "Outside what this model knows"
    assert (told.headline, told.aside) == ("", "No verdict.")
    assert all(row.positive == row.other == () and row.side == "" for row in told.rows)


def test_why_a_score_may_mean_nothing_stands_on_the_panel_before_the_verdict() -> None:
    line = "Scanned film, read by a model of digital mammograms: the score may mean nothing."
    told = panel_of(exam(0.1, 0.8), POINT, VALIDATION, key="k", alarm=line)
    assert words_of(told).strip().startswith(f"{line} Score above the threshold")


def test_a_score_near_the_threshold_has_the_digits_that_tell_them_apart() -> None:
    first, *_ = panel(0.4996, 0.8).rows
    assert first.shown == "0.4996"


def test_another_threshold_or_another_case_takes_back_what_was_tried() -> None:
    moved = panel(0.1, 0.8, replace(POINT, threshold=0.4))
    assert len({panel(0.1, 0.8).key, moved.key}) == 2
    assert panel(0.1, 0.8).key == panel(0.1, 0.8).key


def test_the_panel_of_one_breast_holds_about_twenty_words_and_that_of_an_exam_about_thirty() -> (
    None
):
    images = [image for case in exam(0.1, 0.1)[:1] for image in case.images]
    alone = said_once(score_cases(images, POINT), POINT)
    told = panel_of(alone, POINT, VALIDATION, key="k")
    assert 12 <= len(words_of(told).split()) <= 20, words_of(told)
    words = words_of(panel(0.1, 0.8)).split()
    assert 15 <= len(words) <= 30, words


def test_what_is_sent_is_plain_numbers_and_text() -> None:
    data = as_data(panel(0.1, 0.8))
    assert data["threshold"] == 0.5
    assert data["rows"][0]["other"] == (0.1, 0.2, 0.6)
