"""No test touches what a user keeps."""

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session", autouse=True)
def mammo_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MAMMO_HOME", str(tmp_path_factory.mktemp("home")))
        patch.setenv("MAMMO_CHECKPOINTS", str(tmp_path_factory.mktemp("checkpoints")))
        yield
