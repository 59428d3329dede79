"""A lesion finder held against lesions whose place is known, of women it did not learn from."""

import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from mammo_core.config import RunConfig
from mammo_core.datasets.dataset import Dataset, find_folder, read_dataset
from mammo_core.datasets.marks import froc_of
from mammo_core.datasets.small_images import boxes_of
from mammo_core.datasets.splits import is_same_folder, women_in
from mammo_core.errors import CheckpointError, TableError
from mammo_core.inference.lesions import LesionFinder, find_lesions, open_finder, widened
from mammo_core.metrics.froc import MarkedImage
from mammo_core.preprocessing.reading.read import read_mammogram
from mammo_core.reading import Looking
from mammo_core.runs.folder import RunFolder, card_hash
from mammo_core.runs.measured import Froc, add_froc
from mammo_core.runs.sidecars import read_seen, unknown_seen
from mammo_core.tables import positive_of
from mammo_core.types import Report, Split


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What is to be looked for lesions, and how. No folder: what the finder learnt from.

    The women of validation chose the epoch: settings may be chosen on them, too, but what is found
    there flatters and is not kept.
    """

    folder: str | None = None
    adapter: str | None = None
    label_rule: str | None = None
    split: Literal["test", "val"] = "test"
    looking: Looking = field(default_factory=Looking)
    seed: int = 0


def judge_finder(run: RunFolder, search: Search, *, now: str, report: Report) -> Froc:
    """What the finder in `run` finds; kept beside its card, unless of validation women."""
    finder = open_finder(run.path, search.looking)
    dataset, name, left_out = searched_images(run, search)
    reach = finder.spacing / 2
    started = time.perf_counter()
    images = mark_images(finder, dataset, reach=reach, report=report)
    seconds = (time.perf_counter() - started) / len(images)
    froc = replace(
        froc_of(
            images,
            dataset=name,
            split=search.split,
            seed=search.seed,
            measured_at=now,
            card_sha256=card_hash(run),
        ),
        left_out=left_out,
        looking=search.looking,
        reach=reach,
        seconds=round(seconds, 3),
    )
    if search.split == "test":
        add_froc(run, froc)
    return froc


def searched_images(run: RunFolder, search: Search) -> tuple[Dataset, str, int]:
    """The images to look at, what to call their data set, and how many were left out: those of
    women the finder learnt from, and those with a lesion whose place is not told.
    """
    seen = read_seen(run)
    if seen is None:
        raise CheckpointError(unknown_seen(run.run_id))
    folder, dataset = _dataset_of(run, search)
    manifest = dataset.manifest
    if search.split == "val":
        chose = seen[seen["split"] == Split.VAL]
        if chose.empty:
            raise CheckpointError(
                f"{run.run_id} does not tell which women chose its epoch: a packed model counts "
                "them among those it learnt from. Try settings with the run it was packed from."
            )
        of_split = chose[chose["dataset"] == folder]
        is_wanted = manifest["group_id"].isin(of_split["group_id"])
    else:
        is_wanted = ~manifest["group_id"].isin(women_in(seen, dataset, folder))
    is_positive = positive_of(manifest["label"], dataset.label_rule.task).fillna(value=False)
    is_placed = manifest["image_id"].isin(dataset.boxes["image_id"])
    chosen = manifest[is_wanted & (is_placed | ~is_positive)].reset_index(drop=True)
    if chosen.empty:
        raise TableError(
            f"None of the {len(manifest)} images of {folder} can be judged on: {run.run_id} learnt "
            "from all of these women, or no lesion has a box. Choose another data set with boxes."
        )
    kept = replace(dataset, manifest=chosen)
    return kept, Path(folder).name, len(manifest) - len(chosen)


def mark_images(
    finder: LesionFinder, dataset: Dataset, *, reach: float, report: Report
) -> list[MarkedImage]:
    """Every image with its marks, and its boxes wider by `reach` prepared pixels on each side: a
    map cannot point finer than its places lie.
    """
    images, rows = [], dataset.manifest
    for number, (_, row) in enumerate(rows.iterrows(), start=1):
        path = dataset.root / str(row["path"])
        found = find_lesions(finder, read_mammogram(path, inside=dataset.root))
        boxes = boxes_of(dataset.boxes, str(row["image_id"]))
        images.append(
            MarkedImage(
                group=str(row["group_id"]),
                boxes=tuple(widened(box, found.geometry, reach) for box in boxes),
                marks=found.marks,
            )
        )
        report(number, len(rows), f"Looking for lesions: {number} of {len(rows)}")
    return images


def _dataset_of(run: RunFolder, search: Search) -> tuple[str, Dataset]:
    """The folder as the finder knows it, and what lies there."""
    if search.folder is None or is_same_folder(search.folder, run):
        data = run.settings(RunConfig).data
        return data.folder, read_dataset(find_folder(data.folder), data.adapter, data.label_rule)
    folder = find_folder(search.folder)
    return search.folder, read_dataset(folder, search.adapter, search.label_rule)
