"""What a reader says of an image by its chips, where the file's name proposes some of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from mammo_core.archive.links import Link
from mammo_core.files import cases_root
from mammo_core.preprocessing.cases import Case, CaseImage, load_case
from mammo_core.types import Box, Laterality, View
from pages.components.read import pictures, priors
from pages.components.shared.caselist.origin import KnownTruth, keep_truth
from pages.components.shared.viewer.viewer import Correction, Pane, ViewerResult

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
def correct(kept: Callable[[bytes], Case]) -> Correct:
    """Of an image whose file says nothing; what is kept of it, and what is still proposed."""
    case = kept(b"picture")

    def correct_(side: Laterality | None, view: View | None) -> tuple[CaseImage, str]:
        page = AppTest.from_function(
            page_of, args=(case.case_id, side or "", view or ""), default_timeout=60
        ).run()
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


def page_of_pairs(case_id: str) -> None:
    """Two models side by side; the viewer hears that what the second is shown on is L CC."""
    from pathlib import Path

    from mammo_core.files import cases_root
    from mammo_core.preprocessing.cases import load_case
    from mammo_core.runs.folder import RunFolder
    from pages.components.read.case import take_correction
    from pages.components.read.pictures import Layer, show_pictures
    from pages.components.read.reading import CaseReading

    case = load_case(cases_root(), case_id)
    read = CaseReading(readings={}, regions={}, drawn={}, seconds={})
    layers = [Layer(run=RunFolder(Path(name)), read=read) for name in ("a", "b")]
    show_pictures(case, layers, proposed={}, on_corrected=lambda said: take_correction(case, said))


def page_of_prior(case_id: str, prior_id: str) -> None:
    import streamlit as st

    from mammo_core.files import cases_root
    from mammo_core.preprocessing.cases import load_case
    from pages.components.read.priors import hang_with_prior

    st.query_params["prior"] = prior_id
    assert hang_with_prior(load_case(cases_root(), case_id), None)


def saying(told: Mapping[str, Laterality]) -> Callable[..., ViewerResult]:
    """A viewer whose reader says the side of what lies in panes whose keys end so."""

    def show(
        panes: Sequence[Pane], *, on_corrected: Callable[[Correction], None], **how: object
    ) -> ViewerResult:
        for pane in panes:
            for end, side in told.items():
                if pane.key.endswith(end):
                    on_corrected(Correction(pane=pane.key, side=side, view=None))
        return ViewerResult()

    return show


def test_what_is_said_of_an_image_beneath_one_of_two_models_is_said_of_the_image(
    kept: Callable[[bytes], Case], monkeypatch: pytest.MonkeyPatch
) -> None:
    case = kept(b"picture")
    monkeypatch.setattr(pictures, "all_titles", lambda: {"a": "A", "b": "B"})
    monkeypatch.setattr(pictures, "show_viewer", saying({"1": Laterality.LEFT}))
    page = AppTest.from_function(page_of_pairs, args=(case.case_id,), default_timeout=60).run()
    assert not page.exception, page.exception
    assert load_case(cases_root(), case.case_id).images[0].ref.side is Laterality.LEFT


def test_a_prior_that_hangs_beside_is_corrected_by_itself_and_lesions_known_stand_on_the_current(
    kept: Callable[[bytes], Case], monkeypatch: pytest.MonkeyPatch
) -> None:
    case, prior = kept(b"now"), kept(b"then")
    link = Link(archive="a", study_uid="1", day="20240101", patient_id="w", images=())
    before = replace(link, day="20230101")
    links = {case.case_id: link, prior.case_id: before}
    monkeypatch.setattr(priors, "read_link", lambda root, case_id: links[case_id])
    (image,) = case.images
    box = Box(x0=0.0, y0=0.0, x1=1.0, y1=1.0)
    keep_truth(case, KnownTruth(lesions={image.ref.image_id: (box,)}))
    hung: list[Pane] = []
    said = saying({"": Laterality.RIGHT, " of the prior": Laterality.LEFT})

    def show(panes: Sequence[Pane], **how: Any) -> ViewerResult:
        hung.extend(panes)
        return said(panes, **how)

    monkeypatch.setattr(priors, "show_viewer", show)
    page = AppTest.from_function(
        page_of_prior, args=(case.case_id, prior.case_id), default_timeout=60
    ).run()
    assert not page.exception, page.exception
    assert [len(pane.truth) for pane in hung] == [1, 0]
    sides = [load_case(cases_root(), one.case_id).images[0].ref.side for one in (case, prior)]
    assert sides == [Laterality.RIGHT, Laterality.LEFT]
