"""Which checkpoint can still be judged on which registered data set: the empty squares of the
matrix of models and sets.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from mammo_core.config import EvaluateConfig
from mammo_core.datasets.dataset import (
    Registered,
    get_adapter,
    get_label_rule,
    name_of_folder,
    other_question,
)
from mammo_core.datasets.splits import is_same_folder
from mammo_core.errors import ConfigError, MammoError
from mammo_core.runs.card import ModelCard
from mammo_core.runs.evaluations import Evaluation, evaluation_of
from mammo_core.runs.folder import RunFolder


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairing:
    """One checkpoint and one data set. `why_not` is empty where it is to be filled; `question` says
    that the labels ask something else than the model learnt.
    """

    checkpoint: str
    entry: Registered
    why_not: str = ""
    question: str = ""

    @property
    def settings(self) -> EvaluateConfig:
        return EvaluateConfig(
            checkpoint=self.checkpoint,
            folder=self.entry.name,
            adapter=self.entry.adapter,
            label_rule=self.entry.label_rule,
        )


def pairings_of(
    checkpoints: Sequence[RunFolder],
    entries: Sequence[Registered],
    evaluations: Sequence[Evaluation],
) -> list[Pairing]:
    """Every checkpoint with every set, model by model."""
    named = under_names_of(entries, evaluations)
    return [_pairing(run, entry, named) for run in checkpoints for entry in entries]


def under_names_of(
    entries: Sequence[Registered], evaluations: Iterable[Evaluation]
) -> list[Evaluation]:
    """One data set is one column, whether it was scored by its name or by its folder."""
    return [
        replace(one, config=replace(one.config, folder=name_of_folder(one.config.folder, entries)))
        for one in evaluations
    ]


def _pairing(run: RunFolder, entry: Registered, evaluations: Sequence[Evaluation]) -> Pairing:
    try:
        card = run.card()
        why_not = _why_not(run, card, entry, evaluations)
        question = other_question(card, entry.adapter, entry.label_rule)
    except MammoError as error:
        return Pairing(checkpoint=run.run_id, entry=entry, why_not=str(error).rstrip("."))
    return Pairing(checkpoint=run.run_id, entry=entry, why_not=why_not, question=question)


def _why_not(
    run: RunFolder, card: ModelCard, entry: Registered, evaluations: Sequence[Evaluation]
) -> str:
    adapter = get_adapter(entry.adapter)
    classes = get_label_rule(adapter, entry.label_rule).task.classes
    if classes != card.task.classes:
        return f"it tells {', '.join(card.task.classes)} apart, the set {', '.join(classes)}"
    if card.data.seen == "synthetic" and adapter.imaging != "synthetic":
        return "it has only seen synthetic images"
    if _is_own(run, entry):
        return "it was trained on it; its test women are its own result"
    found = evaluation_of(evaluations, run.run_id, (entry.name, entry.label_rule))
    if found is not None and found.run.has_predictions:
        return f"scored already ({found.run.run_id})"
    return ""


def _is_own(run: RunFolder, entry: Registered) -> bool:
    """A checkpoint from elsewhere may not say what it was trained on."""
    try:
        return is_same_folder(entry.name, run)
    except ConfigError:
        return False
