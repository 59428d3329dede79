"""A score of an image of a kind the model does not know leaves in no form without saying so."""

import io
import json
import zipfile
from collections.abc import Callable

import numpy as np
import pydicom
import pytest
from PIL import Image

from mammo_core.reports.case.archive import case_zip, identified_dicom
from mammo_core.reports.case.html import to_html
from mammo_core.reports.case.picture import (
    Appearance,
    overlay_picture,
    plain_picture,
    small_pictures,
)
from mammo_core.reports.case.record import Pseudonyms, ReadCase
from mammo_core.reports.case.tables import case_rows, to_json
from mammo_core.words import OUTSIDE
from tests.reports.read_cases import POINT, WHY_OUTSIDE, outside_case, read_case
from tests.reports.test_case_dicom import groups_of, originals

STAMPED, USUAL = outside_case(), read_case(point=POINT)
NAMES = Pseudonyms(key=b"k" * 32, case_id=STAMPED.case_id)
LOOK = Appearance()


def unpacked(case: ReadCase) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(case_zip(case, LOOK, NAMES))) as archive:
        return {name.split("/", 1)[1]: archive.read(name) for name in archive.namelist()}


def test_the_table_stamps_the_row_and_no_other() -> None:
    assert case_rows(STAMPED)["stamp"].tolist() == [f"{OUTSIDE}. {WHY_OUTSIDE}", ""]
    assert case_rows(USUAL)["stamp"].tolist() == ["", ""]


def test_the_document_stamps_case_reading_and_every_score_made_of_it() -> None:
    document = json.loads(to_json(STAMPED, NAMES))
    assert document["stamp"] == OUTSIDE
    assert [one["reading"]["stamp"] for one in document["images"]] == [
        f"{OUTSIDE}. {WHY_OUTSIDE}",
        None,
    ]
    # The breast, the exam and the first image hold the first image's score.
    assert [one["stamp"] for one in document["scores"]] == [OUTSIDE, OUTSIDE, OUTSIDE, None]
    assert json.loads(to_json(USUAL, NAMES))["stamp"] is None


def test_no_threshold_judges_a_stamped_score() -> None:
    breast, *_ = json.loads(to_json(STAMPED, NAMES))["scores"]
    assert breast["is_above_threshold"] is None
    assert breast["in_words"] == f"{OUTSIDE}: no verdict."
    assert json.loads(to_json(USUAL, NAMES))["scores"][0]["is_above_threshold"] is True


def test_the_page_to_print_bears_the_stamp_above_the_scores_and_over_the_view() -> None:
    page = to_html(STAMPED, NAMES, LOOK)
    assert page.index(f"{OUTSIDE}. {WHY_OUTSIDE}") < page.index("Score for cancer")
    assert f"score 0.250; {OUTSIDE}" in page
    assert OUTSIDE not in to_html(USUAL, NAMES, LOOK)


@pytest.mark.parametrize(
    "draw",
    [
        lambda case: overlay_picture(case.images[0], case, LOOK),
        lambda case: plain_picture(case.images[0], LOOK),
        lambda case: small_pictures(case.images[0], LOOK, longest=8)[0],
        lambda case: small_pictures(case.images[0], LOOK, longest=8)[1],
    ],
    ids=["with heatmap", "without", "small, with heatmap", "small, without"],
)
def test_every_picture_has_a_band_of_its_own_for_the_stamp(
    draw: Callable[[ReadCase], np.ndarray],
) -> None:
    stamped, usual = draw(STAMPED), draw(USUAL)
    band = 16 if usual.shape[1] == 160 else 26
    assert stamped.shape[0] >= usual.shape[0] + band
    drawn = stamped[band : 2 * band].astype(int)
    assert np.ptp(drawn) > 100  # words, where the usual picture has its first rows
    assert np.array_equal(stamped[2 * band : 2 * band + 8], usual[band : band + 8])


@pytest.mark.slow
def test_the_archive_forgets_the_stamp_in_none_of_its_forms() -> None:
    stamped, usual = unpacked(STAMPED), unpacked(USUAL)
    for name in ("scores.csv", "case.json", "report.html", "dicom/report_1.dcm"):
        assert OUTSIDE.encode() in stamped[name], name
        assert OUTSIDE.encode() not in usual[name], name
    for name in ("dicom/1_L_CC_heatmap.dcm", "dicom/1_L_CC_image.dcm"):
        told = pydicom.dcmread(io.BytesIO(stamped[name])).ImageComments
        assert told == f"L CC. {OUTSIDE}. For research only. Not a medical device."
    high, low = (
        Image.open(io.BytesIO(files["pictures/1_L_CC_heatmap.png"])).height
        for files in (stamped, usual)
    )
    assert high > low


def test_the_structured_report_has_the_stamp_in_the_place_of_a_verdict() -> None:
    files = identified_dicom(STAMPED, LOOK, NAMES, originals(STAMPED))
    report = next(file for file in files if "report" in file.name)
    groups = groups_of(pydicom.dcmread(io.BytesIO(report.content)))
    told = [
        [
            item.ConceptCodeSequence[0].CodeMeaning
            for item in group.ContentSequence
            if item.ValueType == "CODE"
            and "ConceptCodeSequence" in item
            and item.ConceptNameCodeSequence[0].CodeValue == "VERDICT"
        ]
        for group in groups
    ]
    # Breast, exam and first image; the second image; the region of the first.
    assert told == [[f"{OUTSIDE}; no verdict"]] * 3 + [[], []]
    for group in (*groups[:3], groups[4]):
        assert f"Limit: {OUTSIDE}. {WHY_OUTSIDE}" in group.to_json()
