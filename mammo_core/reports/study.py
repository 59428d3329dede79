"""What a run folder tells of a study, gathered once; what cannot be had is said in a sentence.

A study is a training with its own test set, or a data set scored by a checkpoint afterwards
(`mammo evaluate`): then its settings name the checkpoint, whose card is read.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pandas as pd

from mammo_core.config import EvaluateConfig, RunConfig, load_settings
from mammo_core.datasets.audit.result import AuditResult
from mammo_core.datasets.predictions import read_predictions
from mammo_core.errors import ConfigError, MammoError, RunError, TableError
from mammo_core.metrics.ensemble import Ensemble, load_ensemble
from mammo_core.reports.looks import Looks, read_looks
from mammo_core.reports.study_data import StudyData, read_audit_of, read_study_data
from mammo_core.runs.card import ModelCard, read_card
from mammo_core.runs.evaluations import list_evaluations
from mammo_core.runs.fidelity import Fidelity, fidelity_of
from mammo_core.runs.folder import MEMBERS_NAME, RunFolder, find_run, list_runs
from mammo_core.runs.operating_points import LockedPoint
from mammo_core.runs.stress import StressTest, stress_of
from mammo_core.types import CANCER, Level, Split, Task

SPLIT_NAMES: Final = {"train": "Training", "val": "Validation", "test": "Test"}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Study:
    """Everything the report is made from. `missing` says what could not be had, and why."""

    run_id: str
    card: ModelCard | None
    training: RunConfig | None
    evaluation: EvaluateConfig | None
    predictions: pd.DataFrame | None
    epochs: pd.DataFrame
    data: StudyData
    audit: AuditResult | None
    looks: Looks
    evaluations: tuple[tuple[str, str], ...]  # data sets this model was evaluated on, and the runs
    ensemble: Ensemble | None
    fidelity: tuple[Fidelity, ...]
    stress: tuple[StressTest, ...]
    missing: tuple[str, ...]

    @property
    def point(self) -> LockedPoint | None:
        """The threshold in force."""
        return self.looks.locks[-1] if self.looks.locks else None

    @property
    def task(self) -> Task:
        if self.card is not None:
            return self.card.task
        return self.training.task if self.training is not None else CANCER

    @property
    def is_external(self) -> bool:
        """Whether the predictions are of a data set scored after the training."""
        return self.evaluation is not None

    @property
    def label_level(self) -> Level:
        return self.card.data.label_level if self.card is not None else Level.IMAGE

    @property
    def title(self) -> str:
        return self.card.title if self.card is not None else self.run_id


def read_study(run: RunFolder, roots: Sequence[Path], *, audits: Path) -> Study:
    """The study of `run`; `roots` hold the other runs, `audits` the audits of data sets."""
    missing: list[str] = []
    ensemble = _ensemble(run, missing)
    training, evaluation = (None, None) if ensemble is not None else _settings(run, missing)
    owner = _checkpoint_of(run, evaluation, roots, missing)
    if evaluation is not None and owner is not None:
        training, _ = _settings(owner, missing)
    card = _card(owner, missing) if owner is not None and ensemble is None else None
    predictions = _predictions(run, missing)
    if card is None and predictions is None:
        raise RunError(
            f"There is nothing to report of {run.run_id}: it has neither a model card nor "
            f"predictions. {' '.join(missing)}"
        )
    settings = evaluation or (training.data if training is not None else None)
    data = read_study_data(settings, training, card) if ensemble is None else StudyData()
    missing += [data.why_missing] if data.why_missing else []
    looks = read_looks(run, owner, card, roots)
    missing += looks.unread
    return Study(
        run_id=run.run_id,
        card=card,
        training=training,
        evaluation=evaluation,
        predictions=predictions,
        epochs=run.read_metrics(),
        data=data,
        audit=read_audit_of(settings, audits) if settings is not None else None,
        looks=looks,
        evaluations=_evaluations(run, roots) if evaluation is None else (),
        ensemble=ensemble,
        fidelity=tuple(fidelity_of(owner)) if owner is not None and card is not None else (),
        stress=tuple(stress_of(owner)) if owner is not None and card is not None else (),
        missing=tuple(missing),
    )


def judged_rows(study: Study) -> pd.DataFrame | None:
    """The predictions that results are reported of: the test split, or all of an evaluation."""
    table = study.predictions
    if table is None or study.is_external or table["split"].isna().all():
        return table
    return table[(table["split"] == Split.TEST).fillna(value=False)]


def validation_rows(study: Study) -> pd.DataFrame | None:
    """The predictions that a threshold may be chosen on; None where there are none."""
    table = study.predictions
    if table is None or study.is_external:
        return None
    rows = table[(table["split"] == Split.VAL).fillna(value=False)]
    return rows if rows["positive"].notna().any() else None


def _ensemble(run: RunFolder, missing: list[str]) -> Ensemble | None:
    """Several models as one: what each was trained on and how is told by its own report."""
    if not run.is_ensemble:
        return None
    missing.append(
        "An ensemble has no data, training and model card of its own: see the reports of its "
        "members."
    )
    return load_ensemble(run.file(MEMBERS_NAME))


def _settings(run: RunFolder, missing: list[str]) -> tuple[RunConfig | None, EvaluateConfig | None]:
    """Of a training or of an evaluation, whichever the file says it is."""
    path = run.file("run.json")
    try:
        if _kind_of(path) == "evaluate":
            return None, load_settings(path, EvaluateConfig)
        return load_settings(path, RunConfig), None
    except ConfigError as error:
        missing.append(f"The settings of the run are not known: {_named(error, path)}")
        return None, None


def _kind_of(path: Path) -> str:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return ""  # load_settings says what is wrong
    return str(document.get("kind", "")) if isinstance(document, dict) else ""


def _named(error: MammoError, path: Path) -> str:
    """The error without the folders that led to its file: they are nobody's business."""
    return str(error).replace(str(path), path.name)


def _checkpoint_of(
    run: RunFolder, evaluation: EvaluateConfig | None, roots: Sequence[Path], missing: list[str]
) -> RunFolder | None:
    if evaluation is None:
        return run
    try:
        return find_run(evaluation.checkpoint, *roots)
    except RunError as error:
        missing.append(f"The model that made these predictions is not known: {error}")
        return None


def _card(owner: RunFolder, missing: list[str]) -> ModelCard | None:
    try:
        return read_card(owner.file("model_card.json"))
    except MammoError as error:
        lost = " What it says, and looks and locks written down for it are not told here."
        missing.append(f"{error}{lost if owner.is_checkpoint else ''}")
        return None


def _predictions(run: RunFolder, missing: list[str]) -> pd.DataFrame | None:
    """None where there are none. A broken table is an error: a report without results that were
    measured would mislead.
    """
    path = run.file("predictions.csv")
    if not path.exists():
        missing.append("No predictions are kept with this run, so nothing can be measured again.")
        return None
    try:
        return read_predictions(path)
    except TableError as error:
        raise TableError(f"The predictions of run {run.run_id} cannot be used: {error}") from None


def _evaluations(run: RunFolder, roots: Sequence[Path]) -> tuple[tuple[str, str], ...]:
    found = list_evaluations(list_runs(*roots))
    return tuple(
        (Path(one.config.folder).name, one.run.run_id)
        for one in found
        if one.config.checkpoint == run.run_id and one.run.has_predictions
    )
