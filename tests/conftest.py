"""No test touches what a user keeps, and processes that test side by side do not fight: each has
folders of its own. Only the sets of phantoms, which nobody changes, are shared.
"""

import gc
import os

os.environ["OMP_NUM_THREADS"] = "1"  # before torch counts the cores, which the processes share

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.phantoms import FOLDER, drawn_phantoms

PhantomSet = Callable[..., Path]


def pytest_collection_finish() -> None:
    """What was imported stays: to look through it again and again took a tenth of all time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def pytest_sessionfinish() -> None:
    gc.unfreeze()  # libraries tell of what is still there at the end


@pytest.fixture(scope="session", autouse=True)
def mammo_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MAMMO_HOME", str(tmp_path_factory.mktemp("home")))
        patch.setenv("MAMMO_CHECKPOINTS", str(tmp_path_factory.mktemp("checkpoints")))
        yield


@pytest.fixture(scope="session", autouse=True)
def converted_here() -> Iterator[None]:
    """A process of its own would load torch anew for every little network."""

    def convert(folder: Path) -> str:
        from mammo_core.errors import MammoError
        from mammo_core.inference.checkpoint import load_checkpoint
        from mammo_core.inference.converting import make_check

        try:
            make_check(load_checkpoint(folder))
        except MammoError as error:
            return str(error)
        return ""

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mammo_core.inference.openvino._converted_apart", convert)
        yield


@pytest.fixture(scope="session", autouse=True)
def scanned_once() -> Iterator[None]:
    """Every AppTest looks through all installed packages for components: a third of its time."""
    from streamlit.components.v2 import manifest_scanner

    with pytest.MonkeyPatch.context() as patch:
        scan = manifest_scanner.scan_component_manifests
        patch.setattr(manifest_scanner, "scan_component_manifests", cache(scan))
        yield


@pytest.fixture(scope="session", autouse=True)
def shared_phantoms(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The folder of the sets that all processes share."""
    base = tmp_path_factory.getbasetemp()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(FOLDER, str(base.parent if "PYTEST_XDIST_WORKER" in os.environ else base))
        yield


@pytest.fixture(scope="session")
def phantom_set(shared_phantoms: None) -> PhantomSet:
    """Gives the folder of a set of phantoms. A test that changes a set copies it first."""
    return drawn_phantoms


@pytest.fixture(scope="session")
def twelve_women(phantom_set: PhantomSet) -> Path:
    """The folder of a set that is just large enough to be split and trained on."""
    return phantom_set(12)


@pytest.fixture(scope="session")
def twenty_four_women(phantom_set: PhantomSet) -> Path:
    """The folder of a set in which every split has several women with cancer."""
    return phantom_set(24)
