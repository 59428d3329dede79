"""Phantoms say in their files what they are; the mark survives the reading process and a case."""

import io
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from mammo_core.files import samples_root
from mammo_core.preprocessing.cases import load_case, load_mammogram, store_case
from mammo_core.preprocessing.phantoms.mark import is_marked_png, mark_png
from mammo_core.preprocessing.phantoms.women import write_phantom_set
from mammo_core.preprocessing.pixel_files import keep_image
from mammo_core.preprocessing.reading.read import decode, read_mammogram
from tests.preprocessing.dicom_files import KEY, mammogram_file, ramp


def png() -> bytes:
    picture = io.BytesIO()
    Image.fromarray(np.arange(256, dtype=np.uint8).reshape(16, 16)).save(picture, "PNG")
    return picture.getvalue()


@pytest.mark.parametrize("image_format", ["png", "dicom"])
def test_every_phantom_is_known_for_one(tmp_path: Path, image_format: str) -> None:
    write_phantom_set(tmp_path, women=1, seed=0, size=(64, 32), image_format=image_format)
    images = list((tmp_path / "images").iterdir())
    assert len(images) == 4
    assert all(read_mammogram(path).info.is_synthetic for path in images)


def test_every_sample_that_ships_is_known_for_one() -> None:
    samples = [path for path in samples_root().iterdir() if path.suffix in (".png", ".dcm")]
    assert len(samples) == 7
    assert all(decode(path, key=KEY).info.is_synthetic for path in samples)


def test_other_images_are_not() -> None:
    assert not decode(png(), key=KEY).info.is_synthetic
    assert not decode(mammogram_file(ramp()), key=KEY).info.is_synthetic
    other = mammogram_file(ramp(), DeidentificationMethod="by hand")
    assert not decode(other, key=KEY).info.is_synthetic


def test_the_mark_is_a_comment_that_changes_no_pixel() -> None:
    marked = mark_png(png())
    assert is_marked_png(marked)
    with Image.open(io.BytesIO(marked)) as image:
        assert image.info["Comment"] == "Synthetic: there is no such person"
        np.testing.assert_array_equal(np.asarray(image), np.arange(256).reshape(16, 16))
    saved_anew = cv2.imencode(".png", cv2.imdecode(np.frombuffer(marked, np.uint8), 0))[1]
    assert not is_marked_png(saved_anew.tobytes())


def test_a_case_remembers_which_images_are_synthetic(tmp_path: Path) -> None:
    files = [png(), mark_png(png())]
    case = store_case(
        files,
        tmp_path,
        keep=partial(
            keep_image, read=lambda content: decode(content, key=KEY), mask=lambda one: one
        ),
        now=0.0,
    )
    again = load_case(tmp_path, case.case_id, now=0.0)
    assert [image.info.is_synthetic for image in again.images] == [False, True]
    assert load_mammogram(tmp_path, again, again.images[1]).info.is_synthetic
