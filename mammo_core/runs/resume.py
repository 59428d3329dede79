"""Going on with a run that was stopped, failed, or lost."""

import json
from dataclasses import replace

from mammo_core.errors import RunError
from mammo_core.runs.folder import LOST_AFTER_SECONDS, RunFolder
from mammo_core.runs.launch import start_worker
from mammo_core.types import RunState

_RESUMABLE = (RunState.STOPPED, RunState.FAILED, RunState.LOST)


def can_be_resumed(run: RunFolder) -> bool:
    return not run.is_checkpoint and run.read_status().state in _RESUMABLE


def resume_run(run: RunFolder) -> None:
    """Start a worker again; it goes on after the last epoch the run had ended."""
    status = run.read_status()
    if not can_be_resumed(run):
        raise RunError(
            f"{run.run_id} is {status.state}. Only a run that was stopped, failed or was lost can "
            f"be resumed.{'' if status.state.is_over else _when_lost(run)}"
        )
    run.file("stop").unlink(missing_ok=True)
    run.forget_worker()
    run.write_status(replace(status, state=RunState.QUEUED, message="Resuming."))
    start_worker(run, kind=_kind_of(run))


def _when_lost(run: RunFolder) -> str:
    silence = max(0.0, run.silence())
    return (
        f" Its last sign of life was {silence:.0f} s ago; if it is dead, try again in "
        f"{max(1.0, LOST_AFTER_SECONDS - silence):.0f} s."
    )


def _kind_of(run: RunFolder) -> str:
    try:
        return str(json.loads(run.file("run.json").read_text(encoding="utf-8"))["kind"])
    except (OSError, ValueError, KeyError) as error:
        raise RunError(f"The settings of {run.run_id} cannot be read: {error}") from None
