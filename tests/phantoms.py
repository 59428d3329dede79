"""Sets of phantoms, each drawn once for all the tests of a process and copied for each of them."""

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

from mammo_core.preprocessing.phantoms.women import write_phantom_set


def put_phantoms(
    folder: Path,
    *,
    women: int,
    seed: int = 0,
    size: tuple[int, int] = (64, 32),
    lesion_contrast: float = 1.0,
) -> Path:
    """Write the set into `folder`, where a test may do with it what it likes."""
    return shutil.copytree(_drawn(women, seed, size, lesion_contrast), folder, dirs_exist_ok=True)


@cache
def _drawn(women: int, seed: int, size: tuple[int, int], lesion_contrast: float) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="phantoms-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    write_phantom_set(folder, women=women, seed=seed, size=size, lesion_contrast=lesion_contrast)
    return folder
