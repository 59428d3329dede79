"""Before a training: what it will see, how long it will take, what its test set can tell.

The result of a measurement, which needs torch and is taken in a process of its own (measuring.py).
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mammo_core.config import RunConfig
from mammo_core.errors import RunError
from mammo_core.files import replace_file
from mammo_core.records import from_document, to_document
from mammo_core.runs.card import SplitCount
from mammo_core.runs.folder import RunFolder
from mammo_core.runs.launch import create_run, latest_run, start_worker

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


def start_preflight(config: RunConfig, root: Path) -> RunFolder:
    """Measure what `config` would take, in a process of its own; its run lies below `root`."""
    config.check()
    run = create_run(config, root, what=KIND, total=0)
    start_worker(run, kind=KIND)
    return run


def latest_preflight(config: RunConfig, root: Path) -> RunFolder | None:
    """The newest measurement of these very settings, at whatever stage it is."""
    return latest_run(config, root)


def write_preflight(folder: Path, told: Preflight, looks: NDArray[np.uint8]) -> None:
    """Beside the result the images as the network will see them, (images, height, width)."""
    np.save(folder / LOOKS_NAME, looks, allow_pickle=False)
    replace_file(folder / RESULT_NAME, json.dumps(to_document(told), indent=2) + "\n")


def read_preflight(folder: Path) -> tuple[Preflight, NDArray[np.uint8]]:
    try:
        document = json.loads((folder / RESULT_NAME).read_text(encoding="utf-8"))
        looks: NDArray[np.uint8] = np.load(folder / LOOKS_NAME, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise RunError(f"{folder.name} holds no finished pre-flight: {error}") from None
    return from_document(document, Preflight, where=RESULT_NAME), looks
