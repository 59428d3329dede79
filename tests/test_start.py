"""Two commands on a fresh machine: what they check, say, install and run."""

import ast
import importlib.util
import os
import re
import shlex
import socket
import subprocess
import sys
import time
import tomllib
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from itertools import product
from pathlib import Path
from threading import Thread

import pytest

from launcher.address import (
    LOOPBACK,
    Place,
    host_warning,
    is_healthy,
    is_loopback,
    names_of,
    port_problem,
    url_of,
)
from launcher.app import app_command
from launcher.browser import fetch_commands, find_browser
from launcher.checks import (
    PARTS,
    STEPS,
    Outcome,
    State,
    Step,
    chosen_steps,
    end_beside,
    exit_status,
    processor_seconds,
    run_step,
    start_beside,
    summary,
    with_compiled_code,
    without_browser,
)
from launcher.command import read_arguments, run
from launcher.environment import (
    APP_REQUIREMENTS,
    TEST_REQUIREMENTS,
    fingerprint,
    is_installed,
    note_installed,
    python_of,
    remove_half_installed,
    venv_problem,
    why_pip_failed,
    write_command,
)
from launcher.guard import LOOPBACK_NAMES
from start import NEWEST_PYTHON, OLDEST_PYTHON, python_problem

ROOT = Path(__file__).resolve().parent.parent
PYTHON = Path("python")


@contextmanager
def answering(reply: bytes, *, after: float = 0.0) -> Iterator[int]:
    """The port of a server on this machine that answers every question with `reply`."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            time.sleep(after)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(reply)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    with HTTPServer((LOOPBACK, 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:  # or it would go on for ever after a test that fails
            server.shutdown()
            thread.join()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def requirements(tmp_path: Path) -> Path:
    (tmp_path / "requirements.txt").write_text("numpy==2.4.6\n")
    tests = tmp_path / "requirements-dev.txt"
    tests.write_text("-r requirements.txt\npytest==9.2.0\n")
    return tests


# The Python that runs it


@pytest.mark.parametrize("version", [OLDEST_PYTHON, (3, 12), NEWEST_PYTHON])
def test_a_python_that_the_packages_are_built_for_will_do(version: tuple[int, int]) -> None:
    assert python_problem(version) is None


def test_an_old_python_is_told_which_one_to_install() -> None:
    assert python_problem((3, 9)) == (
        "Python 3.9 is too old: install Python 3.11 to 3.14 and start with that, for example: "
        "python3.14 start.py"
    )


def test_a_python_newer_than_the_packages_is_told_so() -> None:
    problem = python_problem((NEWEST_PYTHON[0], NEWEST_PYTHON[1] + 1))
    assert "newer than the packages" in problem


def test_start_py_can_be_read_by_pythons_that_know_no_annotations() -> None:
    tree = ast.parse((ROOT / "start.py").read_text(encoding="utf-8"))
    too_new = ast.JoinedStr | ast.AnnAssign | ast.NamedExpr | ast.Match
    assert not [node.lineno for node in ast.walk(tree) if isinstance(node, too_new)]
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    assert functions
    assert not [each.name for each in functions if each.returns or each.args.kwonlyargs]


def test_the_launcher_needs_nothing_but_the_standard_library() -> None:
    for source in [ROOT / "start.py", *(ROOT / "launcher").glob("*.py")]:
        tree = ast.parse(source.read_text(encoding="utf-8"))
        names = [a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names]
        names += [str(n.module) for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)]
        packages = {name.partition(".")[0] for name in names}
        assert packages <= set(sys.stdlib_module_names) | {"launcher"}, source.name


# Where it listens


def test_a_free_port_is_no_problem() -> None:
    assert port_problem(LOOPBACK, free_port()) is None


def test_a_port_of_another_program_is_told_with_a_way_out() -> None:
    with socket.socket() as other:
        other.bind((LOOPBACK, 0))
        other.listen()
        port = other.getsockname()[1]
        problem = port_problem(LOOPBACK, port)
    assert problem is not None
    assert f"Port {port} is taken by another program" in problem
    assert "--port" in problem


def test_an_app_that_already_runs_is_told_with_its_address() -> None:
    with answering(b"ok") as port:
        problem = port_problem(LOOPBACK, port)
    assert problem is not None
    assert f"already running at http://127.0.0.1:{port}: open that" in problem


def test_an_app_that_has_much_to_do_is_not_taken_for_another_program() -> None:
    with answering(b"ok", after=1.5) as port:
        assert "already running" in str(port_problem(LOOPBACK, port))


def test_a_web_server_of_another_kind_is_not_taken_for_the_app() -> None:
    with answering(b"Welcome") as port:
        assert not is_healthy(LOOPBACK, port)
        assert "taken by another program" in str(port_problem(LOOPBACK, port))


def test_an_address_of_another_machine_is_refused() -> None:
    problem = port_problem("192.0.2.7", free_port())  # RFC 5737: an address for examples
    assert problem is not None
    assert "This machine has no address 192.0.2.7" in problem


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "localhost", "::1"])
def test_on_loopback_there_is_nothing_to_warn_of(host: str) -> None:
    assert is_loopback(host)
    assert host_warning(Place(host=host)) is None


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "reading-room"])
def test_any_other_host_is_told_who_listens_and_how_to_tunnel(host: str) -> None:
    warning = host_warning(Place(host=host, port=8600))
    assert warning is not None
    assert "reads passwords" in warning
    assert f"ssh -L 8600:127.0.0.1:8600 YOU@{socket.gethostname()}" in warning
    assert "http://127.0.0.1:8600" in warning


def test_an_address_of_version_six_is_bracketed() -> None:
    assert url_of("::1", 8501) == "http://[::1]:8501"


def test_the_app_is_started_at_the_address_asked_for() -> None:
    command = app_command(PYTHON, Place(port=8600))
    assert command[:5] == ["python", "-m", "streamlit", "run", "served.py"]
    assert "--server.address=127.0.0.1" in command
    assert "--server.port=8600" in command
    assert not [word for word in command if word.startswith("--server.allowedHosts")]


def test_elsewhere_the_app_may_be_called_by_the_names_it_has_there() -> None:
    command = app_command(PYTHON, Place(host="192.0.2.7", names=("lab.example",)))
    assert "--server.allowedHosts=192.0.2.7" in command
    assert "--server.corsAllowedOrigins=http://lab.example:8501" in command


def test_everywhere_is_no_name_and_no_permission_for_every_name() -> None:
    names = names_of("0.0.0.0", ["lab.example"])
    assert {socket.gethostname(), "lab.example", *LOOPBACK_NAMES} <= set(names)
    assert not {"*", "0.0.0.0"} & set(names)


def test_whoever_shares_a_machine_is_told_of_the_token() -> None:
    assert "--token" in str(host_warning(Place(host="0.0.0.0")))
    assert read_arguments(["--token", "--name", "lab.example"]).name == ["lab.example"]


@pytest.mark.parametrize("port", ["0", "65536", "eight"])
def test_what_is_no_port_is_refused(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        read_arguments(["--port", port])
    assert "--port" in capsys.readouterr().err


def test_a_problem_ends_the_start_with_its_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    with answering(b"ok") as port:
        assert run(["--port", str(port)]) == 1
    assert "already running" in capsys.readouterr().err


# The environment


def test_a_python_that_lacks_ensurepip_is_told_what_debian_calls_it() -> None:
    assert venv_problem(importlib.util.find_spec) is None
    problem = venv_problem(lambda name: None if name == "ensurepip" else name)
    assert problem is not None
    assert "sudo apt install python3-venv" in problem


def test_what_was_installed_is_not_installed_again(requirements: Path, tmp_path: Path) -> None:
    assert not is_installed(tmp_path, requirements)
    note_installed(tmp_path, requirements)
    assert is_installed(tmp_path, requirements)


def test_a_changed_pin_is_installed_anew(requirements: Path, tmp_path: Path) -> None:
    note_installed(tmp_path, requirements)
    requirements.write_text("-r requirements.txt\npytest==9.2.1\n")
    assert not is_installed(tmp_path, requirements)


def test_a_changed_pin_in_the_included_file_counts_too(requirements: Path, tmp_path: Path) -> None:
    note_installed(tmp_path, requirements)
    (tmp_path / "requirements.txt").write_text("numpy==2.4.5\n")
    assert not is_installed(tmp_path, requirements)


def test_line_ends_of_windows_change_nothing(requirements: Path) -> None:
    before = fingerprint(requirements)
    requirements.write_bytes(requirements.read_bytes().replace(b"\n", b"\r\n"))
    assert fingerprint(requirements) == before


def test_a_note_that_was_cut_off_counts_as_none(requirements: Path, tmp_path: Path) -> None:
    note_installed(tmp_path, requirements)
    note = tmp_path / "installed.json"
    note.write_bytes(note.read_bytes()[:-5])
    assert not is_installed(tmp_path, requirements)


def test_a_package_that_an_interrupted_install_left_half_way_is_forgotten(tmp_path: Path) -> None:
    packages = tmp_path / "lib" / "python3.12" / "site-packages"
    whole, half = packages / "whole-1.0.dist-info", packages / "half-1.0.dist-info"
    for info in (whole, half):
        info.mkdir(parents=True)
        (info / "METADATA").touch()
    (whole / "INSTALLER").write_text("pip")
    remove_half_installed(tmp_path)
    assert whole.exists()
    assert not half.exists()


@pytest.mark.parametrize(
    ("log", "sense"),
    [
        ("Could not fetch URL https://index.example/: connection error: ...", "network"),
        ("OSError: [Errno 28] No space left on device", "disk is full"),
        ("ERROR: No matching distribution found for torch==2.15.0", "this kind of machine"),
        ("ERROR: something else", "install.log"),
    ],
)
def test_what_pip_says_is_told_in_plain_words(log: str, sense: str) -> None:
    assert sense in why_pip_failed(log)


def test_a_connection_that_was_mended_is_not_blamed() -> None:
    log = "Retrying after connection broken by 'ReadTimeoutError'\nNo matching distribution found"
    assert "this kind of machine" in why_pip_failed(log)


def test_every_requirement_is_pinned_exactly_and_by_name() -> None:
    pin = re.compile(r"[A-Za-z0-9._-]+==[A-Za-z0-9.]+")
    for file in (APP_REQUIREMENTS, TEST_REQUIREMENTS):
        lines = [line for line in file.read_text(encoding="utf-8").splitlines() if line]
        asked = [line for line in lines if not line.startswith(("#", "-r "))]
        assert asked
        assert [line for line in asked if not pin.fullmatch(line)] == []


# The checks


QUICK = [
    "ruff check",
    "ruff format --check",
    "mypy",
    "pytest -q -n 2 --dist loadfile",
    "pytest -q -n 2 --dist loadfile tests/e2e -m e2e and not slow",
]
SLOW = [
    "pytest -q -n 2 --dist loadfile -m slow and not e2e and not gpu",
    "pytest -q tests/e2e -m e2e and slow",
    "tests.mutations",
]


def commands_of(parts: Sequence[str], *, is_all: bool) -> list[str]:
    return [" ".join(step.arguments) for step in chosen_steps(parts, is_all=is_all)]


def test_the_quick_whole_has_every_kind_of_check_and_all_adds_the_slow_ones() -> None:
    assert commands_of(PARTS, is_all=False) == QUICK
    assert commands_of(PARTS, is_all=True) == QUICK + SLOW
    assert {step.part for step in STEPS if not step.is_slow} == set(PARTS)


def test_every_test_that_needs_no_gpu_is_run_by_exactly_one_step() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    default = settings["tool"]["pytest"]["ini_options"]["addopts"].partition(" -m ")[2].strip("'")
    steps = [step.arguments for step in STEPS if step.arguments[0] == "pytest"]
    asked = [step[step.index("-m") + 1] if "-m" in step else default for step in steps]
    for is_e2e, is_slow in product((True, False), repeat=2):
        marks = {"e2e": is_e2e, "slow": is_slow, "gpu": False}
        assert sum(eval(expression, {}, marks) for expression in asked) == 1
    in_browser = {path for path in ROOT.glob("tests/**/*.py") if "mark.e2e" in path.read_text()}
    assert {path.parent.name for path in in_browser - {Path(__file__)}} == {"e2e"}


def test_a_warning_fails_its_test_in_every_process() -> None:
    with pytest.raises(UserWarning, match="noticed"):
        warnings.warn("noticed", stacklevel=1)


def test_processes_that_test_side_by_side_have_one_thread_and_folders_of_their_own(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    own = tmp_path_factory.getbasetemp()
    assert Path(os.environ["MAMMO_HOME"]).is_relative_to(own)
    assert Path(os.environ["MAMMO_CHECKPOINTS"]).is_relative_to(own)
    assert os.environ["OMP_NUM_THREADS"] == "1"


def test_parts_can_be_chosen() -> None:
    assert read_arguments(["test"]).only == PARTS
    assert read_arguments(["test", "--only", "lint", "unit"]).only == ["lint", "unit"]
    assert commands_of(["lint", "types"], is_all=True) == QUICK[:3]
    assert [read_arguments(["test", *more]).all for more in ([], ["--all"])] == [False, True]


def test_a_step_fails_as_its_program_does() -> None:
    here = Path(sys.executable)
    good = Step(part="unit", title="help", arguments=("json.tool", "--help"))
    bad = Step(part="unit", title="nothing", arguments=("no_module_of_this_name",))
    assert run_step(good, here) is State.OK
    assert run_step(bad, here) is State.FAILED


def test_a_step_beside_another_fails_as_its_program_does_and_then_says_what_it_said(
    capfd: pytest.CaptureFixture[str],
) -> None:
    here = Path(sys.executable)
    good = Step(part="types", title="help", arguments=("json.tool", "--help"), is_beside=True)
    bad = Step(part="types", title="none", arguments=("no_module_of_this_name",), is_beside=True)
    started = [start_beside(step, here) for step in (good, bad)]
    assert capfd.readouterr().out == ""
    assert [end_beside(each).state for each in started] == [State.OK, State.FAILED]
    said = capfd.readouterr().out
    assert "== help\nusage: " in said
    assert "== none\n" in said
    assert "No module named no_module_of_this_name" in said


def test_what_runs_beside_another_is_never_the_last_of_the_whole() -> None:
    assert not STEPS[-1].is_beside
    assert [step.title for step in STEPS if step.is_beside] == ["mypy"]


@pytest.mark.skipif(os.name == "nt", reason="Windows does not count for its children")
def test_the_time_of_a_step_is_that_of_its_processes() -> None:
    busy = "import time\nwhile time.process_time() < 0.3: pass"
    before = processor_seconds()
    subprocess.run([sys.executable, "-c", busy], check=True)
    assert 0.25 < processor_seconds() - before < 3.0


def outcome(title: str, state: State, seconds: float, processor_seconds: float) -> Outcome:
    return Outcome(title=title, state=state, seconds=seconds, processor_seconds=processor_seconds)


def test_the_summary_has_a_line_for_each_step_and_counts_last() -> None:
    outcomes = [
        outcome("ruff check", State.OK, 0.5, 0.25),
        outcome("mypy", State.FAILED, 31.25, 50.0),
        outcome("browser journeys", State.NOT_RUN, 0.0, 0.0),
    ]
    lines = summary(outcomes, ["slow unit tests", "mutations"]).splitlines()
    assert [" ".join(line.split()) for line in lines[1:4]] == [
        "ruff check ok 0.5 s 0.2 s of processor",
        "mypy failed 31.2 s 50.0 s of processor",
        "browser journeys not run 0.0 s 0.0 s of processor",
    ]
    assert lines[-3] == "Only with --all: slow unit tests, mutations."
    assert lines[-1] == "Steps: 1 passed, 1 failed, 1 skipped"
    assert "--all" not in summary(outcomes, [])
    assert summary(outcomes, [], ["NOT RUN: the archive"]).splitlines()[-3:] == [
        "NOT RUN: the archive",
        "",
        "Steps: 1 passed, 1 failed, 1 skipped",
    ]
    assert "TOO SLOW" not in summary(outcomes, [])
    assert exit_status(outcomes) == 1
    assert exit_status(outcomes[:1]) == 0


def test_quick_tests_that_have_become_slow_are_told_of_whatever_the_slow_ones_take() -> None:
    quick = outcome("browser journeys", State.OK, 482.0, 0.0)
    slow = outcome("slow unit tests", State.OK, 4_000.0, 0.0)
    assert "TOO SLOW: the quick whole took 8.0 minutes" in summary([quick, slow], [])
    assert "TOO SLOW" not in summary([slow], [])


def test_what_is_compiled_is_kept_for_the_next_process() -> None:
    wish = {"PATH": "/bin", "PYTHONDONTWRITEBYTECODE": "1"}
    assert with_compiled_code(wish) == {"PATH": "/bin"}


def test_browser_tests_without_a_browser_fail_where_nobody_looks() -> None:
    assert without_browser(is_ci=True) is State.FAILED
    assert without_browser(is_ci=False) is State.NOT_RUN


def test_a_named_browser_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAMMO_BROWSER", "/opt/my-browser")
    assert find_browser() == "/opt/my-browser"


def test_without_consent_nothing_but_our_own_browser_is_fetched() -> None:
    for system in ("debian", "ubuntu", ""):
        (command,) = fetch_commands(PYTHON, may_change_system=False, system=system, is_root=True)
        assert command == ["python", "-m", "playwright", "install", "chromium"]


def test_debian_is_asked_for_its_list_before_its_package() -> None:
    update, install = fetch_commands(PYTHON, may_change_system=True, system="debian", is_root=True)
    assert update == ["apt-get", "update"]
    assert install[:2] == ["apt-get", "install"]
    assert install[-1] == "chromium"


def test_without_root_the_package_manager_is_called_through_sudo_that_asks_nothing() -> None:
    commands = fetch_commands(PYTHON, may_change_system=True, system="debian", is_root=False)
    assert [command[:3] for command in commands] == [["sudo", "-n", "apt-get"]] * 2


def test_ci_runs_the_command_that_a_person_runs() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    commands = [line.strip() for line in script.splitlines() if "start.py" in line]
    assert commands == ["exec python start.py test", "exec python3 start.py test"]
    assert subprocess.run(["bash", "-n", ROOT / ".ci" / "run"], check=False).returncode == 0


def test_the_python_of_an_environment_is_inside_it(tmp_path: Path) -> None:
    assert python_of(tmp_path).is_relative_to(tmp_path)


@pytest.mark.skipif(os.name == "nt", reason="there it is a .cmd, which needs a Windows")
def test_mammo_works_from_any_folder(tmp_path: Path) -> None:
    python = tmp_path / "an environment" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} "$@"\n')
    python.chmod(0o755)
    mammo = write_command(python)
    told = subprocess.run([mammo, "--help"], cwd=tmp_path, capture_output=True, text=True)
    assert told.returncode == 0, told.stderr
    assert "phantom" in told.stdout
