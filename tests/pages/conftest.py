"""Pages run in-process through the real frame, over checkpoints in a scratch folder."""

import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from mammo_core.files import REPOSITORY, samples_root
from mammo_core.preprocessing.cases import store_case
from mammo_core.preprocessing.reading.read import keep_mammogram
from mammo_core.preprocessing.samples import list_samples
from pages.components.compare.sections import GROUPS

APP = Path(__file__).resolve().parents[2] / "streamlit_app.py"

OpenPage = Callable[[str], AppTest]


@pytest.fixture(scope="session")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the example's case, read once for all tests: Read shows it to every visitor."""
    root, sample = tmp_path_factory.mktemp("example"), list_samples(samples_root())[0]
    case = store_case(
        [path.read_bytes() for path in sample.files],
        root,
        keep=keep_mammogram,
        now=time.time(),
    )
    return root / case.case_id


@pytest.fixture(scope="session")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a network that was converted for one test is found by the next."""
    return tmp_path_factory.mktemp("engines")


@pytest.fixture
def runs_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, example: Path, engines: Path
) -> Path:
    """An empty folder of runs; the user's own folders are out of reach. Of what ships, there is
    phantom-light alone: what a page says of one model must not change with each that ships.
    """
    repository = tmp_path / "repository"
    (repository / "checkpoints").mkdir(parents=True)
    for name in ("checkpoints/phantom-light", "sample_images"):
        (repository / name).symlink_to(REPOSITORY / name)
    monkeypatch.setattr("mammo_core.files.REPOSITORY", repository)
    root = tmp_path / "checkpoints"
    root.mkdir()
    monkeypatch.setenv("MAMMO_CHECKPOINTS", str(root))
    monkeypatch.setenv("MAMMO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MAMMO_LOAD_AHEAD", "no")
    shutil.copytree(example, tmp_path / "home" / "cases" / example.name, copy_function=os.link)
    (tmp_path / "home" / "cache").mkdir()
    (tmp_path / "home" / "cache" / "engines").symlink_to(engines)
    return root


@pytest.fixture
def open_page(runs_root: Path) -> OpenPage:
    """Open a page by its file name, through the real frame and navigation."""

    def open_(name: str) -> AppTest:
        page = started(name)
        assert not page.exception, page.exception
        return page

    return open_


def started(name: str) -> AppTest:
    """As by a bookmark: that Read is run before it would be most of what a test takes."""
    page = AppTest.from_file(APP, default_timeout=60).switch_page(f"pages/{name}.py")
    page.context["url"] = f"http://127.0.0.1:8501/{name}"
    page.run()
    del page.context["url"]
    return page


def show_section(page: AppTest, name: str) -> None:
    """On Compare, of whichever group it is."""
    group = next(one for one, sections in GROUPS.items() if name in sections)
    if page.segmented_control(key="compare_group").value != group:
        page.segmented_control(key="compare_group").set_value(group).run()
    if page.segmented_control(key="compare_section").value != name:
        page.segmented_control(key="compare_section").set_value(name).run()


def panels(page: AppTest) -> list[dict[str, Any]]:
    """What is sent to each panel of scores on `page`."""
    return [
        json.loads(one.proto.json)
        for one in page.get("bidi_component")
        if one.proto.component_name == "mammo_score_panel"
    ]


def score_rows(page: AppTest) -> list[dict[str, Any]]:
    """The lines of all panels: a breast, an exam or an image each."""
    return [row for panel in panels(page) for row in panel["rows"]]


def verdicts(page: AppTest) -> list[str]:
    return [panel["headline"] for panel in panels(page) if panel["headline"]]
