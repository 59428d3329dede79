"""Sets of phantoms, each drawn once for all tests of all processes. Drawing costs seconds."""

import os
import shutil
from pathlib import Path

from filelock import FileLock

from mammo_core.preprocessing.phantoms.women import write_phantom_set

FOLDER = "MAMMO_TEST_PHANTOMS"  # the variable that names the folder they share


def drawn_phantoms(
    women: int,
    *,
    seed: int = 0,
    size: tuple[int, int] = (64, 32),
    lesion_contrast: float = 1.0,
) -> Path:
    """The folder of a set that nobody changes: a test that must, takes a copy."""
    name = f"phantoms-{women}-{seed}-{size[0]}-{size[1]}-{lesion_contrast}"
    folder = Path(os.environ[FOLDER]) / name / "set"
    folder.parent.mkdir(exist_ok=True)
    with FileLock(folder.with_name("lock")):
        if not folder.exists():
            new = folder.with_name("new")
            write_phantom_set(
                new, women=women, seed=seed, size=size, lesion_contrast=lesion_contrast
            )
            new.rename(folder)
    return folder


def put_phantoms(
    folder: Path,
    *,
    women: int,
    seed: int = 0,
    size: tuple[int, int] = (64, 32),
    lesion_contrast: float = 1.0,
) -> Path:
    """Copy the set into `folder`, where a test may do with it what it likes."""
    source = drawn_phantoms(women, seed=seed, size=size, lesion_contrast=lesion_contrast)
    return shutil.copytree(source, folder, dirs_exist_ok=True)
