"""A set of synthetic women drawn by a process of its own, as `mammo phantom` does it.

The processes that draw many images start by loading the program's main script once more, which on a
page is the whole app.
"""

import subprocess
import sys
from pathlib import Path
from typing import Final

from mammo_core.errors import RunError
from mammo_core.types import Size

_PROGRAM: Final = Path(__file__).resolve().parents[3]
_COMMAND: Final = ("-m", "mammo_core.cli", "phantom")  # above this part: known by name alone


def draw_apart(folder: Path, *, women: int, size: Size) -> None:
    done = subprocess.run(
        [
            sys.executable, *_COMMAND, "--out", str(folder), "--women", str(women),
            "--size", f"{size[0]}x{size[1]}",
        ],
        cwd=_PROGRAM, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["nothing was said"])[-1]
        raise RunError(
            f"The synthetic women could not be drawn: {last.removeprefix('mammo phantom: ')}"
        )
