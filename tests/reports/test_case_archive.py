import io
import json
import zipfile
from dataclasses import replace

from mammo_core.reports.case.archive import case_zip
from mammo_core.reports.case.picture import Appearance
from mammo_core.reports.case.record import Pseudonyms
from tests.reports.read_cases import read_case

CASE = read_case()


def unpacked() -> dict[str, bytes]:
    content = case_zip(CASE, Appearance(), Pseudonyms(key=b"k" * 32, case_id=CASE.case_id))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_everything_lies_in_one_folder_under_names_the_program_made() -> None:
    assert sorted(unpacked()) == [
        "case_cccccccccccc/README.txt",
        "case_cccccccccccc/case.json",
        "case_cccccccccccc/dicom/1_L_CC_heatmap.dcm",
        "case_cccccccccccc/dicom/1_L_CC_image.dcm",
        "case_cccccccccccc/dicom/1_L_CC_regions.dcm",
        "case_cccccccccccc/dicom/2_L_MLO_heatmap.dcm",
        "case_cccccccccccc/dicom/2_L_MLO_image.dcm",
        "case_cccccccccccc/dicom/report_1.dcm",
        "case_cccccccccccc/pictures/1_L_CC.png",
        "case_cccccccccccc/pictures/1_L_CC_heatmap.png",
        "case_cccccccccccc/pictures/2_L_MLO.png",
        "case_cccccccccccc/pictures/2_L_MLO_heatmap.png",
        "case_cccccccccccc/report.html",
        "case_cccccccccccc/scores.csv",
    ]


def test_the_json_and_the_dicom_call_an_image_by_the_same_uid() -> None:
    files = unpacked()
    uid = json.loads(files["case_cccccccccccc/case.json"])["images"][0]["uid"]
    assert uid.encode() in files["case_cccccccccccc/dicom/1_L_CC_image.dcm"]
    assert uid.encode() in files["case_cccccccccccc/dicom/report_1.dcm"]


def test_every_text_says_that_it_is_for_research_only() -> None:
    files = unpacked()
    for name in ("README.txt", "case.json", "report.html", "scores.csv"):
        assert b"For research only. Not a medical device." in files[f"case_cccccccccccc/{name}"]


def test_no_export_knows_what_a_readers_computer_calls_a_file() -> None:
    """Not even of an image of no known side and view, which the screen calls by its file's name."""
    case = read_case()
    name = "Doe_Jane_1950.dcm"
    images = tuple(
        replace(
            image,
            about=replace(
                image.about,
                name=name,
                info=replace(image.about.info, ref=replace(image.about.ref, side=None, view=None)),
            ),
        )
        for image in case.images
    )
    assert [image.title for image in images] == ["Image 1", "Image 2"]
    pseudonyms = Pseudonyms(key=b"k" * 32, case_id=case.case_id)
    content = case_zip(replace(case, images=images), Appearance(), pseudonyms)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert not any(name.encode() in archive.read(member) for member in archive.namelist())
