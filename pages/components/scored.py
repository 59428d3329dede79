"""Whose predictions are judged: those of a run, or an uploaded table."""

from dataclasses import dataclass
from typing import Final

import pandas as pd

from mammo_core.errors import MammoError
from mammo_core.runs.evaluations import list_evaluations
from mammo_core.runs.folder import RunFolder
from mammo_core.types import Task
from pages.components import cached
from pages.components.pickers import pick_run, scored_runs
from pages.components.upload import pick_upload

_UNKNOWN: Final = "unknown"
_PREDICTIONS: Final = (
    "predictions: it has not finished, or came without them (mammo evaluate makes some)"
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scored:
    """A predictions table and where it comes from. `source` changes when its content does."""

    title: str
    source: str
    predictions: pd.DataFrame
    run: RunFolder | None = None  # None for an uploaded table

    @property
    def task(self) -> Task | None:
        """What the model tells apart, where a model card says so."""
        if self.run is None or not self.run.is_checkpoint:
            return None
        return cached.card(self.run).task

    @property
    def population(self) -> str:
        """How the women came into the set that was scored: a value of adapter.Population."""
        if self.run is None:
            return _UNKNOWN
        if self.run.is_checkpoint:
            return cached.card(self.run).data.population
        evaluations = list_evaluations([self.run])
        if not evaluations:
            return _UNKNOWN
        from mammo_core.datasets.reading import get_adapter  # slow, and only asked for a projection

        return get_adapter(evaluations[0].config.adapter).population


def differs(scored: Scored) -> str | None:
    """What a checkpoint's own table lacks of what its card counts, in a sentence."""
    if scored.run is None or not scored.run.is_checkpoint:
        return None
    from mammo_core.datasets.against_card import differs_from_card

    try:
        card = cached.card(scored.run)
    except MammoError:
        return None  # what needs the card says what is wrong with it
    return differs_from_card(scored.predictions, card)


def pick_scored() -> Scored | None:
    """Those of a run, or an uploaded table, which goes first; None where there is neither."""
    run = pick_run("Predictions of", scored_runs(), key="run", lacking=_PREDICTIONS)
    table = pick_table()
    if table is not None:
        return table
    return scored_of(run) if run is not None else None


def pick_table() -> Scored | None:
    """An uploaded table; None before there is one."""
    uploaded = pick_upload()
    if uploaded is None:
        return None
    return Scored(title="Uploaded table", source=uploaded.source, predictions=uploaded.predictions)


def scored_of(run: RunFolder) -> Scored:
    table = cached.predictions(run)
    written = run.file("predictions.csv").stat().st_mtime_ns
    return Scored(
        title=run.run_id,
        source=f"{run.path} {written}",
        predictions=table,
        run=run,
    )
