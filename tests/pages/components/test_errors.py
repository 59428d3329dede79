"""What goes wrong on a page and can be mended is a sentence there; the rest crashes loudly."""

import ast
import errno
import logging
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from mammo_core.files import REPOSITORY, access_log, cases_root, owned_root
from mammo_core.preprocessing.cases import store_case
from mammo_core.preprocessing.pixel_files import keep_image
from mammo_core.sharing.access_log import read_accesses
from mammo_core.sharing.rights import Role, Visitor
from mammo_core.types import ImageInfo, ImageRef, Mammogram
from tests.full_disk import room_for

ROOM = "Nothing more can be written: there is no room left on the disk."


def page_that_meets(number: int, name: str | None) -> None:
    import os

    import streamlit as st

    from pages.components.shared.frame import noted_errors, shown_errors, toasted_errors

    for around in (toasted_errors, noted_errors, shown_errors):
        with around():
            raise OSError(number, os.strerror(number), name)
        st.text("The page goes on.")


@pytest.mark.parametrize(
    ("number", "name", "said"),
    [
        (errno.ENOSPC, None, ROOM),
        (errno.ENOSPC, "/srv/keep/jobs/cpu.lock", "to the folder 'jobs': there is no room left"),
        (errno.EROFS, "/srv/keep/jobs/cpu.lock", "to the folder 'jobs': Read-only file system."),
        (
            errno.EACCES,
            "/srv/keep/scans/a.dcm",
            "'a.dcm' may not be opened: Permission denied. Give this account the right to it.",
        ),
    ],
)
def test_what_a_disk_refuses_is_a_sentence_without_the_servers_folders(
    number: int,
    name: str | None,
    said: str,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caplog.set_level(logging.WARNING)  # some libraries quiet the logs of others
    log = logging.Logger("mammoscope")
    log.addHandler(caplog.handler)
    monkeypatch.setattr("pages.components.shared.frame._LOG", log)
    page = AppTest.from_function(page_that_meets, args=(number, name), default_timeout=60).run()
    assert not page.exception
    told = [one.value.replace("\\", "") for one in (*page.toast, *page.error)]
    assert len(told) == 3
    assert [one for one in told if said not in one or "/srv" in one or "keep" in one] == []
    logged = [one.exc_text or "" for one in caplog.records if one.name == "mammoscope"]
    assert ["in page_that_meets" in one for one in logged] == [True] * 3
    assert len(page.text) == 2  # it ends where errors are shown in the page's place


@pytest.mark.parametrize("number", [errno.ENOENT, errno.EBADF])
def test_any_other_error_of_the_system_is_a_fault_of_ours_and_crashes(number: int) -> None:
    page = AppTest.from_function(
        page_that_meets, args=(number, "/srv/keep/x"), default_timeout=60
    ).run()
    assert page.exception
    assert not page.error


def page_of_a_case(case_id: str) -> None:
    import streamlit as st

    from pages.components.read.intake import open_case

    st.query_params["case"] = case_id
    open_case()
    st.text("The case is shown.")


def test_a_case_whose_opening_cannot_be_written_down_is_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    anna = Visitor(name="anna", role=Role.READER, folder="a" * 16)
    monkeypatch.setenv("MAMMO_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("pages.components.shared.whose.visitor", lambda: anna)
    read = Mammogram(
        info=ImageInfo(ref=ImageRef(image_id="x"), kind="test", bits=8),
        pixels=np.zeros((2, 2), np.float32),
    )
    keep = partial(keep_image, read=lambda _: read, mask=lambda mammogram: mammogram)
    case = store_case([b"x"], cases_root(owned_root() / anna.folder), keep=keep, now=time.time())
    page = AppTest.from_function(page_of_a_case, args=(case.case_id,), default_timeout=60)
    with room_for(0):
        page.run()
    assert "mammoscope" not in {one.name for one in caplog.records}  # it was foreseen
    assert not page.exception
    assert "there is no room left on the disk" in page.error[0].value
    assert not page.text
    assert not page.run().error
    assert [one.account for one in read_accesses(access_log())] == ["anna"]


def test_what_goes_wrong_in_a_callback_passes_by_for_it_has_no_place_on_the_page() -> None:
    misplaced = []
    for file in (REPOSITORY / "pages").rglob("*.py"):
        nodes = [*ast.walk(ast.parse(file.read_text(encoding="utf-8")))]
        called = {
            node.value.id
            for node in nodes
            if isinstance(node, ast.keyword)
            and node.arg in {"on_click", "on_change", "on_select"}
            and isinstance(node.value, ast.Name)
        }
        misplaced += [
            f"{file.name}: {node.name}"
            for node in nodes
            if isinstance(node, ast.FunctionDef)
            and node.name in called
            and {"shown_errors", "noted_errors"} & {*_names_in(node)}
        ]
    assert misplaced == []


def _names_in(function: ast.FunctionDef) -> list[str]:
    return [node.id for node in ast.walk(function) if isinstance(node, ast.Name)]
