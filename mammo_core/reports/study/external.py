"""What a model is worth on other data sets than its own, beside what others are worth there."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mammo_core.datasets.dataset import (
    get_adapter,
    get_label_rule,
    other_question,
    reference_of,
)
from mammo_core.datasets.predictions import read_predictions
from mammo_core.errors import MammoError
from mammo_core.inference.verdict import locked_elsewhere
from mammo_core.metrics.external import External, judge_elsewhere
from mammo_core.reports.document import Block, Bullets, Paragraph, Section, Table
from mammo_core.reports.study.study import RunStudy
from mammo_core.reports.wording import NONE, estimate_in_words, rate_in_words
from mammo_core.runs.evaluations import Evaluation, evaluation_of, list_evaluations
from mammo_core.runs.folder import RunFolder
from mammo_core.runs.operating_points import point_in_force
from mammo_core.runs.sidecars import known_women

Data = tuple[str, str]  # a data set's name or folder, and the label rule


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Elsewhere:
    """One model on one data set; `external` is None where its scores cannot be judged, and `notes`
    say why. `question` is empty where the labels ask what the model learnt.
    """

    run: RunFolder
    model_id: str
    data: Data
    standard: str  # what the labels go back to, and the licence
    external: External | None
    question: str = ""
    notes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return f"{Path(self.data[0]).name} ({self.data[1]})"

    @property
    def auc_in_words(self) -> str:
        if self.external is None or self.external.auc is None:
            return NONE
        cases = self.external.cases
        mark = " *" if self.question else ""
        return (
            f"{estimate_in_words(self.external.auc)}{mark}, {cases.positives:,} of {len(cases):,} "
            f"positive, by {cases.level}"
        )


def read_elsewhere(run: RunFolder, runs: Sequence[RunFolder]) -> tuple[Elsewhere, ...]:
    """The newest evaluation among `runs` of the checkpoint `run` on each data set, and of every
    other checkpoint on those same sets: the model's own first.
    """
    evaluations = list_evaluations(runs)
    sets = [one.data for one in evaluations if one.config.checkpoint == run.run_id]
    others = [one for one in runs if one.is_checkpoint and one.run_id != run.run_id]
    found = (
        (model, evaluation_of(evaluations, model.run_id, data))
        for model in (run, *others)
        for data in dict.fromkeys(sets)
    )
    return tuple(
        _judged(model, one) for model, one in found if one is not None and one.run.has_predictions
    )


def _judged(model: RunFolder, evaluation: Evaluation) -> Elsewhere:
    config = evaluation.config
    external, question = None, ""
    notes: tuple[str, ...] = ()
    try:
        card = model.card()
        scored = read_predictions(evaluation.run.predictions_file)
        question = other_question(card, config.adapter, config.label_rule)
        external = judge_elsewhere(
            scored,
            own=read_predictions(model.predictions_file) if model.has_predictions else None,
            weights_sha256=card.weights_sha256,
            locked=locked_elsewhere(point_in_force(model)),
            learnt=known_women(model, scored),
        )
        notes = external.notes
    except MammoError as error:
        notes = (str(error),)
    return Elsewhere(
        run=evaluation.run,
        model_id=model.run_id,
        data=evaluation.data,
        standard=standard_of(config.adapter, config.label_rule),
        external=external,
        question=question,
        notes=notes,
    )


def standard_of(adapter: str, label_rule: str) -> str:
    """The reference standard of the labels and the licence of the images; "" where not known."""
    try:
        known = get_adapter(adapter)
        standard = reference_of(known, get_label_rule(known, label_rule))
    except MammoError:
        return ""
    return f"{standard}; licence: {known.licence}"


def verified_in_words(study: RunStudy) -> str:
    """What "without cancer" rests on in the set that was scored; "" where its reference standard,
    which is told too, is all that is known.
    """
    if study.evaluation is not None:
        standard = standard_of(study.evaluation.adapter, study.evaluation.label_rule)
    else:
        standard = study.card.data.reference_standard if study.card is not None else ""
    return study.verification.beside(standard)


def external_section(model_id: str, elsewhere: Sequence[Elsewhere]) -> Section:
    own = [one for one in elsewhere if one.model_id == model_id]
    if not own:
        told: tuple[Block, ...] = (
            Paragraph(
                text="Not done: this model was evaluated on no other data set.", is_warning=True
            ),
        )
    else:
        told = (_own_table(own), Bullets(items=tuple(_remarks(own))), *_matrix(model_id, elsewhere))
    return Section(title="External evaluation", blocks=told)


def _own_table(own: Sequence[Elsewhere]) -> Table:
    rows = []
    for one in own:
        rates = one.external.rates if one.external is not None else None
        rows.append(
            (
                one.name,
                one.auc_in_words,
                rate_in_words(rates.sensitivity) if rates else NONE,
                rate_in_words(rates.specificity) if rates else NONE,
                one.run.run_id,
            )
        )
    return Table(
        header=(
            "Data set (label rule)", "AUC", "Sensitivity (recall), locked", "Specificity, locked",
            "Run",
        ),
        rows=tuple(rows),
        caption="Every other data set this model has scored; its threshold as it was locked",
    )  # fmt: skip


def _remarks(own: Sequence[Elsewhere]) -> Iterator[str]:
    for one in own:
        standard = f"labels by {one.standard}." if one.standard else "labels of unknown standard."
        mark = f"* {one.question}" if one.question else ""
        yield " ".join(filter(None, (f"{one.name}: {standard}", mark, *one.notes)))


def _matrix(model_id: str, elsewhere: Sequence[Elsewhere]) -> Iterator[Block]:
    """Who else has scored the same sets; nothing where nobody has."""
    models = list(dict.fromkeys(one.model_id for one in elsewhere))
    if len(models) < 2:
        return
    columns = {one.data: one.name for one in elsewhere}
    cells = {(one.model_id, one.data): one.auc_in_words for one in elsewhere}
    yield Table(
        header=("Model, by the set it was trained on", *columns.values()),
        rows=tuple(
            (name, *(cells.get((name, data), "not scored") for data in columns)) for name in models
        ),
        caption="AUC of every model that has scored these sets; * asks another question than it "
        "learnt",
    )
