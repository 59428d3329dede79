"""One archive for all tests that need a real one; each brings its own studies."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.archive.orthanc import PASSWORD, VARIABLE, Orthanc, require_programs, running_orthanc


@pytest.fixture
def archive_password() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, PASSWORD)
        yield


@pytest.fixture
def orthanc(tmp_path: Path, archive_password: None) -> Iterator[Orthanc]:
    """An empty archive."""
    require_programs()
    with running_orthanc(tmp_path / "orthanc") as running:
        yield running


@pytest.fixture
def own_home(tmp_path: Path) -> Iterator[Path]:
    """A home that this test alone writes to."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MAMMO_HOME", str(tmp_path / "home"))
        yield tmp_path / "home"
