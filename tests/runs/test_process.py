import os
import threading
import time
from pathlib import Path

import pytest

from mammo_core.errors import ConfigError
from mammo_core.runs.folder import RunFolder, RunStatus
from mammo_core.runs.jobs import carry_out, device_turn
from mammo_core.types import RunState


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunFolder:
    monkeypatch.setenv("MAMMO_HOME", str(tmp_path / "home"))
    run = RunFolder(tmp_path / "r1")
    run.path.mkdir()
    run.write_status(RunStatus(state=RunState.QUEUED, total=2))
    return run


def test_work_that_returns_is_finished_with_its_words(run: RunFolder) -> None:
    assert carry_out(run, lambda _: "AUC 0.91", device="cpu") == 0
    assert run.read_status() == RunStatus(state=RunState.FINISHED, total=2, message="AUC 0.91")


def test_work_that_was_asked_to_stop_is_stopped(run: RunFolder) -> None:
    def work(run: RunFolder) -> str:
        run.ask_to_stop()
        return "Stopped after epoch 1."

    carry_out(run, work, device="cpu")
    assert run.read_status().state is RunState.STOPPED


def test_a_mistake_of_the_user_is_told_in_words(run: RunFolder) -> None:
    def work(run: RunFolder) -> str:
        raise ConfigError("Batch size is 0; it must be at least 1.")

    assert carry_out(run, work, device="cpu") == 1
    status = run.read_status()
    assert (status.state, status.message) == (
        RunState.FAILED,
        "Batch size is 0; it must be at least 1.",
    )


def test_a_bug_is_kept_whole_in_the_log(run: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    def work(run: RunFolder) -> str:
        raise KeyError("density")

    assert carry_out(run, work, device="cpu") == 1
    assert run.read_status().message == "KeyError: 'density'"
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.slow
def test_a_run_waits_while_its_device_is_taken(run: RunFolder, tmp_path: Path) -> None:
    started = threading.Event()

    def work(run: RunFolder) -> str:
        started.set()
        return "done"

    jobs = tmp_path / "home" / "jobs"
    with device_turn(jobs, "cpu", name="other", should_stop=lambda: False):
        waiting = threading.Thread(target=carry_out, args=(run, work), kwargs={"device": "cpu"})
        waiting.start()
        assert not started.wait(1.2)
        assert run.read_status().state is RunState.QUEUED
    waiting.join(timeout=10)
    assert run.read_status().state is RunState.FINISHED


def test_a_waiting_run_can_be_stopped(run: RunFolder, tmp_path: Path) -> None:
    run.ask_to_stop()
    carry_out(run, lambda _: "never reached", device="cpu")
    assert run.read_status() == RunStatus(
        state=RunState.STOPPED, total=2, message="Stopped while waiting in the queue."
    )


def test_a_ticket_nobody_refreshes_does_not_block_the_queue(tmp_path: Path) -> None:
    jobs = tmp_path / "jobs"
    jobs.mkdir()
    dead = jobs / f"cpu.{0:020d}.dead.ticket"
    dead.touch()
    os.utime(dead, (time.time() - 60, time.time() - 60))
    with device_turn(jobs, "cpu", name="alive", should_stop=lambda: False) as has_turn:
        assert has_turn
    assert not list(jobs.glob("*.ticket"))


def die(run: RunFolder) -> None:
    """Out of its work without a last word."""

    def work() -> None:
        with run.worker_lives():
            run.beat()
            assert run.read_status().state is RunState.QUEUED
            raise SystemExit

    with pytest.raises(SystemExit):
        work()


def test_a_worker_that_works_is_alive_and_one_that_let_go_of_its_lock_is_lost(
    run: RunFolder,
) -> None:
    die(run)
    told = run.read_status()
    assert told.state is RunState.LOST
    assert told.message.startswith("The worker has died;")


@pytest.mark.parametrize("host", ["", "another computer"])
def test_of_a_worker_elsewhere_or_not_yet_there_the_heart_alone_tells(
    host: str, run: RunFolder
) -> None:
    die(run)
    run.forget_worker()
    if host:
        run.file("worker").write_text(host)
    assert run.read_status().state is RunState.QUEUED


def test_a_worker_that_ended_well_leaves_nothing_to_ask_about(run: RunFolder) -> None:
    carry_out(run, lambda _: "done", device="cpu")
    left = {path.name for path in run.path.iterdir()}
    assert left == {"status.json", "heartbeat"}


def test_those_behind_a_run_are_told_what_it_is_called_in_line(
    run: RunFolder, tmp_path: Path
) -> None:
    holder = tmp_path / "home" / "jobs" / "cpu.holder"
    for called, told in (("", run.run_id), ("another run", "another run")):
        seen: list[str] = []

        def work(run: RunFolder, seen: list[str] = seen) -> str:
            seen.append(holder.read_text())
            return "done"

        carry_out(run, work, device="cpu", called=called)
        assert seen == [told]
