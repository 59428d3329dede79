import io
import re
import shutil
import subprocess
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import highdicom
import pydicom
import pytest
from pydicom.dataset import Dataset

from mammo_core.errors import MammoError
from mammo_core.preprocessing.reading.identity import Evidence
from mammo_core.preprocessing.reading.read import decode
from mammo_core.reports.case.archive import identified_dicom, pseudonymous_dicom
from mammo_core.reports.case.picture import Appearance
from mammo_core.reports.case.record import CaseFile, Pseudonyms, ReadCase
from mammo_core.types import Laterality
from tests.quick import some_slow
from tests.reports.read_cases import POINT, read_case, unread

COMPREHENSIVE_SR = "1.2.840.10008.5.1.4.1.1.88.33"
VALIDATOR = shutil.which("dciodvfy")


def names_of(case: ReadCase) -> Pseudonyms:
    return Pseudonyms(key=b"k" * 32, case_id=case.case_id)


def read_back(files: list[CaseFile]) -> dict[str, Dataset]:
    return {file.name: pydicom.dcmread(io.BytesIO(file.content)) for file in files}


def pseudonymous(case: ReadCase) -> dict[str, Dataset]:
    return read_back(pseudonymous_dicom(case, Appearance(), names_of(case)))


def original(number: int, *, patient: str = "W-0001") -> Evidence:
    return Evidence(
        sop_class_uid="1.2.840.10008.5.1.4.1.1.1.2",
        sop_instance_uid=f"1.2.3.4.{number}",
        series_uid="1.2.3.5",
        study_uid="1.2.3",
        patient_id=patient,
        patient_name="Müller^Änne",
        birth_date="19600102",
        sex="F",
        study_date="20200304",
    )


def originals(case: ReadCase) -> dict[str, Evidence]:
    return {image.about.ref.image_id: original(image.about.number) for image in case.images}


def identified(case: ReadCase) -> dict[str, Dataset]:
    return read_back(identified_dicom(case, Appearance(), names_of(case), originals(case)))


def groups_of(report: Dataset) -> list[Dataset]:
    return list(report.ContentSequence[-1].ContentSequence)


def numbers_in(group: Dataset) -> dict[str, float]:
    return {
        item.ConceptNameCodeSequence[0].CodeValue: float(item.MeasuredValueSequence[0].NumericValue)
        for item in group.ContentSequence
        if item.ValueType == "NUM"
    }


def test_each_view_is_an_image_and_a_heatmap_and_each_exam_a_report() -> None:
    assert list(pseudonymous(read_case())) == [
        "dicom/1_L_CC_image.dcm",
        "dicom/2_L_MLO_image.dcm",
        "dicom/1_L_CC_heatmap.dcm",
        "dicom/2_L_MLO_heatmap.dcm",
        "dicom/report_1.dcm",
        "dicom/1_L_CC_regions.dcm",
    ]


def test_every_object_says_that_it_is_for_research_only() -> None:
    for dataset in (*pseudonymous(read_case()).values(), *identified(read_case()).values()):
        assert dataset.SeriesDescription.startswith("RESEARCH ONLY")
        assert "RESEARCH ONLY" in dataset.ManufacturerModelName


def test_the_heatmap_is_in_colour_and_refers_to_the_image_beside_it() -> None:
    files = pseudonymous(read_case())
    heatmap, image = files["dicom/1_L_CC_heatmap.dcm"], files["dicom/1_L_CC_image.dcm"]
    assert heatmap.pixel_array.shape[2] == 3
    assert heatmap.SourceImageSequence[0].ReferencedSOPInstanceUID == image.SOPInstanceUID
    assert heatmap.StudyInstanceUID == image.StudyInstanceUID
    assert heatmap.SeriesInstanceUID != image.SeriesInstanceUID
    assert image.pixel_array[:, 0].tolist() == [0, 36, 73, 109, 146, 182, 219, 255]


def test_the_report_is_a_measurement_report_whose_evidence_is_in_the_export() -> None:
    files = pseudonymous(read_case())
    report = files["dicom/report_1.dcm"]
    assert report.SOPClassUID == COMPREHENSIVE_SR
    assert report.ContentTemplateSequence[0].TemplateIdentifier == "1500"
    told = highdicom.sr.ComprehensiveSR.from_dataset(report).get_evidence()
    images = {files[name].SOPInstanceUID for name in files if name.endswith("_image.dcm")}
    assert {str(uids[2]) for uids in told} == images
    assert report.CodingSchemeIdentificationSequence[0].CodingSchemeDesignator == "99MAMMOSCOPE"


def test_the_scores_stand_as_numbers_with_the_algorithm_they_come_from() -> None:
    report = pseudonymous(read_case())["dicom/report_1.dcm"]
    scores = [numbers_in(group).get("SCORE") for group in groups_of(report)]
    assert scores == [0.5, 0.5, 0.25, 0.5, None]  # breast, exam, two images, a region
    words = report.to_json()
    for told in ("test-model", "ab" * 32, "Engine: torch fp32", "Heatmap: Grad-CAM"):
        assert told in words


def test_a_verdict_stands_with_its_threshold_at_its_level_alone() -> None:
    report = pseudonymous(read_case(point=POINT))["dicom/report_1.dcm"]
    thresholds = [numbers_in(group).get("THRESHOLD") for group in groups_of(report)]
    assert thresholds == [0.5, None, None, None, None]
    assert "Score at or above the threshold" in str(groups_of(report)[0])


def test_a_region_lies_in_the_pixels_of_the_image_referred_to() -> None:
    def corners(report: Dataset) -> list[float]:
        region = next(i for i in groups_of(report)[-1].ContentSequence if i.ValueType == "SCOORD")
        return list(region.GraphicData)

    box = [2, 4, 6, 4, 6, 12, 2, 12, 2, 4]
    assert corners(identified(read_case())["dicom_with_identity/report_1.dcm"]) == box
    halved = [edge / 2 for edge in box]
    assert corners(pseudonymous(read_case())["dicom/report_1.dcm"]) == halved


def test_the_regions_are_drawn_over_the_image_beside_them() -> None:
    files = pseudonymous(read_case())
    state, image = files["dicom/1_L_CC_regions.dcm"], files["dicom/1_L_CC_image.dcm"]
    [series] = state.ReferencedSeriesSequence
    assert series.ReferencedImageSequence[0].ReferencedSOPInstanceUID == image.SOPInstanceUID
    [annotation] = state.GraphicAnnotationSequence
    corners = annotation.GraphicObjectSequence[0].GraphicData
    assert list(corners) == [1, 2, 3, 2, 3, 6, 1, 6, 1, 2]  # half of (2, 4) to (6, 12)
    assert "NOT FOR CLINICAL USE" in annotation.TextObjectSequence[0].UnformattedTextValue
    assert state.ContentDescription == "RESEARCH ONLY, NOT FOR CLINICAL USE"


def test_without_identity_there_is_none_and_with_it_that_of_the_originals() -> None:
    case = read_case(kind="DICOM, RLE")
    hidden = pseudonymous_dicom(case, Appearance(), names_of(case))
    assert not any(re.search(rb"M.{1,2}ller|19600102|W-0001", file.content) for file in hidden)
    for dataset in read_back(hidden).values():
        assert dataset.PatientIdentityRemoved == "YES"
        assert dataset.PatientID.startswith("MS-")
        assert dataset.StudyDate == ""
    for dataset in identified(case).values():
        assert dataset.PatientName == "Müller^Änne"
        assert dataset.StudyInstanceUID == "1.2.3"
        assert "PatientIdentityRemoved" not in dataset
    report = identified(case)["dicom_with_identity/report_1.dcm"]
    told = highdicom.sr.ComprehensiveSR.from_dataset(report).get_evidence()
    assert {str(uids[2]) for uids in told} == {"1.2.3.4.1", "1.2.3.4.2"}


def test_an_image_that_was_drawn_is_still_known_as_such_when_read_again() -> None:
    case = read_case()
    drawn = tuple(
        replace(i, about=replace(i.about, info=replace(i.about.info, is_synthetic=True)))
        for i in case.images
    )
    for given, is_known in ((case, False), (replace(case, images=drawn), True)):
        image = pseudonymous_dicom(given, Appearance(), names_of(given))[0]
        assert decode(image.content, key=b"k" * 32).info.is_synthetic is is_known


def test_an_export_with_identity_needs_the_original_of_every_image() -> None:
    case = read_case()
    given = dict(list(originals(case).items())[:1])
    with pytest.raises(MammoError, match=r"1 of 2 images came without .* \(L MLO\)"):
        identified_dicom(case, Appearance(), names_of(case), given)


def test_an_export_with_identity_is_of_one_patient() -> None:
    case = read_case()
    given = {i.about.ref.image_id: original(1, patient=f"W-{i.title}") for i in case.images}
    with pytest.raises(MammoError, match="2 patients"):
        identified_dicom(case, Appearance(), names_of(case), given)


def test_a_case_that_was_not_scored_has_pictures_and_no_report() -> None:
    case = read_case()
    images = tuple(unread(image) for image in case.images)
    names = list(pseudonymous(replace(case, images=images, scores=())))
    assert not any("report" in name for name in names)


def uids_of(case: ReadCase) -> set[tuple[str, str, str]]:
    """Kind, series and object of all that is made of the reading, but for the images as read."""
    made = [one for name, one in pseudonymous(case).items() if not name.endswith("_image.dcm")]
    return {(one.Modality, one.SeriesInstanceUID, one.SOPInstanceUID) for one in made}


def test_the_same_reading_has_the_same_uids_whenever_it_is_made() -> None:
    case = read_case(point=POINT)
    later = replace(case, read_at=case.read_at + timedelta(minutes=7))
    assert {kind for kind, _, _ in uids_of(case)} == {"OT", "SR", "PR"}
    assert uids_of(later) == uids_of(case)


def other_readings() -> list[ReadCase]:
    case = read_case(point=POINT)
    first, second = case.images
    assert first.reading is not None
    region = replace(first.regions[0], share=0.25)
    return [
        replace(case, card=replace(case.card, weights_sha256="cd" * 32)),
        read_case(),
        read_case(point=replace(POINT, threshold=0.4)),
        replace(case, refused=1),
        replace(case, images=(replace(first, regions=(region,)), second)),
        replace(case, images=(replace(first, remark="Faint."), second)),
        replace(
            case, images=(replace(first, reading=replace(first.reading, engine="other")), second)
        ),
    ]


@pytest.mark.parametrize("place", some_slow(list(range(len(other_readings()))), quick=2))
def test_another_reading_shares_neither_series_nor_object_with_it(place: int) -> None:
    mine, others = uids_of(read_case(point=POINT)), uids_of(other_readings()[place])
    for part in (1, 2):
        assert not {one[part] for one in mine} & {one[part] for one in others}


@pytest.mark.slow
def test_another_look_makes_other_pictures_and_the_same_report() -> None:
    case = read_case()

    def made(look: Appearance) -> dict[str, set[str]]:
        files = identified_dicom(case, look, names_of(case), originals(case))
        found: dict[str, set[str]] = {}
        for one in read_back(files).values():
            found.setdefault(one.Modality, set()).update(
                (one.SeriesInstanceUID, one.SOPInstanceUID)
            )
        return found

    usual, faint = made(Appearance()), made(Appearance(opacity=0.2))
    assert usual["SR"] == faint["SR"]
    assert not usual["OT"] & faint["OT"]


def test_regions_of_two_images_are_told_apart() -> None:
    case = read_case()
    first, second = case.images
    report = pseudonymous(replace(case, images=(first, replace(second, regions=first.regions))))
    uids = [
        item.UID
        for group in groups_of(report["dicom/report_1.dcm"])
        for item in group.ContentSequence
        if item.ValueType == "UIDREF"
    ]
    assert len(uids) == len(set(uids)) == 6  # breast, exam, two images, two regions


@pytest.mark.skipif(VALIDATOR is None, reason="dciodvfy (Debian: dicom3tools) is not installed")
@pytest.mark.parametrize(
    ("kind", "side"), some_slow([("DICOM, RLE", Laterality.LEFT), ("PNG", None)], quick=1)
)
def test_the_validator_finds_no_error(tmp_path: Path, kind: str, side: Laterality | None) -> None:
    case = read_case(kind=kind, point=POINT)
    images = tuple(
        replace(
            i,
            about=replace(i.about, info=replace(i.about.info, ref=replace(i.about.ref, side=side))),
        )
        for i in case.images
    )
    case = replace(case, images=images)
    files = pseudonymous_dicom(case, Appearance(), names_of(case))
    files += identified_dicom(case, Appearance(), names_of(case), originals(case))
    assert len(files) == 9
    for number, file in enumerate(files):
        path = tmp_path / f"{number}.dcm"
        path.write_bytes(file.content)
        told = subprocess.run(
            [str(VALIDATOR), str(path)], capture_output=True, text=True, check=False
        )
        assert "Error" not in told.stderr, f"{file.name}: {told.stderr}"
        assert re.search("SCImage|ComprehensiveSR|SoftcopyPresentation", told.stderr)
