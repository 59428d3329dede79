"""The environment .venv: made once, filled by pip, and left alone while it holds what is asked.

Its note `installed.json` keeps a fingerprint of each requirements file that was installed to the
end, so that a start with nothing to do costs no time.
"""

import hashlib
import importlib.util
import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
ENVIRONMENT: Final = ROOT / ".venv"
APP_REQUIREMENTS: Final = ROOT / "requirements.txt"
TEST_REQUIREMENTS: Final = ROOT / "requirements-dev.txt"  # includes the app's

#: Signs in pip's log, and what they mean; the first that fits is told. A connection that broke and
#: was mended leaves other words there.
PIP_FAILURES: Final = (
    (
        ("connection error:", "Max retries exceeded", "Failed to connect to", "IncompleteRead"),
        "The packages could not be fetched: the network does not answer. Connect (behind a proxy, "
        "set HTTPS_PROXY) and run the same command again.",
    ),
    (
        ("No space left on device",),
        "The disk is full: the packages take about 8 GB. Make room and run the same command again.",
    ),
    (
        ("No matching distribution found",),
        "A package is not built for this kind of machine: use 64-bit Linux, 64-bit Windows or a "
        "Mac with Apple silicon. Which one stands in .venv/install.log.",
    ),
)


class StartError(Exception):
    """The workbench cannot be started; the text says why and what to do."""


def prepare_environment(requirements: Path) -> Path:
    """The Python of an environment that holds `requirements`; does only what is missing."""
    python = python_of(ENVIRONMENT)
    if python.exists() and is_installed(ENVIRONMENT, requirements):
        write_command(python)
        return python
    remove_half_installed(ENVIRONMENT)
    if not has_pip(python):
        make_environment(ENVIRONMENT)
    print(f"Installing {requirements.name} into .venv. The first time takes minutes.", flush=True)
    install(python, requirements, log=ENVIRONMENT / "install.log")
    note_installed(ENVIRONMENT, requirements)
    if requirements == TEST_REQUIREMENTS:
        note_installed(ENVIRONMENT, APP_REQUIREMENTS)
    write_command(python)
    return python


def write_command(python: Path) -> Path:
    """`mammo` beside `python`: the commands of this folder, from wherever it is called."""
    if os.name == "nt":
        file = python.with_name("mammo.cmd")
        lines = ["@setlocal", f"@set PYTHONPATH={ROOT}", f'@"{python}" -m mammo_core.cli %*']
    else:
        file = python.with_name("mammo")
        words = f"PYTHONPATH={shlex.quote(str(ROOT))} exec {shlex.quote(str(python))}"
        lines = ["#!/bin/sh", f'{words} -m mammo_core.cli "$@"']
    text = "\n".join((*lines, ""))
    if not file.exists() or file.read_text(encoding="utf-8") != text:
        file.write_text(text, encoding="utf-8")
        file.chmod(0o755)
    return file


def python_of(environment: Path) -> Path:
    return environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def has_pip(python: Path) -> bool:
    """False where there is no environment, or where making it was interrupted."""
    silent = subprocess.DEVNULL
    return python.exists() and not _status(
        python, "-m", "pip", "--version", stdout=silent, stderr=silent
    )


def make_environment(environment: Path) -> None:
    """Make it, or put pip into one that was made half-way."""
    problem = venv_problem(importlib.util.find_spec)
    if problem:
        raise StartError(problem)
    print(f"Making the environment {environment.name}.", flush=True)
    python = python_of(environment)
    if python.exists():
        status = _status(python, "-m", "ensurepip", "--default-pip")
    else:  # also where it led to a Python that is gone
        status = _status(sys.executable, "-m", "venv", "--clear", environment)
    if status:
        raise StartError(
            "The environment .venv could not be made; the reason stands above. Is there room, and "
            "may this folder be written? Delete .venv and run the same command again."
        )


def venv_problem(find_module: Callable[[str], object | None]) -> str | None:
    """Why this Python cannot make an environment, or None. Debian keeps ensurepip apart."""
    if find_module("venv") and find_module("ensurepip"):
        return None
    return (
        "This Python cannot make an environment, its module venv is missing. On Debian and Ubuntu, "
        "install it with: sudo apt install python3-venv, then run the same command again."
    )


def install(python: Path, requirements: Path, *, log: Path) -> None:
    """Let pip work in sight, but complain to the log: of its complaints the user gets the sense."""
    log.unlink(missing_ok=True)  # pip appends
    options: list[str | Path] = ["--disable-pip-version-check", "--log", log, "-r", requirements]
    if not sys.stdout.isatty():
        options += ["--quiet", "--progress-bar=off"]  # nobody watches
    if _status(python, "-m", "pip", "install", *options, stderr=subprocess.DEVNULL):
        raise StartError(why_pip_failed(log.read_text(encoding="utf-8", errors="replace")))


def why_pip_failed(log: str) -> str:
    for signs, sentence in PIP_FAILURES:
        if any(sign in log for sign in signs):
            return sentence
    return (
        "The packages could not be installed; .venv/install.log says at its end why. Run the same "
        "command again, and if that does not help, delete the folder .venv first."
    )


def remove_half_installed(environment: Path) -> None:
    """Make pip see what it left half-way when it was killed.

    It notes INSTALLER once all files are there, but takes a package without it for installed.
    """
    for packages in ("lib/python*/site-packages", "Lib/site-packages"):
        for info in environment.glob(f"{packages}/*.dist-info"):
            if not (info / "INSTALLER").exists():
                shutil.rmtree(info)


def is_installed(environment: Path, requirements: Path) -> bool:
    return read_notes(environment).get(requirements.name) == fingerprint(requirements)


def note_installed(environment: Path, requirements: Path) -> None:
    notes = read_notes(environment) | {requirements.name: fingerprint(requirements)}
    (environment / "installed.json").write_text(json.dumps(notes, indent=1), encoding="utf-8")


def read_notes(environment: Path) -> dict[str, str]:
    """The fingerprint of each requirements file, by its name."""
    try:
        notes = json.loads((environment / "installed.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):  # not there, or cut off: then pip looks what is missing
        return {}
    return notes if isinstance(notes, dict) else {}


def fingerprint(requirements: Path) -> str:
    """A hash of what the file says and of those it includes."""
    text = requirements.read_text(encoding="utf-8")
    digest = hashlib.sha256(text.encode("utf-8"))
    for line in text.splitlines():
        if line.startswith("-r "):
            included = requirements.with_name(line.removeprefix("-r ").strip())
            digest.update(fingerprint(included).encode("ascii"))
    return digest.hexdigest()


def _status(*command: str | Path, stdout: int | None = None, stderr: int | None = None) -> int:
    return subprocess.run(
        command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr, check=False
    ).returncode
