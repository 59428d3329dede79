"""Readings of the sample images, kept with a checkpoint: the first visitor sees score and heatmap
at once, and no model is loaded for it. They count only for the very card, weights, images and
places they were made of.
"""

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mammo_core.errors import RunError
from mammo_core.explain.regions import Regions
from mammo_core.files import sha256_of
from mammo_core.preprocessing.cases import load_case, load_mammogram, store_case
from mammo_core.preprocessing.reading.read import keep_mammogram
from mammo_core.preprocessing.samples import Sample, place_images
from mammo_core.reading import Reading, Region
from mammo_core.runs.folder import RunFolder, card_hash
from mammo_core.runs.sidecars import keep_one, read_one
from mammo_core.types import Geometry, ImageRef

SAMPLE_READINGS: Final = "sample_readings.json"
_DIGITS: Final = 5  # of a map or an embedding: far finer than what is drawn or compared

Place = tuple[str, str, str]  # image id, side and view as they are written


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptReading:
    """A reading and its regions as plain numbers."""

    ref: ImageRef
    model_id: str
    engine: str
    score: float
    probabilities: tuple[float, ...]
    evidence: tuple[tuple[float, ...], ...]
    method: str
    is_relative: bool
    offset: float
    geometry: Geometry
    embedding: tuple[float, ...]
    inside: tuple[Region, ...]
    outside: float


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptReadings:
    card_sha256: str
    weights_sha256: str
    readings: tuple[KeptReading, ...]


def find_kept(
    run: RunFolder, places: Sequence[Place], method: str
) -> dict[str, tuple[Reading, Regions]] | None:
    """By image id, in the order of `places`; None unless every one is kept as asked for."""
    try:
        kept = read_one(run, SAMPLE_READINGS, KeptReadings, what="kept readings of the samples")
    except RunError:
        return None  # damaged: the model reads
    if kept is None or kept.weights_sha256 != sha256_of(run.file("weights.safetensors")):
        return None
    by_place = {place_of(one.ref): one for one in kept.readings if one.method == method}
    found = [by_place.get(place) for place in places]
    whole = [one for one in found if one is not None]
    if len(whole) < len(found):
        return None
    return {
        one.ref.image_id: (_reading(one), Regions(inside=one.inside, outside=one.outside))
        for one in whole
    }


def place_of(ref: ImageRef) -> Place:
    return ref.image_id, str(ref.side), str(ref.view)


def keep_readings(run: RunFolder, samples: Sequence[Sample]) -> int:
    """Read every sample, each as a case of its own, and keep that with `run`; how many images."""
    from mammo_core.inference.checkpoint import load_checkpoint
    from mammo_core.inference.engine import open_engine
    from mammo_core.inference.scoring import regions_of, score_images

    checkpoint = load_checkpoint(run.path, device="cpu")
    engine = open_engine(checkpoint)
    kept = []
    with tempfile.TemporaryDirectory() as scratch:
        for sample in samples:
            root = Path(scratch)
            case = store_case(
                [path.read_bytes() for path in sample.files],
                root,
                keep=keep_mammogram,
                now=time.time(),
            )
            place_images(root, case, sample)
            case = load_case(root, case.case_id)
            mammograms = [load_mammogram(root, case, image) for image in case.images]
            readings = score_images(checkpoint, mammograms, engine=engine)
            kept += [
                _kept(reading, regions_of(mammogram, reading))
                for mammogram, reading in zip(mammograms, readings, strict=True)
            ]
    keep_one(
        run,
        SAMPLE_READINGS,
        KeptReadings(
            card_sha256=card_hash(run),
            weights_sha256=sha256_of(run.file("weights.safetensors")),
            readings=tuple(kept),
        ),
    )
    return len(kept)


def _kept(reading: Reading, regions: Regions) -> KeptReading:
    return KeptReading(
        ref=replace(reading.ref, patient_id=None, exam_id=None),  # hashed by a key of this computer
        model_id=reading.model_id,
        engine=reading.engine,
        score=reading.score,
        probabilities=reading.probabilities,
        evidence=tuple(tuple(_short(row)) for row in reading.evidence),
        method=reading.method,
        is_relative=reading.is_relative,
        offset=reading.offset,
        geometry=reading.geometry,
        embedding=tuple(_short(reading.embedding)),
        inside=regions.inside,
        outside=regions.outside,
    )


def _short(values: NDArray[np.float32]) -> list[float]:
    return [round(float(value), _DIGITS) for value in values]


def _reading(one: KeptReading) -> Reading:
    return Reading(
        ref=one.ref,
        model_id=one.model_id,
        engine=one.engine,
        score=one.score,
        probabilities=one.probabilities,
        evidence=np.array(one.evidence, dtype=np.float32),
        method=one.method,
        is_relative=one.is_relative,
        offset=one.offset,
        geometry=one.geometry,
        embedding=np.array(one.embedding, dtype=np.float32),
    )
