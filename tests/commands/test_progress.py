"""A line that changes belongs on a terminal; in a log it is a thousand lines."""

import io
import sys

import pytest

from mammo_core.commands.command import show_progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "told"),
    [(Terminal(), "\rOne of two".ljust(61) + "\rTwo of two".ljust(61) + "\n"), (io.StringIO(), "")],
    ids=["a terminal", "a file"],
)
def test_progress_is_shown_on_a_terminal_alone(
    stream: io.StringIO, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", stream)
    show_progress(1, 2, "One of two")
    show_progress(2, 2, "Two of two")
    assert stream.getvalue() == told
