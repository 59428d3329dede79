import csv
from io import StringIO
from pathlib import Path

import pytest

from mammo_core.cli import main
from mammo_core.preprocessing.phantom import write_phantom_set
from tests.inference.made_up import write_checkpoint


@pytest.fixture
def images(tmp_path: Path) -> list[Path]:
    write_phantom_set(tmp_path / "set", women=1, seed=0, size=(64, 32))
    return sorted((tmp_path / "set" / "images").iterdir())


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    return write_checkpoint(folder)


def test_every_file_gets_its_score(
    images: list[Path], checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", *map(str, images), "--checkpoint", str(checkpoint)]) == 0
    rows = list(csv.DictReader(StringIO(capsys.readouterr().out)))
    assert [row["file"] for row in rows] == list(map(str, images))
    assert all(0.0 < float(row["score"]) < 1.0 for row in rows)
    assert {row["model_id"] for row in rows} == {"made-up"}


def test_a_bad_file_is_told_and_the_others_are_scored(
    images: list[Path], checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "notes.txt"
    bad.write_text("not a picture")
    assert main(["predict", str(bad), str(images[0]), "--checkpoint", str(checkpoint)]) == 1
    told = capsys.readouterr()
    assert len(told.out.splitlines()) == 2
    assert "notes.txt: " in told.err


def test_an_unknown_checkpoint_is_told_in_a_sentence(
    images: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setenv("MAMMO_CHECKPOINTS", str(tmp_path))
    assert main(["predict", str(images[0]), "--checkpoint", "nobody"]) == 2
    assert "There is no run named 'nobody'" in capsys.readouterr().err
