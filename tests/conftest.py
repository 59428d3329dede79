"""No test touches what a user keeps, and processes that test side by side do not fight: each has
folders of its own. Only the sets of phantoms, which nobody changes, are shared.
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before torch counts the cores, which the processes share

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from filelock import FileLock

PhantomSet = Callable[..., Path]


@pytest.fixture(scope="session", autouse=True)
def mammo_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MAMMO_HOME", str(tmp_path_factory.mktemp("home")))
        patch.setenv("MAMMO_CHECKPOINTS", str(tmp_path_factory.mktemp("checkpoints")))
        yield


@pytest.fixture(scope="session")
def phantom_set(tmp_path_factory: pytest.TempPathFactory) -> PhantomSet:
    """Gives the folder of a set of phantoms, drawn once for all tests of all processes.

    A test that changes a set copies it first.
    """
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def drawn(
        women: int,
        *,
        seed: int = 0,
        size: tuple[int, int] = (64, 32),
        lesion_contrast: float = 1.0,
    ) -> Path:
        from mammo_core.preprocessing.phantoms.women import write_phantom_set

        folder = shared / f"phantoms-{women}-{seed}-{size[0]}-{size[1]}-{lesion_contrast}" / "set"
        folder.parent.mkdir(exist_ok=True)
        with FileLock(folder.with_name("lock")):
            if not folder.exists():
                new = folder.with_name("new")
                write_phantom_set(
                    new, women=women, seed=seed, size=size, lesion_contrast=lesion_contrast
                )
                new.rename(folder)
        return folder

    return drawn


@pytest.fixture(scope="session")
def twelve_women(phantom_set: PhantomSet) -> Path:
    """The folder of a set that is just large enough to be split and trained on."""
    return phantom_set(12)


@pytest.fixture(scope="session")
def twenty_four_women(phantom_set: PhantomSet) -> Path:
    """The folder of a set in which every split has several women with cancer."""
    return phantom_set(24)
