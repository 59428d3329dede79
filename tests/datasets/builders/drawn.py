"""Small drawn images for fixtures: each seed another breast-like texture, no person behind it."""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import UID, ExplicitVRLittleEndian, generate_uid

SIZE = (96, 72)
VIEW_CODES = {
    "CC": ("399162004", "cranio-caudal"),
    "MLO": ("399368009", "medio-lateral oblique"),
}


def texture(seed: int, size: tuple[int, int] = SIZE) -> NDArray[np.uint8]:
    """A half disc at the left edge, filled with clouds of this seed; black around it."""
    rng = np.random.default_rng(seed)
    height, width = size
    clouds = np.zeros(size, dtype=np.float32)
    for power, cells in enumerate((3, 6, 12, 24)):
        grid = rng.random((cells, cells), dtype=np.float32)
        clouds += cv2.resize(grid, (width, height)) / 1.5**power
    y, x = np.mgrid[:height, :width] / height
    inside = (y - 0.5) ** 2 + x**2 < 0.2
    return np.where(inside, 40 + 200 * clouds / clouds.max(), 0).astype(np.uint8)


def blank_film(size: tuple[int, int] = SIZE) -> NDArray[np.uint8]:
    """A frame in which nothing is brighter than 8 of 255."""
    return np.random.default_rng(0).integers(0, 9, size, dtype=np.uint8)


def film_with_white_strip(size: tuple[int, int] = (256, 192)) -> NDArray[np.uint8]:
    """A breast that fills most of a film, of which a slanted strip at the side was not exposed."""
    rng = np.random.default_rng(4)
    height, width = size
    y, x = np.mgrid[:height, :width]
    clouds = cv2.GaussianBlur(rng.normal(0, 1, size), (0, 0), 3.0) * 120
    inside = ((y / height - 0.5) / 0.62) ** 2 + (x / width / 0.8) ** 2 < 1
    film = np.where(inside, 120 + clouds, 20 + rng.normal(0, 6, size))
    film[x > width * 0.86 + y * 0.03] = 255
    return np.clip(film, 0, 250).astype(np.uint8)


def mask(size: tuple[int, int], box: tuple[int, int, int, int]) -> NDArray[np.uint8]:
    """White in x0, y0, x1, y1; black elsewhere."""
    drawn = np.zeros(size, dtype=np.uint8)
    x0, y0, x1, y1 = box
    drawn[y0:y1, x0:x1] = 255
    return drawn


def write_picture(path: Path, pixels: NDArray[np.uint8]) -> None:
    """PNG, PGM or (at the best quality) JPEG, by the ending of the name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    options = [cv2.IMWRITE_JPEG_QUALITY, 100] if path.suffix == ".jpg" else []
    _, data = cv2.imencode(path.suffix, pixels, options)
    path.write_bytes(data.tobytes())


def write_text(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode("utf-8"))


def write_dicom(
    path: Path,
    pixels: NDArray[np.uint8],
    *,
    side: str = "",
    view: str = "",
    is_view_coded_only: bool = False,
    voi_function: str = "",
) -> None:
    """An 8-bit digital mammogram. `is_view_coded_only` leaves ViewPosition empty."""
    path.parent.mkdir(parents=True, exist_ok=True)
    uid = generate_uid(entropy_srcs=[str(path)])
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = UID("1.2.840.10008.5.1.4.1.1.1.2")
    meta.MediaStorageSOPInstanceUID = uid
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SOPClassUID = meta.MediaStorageSOPClassUID
    dataset.SOPInstanceUID = uid
    dataset.Modality = "MG"
    dataset.PatientID = path.parent.name
    dataset.ImageLaterality = side
    dataset.ViewPosition = "" if is_view_coded_only else view
    if view in VIEW_CODES:
        code = Dataset()
        code.CodeValue, code.CodeMeaning = VIEW_CODES[view]
        code.CodingSchemeDesignator = "SCT"
        dataset.ViewCodeSequence = Sequence([code])
    dataset.Rows, dataset.Columns = pixels.shape
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 8, 8, 7
    dataset.PixelRepresentation = 0
    if voi_function:
        dataset.WindowCenter, dataset.WindowWidth = 128, 256
        dataset.VOILUTFunction = voi_function
    dataset.PixelData = np.ascontiguousarray(pixels).tobytes()
    dataset.save_as(path, enforce_file_format=True)
