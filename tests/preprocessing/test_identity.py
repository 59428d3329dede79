"""Who a woman is stays inside the reader; her images still group."""

import stat
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from mammo_core.errors import MammoError
from mammo_core.preprocessing.reading.identity import installation_key, keyed_id
from mammo_core.preprocessing.reading.read import decode
from tests.preprocessing.dicom_files import KEY, file_of, header_of, mammogram_file, ramp, read

SECRET = "GEHEIM"
IDENTIFYING = (
    "PatientName", "PatientID", "OtherPatientIDs", "PatientAddress", "PatientComments",
    "InstitutionName", "InstitutionAddress", "ReferringPhysicianName", "OperatorsName",
    "StationName", "DeviceSerialNumber", "AccessionNumber", "StudyID", "StudyDescription",
    "SeriesDescription", "ProtocolName", "PerformedProcedureStepDescription", "ImageComments",
    "Manufacturer", "ManufacturerModelName",
)  # fmt: skip


def test_nothing_that_identifies_leaves_the_reader() -> None:
    header = header_of(ramp())
    for keyword in IDENTIFYING:
        setattr(header, keyword, SECRET)
    header.PatientBirthDate = header.StudyDate = "19660606"
    header.StudyInstanceUID = header.SOPInstanceUID = "1.2.19660606"
    header.ImageLaterality, header.ViewPosition = "R", "MLO"
    header.PixelData = ramp().tobytes()
    mammogram = read(file_of(header))
    told = " ".join(repr(getattr(mammogram, field.name)) for field in fields(mammogram))
    assert SECRET not in told
    assert "19660606" not in told
    assert "MLO" in told


def test_images_of_one_woman_and_exam_share_their_ids_and_no_others() -> None:
    first = read(mammogram_file(ramp(), SOPInstanceUID="1.1"))
    second = read(mammogram_file(ramp(), SOPInstanceUID="1.2"))
    other = read(mammogram_file(ramp(), PatientID="W-0002", StudyInstanceUID="9"))
    assert first.ref.patient_id == second.ref.patient_id != other.ref.patient_id
    assert first.ref.exam_id == second.ref.exam_id != other.ref.exam_id
    assert first.ref.image_id != second.ref.image_id
    assert first.ref.patient_id is not None
    assert "W-0001" not in first.ref.patient_id


def test_padding_of_an_id_makes_no_other_woman() -> None:
    plain = read(mammogram_file(ramp(), PatientID=b"W-0001"))
    padded = read(mammogram_file(ramp(), PatientID=b"W-0001  "))
    assert plain.ref.patient_id == padded.ref.patient_id


def test_another_installation_gives_other_ids() -> None:
    content = mammogram_file(ramp())
    here, there = decode(content, key=KEY), decode(content, key=b"z" * 32)
    assert here.ref.patient_id != there.ref.patient_id


def test_without_an_id_there_is_none() -> None:
    mammogram = read(mammogram_file(ramp(), PatientID="", StudyInstanceUID=None))
    assert mammogram.ref.patient_id is None
    assert mammogram.ref.exam_id is None


def test_the_id_of_a_data_set_is_kept() -> None:
    assert decode(mammogram_file(ramp()), key=KEY, image_id="0007").ref.image_id == "0007"


def test_ids_of_different_kinds_differ_for_equal_values() -> None:
    assert keyed_id(KEY, "patient", b"1") != keyed_id(KEY, "exam", b"1")
    assert len(keyed_id(KEY, "patient", b"1")) == 32


def test_the_key_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "home" / "key"
    key = installation_key(path)
    assert len(key) == 32
    assert installation_key(path) == key
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_many_at_once_agree_on_one_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as threads:
        keys = list(threads.map(lambda _: installation_key(tmp_path / "key"), range(64)))
    assert len(set(keys)) == 1


@pytest.mark.slow
def test_a_broken_key_is_not_replaced_in_silence(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"short")
    with pytest.raises(MammoError, match="has 5 bytes; 32 are right"):
        installation_key(tmp_path / "key")


def test_a_known_maker_and_sound_amounts_are_told_and_no_other_word_that_stands_there() -> None:
    known: dict[str, Any] = {
        "Manufacturer": "HOLOGIC, Inc.",
        "KVP": "28",
        "BodyPartThickness": "52.5",
    }
    told = read(mammogram_file(ramp(), **known)).info.making
    assert told[:3] == (
        ("Made by", "Hologic"), ("Tube voltage", "28 kV"), ("Compressed to", "52.5 mm"),
    )  # fmt: skip
    foreign: dict[str, Any] = {
        "Manufacturer": f"Dr. {SECRET}",
        "KVP": "19660606",
        "CompressionForce": b"many",
    }
    told = read(mammogram_file(ramp(), **foreign)).info.making
    assert told == (("Pixels", "for presentation"),)
