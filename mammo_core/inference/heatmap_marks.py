"""The regions of a checkpoint's heatmaps as marks, held against lesions whose place is known: how
many lesions they find, for how many false marks an image.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

import pandas as pd

from mammo_core.config import JudgeConfig
from mammo_core.datasets.dataset import Dataset
from mammo_core.datasets.marks import froc_of
from mammo_core.datasets.small_images import boxes_of
from mammo_core.datasets.splits import judged_images, whole_groups
from mammo_core.errors import TableError
from mammo_core.explain.cells import cells_of
from mammo_core.explain.methods import get_method
from mammo_core.explain.regions import find_regions
from mammo_core.inference.checkpoint import load_checkpoint
from mammo_core.inference.engine import torch_engine
from mammo_core.inference.lesions import widened
from mammo_core.inference.scoring import score_images
from mammo_core.metrics.froc import MarkedImage
from mammo_core.preprocessing.breast import breast_of
from mammo_core.preprocessing.reading.read import read_mammogram
from mammo_core.reading import Mark, Reading
from mammo_core.runs.card import ModelCard
from mammo_core.runs.folder import RunFolder, card_hash
from mammo_core.runs.measured import Froc, add_froc
from mammo_core.scores import DECIMALS
from mammo_core.tables import positive_of
from mammo_core.types import Box, ImageRef, Laterality, Mammogram, Report, View

_ITS_OWN_PEAK: Final = 1e-6  # every map has a highest region, however low it lies


def judge_heatmap_marks(
    config: JudgeConfig,
    run: RunFolder,
    *,
    now: str,
    device: str,
    report: Report,
    should_stop: Callable[[], bool],
) -> Froc | None:
    """Kept beside the card of `run`; None, and nothing kept, where it was stopped."""
    checkpoint = load_checkpoint(run.path, device=device)
    method = get_method(config.method)
    if method.is_relative or not checkpoint.card.heatmap_peak:
        raise TableError(
            f"Heatmaps by {method.name} of {run.run_id} are stretched to each image, so a region "
            "in one cannot be surer than one in another. Use grad_cam, and a checkpoint whose card "
            "has the scale of its heatmaps."
        )
    dataset, name, split = judged_images(run, checkpoint.card, config)
    rows = placed_rows(dataset, checkpoint.card, most=config.images, seed=config.seed)
    engine = torch_engine(checkpoint)
    images: list[MarkedImage] = []
    reach = 0.0
    started = time.perf_counter()
    for woman in _women(rows):
        if should_stop():
            return None
        mammograms = [_read(dataset, row) for _, row in woman.iterrows()]
        readings = score_images(checkpoint, mammograms, method=method.name, engine=engine)
        for (_, row), mammogram, reading in zip(
            woman.iterrows(), mammograms, readings, strict=True
        ):
            reach = _half_a_cell(reading)
            boxes = boxes_of(dataset.boxes, str(row["image_id"]))
            images.append(
                MarkedImage(
                    group=str(row["group_id"]),
                    boxes=tuple(widened(box, reading.geometry, reach) for box in boxes),
                    marks=marks_of(mammogram, reading),
                )
            )
        report(len(images), len(rows), f"Marks of heatmaps: {len(images)} of {len(rows)}")
    seconds = (time.perf_counter() - started) / len(images)
    froc = replace(
        froc_of(
            images,
            dataset=name,
            split=split,
            seed=config.seed,
            measured_at=now,
            card_sha256=card_hash(run),
        ),
        method=method.name,
        reach=reach,
        seconds=round(seconds, 3),
    )
    add_froc(run, froc)
    return froc


def placed_rows(dataset: Dataset, card: ModelCard, *, most: int, seed: int) -> pd.DataFrame:
    """About `most` images of whole women drawn at random, women with and without a lesion in turn
    as long as there are both; without images that hold a lesion whose place is not told.
    """
    manifest = dataset.manifest
    is_positive = positive_of(manifest["label"], card.task).fillna(value=False)
    is_placed = manifest["image_id"].isin(dataset.boxes["image_id"])
    if not is_placed.any():
        raise TableError(
            f"None of the {len(manifest)} images of {dataset.adapter.title} has a box around a "
            "lesion, so marks cannot be held against any. Choose a data set with boxes."
        )
    rows = manifest[is_placed | ~is_positive]
    has_lesion = is_placed.groupby(manifest["group_id"]).any()
    women = rows["group_id"].drop_duplicates().sample(frac=1.0, random_state=seed)
    turn = women.groupby(women.map(has_lesion).to_numpy()).cumcount()
    order = dict(zip(women, 2 * turn + ~women.map(has_lesion).astype(bool), strict=True))
    in_turn = rows.loc[rows["group_id"].map(order).sort_values(kind="stable").index]
    return whole_groups(in_turn, most=most)


def marks_of(mammogram: Mammogram, reading: Reading) -> tuple[Mark, ...]:
    """A mark in the middle of each region that reaches half of the image's highest, as sure as the
    region's peak on the checkpoint's own scale. A map without contrast marks nothing.
    """
    found = find_regions(
        reading.evidence,
        reading.geometry,
        breast_of(mammogram.pixels),
        offset=reading.offset,
        is_relative=True,  # a curve needs the faint ones too
    )
    return tuple(
        Mark(x=middle[0], y=middle[1], score=round(region.peak, DECIMALS))
        for region in found.inside
        if region.peak > _ITS_OWN_PEAK
        for middle in [_middle(region.box)]
    )


def _middle(box: Box) -> tuple[float, float]:
    return (box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2


def _half_a_cell(reading: Reading) -> float:
    """In prepared pixels: a map cannot point finer than its cells."""
    cells = cells_of(reading.evidence.shape, reading.geometry.prepared_size, reading.offset)
    return float(cells.rows[1] - cells.rows[0]) / 2


def _women(rows: pd.DataFrame) -> Iterator[pd.DataFrame]:
    for _, woman in rows.groupby("group_id", sort=False):
        yield woman


def _read(dataset: Dataset, row: "pd.Series[str]") -> Mammogram:
    """With side and view as the data set tells them: a network over two views asks."""
    mammogram = read_mammogram(dataset.root / str(row["path"]), inside=dataset.root)
    side, view = (None if pd.isna(row[name]) else str(row[name]) for name in ("side", "view"))
    ref = ImageRef(
        image_id=str(row["image_id"]),
        patient_id=str(row["group_id"]),
        side=Laterality(side) if side in tuple(Laterality) else None,
        view=View(view) if view in tuple(View) else None,
    )
    return mammogram.with_ref(ref)
