"""What a reader says of an image by its chips, where the file's name proposes some of it."""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from mammo_core.files import cases_root
from mammo_core.preprocessing.cases import CaseImage, load_case, store_case
from mammo_core.preprocessing.pixel_files import keep_image
from mammo_core.types import ImageInfo, ImageRef, Laterality, Mammogram, View

Correct = Callable[[Laterality | None, View | None], tuple[CaseImage, str]]


def page_of(case_id: str, side: str, view: str) -> None:
    """Runs as a page does: its one file is called R-CC.png, and the reader says `side`, `view`."""
    import streamlit as st

    from mammo_core.files import cases_root
    from mammo_core.preprocessing.cases import load_case
    from mammo_core.types import Laterality, View
    from pages.components.read.case import take_correction
    from pages.components.read.intake import name_files, proposed_places
    from pages.components.shared.viewer.viewer import Correction

    case = load_case(cases_root(), case_id)
    name_files(case, ["R-CC.png"])
    pane = case.images[0].ref.image_id
    said = Correction(
        pane=pane,
        side=Laterality(side) if side else None,
        view=View(view) if view else None,
    )
    take_correction(case, said)
    left = proposed_places(load_case(cases_root(), case_id))
    st.text(left[pane].words if left else "")


@pytest.fixture
def correct(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Correct:
    """Of an image whose file says nothing; what is kept of it, and what is still proposed."""
    monkeypatch.setenv("MAMMO_HOME", str(tmp_path))
    info = ImageInfo(ref=ImageRef(image_id="x"), kind="test", bits=8)
    case = store_case(
        [b"picture"],
        cases_root(),
        keep=partial(
            keep_image,
            read=lambda _: Mammogram(info=info, pixels=np.zeros((2, 2), np.float32)),
            mask=lambda mammogram: mammogram,
        ),
        now=time.time(),
    )

    def correct_(side: Laterality | None, view: View | None) -> tuple[CaseImage, str]:
        page = AppTest.from_function(page_of, args=(case.case_id, side or "", view or "")).run()
        assert not page.exception
        return load_case(cases_root(), case.case_id).images[0], page.text[0].value

    return correct_


def test_a_view_said_by_hand_leaves_the_side_of_the_name_a_proposal(correct: Correct) -> None:
    image, proposed = correct(Laterality.RIGHT, View.MLO)
    assert (image.ref.side, image.ref.view) == (None, View.MLO)
    assert image.corrected == ("view",)
    assert proposed == "R MLO"


def test_a_side_said_to_be_unknown_is_not_proposed_again(correct: Correct) -> None:
    correct(Laterality.LEFT, View.CC)
    image, proposed = correct(None, View.CC)
    assert (image.ref.side, image.ref.view) == (None, None)
    assert image.corrected == ("side",)
    assert proposed == "CC"
