"""Numbers as a report writes them: never without the interval, never without the denominator."""

import dataclasses
from collections.abc import Iterable
from enum import Enum
from typing import Any

from mammo_core.metrics.calibration import Interval
from mammo_core.metrics.uncertainty import Estimate, Rate
from mammo_core.reports.setting_names import SETTING_NAMES
from mammo_core.runs.card import TrainingRecord
from mammo_core.words import many

NONE = "–"


def estimate_in_words(estimate: Estimate | None) -> str:
    if estimate is None:
        return NONE
    return f"{estimate.value:.3f} (95 % {estimate.low:.3f} to {estimate.high:.3f})"


def rate_in_words(rate: Rate | None) -> str:
    if rate is None or not rate.total:
        return NONE
    spread = f"95 % {100 * rate.low:.1f} to {100 * rate.high:.1f} %"
    return f"{100 * rate.value:.1f} %, {rate.count:,} of {rate.total:,} ({spread})"


def number_in_words(value: float, interval: Interval | None) -> str:
    """A number that has no interval is not written: it would look surer than it is."""
    if interval is None:
        return f"{NONE} (no interval can be had, so no value is shown)"
    return f"{value:.3f} (95 % {interval[0]:.3f} to {interval[1]:.3f})"


def settings_in_words(record: Any, *left_out: str) -> tuple[tuple[str, str], ...]:
    """Every setting of a dataclass by the name a reader knows it by, in its order."""
    return tuple(
        (
            SETTING_NAMES.get(field.name, field.name.replace("_", " ")),
            _value(getattr(record, field.name)),
        )
        for field in dataclasses.fields(record)
        if field.name not in left_out
    )


def listed(items: Iterable[str]) -> str:
    return ", ".join(items) or "none"


def device_in_words(record: TrainingRecord) -> str:
    """What a model was trained on."""
    if record.device == "cpu":
        return "the processor (CPU)"
    return f"{many(record.devices, 'GPU', 'GPUs')} ({record.device})"


def duration_in_words(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} seconds"
    if seconds < 7200:
        return f"{seconds / 60:.0f} minutes"
    return f"{seconds / 3600:.1f} hours"


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return "none"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, tuple):
        return ", ".join(_value(part) for part in value) or "none"
    return str(value) or "none"
