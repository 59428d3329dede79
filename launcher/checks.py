"""The checks and tests, one after the other, and the summary at the end.

The quick whole has every kind of check. What repeats one of them with more files, more draws or
more clicks is marked `slow` in the tests, and is run by --all.
"""

import os
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import IO, Final

from launcher.archive import LEFT_OUT, has_archive
from launcher.browser import provide_browser
from launcher.environment import ROOT, TEST_REQUIREMENTS, prepare_environment

PARTS: Final = ("lint", "types", "unit", "browser")
QUICK_SECONDS: Final = 8 * 60
NO_BROWSER: Final = (
    "NOT RUN: there is no browser, and none could be fetched. Install Chromium, Chrome or Edge, or "
    "run: python start.py test --install-browser"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    part: str  # what --only names
    title: str
    arguments: tuple[str, ...]  # what follows python -m
    is_slow: bool = False  # run by --all alone
    is_beside: bool = False  # while the next one runs, which leaves the processors time


_TESTS: Final = ("pytest", "-q")
_TWO_PROCESSES: Final = ("-n", "2", "--dist", "loadfile")
_IN_BROWSER: Final = ("tests/e2e",)  # to import all the others takes a while
STEPS: Final = (
    Step(part="lint", title="ruff check", arguments=("ruff", "check")),
    Step(part="lint", title="ruff format", arguments=("ruff", "format", "--check")),
    Step(part="types", title="mypy", arguments=("mypy",), is_beside=True),
    Step(part="unit", title="unit and page tests", arguments=(*_TESTS, *_TWO_PROCESSES)),
    Step(
        part="browser",
        title="browser journeys",
        arguments=(*_TESTS, *_TWO_PROCESSES, *_IN_BROWSER, "-m", "e2e and not slow"),
    ),
    Step(
        part="unit",
        title="slow unit tests",
        arguments=(*_TESTS, *_TWO_PROCESSES, "-m", "slow and not e2e and not gpu"),
        is_slow=True,
    ),
    Step(
        part="browser",
        title="other browser tests",
        arguments=(*_TESTS, *_IN_BROWSER, "-m", "e2e and slow"),
        is_slow=True,
    ),
    Step(part="unit", title="mutations", arguments=("tests.mutations",), is_slow=True),
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
    processor_seconds: float  # of all cores together


def run_checks(parts: Sequence[str], *, is_all: bool, may_install_browser: bool) -> int:
    """Run the steps of `parts`, each whether or not the one before failed; the exit status."""
    python = prepare_environment(TEST_REQUIREMENTS)
    is_ci = says_yes(os.environ.get("CI", ""))
    outcomes, steps = [], chosen_steps(parts, is_all=is_all)
    beside: list[Beside] = []
    for step in steps:
        if step.is_beside and step is not steps[-1]:
            beside.append(start_beside(step, python))
            continue
        print(f"\n== {step.title}", flush=True)
        start, used = time.monotonic(), processor_seconds()
        if step.part == "browser" and not provide_browser(
            python, may_change_system=may_install_browser or is_ci
        ):
            print(NO_BROWSER, flush=True)
            state = without_browser(is_ci=is_ci)
        else:
            state = run_step(step, python)
        outcomes.append(
            Outcome(
                title=step.title,
                state=state,
                seconds=time.monotonic() - start,
                processor_seconds=processor_seconds() - used,
            )
        )
        outcomes += [end_beside(each) for each in beside]
        beside.clear()
    left_out = set(chosen_steps(parts, is_all=True)) - set(steps)
    titles = [step.title for step in STEPS if step in left_out]
    is_archive_left_out = "unit" in parts and not has_archive()
    print(summary(outcomes, titles, [LEFT_OUT] if is_archive_left_out else []), flush=True)
    return exit_status(outcomes)


def chosen_steps(parts: Sequence[str], *, is_all: bool) -> list[Step]:
    return [step for step in STEPS if step.part in parts and (is_all or not step.is_slow)]


def processor_seconds() -> float:
    """What all processes that were started from here and have ended took; 0 on Windows."""
    spent = os.times()  # as resource.getrusage, which Windows lacks
    return spent.children_user + spent.children_system


def run_step(step: Step, python: Path) -> State:
    command = [str(python), "-m", *step.arguments]
    status = subprocess.run(
        command,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        env=with_compiled_code(os.environ),
        check=False,
    ).returncode
    return State.FAILED if status else State.OK


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """A step that runs while another does. It says nothing until that has ended."""

    step: Step
    process: subprocess.Popen[bytes]
    said: IO[bytes]


def start_beside(step: Step, python: Path) -> Beside:
    said = tempfile.TemporaryFile()  # noqa: SIM115 - end_beside closes it
    process = subprocess.Popen(
        [str(python), "-m", *step.arguments],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=said,
        stderr=subprocess.STDOUT,
        env=with_compiled_code(os.environ),
    )
    return Beside(step=step, process=process, said=said)


def end_beside(beside: Beside) -> Outcome:
    """Its seconds are those that were waited for it."""
    start, used = time.monotonic(), processor_seconds()
    status = beside.process.wait()
    with beside.said as said:
        said.seek(0)
        words = said.read().decode("utf-8", "replace")
    print(f"\n== {beside.step.title}\n{words.rstrip()}", flush=True)
    return Outcome(
        title=beside.step.title,
        state=State.FAILED if status else State.OK,
        seconds=time.monotonic() - start,
        processor_seconds=processor_seconds() - used,
    )


def with_compiled_code(environment: Mapping[str, str]) -> dict[str, str]:
    """Hundreds of processes are started; each would compile anew what none may keep."""
    return {name: v for name, v in environment.items() if name != "PYTHONDONTWRITEBYTECODE"}


def without_browser(*, is_ci: bool) -> State:
    """Nobody reads CI's output when it is green, so there a test that was not run has failed."""
    return State.FAILED if is_ci else State.NOT_RUN


def summary(outcomes: Sequence[Outcome], left_out: Sequence[str], notes: Sequence[str] = ()) -> str:
    """A line for each step, what was `left_out`, what else is to be noticed, and the count last."""
    lines = [
        f"{each.title:<22}{each.state:<9}{each.seconds:7.1f} s"
        f"{each.processor_seconds:9.1f} s of processor"
        for each in outcomes
    ]
    slow = {step.title for step in STEPS if step.is_slow}
    quick = sum(each.seconds for each in outcomes if each.title not in slow)
    if quick > QUICK_SECONDS:
        lines += [
            "",
            f"TOO SLOW: the quick whole took {quick / 60:.1f} minutes, and is to take less than "
            f"{QUICK_SECONDS // 60} on two quiet cores. `pytest --durations 30` tells the slowest.",
        ]
    if left_out:
        lines += ["", f"Only with --all: {', '.join(left_out)}."]
    for note in notes:
        lines += ["", note]
    passed, failed, skipped = (sum(each.state is state for each in outcomes) for state in State)
    count = f"Steps: {passed} passed, {failed} failed"
    return "\n".join(["", *lines, "", f"{count}, {skipped} skipped" if skipped else count])


def exit_status(outcomes: Sequence[Outcome]) -> int:
    return int(any(each.state is State.FAILED for each in outcomes))


def says_yes(variable: str) -> bool:
    return variable.lower() in ("true", "1")
