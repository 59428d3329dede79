"""Who waits behind whom for a device."""

import threading
import time
from pathlib import Path

import pytest

from mammo_core.runs.jobs import device_turn

SECONDS = 10.0


class Waiting(threading.Thread):
    """A run in line for the device; `behind` is what it was told, `go_home` ends its waiting."""

    def __init__(self, jobs: Path, name: str) -> None:
        super().__init__(name=name, daemon=True)
        self.jobs, self.behind, self.go_home = jobs, list[str](), threading.Event()

    def run(self) -> None:
        turn = device_turn(
            self.jobs,
            "cpu",
            name=self.name,
            should_stop=self.go_home.is_set,
            tell=self.behind.append,
        )
        with turn:
            pass

    def heard(self, count: int) -> list[str]:
        deadline = time.monotonic() + SECONDS
        while len(self.behind) < count and time.monotonic() < deadline:
            time.sleep(0.02)
        return self.behind


@pytest.mark.slow
def test_a_waiting_run_is_told_the_run_in_front_of_it(tmp_path: Path) -> None:
    with device_turn(tmp_path, "cpu", name="20260101-first.v2", should_stop=lambda: False):
        second = Waiting(tmp_path, "second")
        second.start()
        assert second.heard(1) == ["20260101-first.v2"]
        third = Waiting(tmp_path, "third.a1-in1k")
        third.start()
        assert third.heard(1) == ["second"]
        second.go_home.set()
        second.join(SECONDS)
        assert third.heard(2) == ["second", "20260101-first.v2"]
    third.join(SECONDS)
    assert not third.is_alive()
    assert third.behind == ["second", "20260101-first.v2"]


def test_a_run_that_finds_its_device_free_is_told_of_nobody(tmp_path: Path) -> None:
    with device_turn(tmp_path, "cpu", name="earlier", should_stop=lambda: False):
        pass
    alone = Waiting(tmp_path, "alone")
    alone.start()
    alone.join(SECONDS)
    assert alone.behind == []
