import numpy as np
import pytest

from mammo_core.errors import ReadError
from mammo_core.preprocessing.reading.identity import Evidence
from mammo_core.preprocessing.reading.isolation import ReadingProcess
from mammo_core.preprocessing.reading.read import decode_evidence
from tests.preprocessing.dicom_files import MAMMOGRAM, mammogram_file

PIXELS = np.zeros((4, 4), dtype=np.uint16)


def file(**changes: object) -> bytes:
    given = {
        "SeriesInstanceUID": "1.2.3.5",
        "PatientName": "Doe^Jane",
        "PatientBirthDate": "19600102",
        "PatientSex": "F",
        "IssuerOfPatientID": "Ward 3",
        "StudyDate": "20200304",
        "OperatorsName": "Nobody^Else",
    }
    return mammogram_file(PIXELS, **{**given, **changes})


def test_whose_image_it_is_comes_out_of_the_reading_process() -> None:
    process = ReadingProcess()
    try:
        evidence = process.read_evidence(file())
    finally:
        process.close()
    assert evidence == Evidence(
        sop_class_uid=MAMMOGRAM,
        sop_instance_uid="1.2.3.4",
        series_uid="1.2.3.5",
        study_uid="1.2.3",
        patient_id="W-0001",
        patient_name="Doe^Jane",
        issuer="Ward 3",
        birth_date="19600102",
        sex="F",
        study_date="20200304",
    )


def test_a_refusal_crosses_the_pipe_as_a_sentence() -> None:
    process = ReadingProcess()
    try:
        with pytest.raises(ReadError, match="not a DICOM"):
            process.read_evidence(b"Dear colleague")
    finally:
        process.close()


def test_a_name_in_another_character_set_keeps_its_letters() -> None:
    content = file(SpecificCharacterSet="ISO_IR 100", PatientName="Müller^Änne")
    assert decode_evidence(content).patient_name == "Müller^Änne"


def test_a_file_that_nothing_can_refer_to_is_refused() -> None:
    with pytest.raises(ReadError, match="SeriesInstanceUID"):
        decode_evidence(file(SeriesInstanceUID=None))
    with pytest.raises(ReadError, match="StudyInstanceUID"):
        decode_evidence(file(StudyInstanceUID=b"1.2;rm -rf"))


def test_a_patient_id_too_long_to_repeat_is_refused_and_not_cut() -> None:
    with pytest.raises(ReadError, match="PatientID"):
        decode_evidence(file(PatientID=b"9" * 80))


def test_dates_that_are_none_are_unknown() -> None:
    assert decode_evidence(file(PatientBirthDate=b"unknown!")).birth_date == ""


def test_a_day_that_no_calendar_has_is_unknown() -> None:
    told = decode_evidence(
        file(PatientBirthDate=b"19500000", StudyDate=b"20240230", StudyTime=b"126100")
    )
    assert (told.birth_date, told.study_date, told.study_time) == ("", "", "")
