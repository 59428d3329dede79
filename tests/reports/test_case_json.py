import json
from dataclasses import replace

from mammo_core.reports.case.record import Pseudonyms
from mammo_core.reports.case.tables import to_json
from tests.reports.read_cases import POINT, read_case, unread

CASE = read_case()
NAMES = Pseudonyms(key=b"k" * 32, case_id=CASE.case_id)


def test_the_document_tells_scores_model_and_what_was_done_to_the_pixels() -> None:
    document = json.loads(to_json(CASE, NAMES))
    assert document["schema_version"] == 1
    assert document["notice"] == "For research only. Not a medical device."
    assert document["read_at"] == "2026-11-20T21:00:00+00:00"
    assert document["model"]["weights_sha256"] == "ab" * 32
    first = document["images"][0]
    assert first["reading"]["score"] == 0.25
    assert first["reading"]["probabilities"] == {"no cancer": 0.75, "cancer": 0.25}
    assert first["reading"]["heatmap"]["method"] == "Grad-CAM"
    assert first["reading"]["regions"][0]["box"] == {"x0": 2, "y0": 4, "x1": 6, "y1": 12}
    assert first["notes"] == ['=HYPERLINK("x") & <b>note</b>']


def test_every_level_is_scored_with_its_images_and_rule() -> None:
    scores = json.loads(to_json(CASE, NAMES))["scores"]
    assert [(s["level"], s["images"], s["rule"], s["score"]) for s in scores] == [
        ("breast", [1, 2], "max", 0.5),
        ("exam", [1, 2], "max", 0.5),
        ("image", [1], "max", 0.25),
        ("image", [2], "max", 0.5),
    ]
    assert all(s["is_above_threshold"] is None for s in scores)


def test_a_verdict_stands_at_the_level_of_the_threshold_and_nowhere_else() -> None:
    document = json.loads(to_json(read_case(point=POINT), NAMES))
    assert [s["is_above_threshold"] for s in document["scores"]] == [True, None, None, None]
    assert "9 of 10 breasts with cancer" in document["scores"][0]["in_words"]
    assert document["operating_point"]["promise"]["negatives"] == 100


def test_views_that_are_missing_are_told_beside_the_verdict() -> None:
    document = json.loads(to_json(replace(read_case(point=POINT), usual_images=4), NAMES))
    assert "2 of 4 views" in document["scores"][0]["in_words"]


def test_an_image_without_a_score_says_why() -> None:
    case = replace(CASE, images=(unread(CASE.images[0]), CASE.images[1]))
    image = json.loads(to_json(case, NAMES))["images"][0]
    assert image["reading"] is None
    assert image["unread"] == "It does not look like a breast."


def test_ids_are_pseudonyms_that_hold_for_one_installation() -> None:
    mine, again = json.loads(to_json(CASE, NAMES)), json.loads(to_json(CASE, NAMES))
    theirs = json.loads(to_json(CASE, Pseudonyms(key=b"q" * 32, case_id=CASE.case_id)))
    for name in ("uid", "patient", "exam"):
        assert mine["images"][0][name] == again["images"][0][name]
        assert mine["images"][0][name] != theirs["images"][0][name]
    assert mine["images"][0]["uid"] != mine["images"][1]["uid"]
    assert mine["images"][0]["patient"] == mine["images"][1]["patient"]


def test_a_uid_is_a_number_below_the_root_for_uuids() -> None:
    uid = NAMES.uid("image", "x")
    root, number = uid.rsplit(".", 1)
    assert root == "2.25"
    assert str(int(number)) == number
    assert len(uid) <= 64
