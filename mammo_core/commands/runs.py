"""`mammo runs`, `stop`, `resume`, `watch`: what the runs view of the pages does, in a shell."""

import argparse

from mammo_core.commands.command import Command
from mammo_core.commands.following import follow
from mammo_core.errors import RunError
from mammo_core.paths import checkpoints_root
from mammo_core.runs.folder import RunStatus, find_run, list_runs
from mammo_core.types import RunState


def _add_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", metavar="RUN", help="its name, as `mammo runs` tells it")


def _list(arguments: argparse.Namespace) -> int:
    for run in list_runs(checkpoints_root()):
        print(f"{run.run_id:44} {_line(run.read_status())}")
    return 0


def _stop(arguments: argparse.Namespace) -> int:
    run = find_run(arguments.run, checkpoints_root())
    state = run.read_status().state
    if state.is_over:
        raise RunError(f"{run.run_id} is {state}: there is nothing to stop.")
    run.ask_to_stop()
    print(f"{run.run_id} will stop after its current batch.")
    return 0


def _resume(arguments: argparse.Namespace) -> int:
    from mammo_core.runs.resume import resume_run

    run = find_run(arguments.run, checkpoints_root())
    resume_run(run)
    print(run.path)
    return 0


def _watch(arguments: argparse.Namespace) -> int:
    """Tell every epoch, and what else there is to tell, until the run is over."""
    run = find_run(arguments.run, checkpoints_root())
    status = follow(run, lambda line: print(line, flush=True))
    print(_line(status), flush=True)
    return 0 if status.state is RunState.FINISHED else 1


def _line(status: RunStatus) -> str:
    return f"{status.state:9} {status.done:4} of {status.total:<4} {status.message}"


def _nothing(parser: argparse.ArgumentParser) -> None:
    """No arguments."""


RUNS = Command(name="runs", summary="list the runs", add_arguments=_nothing, run=_list)
STOP = Command(name="stop", summary="end a run early", add_arguments=_add_run, run=_stop)
RESUME = Command(
    name="resume", summary="go on with a stopped or lost run", add_arguments=_add_run, run=_resume
)
WATCH = Command(name="watch", summary="follow a run", add_arguments=_add_run, run=_watch)
