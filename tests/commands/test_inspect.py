"""The table of what files are."""

from pathlib import Path

import pytest
from PIL import Image

from mammo_core.cli import main
from tests.preprocessing.dicom_files import TOMOSYNTHESIS, mammogram_file, ramp


@pytest.fixture(autouse=True)
def own_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MAMMO_HOME", str(tmp_path / "home"))


def test_each_file_gets_a_row_and_its_remarks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    changes = {"ImageLaterality": "R", "ViewPosition": "MLO", "PixelSpacing": [0.05, 0.05]}
    content = mammogram_file(ramp(), PhotometricInterpretation="MONOCHROME1", **changes)
    (tmp_path / "a").write_bytes(content)
    (tmp_path / "b").write_bytes(b"P5 2 1 255\n\0\1")
    assert main(["inspect", str(tmp_path / "a"), str(tmp_path / "b")]) == 0
    heading, dicom, turned, picture = capsys.readouterr().out.splitlines()
    assert " ".join(heading.split()) == "file kind rows x columns bits side view mm per pixel"
    told = "DICOM, explicit little endian 8 x 16 12 R MLO 0.05"
    assert " ".join(dicom.split()[1:]) == told
    assert turned.strip() == "MONOCHROME1 was turned: tissue is bright."
    assert " ".join(picture.split()[1:]) == "PGM 1 x 2 8 unknown unknown unknown"


def test_a_refused_file_says_why_and_fails_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = mammogram_file(ramp(), SOPClassUID=TOMOSYNTHESIS, NumberOfFrames=60)
    (tmp_path / "tomo\x1b[31m").write_bytes(content)
    assert main(["inspect", str(tmp_path / "tomo\x1b[31m")]) == 1
    output = capsys.readouterr().out
    assert "refused" in output
    assert "tomosynthesis of 60 slices" in output
    assert "[tomosynthesis]" in output
    assert "\x1b" not in output


def test_the_filters_are_written_as_one_picture(tmp_path: Path) -> None:
    (tmp_path / "a.pgm").write_bytes(b"P5 4 4 255\n" + bytes(range(0, 160, 10)))
    assert main(["inspect", "--filters", str(tmp_path / "out.png"), str(tmp_path / "a.pgm")]) == 0
    with Image.open(tmp_path / "out.png") as picture:
        assert picture.size == (4 * 4, 24 + 4)  # four panels below a strip for the titles


def test_the_filters_of_two_images_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["inspect", "--filters", str(tmp_path / "out.png"), "a", "b"]) == 2
    assert "2 files were given" in capsys.readouterr().err
