"""What is sent home tells of a woman what was checked, and what cannot be sent tells nothing."""

import warnings
from dataclasses import replace

import pytest

from mammo_core.archive.receiver import _why_held_back
from mammo_core.archive.results import header_of, objects_of, what_is_sent
from mammo_core.archive.worklists import _missing_in_words
from mammo_core.errors import ArchiveError
from mammo_core.preprocessing.cases import Case, Refusal
from mammo_core.preprocessing.dicom.identity import evidence_in
from mammo_core.preprocessing.reading.identity import Evidence
from mammo_core.reports.case.archive import identified_objects
from mammo_core.reports.case.dicom import to_file
from mammo_core.reports.case.picture import Appearance
from tests.reports.read_cases import read_case
from tests.reports.test_case_dicom import names_of, originals

DOCUMENT = {
    "00080016": {"vr": "UI", "Value": ["1.2.840.10008.5.1.4.1.1.1.2"]},
    "00080018": {"vr": "UI", "Value": ["1.2.3.4.1"]},
    "0020000D": {"vr": "UI", "Value": ["1.2.3"]},
    "0020000E": {"vr": "UI", "Value": ["1.2.3.5"]},
    "00080060": {"vr": "CS", "Value": ["MG"]},
    "00280002": {"vr": "US", "Value": [1]},
    "00280004": {"vr": "CS", "Value": ["MONOCHROME2"]},
    "00280010": {"vr": "US", "Value": [16]},
    "00280011": {"vr": "US", "Value": [8]},
    "00100030": {"vr": "DA", "Value": ["19500000"]},
    "00100040": {"vr": "CS", "Value": ["a sex of far too many characters"]},
}


def test_a_malformed_birth_date_is_neither_sent_nor_told(caplog: pytest.LogCaptureFixture) -> None:
    case = read_case()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        header = header_of(DOCUMENT)
        found = evidence_in(header)
        assert (found.birth_date, found.sex) == ("", "")
        headers = dict.fromkeys(originals(case), header)
        known = {name: replace(one, birth_date="") for name, one in originals(case).items()}
        made = objects_of(case, headers, known, look=Appearance(), pseudonyms=names_of(case))
    assert {one.Modality for one in made} == {"OT", "SR", "PR"}
    assert {str(one.PatientBirthDate) for one in made} == {""}
    assert "1950" not in caplog.text


def test_the_regions_stay_here_where_nobody_wants_them_sent() -> None:
    case = read_case()
    assert "1 presentation state with the regions" in what_is_sent(case, "here")
    assert "presentation" not in what_is_sent(case, "here", has_states=False)
    made = objects_of(
        case, {}, originals(case), look=Appearance(), pseudonyms=names_of(case), has_states=False
    )
    assert {one.Modality for one in made} == {"OT", "SR"}


def test_whose_patient_id_it_is_goes_home_where_the_archive_says_so() -> None:
    case = read_case()
    document = DOCUMENT | {"00100021": {"vr": "LO", "Value": ["Ward 3"]}}
    header = header_of(document)
    issuer = evidence_in(header).issuer
    for known in (issuer, ""):
        whose = {name: replace(one, issuer=known) for name, one in originals(case).items()}
        headers = dict.fromkeys(whose, header)
        made = objects_of(case, headers, whose, look=Appearance(), pseudonyms=names_of(case))
        assert {one.Modality for one in made} == {"OT", "SR", "PR"}
        assert {one.get("IssuerOfPatientID", "") for one in made} == {known}
    assert issuer == "Ward 3"


def test_a_value_that_dicom_refuses_is_an_error_that_does_not_tell_it() -> None:
    case = read_case()
    wrong: dict[str, Evidence] = {
        name: replace(one, birth_date="19500000") for name, one in originals(case).items()
    }
    headers = dict.fromkeys(wrong, header_of(DOCUMENT))
    with pytest.raises(ArchiveError, match="cannot be written as DICOM") as refused:
        objects_of(case, headers, wrong, look=Appearance(), pseudonyms=names_of(case))
    assert "1950" not in str(refused.value)
    assert refused.value.__suppress_context__


def test_what_is_sent_of_an_incomplete_study_says_so_and_it_is_not_sent_by_itself() -> None:
    whole = read_case()
    assert _why_held_back(whole, originals(whole)) == ""
    case = replace(whole, refused=1)
    assert "1 of 3 images could not be read." in what_is_sent(case, "here")
    made = identified_objects(case, Appearance(), names_of(case), originals(case))
    report = next(one for one in made if one.Modality == "SR")
    told = [one.ImageComments for one in made if one.Modality == "OT"] + [
        to_file(report).decode("latin-1")
    ]
    assert [("1 of 3 images could not be read." in one) for one in told] == [True] * 3
    assert "incomplete" in _why_held_back(case, originals(case))
    assert "2 of 2 images" in _why_held_back(whole, {})


def test_the_line_of_a_study_with_unread_images_says_how_many_and_why() -> None:
    read = replace(read_case(), refused=1)
    refusals = tuple(
        Refusal(number=number, code=code, sentence=sentence, hint="")
        for number, code, sentence in [(3, "damaged", "It is cut short."), (4, "same_image", "-")]
    )
    case = Case(case_id=read.case_id, images=(), refusals=refusals, kept_until=0.0)
    assert _missing_in_words(case, read) == "1 of 3 images could not be read. It is cut short."
