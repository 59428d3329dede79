"""Whether a checkpoint may read fast, in bf16: only where that changed nothing that matters.

Measured on its own stored validation images. What was found lies with the converted network, for it
holds for this computer's processor and this version of the library alone.
"""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mammo_core.config import RunConfig
from mammo_core.datasets.dataset import Dataset, find_folder, missing_files, read_dataset
from mammo_core.datasets.predictions import predictions_table, read_predictions
from mammo_core.datasets.prepared import prepare_dataset
from mammo_core.errors import CheckpointError, MammoError
from mammo_core.files import replace_file
from mammo_core.inference.checkpoint import Checkpoint
from mammo_core.inference.engine import Engine, FastCheck, fast_check_file, fast_engine, open_engine
from mammo_core.inference.scoring import cached_logits
from mammo_core.inference.verdict import as_given
from mammo_core.metrics.cases import Pooling, pool_cases
from mammo_core.records import to_document
from mammo_core.runs.folder import RunFolder, card_hash
from mammo_core.runs.operating_points import LockedPoint, locked_points
from mammo_core.scores import probabilities_of
from mammo_core.types import Report, Split
from mammo_core.words import many

#: On fewer images, that nothing changed would mean little.
LEAST_IMAGES: Final = 64
MOST_IMAGES: Final = 512
LARGEST_DIFFERENCE: Final = 0.1  # of a logit


def check_fast(checkpoint: Checkpoint, *, processes: int = 0, report: Report) -> FastCheck:
    """Score stored validation images both ways, compare, and keep what was found."""
    run = RunFolder(checkpoint.folder)
    started = FastCheck(
        model_id=checkpoint.card.model_id,
        card_sha256=card_hash(run),
        engine="none",
        checked_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    try:
        full, fast = open_engine(checkpoint), fast_engine(checkpoint)
        images = _stored_images(checkpoint, processes=processes, report=report)
        check = compare(checkpoint, replace(started, engine=fast.name), images, (full, fast))
    except MammoError as error:
        check = replace(started, problem=str(error))
    path = fast_check_file(checkpoint.card)
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, json.dumps(to_document(check), indent=2) + "\n")
    return check


def _stored_images(checkpoint: Checkpoint, *, processes: int, report: Report) -> Dataset:
    """The data set of the checkpoint's training, its validation images alone, all prepared."""
    run = RunFolder(checkpoint.folder)
    if not run.settings_file.exists() or not run.has_predictions:
        raise CheckpointError("It does not say which images it was validated on.")
    data = run.settings(RunConfig).data
    try:
        dataset = read_dataset(find_folder(data.folder), data.adapter, data.label_rule)
    except MammoError as error:
        raise CheckpointError(f"Its validation images are not on this computer. {error}") from None
    predictions = read_predictions(run.predictions_file)
    validated = predictions.loc[predictions["split"] == Split.VAL, "image_id"]
    manifest = dataset.manifest[dataset.manifest["image_id"].isin(validated)]
    manifest = _whole_women(manifest.assign(split=str(Split.VAL)))
    lost = missing_files(dataset.root, manifest)
    if lost or len(manifest) < LEAST_IMAGES:
        raise CheckpointError(
            f"{len(manifest) - len(lost)} of its validation images are on this computer; at least "
            f"{LEAST_IMAGES} are needed."
        )
    dataset = replace(dataset, manifest=manifest)
    built = prepare_dataset(dataset, checkpoint.card.prepare, processes=processes, report=report)
    if built.unreadable:
        raise CheckpointError(f"{len(built.unreadable)} of its validation images cannot be read.")
    return dataset


def _whole_women(manifest: pd.DataFrame) -> pd.DataFrame:
    """Every image of so many women as stay within `MOST_IMAGES`."""
    order = manifest.sort_values(["group_id", "image_id"], ignore_index=True)
    running = order.groupby("group_id", sort=False)["image_id"].transform("size")
    ends = running[~order["group_id"].duplicated()].cumsum()
    kept = order.loc[ends.index[ends <= MOST_IMAGES], "group_id"]
    return order[order["group_id"].isin(kept)].reset_index(drop=True)


def compare(
    checkpoint: Checkpoint, check: FastCheck, dataset: Dataset, engines: tuple[Engine, Engine]
) -> FastCheck:
    """`check` with what the second engine changes of what the first says of prepared images."""
    full, fast = (
        np.concatenate([*cached_logits(engine, checkpoint.card, dataset.root, dataset.manifest)])
        for engine in engines
    )
    difference = float(np.abs(full - fast).max())
    check = replace(
        check,
        images=len(dataset.manifest),
        women=int(dataset.manifest["group_id"].nunique()),
        difference=difference,
        points=tuple(locked_points(RunFolder(checkpoint.folder))),
    )
    if not difference < LARGEST_DIFFERENCE:  # nor where it is no number at all
        return replace(
            check,
            problem=f"A logit changed by {difference:.2g} on {check.images} validation "
            f"images; less than {LARGEST_DIFFERENCE:g} is allowed.",
        )
    before, after = (_table(checkpoint, dataset, logits) for logits in (full, fast))
    crossed = sum(_crossed(before, after, point) for point in check.points)
    problem = (
        f"{many(crossed, 'case', 'cases')} of {many(check.women, 'woman', 'women')} in validation "
        "moved to the other side of a locked threshold."
    )
    return replace(check, crossed=crossed, problem=problem if crossed else "")


def _table(checkpoint: Checkpoint, dataset: Dataset, logits: NDArray[np.float32]) -> pd.DataFrame:
    card = checkpoint.card
    return predictions_table(
        dataset.manifest,
        probabilities_of(logits),
        task=card.task,
        dataset="validation",
        model_id=card.model_id,
        engine="",
    )


def _crossed(full: pd.DataFrame, fast: pd.DataFrame, point: LockedPoint) -> int:
    """Cases that one table has above the threshold and the other below."""
    if point.pooling not in tuple(Pooling):
        raise CheckpointError(f"A threshold was locked for cases pooled by {point.pooling!r}.")
    given = as_given(point)
    if given is None:
        raise CheckpointError(
            f"A threshold was locked after {point.calibration} re-calibration, which was not kept."
        )
    before, after = (
        pool_cases(table, point.level, Pooling(point.pooling)).score >= given.threshold
        for table in (full, fast)
    )
    return int(np.sum(before != after))
