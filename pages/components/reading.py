"""A checkpoint's reading of a case, computed once and kept. Nothing here decides anything."""

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from mammo_core.paths import cases_root
from mammo_core.preprocessing.case_store import Case, CaseImage, load_case, load_mammogram
from mammo_core.runs.folder import RunFolder
from mammo_core.types import Mammogram, Pixels
from pages.components.warm import state_of, warm

if TYPE_CHECKING:
    from mammo_core.explain.regions import Regions
    from mammo_core.inference.predictor import Reading, Seconds

DEFAULT_METHOD: Final = "grad_cam"

_MASK_SIDE: Final = 800  # pixels in which the breast is found for regions

#: One inference at a time: four tabs at once would only slow each other down.
_ONE_AT_A_TIME = threading.Lock()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CaseReading:
    """The images of a case as one checkpoint reads them, by image id, and how long that took."""

    readings: "dict[str, Reading]"
    regions: "dict[str, Regions]"
    seconds: dict[str, float]  # by what was done
    engine_note: str = ""  # why this engine and not the usual


def read_images(
    run: RunFolder, case: Case, images: Sequence[CaseImage], *, method: str = DEFAULT_METHOD
) -> CaseReading:
    """Scores, heatmaps and regions of `images` by the checkpoint `run`."""
    if not images:
        return CaseReading(readings={}, regions={}, seconds={})
    places = tuple((i.ref.image_id, str(i.ref.side), str(i.ref.view)) for i in images)
    with st.empty():  # spinners come and go in it, and nothing below is moved
        return _read(run.path, state_of(run), case.case_id, places, method)


def forget_readings() -> None:
    """Drop every score and heatmap kept in memory."""
    _read.clear()


@st.cache_resource(max_entries=256, show_spinner="Scoring…")
def _read(
    checkpoint: Path, state: str, case_id: str, places: tuple[tuple[str, ...], ...], method: str
) -> CaseReading:
    """Shared and never changed. `places` are the images with their sides and views."""
    from mammo_core.inference.predictor import score_images

    ready = warm(RunFolder(checkpoint))
    case = load_case(cases_root(), case_id)
    images = [case.image(image_id) for image_id, *_ in places]
    started = time.perf_counter()
    took: list[Seconds] = []
    with _ONE_AT_A_TIME, ThreadPoolExecutor(max_workers=2) as pool:
        mammograms = list(pool.map(lambda i: load_mammogram(cases_root(), case, i), images))
        loaded = time.perf_counter()
        readings = score_images(
            ready.checkpoint, mammograms, method=method, engine=ready.engine, took=took.append
        )
        scored = time.perf_counter()
        regions = list(pool.map(_regions_of, mammograms, readings))
    ended = time.perf_counter()
    ids = [image.ref.image_id for image in images]
    return CaseReading(
        readings=dict(zip(ids, readings, strict=True)),
        regions=dict(zip(ids, regions, strict=True)),
        seconds={
            "loading": loaded - started,
            "preparing": sum(one.preparing for one in took),
            "network": sum(one.network for one in took),
            "heatmap": sum(one.heatmap for one in took),
            "regions": ended - scored,
        },
        engine_note=ready.engine.note,
    )


def _regions_of(mammogram: Mammogram, reading: "Reading") -> "Regions":
    from mammo_core.explain.regions import find_regions

    return find_regions(
        reading.evidence,
        reading.geometry,
        _breast_of(mammogram.pixels),
        offset=reading.offset,
        is_relative=reading.is_relative,
        side=mammogram.ref.side,
        view=mammogram.ref.view,
    )


def _breast_of(pixels: Pixels) -> NDArray[np.bool_]:
    """The breast, found on every few pixels: a cell of a map is far larger than those between."""
    from mammo_core.preprocessing.breast import find_breast

    step = max(1, max(pixels.shape) // _MASK_SIDE)
    mask = find_breast(np.ascontiguousarray(pixels[::step, ::step]))
    whole: NDArray[np.bool_] = mask.repeat(step, axis=0).repeat(step, axis=1)
    return np.ascontiguousarray(whole[: pixels.shape[0], : pixels.shape[1]])
