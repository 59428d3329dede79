"""Score and heatmap of mammograms by a checkpoint."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mammo_core.datasets.dataset import Dataset
from mammo_core.datasets.predictions import predictions_table
from mammo_core.datasets.prepared import cache_of
from mammo_core.errors import MammoError
from mammo_core.explain.closed_form import grad_cam_of
from mammo_core.explain.drawn import DrawnMap, drawn_of
from mammo_core.explain.regions import Regions, find_regions
from mammo_core.inference.checkpoint import (
    MOST_PIXELS,
    AnyCheckpoint,
    Batch,
    Outputs,
)
from mammo_core.inference.engine import Engine, device_of, torch_engine
from mammo_core.inference.interpretation import why_outside
from mammo_core.partners import Rows, Seats, of_own_place, seats_among, seats_of
from mammo_core.preprocessing.authors import gathered
from mammo_core.preprocessing.breast import breast_of
from mammo_core.preprocessing.cache import open_images
from mammo_core.preprocessing.intensity import as_seen
from mammo_core.preprocessing.prepare import prepare, restore_map
from mammo_core.reading import ABSOLUTE_METHODS, OWN_METHOD, TITLES, Reading
from mammo_core.runs.card import ModelCard
from mammo_core.scores import probabilities_of, rounded, scores_of
from mammo_core.types import Mammogram, Pixels, Report
from mammo_core.zoo.published import slots_of

if TYPE_CHECKING:  # the usual heatmap of a converted network is made without torch
    from mammo_core.explain.methods import Method

DEFAULT_METHOD: Final = "grad_cam"
_CACHED_BATCH: Final = 16  # where whole data sets are scored


@dataclass(frozen=True, slots=True, kw_only=True)
class Seconds:
    """How long the parts of a reading took."""

    preparing: float = 0.0
    network: float = 0.0
    heatmap: float = 0.0


def score_images(
    checkpoint: AnyCheckpoint,
    mammograms: Sequence[Mammogram],
    *,
    method: str = DEFAULT_METHOD,
    engine: Engine | None = None,
    took: Callable[[Seconds], None] = lambda seconds: None,
) -> list[Reading]:
    """One reading per mammogram. Without an `engine`, torch reads, in full precision; whoever reads
    much opens one with `open_engine` and keeps it. `took` is told of every batch. A network over
    two views sees each beside its partner among `mammograms`, or beside itself where that is not
    there; `interpretation.remarks` says so.
    """
    engine = engine or torch_engine(checkpoint)
    model = checkpoint.card.model
    refs = [mammogram.ref for mammogram in mammograms]
    seats = seats_among(refs, model.views, slots_of(model))
    count = max(engine.batch, looked_at_as_one(checkpoint.card))
    readings: list[Reading] = []
    for start in range(0, len(mammograms), count):
        rows = range(start, min(start + count, len(mammograms)))
        some, seconds = _read(
            checkpoint, engine, mammograms, rows=rows, seats=seats.at(rows), method=method
        )
        readings += some
        took(seconds)
    return readings


def cached_logits(
    engine: Engine, card: ModelCard, root: Path, manifest: pd.DataFrame
) -> Iterator[NDArray[np.float32]]:
    return (outputs.logits for outputs in cached_outputs(engine, card, root, manifest))


def cached_outputs(
    engine: Engine, card: ModelCard, root: Path, manifest: pd.DataFrame
) -> Iterator[Outputs]:
    """Of the prepared images of `manifest`, whose paths lie below `root`, a batch at a time; a
    network over two views sees each beside its partner.
    """
    files = [root / str(path) for path in manifest["path"]]
    images = open_images(cache_of(card.prepare, root, manifest), files)
    seats = seats_of(manifest, card.model.views, slots_of(card.model))

    def prepared(rows: NDArray[np.integer]) -> Batch:
        return np.stack([as_seen(one, card.prepare) for one in images.take(rows)])

    classes = len(card.task.classes)
    one_shape = (card.prepare.channels, *card.prepare.size)
    count = max(
        looked_at_as_one(card), min(_CACHED_BATCH, MOST_PIXELS // int(np.prod(card.prepare.size)))
    )
    for start in range(0, len(files), count):
        some = seats.at(np.arange(start, min(len(files), start + count)))
        rows, which = _each_once(some.rows)
        batch = prepared(rows.ravel()).reshape(*rows.shape, *one_shape)
        outputs = engine.run(batch if card.model.views > 1 else batch[:, 0])
        outputs = _for_all(outputs, which, views=card.model.views)
        yield replace(outputs, logits=of_own_place(outputs.logits, classes=classes, own=some.own))


def looked_at_as_one(card: ModelCard) -> int:
    """How many images, in order, may be looked at as one: the views of a breast or of an exam,
    where each view has its place.
    """
    return max(1, len(slots_of(card.model)))


def _each_once(rows: Rows) -> tuple[Rows, Rows]:
    """Those that sit together, each such company once; and which of them is whose."""
    companies, which = np.unique(rows, axis=0, return_inverse=True)
    if len(companies) == len(rows):
        return rows, np.arange(len(rows))
    return companies, which.ravel()


def _for_all(outputs: Outputs, which: Rows, *, views: int) -> Outputs:
    """What was found of each company, for everyone of it."""
    if len(which) == len(outputs.logits):
        return outputs
    maps = outputs.feature_map.reshape(-1, views, *outputs.feature_map.shape[1:])[which]
    return Outputs(
        logits=outputs.logits[which],
        feature_map=maps.reshape(-1, *maps.shape[2:]),
        embedding=outputs.embedding[which],
    )


def score_rows(
    engine: Engine,
    card: ModelCard,
    dataset: Dataset,
    rows: pd.DataFrame,
    *,
    name: str,
    report: Report,
    doing: str = "Scoring",
    should_stop: Callable[[], bool] = lambda: False,
) -> pd.DataFrame | None:
    """Predictions for `rows` of `dataset`, called `name`, all of them prepared; None where it was
    stopped.
    """
    parts, scored = [], 0
    for logits in cached_logits(engine, card, dataset.root, rows):
        if should_stop():
            return None
        parts.append(logits)
        scored += len(logits)
        report(scored, len(rows), f"{doing}: {scored} of {len(rows)}")
    return predictions_of(rows, parts, card, name=name, engine=engine.name)


def predictions_of(
    rows: pd.DataFrame,
    logits: Sequence[NDArray[np.float32]],
    card: ModelCard,
    *,
    name: str,
    engine: str,
) -> pd.DataFrame:
    """Of `rows` of the data set called `name`, whose `logits` come in parts, in order."""
    return predictions_table(
        rows,
        probabilities_of(np.concatenate(logits)),
        task=card.task,
        dataset=name,
        model_id=card.model_id,
        engine=engine,
    )


def _read(
    checkpoint: AnyCheckpoint,
    engine: Engine,
    mammograms: Sequence[Mammogram],
    *,
    rows: Sequence[int],
    seats: Seats,
    method: str,
) -> tuple[list[Reading], Seconds]:
    """Of the mammograms at `rows`, each seen with those that sit beside it."""
    card = checkpoint.card
    started = time.perf_counter()
    together = {*rows, *(int(row) for row in seats.rows.ravel())}
    made = {row: prepare(mammograms[row], card.prepare) for row in together}
    prepared = [made[row] for row in rows]
    companies, which = _each_once(seats.rows)
    batch = np.stack([np.stack([made[int(row)].pixels for row in one]) for one in companies])
    batch = batch if card.model.views > 1 else batch[:, 0]
    ready = time.perf_counter()
    outputs = _for_all(engine.run(batch), which, views=card.model.views)
    batch = batch if len(batch) == len(rows) else batch[which]
    outputs = replace(
        outputs, logits=of_own_place(outputs.logits, classes=len(card.task.classes), own=seats.own)
    )
    run = time.perf_counter()
    shares = rounded(probabilities_of(outputs.logits))
    method, made_maps = _maps(method, checkpoint, engine, batch, outputs, seats.own)
    if card.prepare.authors is not None and card.prepare.authors.frames:
        made_maps = np.stack(
            [
                gathered(values, card.prepare, (one.geometry, *one.beside))
                for values, one in zip(made_maps, prepared, strict=True)
            ]
        )
    maps, is_relative = _coloured(made_maps, method, card.heatmap_peak)
    if not np.isfinite(maps).all():
        raise MammoError(
            f"The heatmap ({TITLES[method]}) of this checkpoint is no number in places, so it is "
            "not shown. Choose another method, or another checkpoint."
        )
    ended = time.perf_counter()
    readings = [
        Reading(
            ref=mammograms[row].ref,
            model_id=card.model_id,
            engine=engine.name,
            score=float(score),
            probabilities=tuple(probabilities.tolist()),
            evidence=evidence,
            method=method,
            is_relative=is_relative,
            offset=card.heatmap_offset,
            geometry=one.geometry,
            embedding=embedding,
            outside=why_outside(card, mammograms[row]),
        )
        for row, one, score, probabilities, evidence, embedding in zip(
            rows,
            prepared,
            scores_of(shares, card.task),
            shares,
            maps,
            outputs.embedding,
            strict=True,
        )
    ]
    return readings, Seconds(preparing=ready - started, network=run - ready, heatmap=ended - run)


def _maps(
    name: str,
    checkpoint: AnyCheckpoint,
    engine: Engine,
    batch: Batch,
    outputs: Outputs,
    own: Rows,
) -> tuple[str, NDArray[np.float32]]:
    """The method, and what it gives: Grad-CAM by the engine's own head, all others by torch."""
    card = checkpoint.card
    if name == DEFAULT_METHOD and card.model.views == 1:
        return name, grad_cam_of(engine.head, outputs.feature_map, card.task.positive_indices)
    from mammo_core.explain.methods import method_for

    method = method_for(checkpoint.model, name)
    return method.name, _maps_by_torch(method, checkpoint, engine, batch, outputs, own)


def _maps_by_torch(
    method: "Method",
    checkpoint: AnyCheckpoint,
    engine: Engine,
    batch: Batch,
    outputs: Outputs,
    own: Rows,
) -> NDArray[np.float32]:
    import torch

    from mammo_core.zoo.two_views import Beside, TwoViews

    positive = checkpoint.card.task.positive_indices
    if checkpoint.model.views > 1 and not isinstance(checkpoint.model, TwoViews):
        return _maps_in_places(method, checkpoint, batch, outputs, own)
    if method.name == DEFAULT_METHOD:
        return grad_cam_of(engine.head, outputs.feature_map, positive)
    model, device = checkpoint.model, device_of(checkpoint)
    images, maps = (torch.from_numpy(one).to(device) for one in (batch, outputs.feature_map))
    if not isinstance(model, TwoViews):
        return method.explain(model, images if method.looks_at == "image" else maps, positive)
    seen = images[:, 0] if method.looks_at == "image" else maps[:: model.views]
    held = [Beside(model, other[None]) for other in maps[1 :: model.views]]
    return np.concatenate(
        [method.explain(one, seen[row : row + 1], positive) for row, one in enumerate(held)]
    )


def _maps_in_places(
    method: "Method", checkpoint: AnyCheckpoint, batch: Batch, outputs: Outputs, own: Rows
) -> NDArray[np.float32]:
    """Of each image in its place, all others held still; by torch."""
    import torch

    from mammo_core.zoo.two_views import HeldStill

    card, device = checkpoint.card, device_of(checkpoint)
    views = checkpoint.model.views
    maps = torch.from_numpy(outputs.feature_map).to(device).unflatten(0, (-1, views))
    found = []
    for row, place in enumerate(own.tolist()):
        held = HeldStill(checkpoint.model, maps[row], place)
        seen = maps[row, place][None]
        if method.looks_at == "image":
            seen = torch.from_numpy(batch[row, place][None]).to(device)
        found.append(method.explain(held, seen, card.task.positive_indices))
    return np.concatenate(found)


def _coloured(
    maps: NDArray[np.float32], method: str, peak: float | None
) -> tuple[NDArray[np.float32], bool]:
    """Maps on the checkpoint's scale or the network's own, else stretched to their highest."""
    if method not in ABSOLUTE_METHODS:
        return maps, True
    if method == OWN_METHOD:
        return maps, False  # from 0 to 1 in every image, as the network has it
    if peak:
        return maps / np.float32(peak), False
    highest = maps.max(axis=(1, 2), keepdims=True)
    return maps / np.maximum(highest, np.finfo(np.float32).tiny), True


def heatmap_of(reading: Reading) -> Pixels:
    """The evidence laid onto the source image, 0 to 1; made anew at every call, for it is as large
    as the image.
    """
    rows, columns = reading.geometry.offset
    offset = (rows - reading.offset, columns - reading.offset)
    return restore_map(np.clip(reading.colours, 0.0, 1.0), replace(reading.geometry, offset=offset))


def regions_of(mammogram: Mammogram, reading: Reading) -> Regions:
    return look_into(mammogram, reading)[0]


def look_into(mammogram: Mammogram, reading: Reading) -> tuple[Regions, DrawnMap]:
    """What stands out in the map of `reading`, and the map as it may be shown."""
    breast = breast_of(mammogram.pixels)
    regions = find_regions(
        reading.evidence,
        reading.geometry,
        breast,
        offset=reading.offset,
        is_relative=reading.is_relative,
        side=mammogram.ref.side,
        view=mammogram.ref.view,
    )
    return regions, drawn_of(reading, breast)
