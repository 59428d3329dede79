"""A checkpoint's reading of a case, computed once and kept. Nothing here decides anything."""

import os
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import streamlit as st

from mammo_core.errors import CheckpointError, MammoError
from mammo_core.inference.ensembles import Joined, join_scores
from mammo_core.inference.kept import Place, find_kept, place_of
from mammo_core.metrics.ensemble import load_ensemble
from mammo_core.preprocessing.cases import Case, CaseImage, load_case, load_mammogram
from mammo_core.reading import Looking, Reading
from mammo_core.runs.folder import MEMBERS_NAME, RunFolder, card_hash
from mammo_core.runs.sidecars import EMBEDDINGS_FILE as EMBEDDINGS_NAME
from mammo_core.runs.sidecars import Embeddings, read_embeddings
from mammo_core.types import Mammogram
from pages.components.shared import cached
from pages.components.shared.whose import cases_root

if TYPE_CHECKING:
    from mammo_core.inference.checkpoint import AnyCheckpoint
    from mammo_core.inference.engine import Engine
    from mammo_core.inference.interpretation import Reference


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Warm:
    """A checkpoint, loaded, and the engine that runs it."""

    checkpoint: "AnyCheckpoint"
    engine: "Engine"


def warm(run: RunFolder) -> Warm:
    """The checkpoint in memory; loaded, and its network converted, on first use."""
    with st.spinner("Loading the model…"):
        from mammo_core.inference.engine import has_to_convert
        from mammo_core.inference.openvino import CONVERTING

        if not has_to_convert(cached.card(run)):
            return _warm(run.path, state_of(run))
    with st.spinner(CONVERTING):
        return _warm(run.path, state_of(run))


_HELD: Final = "read_in_this_session"  # keys, the last read last
_MOST_HELD: Final = 128  # as many readings as are kept in memory


def is_held(run: RunFolder, case: Case, *, method: str) -> bool:
    """Whether what `run` says of `case` is there at once, so that nobody has to wait for it."""
    places = [place_of(image.ref) for image in case.images]
    if _held_key(run, case, method) in st.session_state.get(_HELD, {}):
        return True
    return run.is_checkpoint and find_kept(run, places, method) is not None


def hold(run: RunFolder, case: Case, *, method: str) -> None:
    """From now on in this session, `run` has said what it says of `case`."""
    held: dict[str, None] = st.session_state.setdefault(_HELD, {})
    key = _held_key(run, case, method)
    held.pop(key, None)
    held[key] = None
    while len(held) > _MOST_HELD:
        del held[next(iter(held))]


def _held_key(run: RunFolder, case: Case, method: str) -> str:
    places = [place_of(image.ref) for image in case.images]
    with suppress(MammoError):  # a card that cannot be read is told of where it would read
        places = _as_scored(places, views=cached.card(run).model.views)
    return f"{run.path} {case.case_id} {method} {places}"


def _as_scored(places: Sequence[Place], *, views: int) -> list[Place]:
    """What of `places` a score depends on: sides and views only where two views are looked at
    together.
    """
    return [place if views > 1 else (place[0], "", "") for place in places]


def load_in_background(run: RunFolder) -> None:
    """Import what reads and load `run` while the reader looks at the page; once per server, and
    not where MAMMO_LOAD_AHEAD is "no".
    """
    if not run.is_checkpoint or os.environ.get("MAMMO_LOAD_AHEAD") == "no":
        return
    try:
        _loading(run.path, state_of(run))
    except CheckpointError:
        return  # broken: it is told where it would read


@st.cache_resource(max_entries=16, show_spinner=False)
def _loading(checkpoint: Path, state: str) -> threading.Thread:
    def load() -> None:
        time.sleep(_AFTER_PAINT)
        with suppress(MammoError):  # told where it would read
            _warm(checkpoint, state)

    thread = threading.Thread(target=load, name="loading a model", daemon=True)
    thread.start()
    return thread


_AFTER_PAINT: Final = 0.5  # seconds: what is on the page goes out before Python is busy


def kept_embeddings(run: RunFolder) -> Embeddings | None:
    """Those kept with the checkpoint; None where there are none."""
    path = run.file(EMBEDDINGS_NAME)
    return _embeddings(path, path.stat().st_mtime_ns) if path.exists() else None


def reference_of(run: RunFolder) -> "Reference | None":
    """What familiarity is told by; None where too little is kept."""
    path = run.file(EMBEDDINGS_NAME)
    return _reference(path, path.stat().st_mtime_ns) if path.exists() else None


def state_of(run: RunFolder) -> str:
    """Changes when a checkpoint's files do, so that no score outlives the weights it came from."""
    names = ("model_card.json", "weights.safetensors")
    missing = [name for name in names if not run.file(name).exists()]
    if missing:
        raise CheckpointError(f"Checkpoint {run.run_id} lacks {missing[0]}. Copy it again.")
    files = [run.file(name).stat() for name in names]
    return " ".join(f"{file.st_mtime_ns}:{file.st_size}" for file in files)


@st.cache_resource(max_entries=6, show_spinner=False)
def _warm(checkpoint: Path, state: str) -> Warm:
    from mammo_core.inference.engine import open_to_read

    loaded, engine = open_to_read(checkpoint)
    return Warm(checkpoint=loaded, engine=engine)


@st.cache_resource(max_entries=4, show_spinner=False)
def _embeddings(path: Path, modified: int) -> Embeddings | None:
    run = RunFolder(path.parent)
    return read_embeddings(run, run.card())


@st.cache_resource(max_entries=4, show_spinner=False)
def _reference(path: Path, modified: int) -> "Reference | None":
    from mammo_core.inference.interpretation import make_reference

    kept = _embeddings(path, modified)
    return None if kept is None else make_reference(kept)


if TYPE_CHECKING:
    from mammo_core.explain.drawn import DrawnMap
    from mammo_core.explain.regions import Regions
    from mammo_core.inference.lesions import FoundLesions, LesionFinder
    from mammo_core.inference.scoring import Seconds

DEFAULT_METHOD: Final = "grad_cam"

#: One inference at a time: four tabs at once would only slow each other down.
_ONE_AT_A_TIME = threading.Lock()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CaseReading:
    """The images of a case as one checkpoint reads them, by image id, and how long that took."""

    readings: dict[str, Reading]
    regions: "dict[str, Regions]"
    drawn: "dict[str, DrawnMap]"  # the heatmaps as they are shown
    seconds: dict[str, float]  # by what was done
    engine_note: str = ""  # why this engine and not the usual
    members: tuple[str, ...] = ()  # of an ensemble, by name
    joined: dict[str, Joined] = field(default_factory=dict)  # what they said of each image


def read_images(
    run: RunFolder, case: Case, images: Sequence[CaseImage], *, method: str = DEFAULT_METHOD
) -> CaseReading:
    """Scores, heatmaps and regions of `images` by the checkpoint `run`."""
    if not images:
        return CaseReading(readings={}, regions={}, drawn={}, seconds={})
    places = tuple(place_of(image.ref) for image in images)
    ensemble = cached.ensemble(run)
    with st.empty():  # spinners come and go in it, and nothing below is moved
        if ensemble is None:
            return _read(run.path, state_of(run), cases_root(), case.case_id, places, method)
        members = cached.members(run, ensemble)
        parts = [
            _read(member.path, state_of(member), cases_root(), case.case_id, places, method)
            for member in members
        ]
        state = " ".join([card_hash(run), *(state_of(member) for member in members)])
        return _join(run.path, state, cases_root(), case.case_id, places, method, _parts=parts)


def look_for_lesions(
    run: RunFolder, case: Case, images: Sequence[CaseImage], looking: Looking
) -> "dict[str, FoundLesions]":
    """Map and marks of `images`, by image id, by the lesion finder in `run`."""
    ids = tuple(image.ref.image_id for image in images)
    if not ids:
        return {}
    return _look(run.path, state_of(run), cases_root(), case.case_id, ids, looking)


def forget_readings() -> None:
    """Drop every score, heatmap and mark kept in memory."""
    _read.clear()
    _score.clear()
    _join.clear()
    _look.clear()
    st.session_state.pop(_HELD, None)


@st.cache_resource(max_entries=2, show_spinner="Loading the lesion finder…")
def _finder(checkpoint: Path, state: str, looking: Looking) -> "LesionFinder":
    from mammo_core.inference.lesions import open_finder

    return open_finder(checkpoint, looking, device="auto")


@st.cache_resource(max_entries=64, show_spinner="Looking for lesions…")
def _look(
    checkpoint: Path,
    state: str,
    root: Path,
    case_id: str,
    ids: tuple[str, ...],
    looking: Looking,
) -> "dict[str, FoundLesions]":
    """Shared and never changed."""
    from mammo_core.inference.lesions import find_lesions

    finder = _finder(checkpoint, state, looking)
    case = load_case(root, case_id)
    with _ONE_AT_A_TIME:
        return {
            image_id: find_lesions(finder, load_mammogram(root, case, case.image(image_id)))
            for image_id in ids
        }


@st.cache_resource(max_entries=128, show_spinner="Scoring…")
def _score(
    checkpoint: Path,
    state: str,
    root: Path,
    case_id: str,
    places: Sequence[Place],
    method: str,
    *,
    _ready: Warm,
    _mammograms: Sequence[Mammogram],
) -> "tuple[list[Reading], list[Seconds]]":
    """Never changed. What an image is said to be of changes no score that does not depend on it."""
    from mammo_core.inference.scoring import score_images

    took: list[Seconds] = []
    try:
        readings = score_images(
            _ready.checkpoint, _mammograms, method=method, engine=_ready.engine, took=took.append
        )
    finally:
        _ready.engine.rest()  # a server holds several models; mostly none of them reads
    return readings, took


@st.cache_resource(max_entries=_MOST_HELD, show_spinner=False)
def _read(
    checkpoint: Path, state: str, root: Path, case_id: str, places: tuple[Place, ...], method: str
) -> CaseReading:
    """Never changed; shared by the tabs of one visitor, whose cases lie below `root`.
    `places` are the images with their sides and views.
    """
    kept = find_kept(RunFolder(checkpoint), places, method)
    if kept is not None:
        return CaseReading(
            readings={image_id: reading for image_id, (reading, _) in kept.items()},
            regions={image_id: regions for image_id, (_, regions) in kept.items()},
            drawn=_drawn(
                root, case_id, {image_id: reading for image_id, (reading, _) in kept.items()}
            ),
            seconds={},
            engine_note="This reading of a sample is kept with the checkpoint.",
        )
    from mammo_core.inference.scoring import look_into

    ready = warm(RunFolder(checkpoint))
    case = load_case(root, case_id)
    images = [case.image(image_id) for image_id, *_ in places]
    asked = _as_scored(places, views=ready.checkpoint.card.model.views)
    started = time.perf_counter()
    with _ONE_AT_A_TIME, ThreadPoolExecutor(max_workers=2) as pool:
        mammograms = list(pool.map(lambda i: load_mammogram(root, case, i), images))
        loaded = time.perf_counter()
        found, took = _score(
            checkpoint, state, root, case_id, asked, method, _ready=ready, _mammograms=mammograms
        )
        readings = [replace(one, ref=image.ref) for one, image in zip(found, images, strict=True)]
        scored = time.perf_counter()
        looks = list(pool.map(look_into, mammograms, readings))
    ended = time.perf_counter()
    ids = [image.ref.image_id for image in images]
    return CaseReading(
        readings=dict(zip(ids, readings, strict=True)),
        regions={image_id: regions for image_id, (regions, _) in zip(ids, looks, strict=True)},
        drawn={image_id: drawn for image_id, (_, drawn) in zip(ids, looks, strict=True)},
        seconds={
            "loading": loaded - started,
            "preparing": sum(one.preparing for one in took),
            "network": sum(one.network for one in took),
            "heatmap": sum(one.heatmap for one in took),
            "regions": ended - scored,
        },
        engine_note=ready.engine.note,
    )


def _drawn(root: Path, case_id: str, readings: Mapping[str, Reading]) -> "dict[str, DrawnMap]":
    """The heatmaps of kept readings; without torch, which their first visitor does not wait for."""
    from mammo_core.explain.drawn import drawn_of
    from mammo_core.preprocessing.breast import breast_of

    case = load_case(root, case_id)
    return {
        image_id: drawn_of(
            reading, breast_of(load_mammogram(root, case, case.image(image_id)).pixels)
        )
        for image_id, reading in readings.items()
    }


@st.cache_resource(max_entries=64, show_spinner="Joining…")
def _join(
    ensemble: Path,
    state: str,
    root: Path,
    case_id: str,
    places: tuple[tuple[str, ...], ...],
    method: str,
    *,
    _parts: list[CaseReading],
) -> CaseReading:
    """What the members say, as one. Shared and never changed."""
    from mammo_core.inference.ensembles import join_readings
    from mammo_core.inference.scoring import look_into

    run = RunFolder(ensemble)
    made_of, card = load_ensemble(run.file(MEMBERS_NAME)), cached.card(run)
    case = load_case(root, case_id)
    ids = [image_id for image_id, *_ in places]
    started = time.perf_counter()
    scores = [[part.readings[image_id].score for image_id in ids] for part in _parts]
    joined = dict(zip(ids, join_scores(made_of, scores), strict=True))
    readings, regions, drawn = {}, {}, {}
    for image_id in ids:
        of_members = [part.readings[image_id] for part in _parts]
        readings[image_id] = join_readings(run.run_id, joined[image_id], of_members, card.task)
        mammogram = load_mammogram(root, case, case.image(image_id))
        regions[image_id], drawn[image_id] = look_into(mammogram, readings[image_id])
    return CaseReading(
        readings=readings,
        regions=regions,
        drawn=drawn,
        seconds={**summed_seconds(_parts), "joining": time.perf_counter() - started},
        engine_note=" ".join(
            dict.fromkeys(part.engine_note for part in _parts if part.engine_note)
        ),
        members=tuple(member.run_id for member in made_of.members),
        joined=joined,
    )


def summed_seconds(parts: Iterable[CaseReading]) -> dict[str, float]:
    """By what was done; a reading that was kept with its checkpoint took none."""
    summed: dict[str, float] = {}
    for part in parts:
        for name, seconds in part.seconds.items():
            summed[name] = summed.get(name, 0.0) + seconds
    return summed
