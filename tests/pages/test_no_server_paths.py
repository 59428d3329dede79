"""No page tells a reader where on the server a file lies."""

import errno
import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from mammo_core.config import DataConfig
from mammo_core.files import REPOSITORY, without_folders
from mammo_core.runs.folder import RunFolder
from mammo_core.training.recipes import get_recipe
from mammo_core.types import CANCER
from tests.pages.conftest import OpenPage, started
from tests.pages.training_pages import register_phantoms, write_audit_of, write_finished_run

ONE, OTHER = "20260101-000000-light_cnn-aaaa", "20260102-000000-light_cnn-bbbb"


def texts(page: AppTest) -> Iterator[str]:
    """Whatever the page and its sidebar send to the browser."""
    for element in [*page.main, *page.sidebar]:
        yield str(getattr(element, "proto", ""))
        if element.type in ("arrow_data_frame", "arrow_table", "table", "dataframe"):
            yield element.value.to_csv()


@pytest.fixture
def runs(tmp_path: Path, runs_root: Path) -> list[RunFolder]:
    """Two finished runs on a set that was named by its folder, as a shell does."""
    entry = register_phantoms(tmp_path / "set")
    write_audit_of(entry, f"Look at {entry.folder}/images/I1.png.")
    data = DataConfig(folder=entry.folder, adapter=entry.adapter, label_rule=entry.label_rule)
    config = get_recipe("smoke").configure(data, CANCER)
    made = [write_finished_run(runs_root, ONE, config)]
    other = replace(config, data=replace(data, folder=str(tmp_path / "elsewhere")))
    made.append(write_finished_run(runs_root, OTHER, config))
    settings = json.loads(made[1].settings_file.read_text(encoding="utf-8"))
    settings["data"]["folder"] = other.data.folder
    made[1].settings_file.write_text(json.dumps(settings), encoding="utf-8")
    return made


def looked_at(tmp_path: Path, page: AppTest) -> None:
    seen = list(texts(page))
    assert sum(map(len, seen)) > 500
    assert [text for text in seen if str(tmp_path) in text] == []


@pytest.mark.parametrize("name", ["thresholds", "compare", "train", "data"])
def test_a_page_names_no_folder(
    open_page: OpenPage, tmp_path: Path, runs: list[RunFolder], name: str
) -> None:
    looked_at(tmp_path, open_page(name))


def test_an_open_case_names_no_folder(open_page: OpenPage, tmp_path: Path) -> None:
    page = open_page("read")
    page.button[0].click().run(timeout=180)
    assert not page.exception
    assert any("Score" in text for text in texts(page))
    looked_at(tmp_path, page)
    assert [text for text in texts(page) if str(REPOSITORY) in text] == []


@pytest.mark.parametrize("run", [ONE, OTHER])
def test_a_run_names_no_folder(tmp_path: Path, runs: list[RunFolder], run: str) -> None:
    page = started("train")
    page.button_group(key="train_show").set_value("Runs").run()
    page.selectbox(key="run").set_value(run).run()
    assert not page.exception
    looked_at(tmp_path, page)


def test_where_a_set_is_gone_its_name_is_told_and_not_its_folder(
    open_page: OpenPage, tmp_path: Path, runs: list[RunFolder]
) -> None:
    shutil.rmtree(tmp_path / "set")
    for name in ("thresholds", "compare", "train", "data"):
        looked_at(tmp_path, open_page(name))


def test_where_the_disk_is_for_reading_alone_the_page_says_so_and_not_where_it_is(
    open_page: OpenPage, runs_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mkdir = Path.mkdir

    def refused(folder: Path, *args: Any, **named: Any) -> None:
        if folder.name == "cases":
            raise OSError(errno.EROFS, "Read-only file system", str(folder))
        mkdir(folder, *args, **named)

    monkeypatch.setattr(Path, "mkdir", refused)
    (said,) = (one.value.replace("\\", "") for one in open_page("read").error)
    assert said.startswith("Nothing more can be written to the folder 'home': Read-only file")
    assert str(runs_root.parent) not in said


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (
            "There is no folder /srv/data/rsna. Was it moved?",
            "There is no folder rsna. Was it moved?",
        ),
        ("'/a/b/run.json', line 3", "'run.json', line 3"),
        (r"C:\Users\x\set is gone", "set is gone"),
        ("Rows 1/2 and/or 3, (7FE0,0010), http://127.0.0.1:8501/train", None),
        ("images/I1.png", None),
        ("path:/srv/a/b.csv is gone", "path:b.csv is gone"),
        ("/srv/scans(old)/x.dcm", "x.dcm"),
        ("'/srv/my scans (old)/set 1/x.dcm' and 'a/b'", "'x.dcm' and 'a/b'"),
        ("file:///srv/a/b.csv", "b.csv"),
        (r"\\server\share\x.dcm", "x.dcm"),
    ],
)
def test_a_path_is_shortened_to_its_last_name(said: str, shown: str | None) -> None:
    assert without_folders(said) == (said if shown is None else shown)


@pytest.mark.parametrize("root", ["MAMMO_HOME", "MAMMO_CHECKPOINTS", "MAMMO_ROOTS"])
def test_blanks_in_the_names_of_our_own_folders_tell_nothing_of_where_they_lie(
    root: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "jane doe" / "our (own) place"
    folder.mkdir(parents=True)
    monkeypatch.setenv(root, str(folder))
    assert without_folders(f"There is no {folder}/cases/x.dcm.") == "There is no x.dcm."
    assert without_folders(f"Is {folder} there?") == "Is our (own) place there?"
    assert without_folders(f"relative{folder}/x") == f"relative{folder}/x"
