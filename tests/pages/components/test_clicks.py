"""A click is heard also where the page is begun anew before it comes to its button."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from mammo_core.archive import exams, results
from mammo_core.archive.client import FoundStudy
from mammo_core.archive.links import Link, keep_link
from mammo_core.archive.listed import Archive, add_archive
from mammo_core.errors import ArchiveError, MammoError
from mammo_core.files import archives_file, cases_root
from mammo_core.preprocessing.cases import DAY_SECONDS, Case, load_case
from mammo_core.reports.case.record import ReadCase

Kept = Callable[[bytes], Case]


def page_of_case(case_id: str) -> None:
    """As while the case is read anew: the page is drawn again once it is."""
    import streamlit as st

    from mammo_core.files import cases_root
    from mammo_core.preprocessing.cases import load_case
    from pages.components.read.case import offer_to_take_names, show_case_care, show_case_table

    if st.session_state.pop("is_unread", False):
        st.rerun()
    case = load_case(cases_root(), st.query_params.get("case", case_id))
    offer_to_take_names(case)
    show_case_table(case)
    show_case_care(case)


def page_of_archive(case_id: str) -> None:
    import streamlit as st

    from mammo_core.files import cases_root, shipped_checkpoints_root
    from mammo_core.preprocessing.cases import load_case
    from mammo_core.runs.folder import RunFolder
    from pages.components.read.archive import show_send
    from pages.components.read.pictures import Layer
    from pages.components.read.priors import offer_priors
    from pages.components.read.reading import CaseReading

    if st.session_state.pop("is_unread", False):
        st.rerun()
    case = load_case(cases_root(), case_id)
    unread = CaseReading(readings={}, regions={}, drawn={}, seconds={})
    run = RunFolder(shipped_checkpoints_root() / "phantom-light")
    show_send(case, Layer(run=run, read=unread))
    offer_priors(case)


def opened(kept: Kept, *contents: bytes) -> tuple[AppTest, list[Case]]:
    """The page of the first of several cases."""
    cases = [kept(content) for content in contents]
    page = AppTest.from_function(page_of_case, args=(cases[0].case_id,))
    page.session_state["cases_of_session"] = [case.case_id for case in cases]
    assert not page.run().exception
    return page, cases


def click(page: AppTest, key: str) -> None:
    """While the case is read anew."""
    page.session_state["is_unread"] = True
    page.button(key=key).click().run()
    assert not page.exception, page.exception


def test_a_case_is_kept_for_longer(kept: Kept) -> None:
    page, (case,) = opened(kept, b"picture")
    click(page, "keep_case")
    assert load_case(cases_root(), case.case_id).kept_until > time.time() + 29 * DAY_SECONDS


def test_a_case_is_forgotten_and_the_next_is_open(kept: Kept) -> None:
    page, (case, other) = opened(kept, b"picture", b"another")
    click(page, "forget_case")
    with pytest.raises(MammoError):
        load_case(cases_root(), case.case_id)
    assert "".join(page.query_params["case"]) == other.case_id


def test_two_cases_are_joined(kept: Kept) -> None:
    page, (case, other) = opened(kept, b"picture", b"another")
    page.selectbox(key="join_with").set_value(other.case_id).run()
    click(page, "join_cases")
    joined = "".join(page.query_params["case"])
    assert joined not in (case.case_id, other.case_id)
    assert page.session_state["cases_of_session"] == [joined]


def test_the_suggested_sides_are_taken(kept: Kept) -> None:
    page, (case,) = opened(kept, b"picture")
    click(page, "take_sides")
    assert load_case(cases_root(), case.case_id).images[0].ref.side is not None


def test_what_the_names_propose_is_taken(kept: Kept) -> None:
    page, (case,) = opened(kept, b"picture")
    (image,) = case.images
    page.session_state["names_of_files"] = {case.case_id: {image.ref.image_id: "L-CC.png"}}
    page.run()
    click(page, "take_names")
    assert str(load_case(cases_root(), case.case_id).images[0].ref.side) == "L"


def test_what_cannot_be_done_is_said(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    page, (case,) = opened(kept, b"picture")
    for file in (cases_root() / case.case_id).iterdir():
        file.unlink()
    page.button(key="keep_case").click().run()
    assert len(page.toast) == 1


@pytest.fixture
def from_archive(kept: Kept, tmp_path: Path) -> AppTest:
    """The page of a case that came from an archive."""
    case = kept(b"picture")
    add_archive(archives_file(), Archive(name="here", dicomweb="http://127.0.0.1:9/dicom-web"))
    keep_link(
        cases_root(),
        case.case_id,
        Link(archive="here", study_uid="1.2", day="20240102", patient_id="W1", images=()),
    )
    return AppTest.from_function(page_of_archive, args=(case.case_id,))


PRIOR = FoundStudy(
    uid="1.1", day="20220102", description="", accession="", images=1, patient_id="W1"
)


def test_results_are_sent_home_and_what_went_wrong_is_said(
    from_archive: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[ReadCase] = []

    def send_home(client: object, read: ReadCase, link: Link, **_: Any) -> None:
        if sent:
            raise ArchiveError("The archive is full.")
        sent.append(read)

    monkeypatch.setattr(results, "send_home", send_home)
    monkeypatch.setattr(exams, "prior_studies", lambda *_: [])
    assert not from_archive.run().exception
    click(from_archive, "send")
    assert [read.card.model_id for read in sent] == ["phantom-light"]
    assert [said.value for said in from_archive.success] == [
        "Sent, and the archive says that it keeps them."
    ]
    from_archive.button(key="send").click().run()
    assert [said.value for said in from_archive.error] == ["The archive is full."]
    assert not from_archive.run().success  # it went wrong last
    assert not from_archive.error


def test_nothing_is_sent_because_of_a_click_long_ago(
    from_archive: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[object] = []
    monkeypatch.setattr(results, "send_home", lambda *_, **__: sent.append(1))
    monkeypatch.setattr(exams, "prior_studies", lambda *_: [])
    from_archive.run().button(key="send")
    (case_id,) = from_archive.args
    for seconds in (61, 1):
        clicked = (f"{case_id} phantom-light", time.monotonic() - seconds)
        from_archive.session_state["send_wanted"] = clicked
        assert not from_archive.run().exception
        assert "send_wanted" not in from_archive.session_state
        assert len(sent) == (seconds < 60)


def test_a_prior_study_is_fetched(
    from_archive: AppTest, monkeypatch: pytest.MonkeyPatch, kept: Kept
) -> None:
    prior = kept(b"prior")
    monkeypatch.setattr(exams, "prior_studies", lambda *_: [PRIOR])
    monkeypatch.setattr(exams, "open_study", lambda *_, **__: prior)
    assert not from_archive.run().exception
    click(from_archive, "prior_0")
    end = time.monotonic() + 10
    while "prior" not in from_archive.query_params and time.monotonic() < end:
        from_archive.run()
    assert "".join(from_archive.query_params["prior"]) == prior.case_id
