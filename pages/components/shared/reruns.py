"""Two faults of Streamlit in how it runs a page again, mended before the server starts; and how
what was asked for outlives a run of the page that a click has ended.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import update_wrapper
from inspect import unwrap
from typing import Any, Final

from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.runtime.app_session import AppSession
from streamlit.runtime.scriptrunner.script_runner import ScriptRunner
from streamlit.runtime.scriptrunner_utils.script_requests import ScriptRequestType

_RUN_PAGE: Final = unwrap(AppSession.request_rerun)
_END_RUN: Final = unwrap(ScriptRunner._on_script_finished)


def mend_reruns() -> None:
    """From now on in this process; once, however often it is asked for."""
    for owner, name, original, mended in (
        (AppSession, "request_rerun", _RUN_PAGE, run_unless_left),
        (ScriptRunner, "_on_script_finished", _END_RUN, end_run),
    ):
        setattr(owner, name, update_wrapper(mended, original, assigned=(), updated=()))


@contextmanager
def until_done(forget: Callable[[], object]) -> Iterator[None]:
    """What was asked for once is to be forgotten once it was done or refused, but not where a click
    ends the run of the page meanwhile: the next run does it.
    """
    try:
        yield
    except Exception:
        forget()
        raise
    forget()


def run_unless_left(session: AppSession, asked: ClientState | None) -> None:
    """As Streamlit does, but for what a part of a page asks that has been left meanwhile, such as a
    run's progress that looks again every second: Streamlit would run it as soon as the new page is
    there, for the page before, and leave the new one empty.
    """
    wanted = session._pages_manager.intended_page_script_hash
    of = asked.page_script_hash if asked is not None and asked.fragment_id else ""
    if of and wanted and of != wanted:
        return
    _RUN_PAGE(session, asked)


def end_run(runner: ScriptRunner, ctx: Any, event: Any, is_stopped: bool, described: Any) -> None:
    """As Streamlit does, but a run whose place the next has taken forgets no click. Streamlit stops
    a run that is ending too late: its end takes every button for not pressed, and so a click which
    came just then, on its way to the next run, was lost.
    """
    with runner._requests._lock:  # the next run begins after this one was asked to stop, with it
        is_replaced = runner._requests._state is ScriptRequestType.STOP
        _END_RUN(runner, ctx, event, is_stopped or is_replaced, described)
