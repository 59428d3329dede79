"""`mammo data`: a name for a folder, told and taken back."""

from pathlib import Path

import pytest

from mammo_core.cli import main
from mammo_core.datasets.dataset import find_folder
from tests.datasets.builders import CSV


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MAMMO_HOME", str(tmp_path / "home"))
    CSV.build(tmp_path / "set")
    return tmp_path / "set"


def test_a_registered_name_stands_for_its_folder_until_it_is_forgotten(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["data", "register", "ours", str(folder), "--label-rule", "lesion"]) == 0
    told = capsys.readouterr().out
    assert "lesion: 4 of 8" in told
    assert find_folder("ours") == folder
    assert main(["data", "list"]) == 0
    assert capsys.readouterr().out == f"ours  csv_folder  lesion  {folder}\n"
    assert main(["data", "forget", "ours"]) == 0
    assert find_folder("ours") == Path("ours")
    assert (folder / "manifest.csv").is_file()


def test_images_without_a_label_are_counted(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["data", "register", "ours", str(folder)]) == 0
    assert "no label under this rule: 1 of 8" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (["register", "ours", "nowhere"], "There is no folder"),
        (["register", "taken", "."], "already the name of"),
        (["forget", "theirs"], "no registered data set named 'theirs'. Known: taken"),
    ],
)
def test_a_mistake_is_told_in_words(
    folder: Path, capsys: pytest.CaptureFixture[str], command: list[str], told: str
) -> None:
    main(["data", "register", "taken", str(folder)])
    assert main(["data", *command]) == 2
    assert told in capsys.readouterr().err
