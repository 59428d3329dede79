"""Every check and test, one after the other, and the summary at the end."""

import os
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from launcher.browser import provide_browser
from launcher.environment import ROOT, TEST_REQUIREMENTS, prepare_environment

PARTS: Final = ("lint", "types", "unit", "browser")
NO_BROWSER: Final = (
    "NOT RUN: there is no browser, and none could be fetched. Install Chromium, Chrome or Edge, or "
    "run: python start.py test --install-browser"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    part: str  # what --only names
    title: str
    arguments: tuple[str, ...]  # what follows python -m


STEPS: Final = (
    Step(part="lint", title="ruff check", arguments=("ruff", "check")),
    Step(part="lint", title="ruff format", arguments=("ruff", "format", "--check")),
    Step(part="types", title="mypy", arguments=("mypy",)),
    Step(part="unit", title="unit and page tests", arguments=("pytest", "-q")),
    Step(part="browser", title="browser tests", arguments=("pytest", "-q", "-m", "e2e")),
)


class State(StrEnum):
    OK = "ok"
    FAILED = "failed"
    NOT_RUN = "not run"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    title: str
    state: State
    seconds: float


def run_checks(parts: Sequence[str], *, may_install_browser: bool) -> int:
    """Run the steps of `parts`, each whether or not the one before failed; the exit status."""
    python = prepare_environment(TEST_REQUIREMENTS)
    is_ci = says_yes(os.environ.get("CI", ""))
    outcomes = []
    for step in STEPS:
        if step.part not in parts:
            continue
        print(f"\n== {step.title}", flush=True)
        start = time.monotonic()
        if step.part == "browser" and not provide_browser(
            python, may_change_system=may_install_browser or is_ci
        ):
            print(NO_BROWSER, flush=True)
            state = without_browser(is_ci=is_ci)
        else:
            state = run_step(step, python)
        seconds = time.monotonic() - start
        outcomes.append(Outcome(title=step.title, state=state, seconds=seconds))
    print(summary(outcomes), flush=True)
    return exit_status(outcomes)


def run_step(step: Step, python: Path) -> State:
    command = [str(python), "-m", *step.arguments]
    status = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, check=False).returncode
    return State.FAILED if status else State.OK


def without_browser(*, is_ci: bool) -> State:
    """Nobody reads CI's output when it is green, so there a test that was not run has failed."""
    return State.FAILED if is_ci else State.NOT_RUN


def summary(outcomes: Sequence[Outcome]) -> str:
    """A line for each step, and the count last."""
    lines = [f"{each.title:<22}{each.state:<9}{each.seconds:7.1f} s" for each in outcomes]
    passed, failed, skipped = (sum(each.state is state for each in outcomes) for state in State)
    count = f"Steps: {passed} passed, {failed} failed"
    return "\n".join(["", *lines, "", f"{count}, {skipped} skipped" if skipped else count])


def exit_status(outcomes: Sequence[Outcome]) -> int:
    return int(any(each.state is State.FAILED for each in outcomes))


def says_yes(variable: str) -> bool:
    return variable.lower() in ("true", "1")
