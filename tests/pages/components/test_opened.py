"""What Read tells of an opened case, and when."""

from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from mammo_core.preprocessing.cases import Case
from pages.components.shared.caselist.origin import KnownTruth, keep_truth


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
    page = AppTest.from_function(page_of, args=(case.case_id, is_unread)).run(timeout=30)
    assert not page.exception, page.exception
    told = [caption.value.replace("\\", "") for caption in page.caption]
    assert ("Truth by the data set: cancer" in told) is not is_unread
