"""Synthetic mammograms on disk: DICOM as the standard wants it, equal to the PNG."""

import io
import shutil
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pydicom
import pytest
from pydicom.pixels import apply_windowing

from mammo_core.cli import main
from mammo_core.errors import ConfigError
from mammo_core.files import samples_root
from mammo_core.preprocessing.phantoms.files import Header, Syntax, encode_dicom, encode_png
from mammo_core.preprocessing.phantoms.shipped import sample_files, write_samples
from mammo_core.preprocessing.phantoms.view import MACHINES, Breast, Machine, Rendering, render_view
from mammo_core.preprocessing.samples import list_samples
from mammo_core.types import Laterality, View


def drawn_on(machine: Machine) -> tuple[Rendering, Header]:
    side, view = Laterality.RIGHT, View.MLO
    breast = Breast(side=side, density="B", machine=machine, seed=(1, 1), lesion=None)
    header = Header(
        patient_id="W0001",
        exam_id="E0001",
        age=57,
        side=side,
        view=view,
        machine=machine,
        uid_seed="test",
    )
    return render_view(breast, view, (256, 128)), header


def read_back(machine: Machine) -> pydicom.Dataset:
    return pydicom.dcmread(io.BytesIO(encode_dicom(*drawn_on(machine))))


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.name)
def test_the_dicom_shows_what_the_png_shows(machine: Machine) -> None:
    dataset = read_back(machine)
    shown = apply_windowing(dataset.pixel_array, dataset) / 4095
    if dataset.PhotometricInterpretation == "MONOCHROME1":
        shown = 1 - shown
    png = np.frombuffer(encode_png(drawn_on(machine)[0].pixels, bits=8), np.uint8)
    image = cv2.imdecode(png, cv2.IMREAD_UNCHANGED)
    assert np.abs(shown - image / 255).max() < 1 / 255


def test_one_machine_stores_monochrome1_with_a_window_of_its_own() -> None:
    alder, birch = (read_back(machine) for machine in MACHINES)
    assert alder.PhotometricInterpretation == "MONOCHROME2"
    assert birch.PhotometricInterpretation == "MONOCHROME1"
    assert (birch.WindowCenter[0], birch.WindowWidth[0]) == (1900.5, 2801)  # 500 to 3300
    assert birch.pixel_array[-1, 0] == 4095  # the background


def test_the_header_tells_side_view_and_spacing() -> None:
    dataset = read_back(MACHINES[0])
    assert dataset.SOPClassUID == "1.2.840.10008.5.1.4.1.1.1.2"
    assert (dataset.ImageLaterality, dataset.ViewPosition) == ("R", "MLO")
    assert dataset.ViewCodeSequence[0].CodeValue == "399368009"
    assert dataset.ImagerPixelSpacing == [0.9375, 0.9375]  # 240 mm in 256 rows
    assert dataset.PatientOrientation == ["P", "FL"]


def test_a_16_bit_png_holds_12_bits() -> None:
    pixels = np.array([[0.0, 0.5, 1.0]], np.float32)
    png = np.frombuffer(encode_png(pixels, bits=12), np.uint8)
    image = cv2.imdecode(png, cv2.IMREAD_UNCHANGED)
    assert image.dtype == np.uint16
    assert image.tolist() == [[0, 2048, 4095]]


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("samples")
    write_samples(folder, (256, 128))
    return folder


def test_the_samples_hold_four_transfer_syntaxes_16_bits_and_a_bright_background(
    samples: Path,
) -> None:
    headers = [pydicom.dcmread(path, stop_before_pixels=True) for path in samples.glob("*.dcm")]
    assert len({header.file_meta.TransferSyntaxUID for header in headers}) == len(Syntax) == 4
    for path in samples.glob("pair*.png"):
        assert cv2.imread(str(path), cv2.IMREAD_UNCHANGED).dtype == np.uint16
    film = cv2.imread(str(samples / "film_L_MLO_inverted.png"), cv2.IMREAD_UNCHANGED)
    assert film[-1, -1] == 255


def test_samples_are_drawn_again_over_samples_and_over_nothing_else(
    samples: Path, tmp_path: Path
) -> None:
    write_samples(samples, (256, 128))
    (tmp_path / "README.md").write_text("Mine.")
    with pytest.raises(ConfigError, match="already holds something else"):
        write_samples(tmp_path, (256, 128))
    (tmp_path / "manifest.csv").write_text("image_id,path\na,a.png\n")
    with pytest.raises(ConfigError, match="already holds something else"):
        write_samples(tmp_path, (256, 128))
    assert (tmp_path / "README.md").read_text() == "Mine."
    assert main(["phantom", "--samples", str(tmp_path / "new"), "--women", "5"]) == 2
    assert not (tmp_path / "new").exists()


def test_the_readme_of_the_samples_tells_of_each_that_it_is_synthetic(samples: Path) -> None:
    readme = (samples / "README.md").read_text(encoding="utf-8")
    assert readme.startswith("# Synthetic mammograms")
    assert all(f"| {sample.name} |" in readme for sample in sample_files())


def test_every_sample_has_a_small_picture_of_its_views_beside_each_other(samples: Path) -> None:
    for root in (samples, samples_root()):
        sizes = {}
        for sample in list_samples(root):
            assert sample.picture is not None
            height, width = cv2.imread(str(sample.picture)).shape[:2]
            sizes[sample.name] = (height, width)
        assert sizes == {"exam": (192, 4 * 96), "pair": (192, 2 * 96), "film": (192, 96)}


def test_an_independent_validator_finds_no_error_in_the_dicom(samples: Path) -> None:
    validator = shutil.which("dciodvfy")
    if validator is None:
        pytest.skip("dciodvfy of dicom3tools is not installed: the DICOM samples go unvalidated")
    for path in samples.glob("*.dcm"):
        ran = subprocess.run([validator, str(path)], capture_output=True, text=True, check=False)
        assert "MammographyImageForPresentation" in ran.stderr
        assert "Error" not in ran.stderr


def test_the_command_writes_a_set(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "set"
    assert main(["phantom", "--women", "1", "--out", str(out), "--size", "32x16"]) == 0
    assert "1 synthetic women" in capsys.readouterr().out
    assert len(list((out / "images").iterdir())) == 4


def test_the_command_refuses_a_size_it_cannot_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["phantom", "--out", str(tmp_path / "set"), "--size", "large"]) == 2
    assert "'large'" in capsys.readouterr().err
    assert not (tmp_path / "set").exists()
