"""Help: every term, the example project; and the tour that leads across the pages."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from mammo_core.config import EvaluateConfig
from mammo_core.example import DATA_NAME, REPORT_NAME
from mammo_core.files import tour_file
from mammo_core.glossary import MEANINGS
from mammo_core.runs.folder import list_runs
from mammo_core.runs.jobs import create_run
from mammo_core.sharing.owners import OF_RUN, write_owner
from mammo_core.sharing.rights import Owner, Role, Visitor
from mammo_core.types import RunState
from pages.components.shared.tour import STEPS
from tests.pages.conftest import APP, OpenPage
from tests.test_example import made_up_example


def keys(page: AppTest) -> set[str]:
    return {one.key for one in page.button if one.key}


def first_visit() -> AppTest:
    return AppTest.from_file(APP, default_timeout=60).run()


def told(page: AppTest) -> str:
    """What the strip of the tour says; nothing where there is none."""
    return next((one.value for one in page.markdown if one.value.startswith("**Tour, ")), "")


def test_every_term_is_there_and_one_is_found(open_page: OpenPage) -> None:
    page = open_page("help")
    listed = page.markdown[-1].value
    assert all(f"**{term}**: {sentence}" in listed for term, sentence in MEANINGS.items())
    page.text_input(key="term").set_value("BATCHNORM").run()
    assert page.markdown[-1].value.startswith("* **BatchNorm**: ")
    page.text_input(key="term").set_value("no such thing").run()
    assert page.info[0].value == "No term here has that in it."


def strip() -> None:
    """The strip alone; AppTest draws no frame around a page that it switches to."""
    from types import SimpleNamespace

    import streamlit as st

    from pages.components.shared.tour import show_tour

    show_tour(SimpleNamespace(title=st.session_state["shown"]), [])


def on_tour(place: int, *, shown: str) -> AppTest:
    page = AppTest.from_function(strip, default_timeout=60)
    page.session_state["tour_place"], page.session_state["shown"] = place, shown
    return page.run()


def test_each_step_is_told_on_its_page_with_the_ways_on_and_back() -> None:
    for number, step in enumerate(STEPS, start=1):
        page = on_tour(number - 1, shown=step.page)
        assert told(page).startswith(f"**Tour, {number} of {len(STEPS)}: {step.page}.** ")
        assert page.button(key="tour_back").disabled == (number == 1)
        is_last = number == len(STEPS)
        assert page.button(key="tour_next").label == ("Done" if is_last else "Next")
        assert ("tour_skip" in keys(page)) == (not is_last)
    page.button(key="tour_next").click().run()
    assert not page.exception
    assert told(page) == ""


def test_whoever_goes_elsewhere_on_the_tour_is_told_of_that_page() -> None:
    page = on_tour(5, shown="Read")
    assert told(page).startswith("**Tour, 1 of ")
    page.button(key="tour_next").click().run()
    assert told(page).startswith("**Tour, 2 of ")
    page.button(key="tour_back").click().run()
    assert told(page).startswith("**Tour, 1 of ")
    page.button(key="tour_skip").click().run()
    assert told(page) == ""


@pytest.mark.usefixtures("runs_root")
def test_once_begun_the_tour_is_not_offered_again() -> None:
    page = first_visit()
    assert not tour_file().exists()
    page.button(key="tour_take").click().run()
    assert tour_file().exists()
    assert "tour_take" not in keys(first_visit())


@pytest.mark.usefixtures("runs_root")
def test_a_no_is_remembered_and_the_page_says_no_more_of_it() -> None:
    page = first_visit()
    page.button(key="tour_no").click().run()
    assert keys(page) & {"tour_take", "tour_no"} == set()
    assert tour_file().exists()


def test_the_steps_are_few_and_say_little() -> None:
    assert 5 <= len(STEPS) <= 7
    assert all(60 <= len(step.says) <= 190 for step in STEPS)


def test_where_there_is_nothing_yet_the_example_project_is_one_click_away(
    open_page: OpenPage,
) -> None:
    for name in ("train", "data"):
        assert "example_offer" in keys(open_page(name))
    assert "example_make" in keys(open_page("help"))


def test_a_whole_example_project_is_opened_from_here_and_deleted(
    open_page: OpenPage, runs_root: Path
) -> None:
    made_up_example(runs_root, RunState.FINISHED)
    page = open_page("help")
    links = [one.proto.label for one in page.get("page_link")]
    assert {"Compare both", "Its threshold", "Read with it", "The women"} <= set(links)
    assert keys(page) & {"example_make", "example_again"} == set()
    page.button(key="example_delete").click().run()
    assert list_runs(runs_root) == []
    assert "example_make" in keys(page)


@pytest.mark.parametrize(
    ("state", "label"), [(RunState.STOPPED, "Go on with it"), (RunState.FINISHED, "Make it again")]
)
def test_one_that_was_stopped_goes_on_and_one_that_lost_a_model_is_made_again(
    open_page: OpenPage, runs_root: Path, state: RunState, label: str
) -> None:
    example = made_up_example(runs_root, state)
    example.file(REPORT_NAME).unlink()
    page = open_page("help")
    assert page.button(key="example_again").label == label


def test_one_that_is_being_made_can_be_stopped(open_page: OpenPage, runs_root: Path) -> None:
    example = made_up_example(runs_root, RunState.RUNNING)
    page = open_page("help")
    page.button(key=f"stop_{example.run_id}").click().run()
    assert example.is_asked_to_stop()


ANNA, BEN = (
    Visitor(name=name, role=Role.RESEARCHER, folder=letter * 16)
    for name, letter in (("anna", "a"), ("ben", "b"))
)


def test_who_shares_the_server_stops_an_example_of_their_own_alone(
    open_page: OpenPage, runs_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    example = made_up_example(runs_root, RunState.RUNNING)
    write_owner(example.file(OF_RUN), Owner(folder=ANNA.folder))
    for one in (BEN, ANNA):
        monkeypatch.setattr("pages.components.shared.whose.visitor", lambda one=one: one)
        page = open_page("help")
        page.button(key=f"stop_{example.run_id}").click().run()
        said = [each.value for each in page.error]
        assert any("belongs to somebody else" in each for each in said) == (one is BEN)
        assert example.is_asked_to_stop() == (one is ANNA)


def test_somebody_elses_example_is_shown_and_left_alone(
    open_page: OpenPage, runs_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    example = made_up_example(runs_root, RunState.STOPPED)
    example.file(REPORT_NAME).unlink()
    write_owner(example.file(OF_RUN), Owner(folder=ANNA.folder))
    for one in (BEN, ANNA):
        monkeypatch.setattr("pages.components.shared.whose.visitor", lambda one=one: one)
        page = open_page("help")
        again = page.button(key="example_again")
        assert again.disabled == (one is BEN)
        assert ("belongs to somebody else" in again.help) == (one is BEN)
        (popover,) = page.get("popover")
        assert popover.proto.popover.disabled == (one is BEN)
        for name in ("train", "data"):
            elsewhere = open_page(name)
            links = [each.proto.label for each in elsewhere.get("page_link")]
            assert ("The example project" in links) == (one is BEN)
            assert ("example_offer" in keys(elsewhere)) == (one is ANNA)
    monkeypatch.setattr("pages.components.shared.whose.visitor", lambda: BEN)
    page = open_page("help")
    page.button(key="example_delete").click().run()
    assert example.path.exists()


def test_before_deletion_it_is_told_who_else_used_the_women(
    open_page: OpenPage, runs_root: Path
) -> None:
    made_up_example(runs_root)
    config = EvaluateConfig(
        checkpoint="phantom-light", folder=DATA_NAME, adapter="phantom_set", label_rule="lesion"
    )
    create_run(config, runs_root, what="evaluate", total=1)
    page = open_page("help")
    words = [one.value for one in page.markdown]
    assert any("1 other run has used these women" in each for each in words)
