"""Which study may hang beside another, and who may ask the archive for one."""

from dataclasses import replace

from mammo_core.archive.client import ArchiveClient
from mammo_core.archive.exams import prior_studies
from mammo_core.archive.links import Link, is_prior
from mammo_core.archive.listed import Archive
from tests.archive.stub import answering, serving, study

NOW = Link(archive="here", study_uid="1.2", day="20240102", patient_id="W1", images=())
BEFORE = replace(NOW, study_uid="1.3", day="20220102")


def test_a_prior_is_of_the_same_archive_and_of_a_woman_who_is_known() -> None:
    assert is_prior(BEFORE, NOW)
    assert not is_prior(NOW, BEFORE)
    assert not is_prior(replace(BEFORE, archive="there"), NOW)
    assert not is_prior(replace(BEFORE, patient_id="W2"), NOW)
    assert not is_prior(replace(BEFORE, patient_id=""), replace(NOW, patient_id=""))
    assert not is_prior(replace(BEFORE, day=""), NOW)


def test_one_id_of_two_issuers_is_of_two_women() -> None:
    here, there = replace(NOW, issuer="Ward 3"), replace(BEFORE, issuer="Ward 4")
    assert not is_prior(there, here)
    assert is_prior(replace(BEFORE, issuer="Ward 3"), here)
    assert is_prior(BEFORE, here)
    before = "20220102"
    found = [
        study("1.2.1", t00080020=before, t00100021="Ward 3"),
        study("1.2.2", t00080020=before, t00100021="Ward 4"),
        study("1.2.3", t00080020=before),
    ]
    with serving({"/studies": answering(found)}) as stub:
        client = ArchiveClient(Archive(name="here", dicomweb=stub.url), "")
        hers = prior_studies(client, here)
        assert "includefield=IssuerOfPatientID" in stub.asked[0]
    assert [one.uid for one in hers] == ["1.2.1", "1.2.3"]
