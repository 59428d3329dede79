"""The learning rate as a pure function of the step."""

import math
from typing import Final

from mammo_core.config import OptimConfig

_ONE_CYCLE_RISE: Final = 0.3  # of all steps
_ONE_CYCLE_START: Final = 1 / 25  # of the peak
PLATEAU_PATIENCE: Final = 3  # epochs without a lower validation loss
PLATEAU_FACTOR: Final = 0.1


def learning_rate(step: int, optim: OptimConfig, *, steps_per_epoch: int) -> float:
    """The rate of optimiser step `step`, counted from 0; a plateau is lowered from outside."""
    total = optim.epochs * steps_per_epoch
    warmup = optim.warmup_epochs * steps_per_epoch
    peak = optim.learning_rate
    if optim.schedule == "one_cycle":
        return _one_cycle(step, total=total, peak=peak)
    if step < warmup:
        return peak * (step + 1) / warmup
    if optim.schedule == "cosine":
        return _half_cosine((step - warmup) / max(1, total - warmup), high=peak, low=0.0)
    return peak


def plateau_scale(losses: list[float]) -> float:
    """What the rate is multiplied with after these validation losses.

    A tenth for every PLATEAU_PATIENCE epochs in which the lowest loss so far was not beaten.
    """
    scale, lowest, waited = 1.0, math.inf, 0
    for loss in losses:
        waited = 0 if loss < lowest else waited + 1
        lowest = min(lowest, loss)
        if waited == PLATEAU_PATIENCE:
            scale, waited = scale * PLATEAU_FACTOR, 0
    return scale


def _one_cycle(step: int, *, total: int, peak: float) -> float:
    """Smith (2018): up in a half cosine, then down to nothing in a longer one."""
    rise = max(1.0, _ONE_CYCLE_RISE * total)
    if step < rise:
        return _half_cosine(1.0 - step / rise, high=peak, low=peak * _ONE_CYCLE_START)
    return _half_cosine((step - rise) / max(1.0, total - rise), high=peak, low=0.0)


def _half_cosine(progress: float, *, high: float, low: float) -> float:
    return low + (high - low) * 0.5 * (1.0 + math.cos(math.pi * progress))
