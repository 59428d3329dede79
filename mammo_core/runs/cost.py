"""What a training cost: hours of a device at the price its user pays for an hour.

Kept beside the model card and never inside it: a price is learnt later, and may be wrong at first.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from mammo_core.errors import ConfigError, RunError
from mammo_core.runs.beside import keep_one, read_one
from mammo_core.runs.card import ModelCard
from mammo_core.runs.folder import RunFolder, list_runs
from mammo_core.runs.operating_points import card_hash

FILE_NAME: Final = "cost.json"
_SECONDS_PER_HOUR: Final = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """`price` is of one hour of one device, in whatever money `currency` names."""

    device: str
    device_hours: float
    price: float
    currency: str
    recorded_at: str  # ISO 8601, UTC
    card_sha256: str

    @property
    def total(self) -> float:
        return self.device_hours * self.price


def device_hours(card: ModelCard) -> float:
    """Hours of training times the devices it took."""
    return card.training.seconds * card.training.devices / _SECONDS_PER_HOUR


def record_cost(run: RunFolder, card: ModelCard, *, price: float, currency: str) -> Cost:
    """Keep what `run` cost; a price told earlier is replaced."""
    if price < 0.0:
        raise ConfigError(f"An hour costs {price}; a price is 0 or more.")
    cost = Cost(
        device=card.training.device,
        device_hours=device_hours(card),
        price=price,
        currency=currency.strip(),
        recorded_at=datetime.now(UTC).isoformat(timespec="seconds"),
        card_sha256=card_hash(run),
    )
    keep_one(run, FILE_NAME, cost)
    return cost


def read_cost(run: RunFolder) -> Cost | None:
    """What was recorded for the card the run has now; None where nothing was."""
    return read_one(run, FILE_NAME, Cost, what="cost")


def latest_cost(root: Path) -> Cost | None:
    """The newest that was recorded below `root`: the price most likely to hold again."""
    costs = [cost for run in list_runs(root) if (cost := _readable(run)) is not None]
    return max(costs, key=lambda cost: cost.recorded_at, default=None)


def _readable(run: RunFolder) -> Cost | None:
    try:
        return read_cost(run)
    except RunError:
        return None  # a suggestion is not worth a complaint about another run
