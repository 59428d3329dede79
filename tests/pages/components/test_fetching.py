"""A study that is fetched while the page stays: cancelled, failed, and not for another case. And
results that are sent while somebody clicks.
"""

import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.scriptrunner_utils.script_requests import RerunData
from streamlit.testing.v1 import AppTest

from mammo_core.archive import exams, results
from mammo_core.archive.links import Link, keep_link
from mammo_core.archive.listed import Archive, add_archive
from mammo_core.errors import ArchiveError
from mammo_core.files import access_log, archives_file, cases_root, owned_root
from mammo_core.preprocessing.cases import Case, store_case
from mammo_core.preprocessing.pixel_files import keep_image
from mammo_core.sharing.access_log import read_accesses
from mammo_core.sharing.rights import Role, Visitor
from mammo_core.types import ImageInfo, ImageRef, Mammogram
from pages.components.read.fetching import Fetching
from tests.archive.stub import refusing, serving


def page_of_fetching() -> None:
    from pages.components.read.fetching import show_fetching
    from pages.components.shared.frame import noted_errors

    with noted_errors():
        show_fetching("fetched", lambda case: None)


def page_that_is_left_as_it_opens() -> None:
    import streamlit as st

    from mammo_core.preprocessing.cases import Case
    from pages.components.read.fetching import show_fetching

    def opened(case: Case) -> None:
        st.session_state["opened"] = st.session_state.get("opened", 0) + 1
        if st.session_state["opened"] == 1:
            st.stop()

    show_fetching("fetched", opened)


def page_of_case(case_id: str) -> None:
    from mammo_core.files import cases_root
    from mammo_core.preprocessing.cases import load_case
    from pages.components.read.priors import offer_priors

    offer_priors(load_case(cases_root(), case_id))


def fetching(monkeypatch: pytest.MonkeyPatch, opened: Callable[..., Any]) -> Fetching:
    monkeypatch.setattr(exams, "open_study", opened)
    unasked: Any = None
    return Fetching(unasked, unasked, Path(), modality="MG")


@pytest.fixture
def held() -> Iterator[threading.Event]:
    """Set when the archive answers at last."""
    event = threading.Event()
    yield event
    event.set()


def fail_after(held: threading.Event) -> Callable[..., None]:
    def fail(*_: object, **__: object) -> None:
        held.wait(30)
        raise ArchiveError("The archive is on fire.")

    return fail


def until_over(one: Fetching) -> None:
    end = time.monotonic() + 10
    while not one.is_over and time.monotonic() < end:
        time.sleep(0.01)
    assert one.is_over


def test_what_went_wrong_is_told_once(
    monkeypatch: pytest.MonkeyPatch, held: threading.Event
) -> None:
    page = AppTest.from_function(page_of_fetching, default_timeout=60)
    page.session_state["fetched"] = one = fetching(monkeypatch, fail_after(held))
    assert not page.run().error
    held.set()
    until_over(one)
    assert [error.value for error in page.run().error] == ["The archive is on fire."]
    assert not page.run().error
    assert not page.exception


def test_nothing_is_said_to_be_kept_or_not_until_the_fetching_has_ended(
    monkeypatch: pytest.MonkeyPatch, held: threading.Event
) -> None:
    page = AppTest.from_function(page_of_fetching, default_timeout=60)
    page.session_state["fetched"] = one = fetching(monkeypatch, fail_after(held))
    page.run().button[0].click().run()
    assert [said.value for said in page.caption] == ["Cancelling…"]
    held.set()
    until_over(one)
    assert not page.run().error
    assert not page.caption


def test_what_was_fetched_is_opened_by_the_next_run_where_a_click_ended_the_one_that_opened_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fetched: Any = object()
    page = AppTest.from_function(page_that_is_left_as_it_opens, default_timeout=60)
    page.session_state["fetched"] = one = fetching(monkeypatch, lambda *_, **__: fetched)
    until_over(one)
    page.run()
    assert page.session_state["opened"] == 1
    page.run()
    assert page.session_state["opened"] == 2
    assert "fetched" not in page.session_state
    assert not page.exception


def page_that_refuses() -> None:
    from mammo_core.errors import DiskError
    from mammo_core.preprocessing.cases import Case
    from pages.components.read.fetching import show_fetching
    from pages.components.shared.frame import noted_errors

    def opened(case: Case) -> None:
        raise DiskError("There is no room for the access log.")

    with noted_errors():
        show_fetching("fetched", opened)


def test_what_cannot_be_opened_is_refused_once(monkeypatch: pytest.MonkeyPatch) -> None:
    fetched: Any = object()
    page = AppTest.from_function(page_that_refuses, default_timeout=60)
    page.session_state["fetched"] = one = fetching(monkeypatch, lambda *_, **__: fetched)
    until_over(one)
    page.run()
    assert "fetched" not in page.session_state
    assert not page.run().error


def kept_case(content: bytes, folder: Path | None = None) -> Case:
    """One image of four pixels, whatever `content` holds."""
    info = ImageInfo(ref=ImageRef(image_id="x"), kind="test", bits=8)
    read = Mammogram(info=info, pixels=np.eye(2, dtype=np.float32))
    keep = partial(keep_image, read=lambda _: read, mask=lambda mammogram: mammogram)
    return store_case([content], cases_root(folder), keep=keep, now=time.time())


def test_an_archive_that_did_not_answer_is_not_asked_for_priors_at_every_click(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAMMO_HOME", str(tmp_path))
    case = kept_case(b"another")
    link = Link(
        archive="here", study_uid="1.2", day="20240102", patient_id="W1", images=(),
        missing="The archive lists 1 of the 4 instances.",
    )  # fmt: skip
    keep_link(cases_root(), case.case_id, link)
    page = AppTest.from_function(page_of_case, args=(case.case_id,), default_timeout=60)
    with serving({"/studies": refusing(500)}) as stub:
        add_archive(archives_file(), Archive(name="here", dicomweb=stub.url))
        for _ in range(3):
            told = [error.value for error in page.run().error]
            assert told == ["Archive here refused with status 500 while looking for studies."]
        assert len(stub.asked) == 1
    assert [warning.value for warning in page.warning] == [link.missing]


def test_a_prior_is_fetched_no_more_when_the_reader_goes_on_to_another_case(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, held: threading.Event
) -> None:
    monkeypatch.setenv("MAMMO_HOME", str(tmp_path))
    case = kept_case(b"picture")
    page = AppTest.from_function(page_of_case, args=(case.case_id,), default_timeout=60)
    page.session_state["prior_fetched"] = one = fetching(monkeypatch, fail_after(held))
    page.session_state["prior_fetched_beside"] = case.case_id
    page.run()
    before = one.is_cancelled
    page.session_state["prior_fetched_beside"] = "the case before"
    page.run()
    assert (before, one.is_cancelled) == (False, True)
    assert "prior_fetched" not in page.session_state
    assert not page.exception


def page_of_sending(case_id: str) -> None:
    from mammo_core.preprocessing.cases import load_case
    from mammo_core.runs.folder import find_checkpoint
    from pages.components.read.archive import show_send
    from pages.components.read.pictures import Layer
    from pages.components.read.reading import CaseReading
    from pages.components.shared.whose import cases_root

    read = CaseReading(readings={}, regions={}, drawn={}, seconds={})
    run = find_checkpoint("phantom-light")
    show_send(load_case(cases_root(), case_id), Layer(run=run, read=read))


def click_meanwhile(*_: object, **__: object) -> None:
    context = get_script_run_ctx()
    assert context is not None
    assert context.script_requests is not None
    context.script_requests.request_rerun(RerunData())


def test_what_was_sent_is_logged_and_said_to_be_though_somebody_clicked_while_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    anna = Visitor(name="anna", role=Role.RESEARCHER, folder="a" * 16)
    monkeypatch.setenv("MAMMO_HOME", str(tmp_path))
    monkeypatch.setattr("pages.components.shared.whose.visitor", lambda: anna)
    monkeypatch.setattr(results, "send_home", click_meanwhile)
    whose = owned_root() / anna.folder
    case = kept_case(b"picture", whose)
    link = Link(archive="here", study_uid="1.2", day="20240102", patient_id="W1", images=())
    keep_link(cases_root(whose), case.case_id, link)
    add_archive(archives_file(), Archive(name="here", dicomweb="http://127.0.0.1:9/dicom-web"))
    page = AppTest.from_function(page_of_sending, args=(case.case_id,), default_timeout=60).run()
    assert not page.exception, page.exception
    assert [one.value for one in page.error] == []
    page.button(key="send").click().run()
    assert not page.exception, page.exception
    (sent,) = read_accesses(access_log())
    assert (sent.action, sent.case, sent.about) == (
        "sent a case to an archive", case.case_id, "here"
    )  # fmt: skip
    assert [said.value for said in page.success] == [
        "Sent, and the archive says that it keeps them."
    ]
    assert page.button(key="send").label == "Send again"
