"""Features that can be named: how bright the tissue is, how its texture runs, what shape it has.

Of the whole breast or of what lies in its boxes, measured on prepared images. The definitions are
those of Haralick (1973) and Ojala (2002) as scikit-image has them.
"""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import kurtosis, skew

from mammo_core.config import PrepareSettings
from mammo_core.datasets.dataset import Dataset
from mammo_core.datasets.prepared import boxes_in_prepared, prepare_dataset
from mammo_core.datasets.small_images import remembered
from mammo_core.errors import TableError
from mammo_core.files import cache_root
from mammo_core.places.pieces import CHUNK, in_chunks
from mammo_core.preprocessing.cache import VERSION, Cache, open_images
from mammo_core.types import Box, Report

Region = Literal["breast", "boxes"]

SETTINGS: Final = PrepareSettings(size=(640, 416))
PERCENTILES: Final = (5, 25, 50, 75, 95)
_LEVELS: Final = 32  # grey levels of the co-occurrence matrix, evenly over 0 to 1
_DISTANCES: Final = (1, 4)
_ANGLES: Final = (0.0, np.pi / 4, np.pi / 2, 3 * np.pi / 4)
_TEXTURES: Final = ("contrast", "dissimilarity", "homogeneity", "energy", "correlation")
_POINTS, _RADIUS = 8, 2  # of local binary patterns
_WHITE: Final = 65535
_FEWEST_PIXELS: Final = 64
_VERSION: Final = 1  # raise it when a feature comes to be measured otherwise


def measure_features(
    dataset: Dataset, *, region: Region, report: Report, processes: int = 0
) -> pd.DataFrame:
    """`image_id` and a column per feature; images without a box lack those of boxes."""
    rows = dataset.manifest
    if region == "boxes":
        rows = rows[rows["image_id"].isin(dataset.boxes["image_id"])].reset_index(drop=True)
        if rows.empty:
            raise TableError(f"{dataset.adapter.title} has no boxes. Measure the breast instead.")
    files = [dataset.root / str(path) for path in rows["path"]]

    def make() -> pd.DataFrame:
        prepare_dataset(dataset, SETTINGS, processes=processes, report=report)
        parts = list[pd.DataFrame]()
        for part in in_chunks(_measure, dataset.root, _chunks(dataset, rows, region)):
            parts.append(part)
            done = sum(map(len, parts))
            report(done, len(rows), f"Measuring {done:,} of {len(rows):,} images")
        return pd.concat(parts, ignore_index=True)

    told = remembered(f"radiomics-{_key(rows, dataset.boxes, region)}", files, make)
    return told.astype({name: "Float64" for name in told if name != "image_id"})


Chunk = tuple[pd.DataFrame, pd.DataFrame, Region]  # rows of the manifest, their boxes


def _chunks(dataset: Dataset, rows: pd.DataFrame, region: Region) -> Iterator[Chunk]:
    for start in range(0, len(rows), CHUNK):
        part = rows.iloc[start : start + CHUNK][["image_id", "path"]]
        is_inside = dataset.boxes["image_id"].isin(part["image_id"])
        yield part, dataset.boxes[is_inside], region


def _measure(root: Path, chunk: Chunk) -> pd.DataFrame:
    rows, boxes, region = chunk
    files = [root / str(path) for path in rows["path"]]

    def make() -> pd.DataFrame:
        images = open_images(Cache(root=cache_root(), settings=SETTINGS), files)
        marked = boxes_in_prepared(root, boxes, rows, SETTINGS) if region == "boxes" else {}
        measured = []
        for number, image_id in enumerate(rows["image_id"]):
            pixels = images.take(np.array([number]))[0].astype(np.float32) / _WHITE
            inside = _inside(pixels, marked.get(image_id) if region == "boxes" else None)
            measured.append(features_of(pixels, inside))
        return pd.DataFrame(measured).assign(image_id=list(rows["image_id"]))

    return remembered(f"radiomics-part-{_key(rows, boxes, region)}", files, make)


def features_of(pixels: NDArray[np.float32], inside: NDArray[np.bool_]) -> dict[str, float]:
    """Of the pixels `inside`; none where they are too few to have a texture."""
    if inside.sum() < _FEWEST_PIXELS:
        return {}
    return {**_first_order(pixels[inside]), **_texture(pixels, inside), **_shape(inside)}


def _first_order(values: NDArray[np.float32]) -> dict[str, float]:
    counts, _ = np.histogram(values, bins=_LEVELS, range=(0.0, 1.0))
    shares = counts[counts > 0] / counts.sum()
    spread = float(values.std())
    return {
        "mean": float(values.mean()),
        "spread": spread,
        "skewness": float(skew(values)) if spread else 0.0,
        "kurtosis": float(kurtosis(values)) if spread else 0.0,
        "entropy": float(-(shares * np.log2(shares)).sum()),
        **{f"percentile {p}": float(np.percentile(values, p)) for p in PERCENTILES},
    }


def _texture(pixels: NDArray[np.float32], inside: NDArray[np.bool_]) -> dict[str, float]:
    """Pairs of pixels that both lie inside; patterns around each pixel inside."""
    from skimage.feature import graycomatrix, graycoprops, local_binary_pattern

    pixels, inside = _cut_out(pixels, inside)
    levels = 1 + np.clip(pixels * _LEVELS, 0, _LEVELS - 1).astype(np.uint8)
    levels[~inside] = 0  # a level of its own, whose pairs are taken out again
    pairs = graycomatrix(levels, _DISTANCES, _ANGLES, levels=_LEVELS + 1, symmetric=True)
    pairs = pairs[1:, 1:].astype(np.float64)
    pairs /= np.maximum(pairs.sum(axis=(0, 1), keepdims=True), 1.0)
    found = {
        f"{name} at {distance}": float(values.mean())
        for name in _TEXTURES
        for distance, values in zip(_DISTANCES, graycoprops(pairs, name), strict=True)
    }
    grey = np.round(pixels * 255).astype(np.uint8)
    patterns = local_binary_pattern(grey, _POINTS, _RADIUS, method="uniform")[inside]
    shares = np.bincount(patterns.astype(np.intp), minlength=_POINTS + 2) / len(patterns)
    return found | {f"pattern {n}": float(share) for n, share in enumerate(shares)}


def _shape(inside: NDArray[np.bool_]) -> dict[str, float]:
    from skimage.measure import regionprops

    (region,) = regionprops(inside.astype(np.uint8))
    area = float(region.area)
    return {
        "area": area / inside.size,
        "eccentricity": float(region.eccentricity),
        "solidity": float(region.solidity),
        "extent": float(region.extent),
        "compactness": 4 * np.pi * area / max(1.0, float(region.perimeter)) ** 2,
    }


def _inside(pixels: NDArray[np.float32], boxes: Sequence[Box] | None) -> NDArray[np.bool_]:
    """Tissue, or what lies in a box; around the breast all is 0."""
    if boxes is None:
        return pixels > 0.0
    inside = np.zeros(pixels.shape, dtype=np.bool_)
    for box in boxes:
        rows = slice(max(0, round(box.y0)), max(0, round(box.y1)))
        inside[rows, max(0, round(box.x0)) : max(0, round(box.x1))] = True
    return inside


def _cut_out(
    pixels: NDArray[np.float32], inside: NDArray[np.bool_]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    around = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    return pixels[around], inside[around]


def _key(rows: pd.DataFrame, boxes: pd.DataFrame, region: Region) -> str:
    """Of what decides the features beside the files."""
    marks = boxes.to_csv(index=False) if region == "boxes" else ""
    told = f"{_VERSION} {VERSION}{SETTINGS!r}{region}{rows['image_id'].to_csv(index=False)}{marks}"
    return hashlib.sha256(told.encode()).hexdigest()[:16]
