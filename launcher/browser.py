"""A browser for the browser tests: an installed one, else one that is fetched for them."""

import os
import platform
import shutil
import subprocess
from pathlib import Path
from typing import Final

COMMANDS: Final = (
    "chromium",
    "google-chrome",
    "google-chrome-stable",
    "chromium-browser",
    "chrome",
    "microsoft-edge",
    "msedge",
)
FILES: Final = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
    "C:/Program Files/Google/Chrome/Application/chrome.exe",
    "C:/Program Files (x86)/Google/Chrome/Application/chrome.exe",
    "C:/Program Files/Microsoft/Edge/Application/msedge.exe",
    "C:/Program Files (x86)/Microsoft/Edge/Application/msedge.exe",
)


def find_browser() -> str | None:
    """An installed Chromium, Chrome or Edge; MAMMO_BROWSER names another."""
    named = os.environ.get("MAMMO_BROWSER")
    if named:
        return named
    on_path = [path for path in map(shutil.which, COMMANDS) if path]
    in_place = [path for path in FILES if Path(path).exists()]
    return next(iter(on_path + in_place), None)


def provide_browser(python: Path, *, may_change_system: bool) -> bool:
    """Whether there is a browser in the end."""
    if find_browser():
        return True
    commands = fetch_commands(
        python,
        may_change_system=may_change_system,
        system=system_name(),
        is_root=os.name != "nt" and os.geteuid() == 0,
    )
    for command in commands:
        print("There is no browser. Running: " + " ".join(command), flush=True)
        if not _succeeds(command):
            return False
    return True


def fetch_commands(
    python: Path, *, may_change_system: bool, system: str, is_root: bool
) -> list[list[str]]:
    """What fetches a browser, in order. Unless it may, nothing outside the user's cache changes."""
    playwright = [str(python), "-m", "playwright", "install", "chromium"]
    if not may_change_system:
        return [playwright]
    if system == "debian":  # Ubuntu's chromium is a snap, which cannot be driven from outside
        rights = [] if is_root else ["sudo", "-n"]
        install = ["apt-get", "install", "--yes", "--no-install-recommends", "chromium"]
        return [[*rights, "apt-get", "update"], [*rights, *install]]
    return [[*playwright, "--with-deps"]]


def system_name() -> str:
    """The Linux distribution, as in "debian"; otherwise empty."""
    try:
        return platform.freedesktop_os_release()["ID"]
    except OSError:
        return ""


def _succeeds(command: list[str]) -> bool:
    try:
        return subprocess.run(command, stdin=subprocess.DEVNULL, check=False).returncode == 0
    except FileNotFoundError:
        return False
