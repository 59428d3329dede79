"""How long a checkpoint takes for one image, measured here and now."""

import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

import numpy as np
import torch

from mammo_core.inference.checkpoint import Checkpoint
from mammo_core.inference.engine import device_of, open_engine
from mammo_core.inference.openvino import trial_batch
from mammo_core.runs.folder import RunFolder, card_hash
from mammo_core.runs.sidecars import Latency
from mammo_core.types import Report

PASSES: Final = 40
_WARM_UP: Final = 5  # the first passes lay out memory


def measure_latency(
    checkpoint: Checkpoint,
    *,
    report: Report,
    should_stop: Callable[[], bool],
    passes: int = PASSES,
) -> Latency | None:
    """The network alone, one prepared image at a time: reading and preparing it are not in it.

    None where it was stopped.
    """
    engine = open_engine(checkpoint)
    image = trial_batch(checkpoint.card.prepare, views=checkpoint.card.model.views)[:1]
    seconds = []
    for number in range(_WARM_UP + passes):
        if should_stop():
            return None
        start = time.perf_counter()
        engine.run(image)
        seconds.append(time.perf_counter() - start)
        report(number + 1, _WARM_UP + passes, f"Pass {number + 1} of {_WARM_UP + passes}")
    low, median, high = np.quantile(seconds[_WARM_UP:], [0.05, 0.5, 0.95])
    return Latency(
        median_seconds=float(median),
        low_seconds=float(low),
        high_seconds=float(high),
        passes=passes,
        engine=engine.name,
        device=_device(checkpoint),
        cores=os.cpu_count() or 1,
        measured_at=datetime.now(UTC).isoformat(timespec="seconds"),
        card_sha256=card_hash(RunFolder(checkpoint.folder)),
    )


def _device(checkpoint: Checkpoint) -> str:
    kind = device_of(checkpoint)
    return torch.cuda.get_device_name() if kind == "cuda" else kind
