"""What Read tells of an opened case, and when."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from mammo_core.errors import DiskError, MammoError
from mammo_core.files import cases_root, shipped_checkpoints_root
from mammo_core.preprocessing.cases import Case
from mammo_core.runs.folder import RunFolder
from pages.components.read.reading import DEFAULT_METHOD, forget_readings, hold, is_held
from pages.components.shared.caselist.origin import KnownTruth, keep_truth, known_truth
from tests.pages.conftest import panels


def page_of(case_id: str, is_unread: bool) -> None:
    import streamlit as st

    from mammo_core.files import cases_root
    from mammo_core.preprocessing.cases import load_case
    from pages.components.read.workspace import show_unread
    from pages.components.shared.caselist.origin import show_origin

    st.query_params["from"] = "data"
    (show_unread if is_unread else show_origin)(load_case(cases_root(), case_id))


@pytest.mark.parametrize("is_unread", [True, False])
def test_who_reads_first_is_not_told_the_truth_before_the_answer(
    kept: Callable[[bytes], Case], monkeypatch: pytest.MonkeyPatch, *, is_unread: bool
) -> None:
    monkeypatch.setattr("streamlit.page_link", lambda *_, **__: None)  # there is no other page
    case = kept(b"picture")
    keep_truth(case, KnownTruth(truth="cancer", is_positive=True))
    page = AppTest.from_function(page_of, args=(case.case_id, is_unread)).run(timeout=120)
    assert not page.exception, page.exception
    told = [caption.value.replace("\\", "") for caption in page.caption]
    assert ("Truth by the data set: cancer" in told) is not is_unread


def page_of_sample() -> None:
    import streamlit as st

    from pages.components.read.intake import example_case
    from pages.components.read.workspace import show_opened

    case = example_case()
    assert case is not None
    st.query_params["model"], st.query_params["second"] = "phantom-light", "a-copy"
    show_opened(case)


def test_a_score_is_not_shown_before_the_access_log_has_it(
    runs_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    noted: list[str] = []

    def refuse(action: str, **_: str) -> None:
        noted.append(action)
        raise DiskError("There is no room for a line.")

    def note(action: str, **about: str) -> None:
        noted.append(f"{action} of {about['model']}")

    shutil.copytree(shipped_checkpoints_root() / "phantom-light", runs_root / "a-copy")
    monkeypatch.setattr("streamlit.page_link", lambda *_, **__: None)
    for module in ("workspace", "listed"):
        once = f"pages.components.read.{module}.note_once"
        monkeypatch.setattr(once, refuse, raising=False)
    page = AppTest.from_function(page_of_sample).run(timeout=120)
    assert not page.exception, page.exception
    assert (noted, panels(page)) == (["saw a score"], [])
    assert page.error[0].value == "There is no room for a line."
    monkeypatch.setattr("pages.components.read.listed.note_once", note)
    assert len(panels(page.run(timeout=120))) == 2
    assert sorted(noted[1:]) == ["saw a score of a-copy", "saw a score of phantom-light"]


def test_of_what_was_read_in_a_session_the_last_is_known_and_nothing_once_readings_are_forgotten(
    kept: Callable[[bytes], Case], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state: dict[str, object] = {}
    monkeypatch.setattr("streamlit.session_state", state)
    case, runs = kept(b"picture"), [RunFolder(tmp_path / str(number)) for number in range(200)]
    for run in runs:
        hold(run, case, method=DEFAULT_METHOD)
        hold(runs[0], case, method=DEFAULT_METHOD)
    held = [run for run in runs if is_held(run, case, method=DEFAULT_METHOD)]
    assert held == [runs[0], *runs[-127:]]
    forget_readings()
    assert not is_held(runs[0], case, method=DEFAULT_METHOD)


def test_of_a_damaged_file_no_truth_is_known_and_for_a_case_that_is_gone_none_is_kept(
    kept: Callable[[bytes], Case],
) -> None:
    case = kept(b"picture")
    (cases_root() / case.case_id / "known_truth.json").write_text("[" * 200_000, encoding="utf-8")
    assert known_truth(case) == KnownTruth()
    shutil.rmtree(cases_root() / case.case_id)
    with pytest.raises(MammoError, match=r"no longer kept. Open it again"):
        keep_truth(case, KnownTruth(truth="cancer"))
