import pandas as pd
import pytest

from mammo_core.listing import exam_images, images_by_case, list_cases, rows_called, with_tags
from mammo_core.tables import check_manifest, check_predictions


@pytest.fixture
def breasts() -> pd.DataFrame:
    """Two views of a left breast with cancer, one of the right without, and one of no label."""
    return check_predictions(
        pd.DataFrame(
            {
                "image_id": ["a", "b", "c", "d"],
                "patient_id": ["w", "w", "w", "v"],
                "side": ["L", "L", "R", pd.NA],
                "view": ["CC", "MLO", "CC", pd.NA],
                "label": ["cancer", "no cancer", "no cancer", pd.NA],
                "positive": pd.array([True, False, False, pd.NA], dtype="boolean"),
                "score": [0.2, 0.7, 0.4, 0.1],
                "age": [61.0, 61.0, 61.0, pd.NA],
                "site": ["1", "1", "2", pd.NA],
                "model_id": "m",
            }
        )
    )


def test_every_image_is_a_case_of_its_own_with_what_is_known_of_it(breasts: pd.DataFrame) -> None:
    first, *_, last = list_cases(breasts)
    assert (first.key, first.chips, first.score) == ("a", ("L", "CC"), 0.2)
    assert (first.truth, first.is_positive) == ("cancer", True)
    assert first.facts == {"site": "1", "age": 61.0}
    assert (last.chips, last.truth, last.is_positive, last.facts) == ((), "", None, {})


def test_a_case_of_several_images_has_the_views_of_all_and_scores_as_the_highest(
    breasts: pd.DataFrame,
) -> None:
    left, right, _ = list_cases(breasts, case_of=["left", "left", "right", "other"])
    assert (left.chips, left.score, left.is_positive) == (("L", "CC", "MLO"), 0.7, True)
    assert left.truth == "cancer, no cancer"
    assert right.is_positive is False


def test_only_the_cases_that_were_asked_for_are_listed_in_their_order(
    breasts: pd.DataFrame,
) -> None:
    cases = list_cases(breasts, scores={"c": 0.9, "a": 0.8, "gone": 1.0})
    assert [(case.key, case.score) for case in cases] == [("c", 0.9), ("a", 0.8)]


def test_a_case_has_the_tags_of_all_its_images(breasts: pd.DataFrame) -> None:
    case_of = ["left", "left", "right", "other"]
    images = images_by_case(breasts, case_of)
    assert images == {"left": ("a", "b"), "right": ("c",), "other": ("d",)}
    tags = {"a": ("clip",), "b": ("clip", "dense"), "d": ("dense",)}
    tagged = with_tags(list_cases(breasts, case_of=case_of), images, tags)
    assert [case.tags for case in tagged] == [("clip", "dense"), (), ("dense",)]


def test_the_other_views_of_an_exam_follow_those_asked_for() -> None:
    manifest = check_manifest(
        pd.DataFrame(
            {
                "image_id": ["a", "b", "c", "d", "e"],
                "path": ["a", "b", "c", "d", "e"],
                "patient_id": ["w", "w", "w", "v", pd.NA],
                "exam_id": ["1", "2", "1", "1", pd.NA],
            }
        )
    )
    assert exam_images(manifest, ["c"]) == ("c", "a")
    assert exam_images(manifest, ["e"]) == ("e",)


@pytest.mark.parametrize(("text", "found"), [("W", "abc"), (" d ", "d"), ("", "abcd"), ("(", "")])
def test_images_are_found_by_their_name_or_their_womans(
    breasts: pd.DataFrame, text: str, found: str
) -> None:
    assert "".join(rows_called(breasts, text)["image_id"]) == found
