"""Where a lesion finder would mark one: a second layer on the images, asked only when chosen."""

from dataclasses import replace
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from mammo_core.config import PatchConfig
from mammo_core.inference.lesions import LesionFinder, open_finder
from mammo_core.reading import Looking
from mammo_core.runs.card import write_card
from mammo_core.runs.folder import RunFolder, RunStatus, card_hash
from mammo_core.runs.measured import add_froc
from mammo_core.types import LESION_PATCH, RunState
from tests.inference.made_up import write_checkpoint
from tests.pages.conftest import OpenPage
from tests.pages.test_read import a_breast, captions, choose, drop
from tests.runs.test_froc import POINT, froc

CONTROL = "Shown on the images"
LAYER = "Looks like a lesion on films"


@pytest.fixture
def finder(runs_root: Path) -> RunFolder:
    """A network of patches of films, with random weights."""
    (runs_root / "20260201-000000-light_cnn-aaaa").mkdir()
    run = RunFolder(write_checkpoint(runs_root / "20260201-000000-light_cnn-aaaa"))
    card = run.card()
    learnt = replace(card.data, seen="film")
    patches = PatchConfig(size=16)
    write_card(replace(card, task=LESION_PATCH, patches=patches, data=learnt), run.card_file)
    run.write_status(RunStatus(state=RunState.FINISHED))
    return run


def measured(run: RunFolder, *, above: float = 0.0) -> None:
    found = froc(card_hash(run))
    add_froc(run, replace(found, points=(replace(POINT, above=above),), looking=Looking(spacing=8)))


def opened(open_page: OpenPage) -> AppTest:
    page = open_page("read")
    choose(page, "phantom-light")
    drop(page, ("a.png", a_breast()))
    return page


def layers(page: AppTest) -> list[str]:
    return [
        str(option)
        for group in page.button_group
        if group.label == CONTROL
        for option in group.options
    ]


@pytest.mark.slow
def test_nothing_is_shown_where_there_is_no_finder_or_none_that_was_measured(
    open_page: OpenPage, finder: RunFolder
) -> None:
    assert layers(opened(open_page)) == []


def test_the_layer_is_run_when_it_is_chosen_and_not_before(
    open_page: OpenPage, finder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured(finder)
    asked: list[Path] = []

    def opening(folder: Path, looking: Looking, *, device: str) -> LesionFinder:
        asked.append(folder)
        return open_finder(folder, looking, device=device)

    monkeypatch.setattr("mammo_core.inference.lesions.open_finder", opening)
    page = opened(open_page)
    assert layers(page) == ["What moved the score", LAYER]
    assert asked == []
    page.button_group(key="evidence").set_value(LAYER).run()
    assert not page.exception
    assert asked == [finder.path]


def test_marks_are_numbered_and_stand_with_what_they_are_worth(
    open_page: OpenPage, finder: RunFolder
) -> None:
    measured(finder)
    page = opened(open_page)
    assert "30 of 40 lesion boxes found" not in captions(page)
    page.button_group(key="evidence").set_value(LAYER).run()
    assert any(": **1** 0." in text.value for text in page.markdown)
    told = captions(page)
    assert "from digitised films alone; whether a lesion is cancer it does not tell" in told
    assert "at 1 false mark an image 30 of 40 lesion boxes found, 75 % (95 % 60 to 86)" in told
    assert "For research only. Not a medical device." in told


@pytest.mark.slow
def test_marks_less_sure_than_those_it_was_measured_at_are_not_shown(
    open_page: OpenPage, finder: RunFolder
) -> None:
    measured(finder, above=0.999999)
    page = opened(open_page)
    page.button_group(key="evidence").set_value(LAYER).run()
    assert any(text.value.endswith(": no mark") for text in page.markdown)


@pytest.mark.slow
def test_a_finder_that_is_broken_costs_the_layer_and_not_the_images(
    open_page: OpenPage, finder: RunFolder
) -> None:
    measured(finder)
    finder.weights_file.write_bytes(b"no weights")
    page = opened(open_page)
    page.button_group(key="evidence").set_value(LAYER).run()
    assert not page.exception
    assert any("are not those its card was written for" in error.value for error in page.error)
    assert "lesion boxes found" not in captions(page)


def test_how_well_it_finds_lesions_stands_on_its_own_page_in_place_of_heatmaps(
    open_page: OpenPage, finder: RunFolder
) -> None:
    page = open_page("train")
    page.button_group(key="train_show").set_value("Runs").run()
    assert not page.exception
    commands = [code.value for code in page.code if code.value.startswith("mammo")]
    assert commands == [f"mammo find-lesions {finder.run_id}"]
    measured(finder)
    page.run()
    told = " ".join(text.value for text in page.markdown)
    assert "at 1 false mark an image 30 of 40 lesion boxes found" in told
    assert "Are its heatmaps true?" not in told
