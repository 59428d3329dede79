"""What Streamlit gets wrong where one run of a page follows close upon another."""

import importlib.util
import inspect
import textwrap
from asyncio import AbstractEventLoop, new_event_loop
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pytest
from streamlit.proto.WidgetStates_pb2 import WidgetStates
from streamlit.runtime import Runtime
from streamlit.runtime.app_session import AppSession
from streamlit.runtime.fragment import MemoryFragmentStorage
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.pages_manager import PagesManager
from streamlit.runtime.scriptrunner.script_cache import ScriptCache
from streamlit.runtime.scriptrunner.script_runner import ScriptRunner
from streamlit.runtime.scriptrunner_utils.script_requests import RerunData
from streamlit.runtime.state import SessionState

from pages.components.shared import reruns

WAIT = 20.0
PAGE = """
    import streamlit as st
    from tests.pages.test_reruns import TOLD

    TOLD.before_button()
    is_pressed = st.button("Start", key="start")
    TOLD.pressed.append(is_pressed)
"""
TOLD = SimpleNamespace(pressed=[], before_button=lambda: None)


class Tab:
    """A session whose runs follow each other as Streamlit's server has them do."""

    def __init__(self, page: Path, loop: AbstractEventLoop) -> None:
        self.page, self.loop, self.state = page, loop, SessionState()
        self.pages, self.cache = PagesManager(str(page)), ScriptCache()
        self.fragments = MemoryFragmentStorage()

    def run(self, widgets: WidgetStates | None = None) -> ScriptRunner:
        runner = ScriptRunner(
            session_id="a tab",
            main_script_path=str(self.page),
            session_state=self.state,
            uploaded_file_mgr=MemoryUploadedFileManager("/files"),
            script_cache=self.cache,
            initial_rerun_data=RerunData(widget_states=widgets),
            user_info={},
            fragment_storage=self.fragments,
            pages_manager=self.pages,
            event_loop=self.loop,
        )
        runner.on_event.connect(lambda *_, **__: None, weak=False)
        runner.start()
        return runner

    def press(self) -> WidgetStates:
        """As the browser tells of a click on the one button."""
        known = self.state._new_widget_state.widget_metadata
        (widget_id,) = (one for one in known if "start" in one)
        states = WidgetStates()
        states.widgets.add(id=widget_id, trigger_value=True)
        return states


def ended(runner: ScriptRunner) -> None:
    thread = runner._script_thread
    assert thread is not None
    thread.join(WAIT)
    assert not thread.is_alive()


@pytest.fixture
def tab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tab]:
    monkeypatch.setattr(TOLD, "pressed", [])
    monkeypatch.setattr(PagesManager, "uses_pages_directory", False)  # nor any pages beside it
    monkeypatch.setattr(Runtime, "_instance", MagicMock())  # keeps files, of which there are none
    page = tmp_path / "page.py"
    page.write_text(textwrap.dedent(PAGE), encoding="utf-8")
    loop = new_event_loop()
    yield Tab(page, loop)
    loop.close()


def click_as_a_run_ends(tab: Tab, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run is over but for its last words when the next, which has the click, takes its place."""
    has_begun, has_ended = Event(), Event()
    ending = ScriptRunner._on_script_finished
    followers: list[ScriptRunner] = []

    def begin() -> None:
        has_begun.set()
        assert has_ended.wait(WAIT)

    def replaced(runner: ScriptRunner, *how: Any) -> None:
        if followers or has_begun.is_set():
            ending(runner, *how)
            return
        runner.request_stop()
        monkeypatch.setattr(TOLD, "before_button", begin)
        followers.append(tab.run(tab.press()))
        assert has_begun.wait(WAIT)
        ending(runner, *how)
        has_ended.set()

    monkeypatch.setattr(ScriptRunner, "_on_script_finished", replaced)
    ended(tab.run())
    ended(followers[0])


def test_a_click_that_comes_as_a_run_ends_is_heard_by_the_next(
    tab: Tab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ScriptRunner, "_on_script_finished", reruns.end_run)
    click_as_a_run_ends(tab, monkeypatch)
    assert TOLD.pressed == [False, True]


def test_streamlit_alone_loses_it_so_the_mending_is_needed_still(
    tab: Tab, monkeypatch: pytest.MonkeyPatch
) -> None:
    click_as_a_run_ends(tab, monkeypatch)
    assert TOLD.pressed == [False, False]


def test_a_button_is_pressed_once(tab: Tab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ScriptRunner, "_on_script_finished", reruns.end_run)
    ended(tab.run())
    ended(tab.run(tab.press()))
    ended(tab.run(WidgetStates()))
    assert TOLD.pressed == [False, True, False]


def test_mended_twice_by_two_copies_of_the_module_streamlits_own_is_called_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for owner, name in ((AppSession, "request_rerun"), (ScriptRunner, "_on_script_finished")):
        monkeypatch.setattr(owner, name, inspect.unwrap(getattr(owner, name)))
    originals = AppSession.request_rerun, ScriptRunner._on_script_finished
    reruns.mend_reruns()
    reruns.mend_reruns()
    spec = importlib.util.spec_from_file_location("reruns_again", reruns.__file__)
    assert spec is not None
    assert spec.loader is not None
    again = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(again)
    assert originals == (again._RUN_PAGE, again._END_RUN)
    again.mend_reruns()
    assert inspect.unwrap(AppSession.request_rerun) is originals[0]
    assert AppSession.request_rerun is again.run_unless_left
