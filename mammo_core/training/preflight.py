"""Before a training: whether it can work, what it will see, how long it will take, and what its
test set can tell.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mammo_core.config import DataConfig, RunConfig
from mammo_core.datasets.dataset import find_folder, read_dataset
from mammo_core.datasets.splits import chosen_by, positive_groups, stamps_of
from mammo_core.errors import ConfigError, RunError
from mammo_core.files import replace_file
from mammo_core.records import from_document, to_document
from mammo_core.runs.card import SplitCount
from mammo_core.runs.folder import RunFolder
from mammo_core.runs.jobs import create_run, latest_run, start_worker
from mammo_core.training.data import split_dataset
from mammo_core.training.lineage import check_origin, origin_of
from mammo_core.types import Task
from mammo_core.zoo.catalog import FROM_CHECKPOINT, RANDOM
from mammo_core.zoo.shelf import weights_path

GUESSED_AUC: Final = 0.8  # at which the interval of the test set is told
RESULT_NAME: Final = "preflight.json"
LOOKS_NAME: Final = "looks.npy"
KIND: Final = "preflight"


@dataclass(frozen=True, slots=True, kw_only=True)
class Preflight:
    """Times are of this computer as it was; `seconds` of the whole training but for preparing."""

    splits: tuple[SplitCount, ...]
    seconds_per_batch: float
    batches_per_epoch: int
    seconds: float
    memory_gb: float | None
    trained_weights: int
    all_weights: int
    test_interval: tuple[float, float]  # of an AUC of GUESSED_AUC on so many test women
    warnings: tuple[str, ...]


def start_preflight(
    config: RunConfig, root: Path, *, own: Callable[[RunFolder], None] = lambda run: None
) -> RunFolder:
    """Measure what `config` would take, in a process of its own; its run lies below `root`, and
    `own` is given it first.
    """
    config.check()
    run = create_run(config, root, what=KIND, total=0)
    own(run)
    start_worker(run, kind=KIND)
    return run


def latest_preflight(config: RunConfig, root: Path) -> RunFolder | None:
    """The newest measurement of these very settings, at whatever stage it is."""
    return latest_run(config, root)


def write_preflight(folder: Path, told: Preflight, looks: NDArray[np.uint8]) -> None:
    """Beside the result the images as the network will see them, (images, height, width)."""
    stream = BytesIO()
    np.save(stream, looks, allow_pickle=False)
    replace_file(folder / LOOKS_NAME, stream.getvalue())
    replace_file(folder / RESULT_NAME, json.dumps(to_document(told), indent=2) + "\n")


def read_preflight(folder: Path) -> tuple[Preflight, NDArray[np.uint8]]:
    try:
        document = json.loads((folder / RESULT_NAME).read_text(encoding="utf-8"))
        looks: NDArray[np.uint8] = np.load(folder / LOOKS_NAME, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise RunError(f"{folder.name} holds no finished pre-flight: {error}") from None
    return from_document(document, Preflight, where=RESULT_NAME), looks


#: With fewer, the epoch that is kept and the calibration are chosen by chance.
FEWEST_TO_CHOOSE_BY: Final = 5


def check_start(configs: Sequence[RunConfig]) -> tuple[str, ...]:
    """Refuse runs of one data set that cannot work; what must be said of those that can."""
    for config in configs:
        config.check()
    refuse_missing_weights(configs[0])
    data, origin = configs[0].data, origin_of(configs[0])
    dataset = read_dataset(find_folder(data.folder), data.adapter, data.label_rule)
    told: list[str] = []
    for one in configs:
        split = split_dataset(dataset, one).manifest
        told += (*in_sentences(stamps_of(split, one.data)),)
        told += few_to_choose_by(split, one.data, one.task)
        if origin is not None:
            own, is_leak_allowed = split.assign(dataset=data.folder), one.data.is_leak_allowed
            told += check_origin(origin, own, is_leak_allowed=is_leak_allowed)
    return tuple(dict.fromkeys(told))


def in_sentences(stamps: Sequence[str]) -> tuple[str, ...]:
    return tuple(f"{stamp.capitalize()}." for stamp in stamps)


def refuse_missing_weights(config: RunConfig) -> None:
    """The weights a run starts from must be on this computer."""
    name = config.model.weights
    if name.startswith(FROM_CHECKPOINT):
        origin_of(config)
    elif name != RANDOM:
        weights_path(config.model.backbone, name)


def few_to_choose_by(split: pd.DataFrame, data: DataConfig, task: Task) -> tuple[str, ...]:
    """A warning where few women of `split`, a split manifest, choose what is kept of a run."""
    women = positive_groups(chosen_by(split, data), task)
    positive = int(women.sum())
    if positive >= FEWEST_TO_CHOOSE_BY:
        return ()
    fold = f"Fold {data.fold + 1}: only" if data.folds else "Only"
    return (
        f"{fold} {positive} of {len(women)} validation women are positive "
        f"({', '.join(task.positive)}). The epoch that is kept and the calibration will be "
        "chosen by chance; take more women, or a larger share for validation.",
    )


FITTING_NAME: Final = "fitting.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitting:
    """A batch that was tried out and fits, and how many of them make a step as large as before."""

    batch_size: int
    accumulate: int


def fitting_of(config: RunConfig, largest: int) -> Fitting:
    """With batches of `largest` a step sees as many images as `config` asked for, or a few more."""
    batches = -(-config.optim.batch_size // largest)
    return Fitting(batch_size=largest, accumulate=config.optim.accumulate * batches)


def write_fitting(run: RunFolder, fitting: Fitting) -> None:
    replace_file(run.file(FITTING_NAME), json.dumps(to_document(fitting)) + "\n")


def read_fitting(run: RunFolder) -> Fitting | None:
    """What was found to fit after `run` had run out of memory; None where it did not."""
    try:
        document = json.loads(run.file(FITTING_NAME).read_text(encoding="utf-8"))
        return from_document(document, Fitting, where=FITTING_NAME)
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise ConfigError(f"{FITTING_NAME} of {run.run_id} cannot be read: {error}") from None


def settings_of(run: RunFolder) -> RunConfig:
    """The settings of `run`, for a run of its own: not of the series it may have belonged to."""
    config = run.settings(RunConfig)
    return replace(config, series="", data=replace(config.data, folds=0, fold=0))


def made_to_fit(config: RunConfig, fitting: Fitting) -> RunConfig:
    """`config` in smaller batches, added up to a step that sees as many images."""
    optim = replace(config.optim, batch_size=fitting.batch_size, accumulate=fitting.accumulate)
    return replace(config, optim=optim)
