"""Which study may hang beside another, and who may ask the archive for one."""

from dataclasses import replace

from mammo_core.archive.links import Link, is_prior

NOW = Link(archive="here", study_uid="1.2", day="20240102", patient_id="W1", images=())
BEFORE = replace(NOW, study_uid="1.3", day="20220102")


def test_a_prior_is_of_the_same_archive_and_of_a_woman_who_is_known() -> None:
    assert is_prior(BEFORE, NOW)
    assert not is_prior(NOW, BEFORE)
    assert not is_prior(replace(BEFORE, archive="there"), NOW)
    assert not is_prior(replace(BEFORE, patient_id="W2"), NOW)
    assert not is_prior(replace(BEFORE, patient_id=""), replace(NOW, patient_id=""))
    assert not is_prior(replace(BEFORE, day=""), NOW)
