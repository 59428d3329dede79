"""The squares of the matrix: which checkpoint was judged on which data set, and what came of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from mammo_core.errors import MammoError
from mammo_core.inference.verdict import as_given
from mammo_core.metrics.cases import Pooling
from mammo_core.metrics.external import (
    External,
    Locked,
    finest_sound_level,
    is_of_same_women,
    judge_external,
    without_training_women,
)
from mammo_core.runs.card import ModelCard
from mammo_core.runs.evaluations import (
    Evaluation,
    evaluation_of,
    left_out_in_words,
    list_evaluations,
    read_left_out,
)
from mammo_core.runs.folder import RunFolder
from mammo_core.runs.operating_points import point_in_force
from mammo_core.types import Split
from pages.components import cached
from pages.components.looks import note_look

Data = tuple[str, str]  # a data set's name or folder, and the label rule


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cell:
    """One checkpoint on one data set; `external` is None where nothing was scored or can be."""

    checkpoint: RunFolder
    card: ModelCard
    data: Data
    is_own: bool  # the data set it was trained on
    external: External | None = None
    evaluation: Evaluation | None = None
    notes: tuple[str, ...] = ()

    @property
    def is_other_rule(self) -> bool:
        """Whether positive means something else here than it did in training."""
        return self.data[1] != self.card.data.label_rule


def cells_of(
    checkpoints: Sequence[RunFolder], registered: Sequence[Data], runs: Sequence[RunFolder]
) -> list[Cell]:
    """Row by row. Columns: the sets trained on, then those evaluated, then those registered."""
    evaluations = list_evaluations(runs)
    own = {run.run_id: _trained_on(run) for run in checkpoints}
    columns = dict.fromkeys(
        [
            *(data for data in own.values() if data is not None),
            *(e.data for e in evaluations if e.config.checkpoint in own),
            *registered,
        ]
    )
    return [
        _own(run, data)
        if data == own[run.run_id]
        else _foreign(run, data, evaluation_of(evaluations, run.run_id, data))
        for run in checkpoints
        for data in columns
    ]


def short_name(data: Data) -> str:
    """The last part of a folder; a registered name as it is."""
    return data[0].rstrip("/\\").replace("\\", "/").rpartition("/")[2] or data[0]


def _own(run: RunFolder, data: Data) -> Cell:
    card = cached.card(run)
    note_look(run, Split.TEST)
    try:
        table = cached.predictions(run)
        tested = table[(table["split"] == Split.TEST).fillna(value=False)]
        external = judge_external(tested, level=finest_sound_level(tested), locked=_locked(run))
    except MammoError as error:
        return Cell(checkpoint=run, card=card, data=data, is_own=True, notes=(str(error),))
    return Cell(
        checkpoint=run, card=card, data=data, is_own=True, external=external,
        notes=("Its own test women.", *external.notes),
    )  # fmt: skip


def _foreign(run: RunFolder, data: Data, evaluation: Evaluation | None) -> Cell:
    card = cached.card(run)
    notes: tuple[str, ...] = ()
    external = None
    if evaluation is not None and evaluation.run.has_predictions:
        note_look(evaluation.run, evaluation.config.split)
        try:
            table = cached.predictions(evaluation.run)
            left_out = left_out_in_words(read_left_out(evaluation.run))
            notes = (left_out,) if left_out else ()
            if set(table.get("weights_sha256", ())) - {card.weights_sha256}:
                notes = (*notes, "It was scored by other weights of that name.")
            own = cached.predictions(run) if run.has_predictions else None
            if own is not None and is_of_same_women(own, table):
                table = without_training_women(own, table)
                notes = (*notes, "The women it was trained on are left out.")
            external = judge_external(table, level=finest_sound_level(table), locked=_locked(run))
            notes = (*notes, *external.notes)
        except MammoError as error:
            notes = (*notes, str(error))
    return Cell(
        checkpoint=run, card=card, data=data, is_own=False, external=external,
        evaluation=evaluation, notes=notes,
    )  # fmt: skip


def _trained_on(run: RunFolder) -> Data | None:
    settings = cached.settings(run)
    return None if settings is None else (settings.data.folder, settings.data.label_rule)


def _locked(run: RunFolder) -> Locked | None:
    point = as_given(point_in_force(run))
    if point is None:
        return None
    return Locked(threshold=point.threshold, level=point.level, rule=Pooling(point.pooling))
