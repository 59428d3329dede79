"""The data set of a study as it is now: is it still there, and still what was trained on?"""

from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from mammo_core.config import AuditConfig, DataConfig, EvaluateConfig, RunConfig, load_settings
from mammo_core.datasets.audit.result import AuditResult, read_audit
from mammo_core.datasets.reading import Dataset, find_folder, fingerprint_of, read_dataset
from mammo_core.datasets.run_split import split_as_set, used_images
from mammo_core.datasets.worker import RESULT
from mammo_core.errors import ConfigError, MammoError
from mammo_core.runs.card import ModelCard
from mammo_core.runs.folder import list_runs
from mammo_core.types import Task


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StudyData:
    """`manifest` has every image found, its split where it has one; None, with the reason, where
    the data set is gone or has changed. `fingerprint` is of the table as the adapter gives it.
    """

    manifest: pd.DataFrame | None = None
    why_missing: str = ""
    title: str = ""
    rule_title: str = ""
    notes: tuple[str, ...] = ()
    defects: tuple[str, ...] = ()
    fingerprint: str = ""


def read_study_data(
    settings: DataConfig | EvaluateConfig | None, training: RunConfig | None, card: ModelCard | None
) -> StudyData:
    """The data set that `settings` name, split again as the run split it."""
    if settings is None:
        return StudyData(why_missing="Without settings, the data set of the run is not known.")
    folder = Path(settings.folder)
    try:
        folder = find_folder(settings.folder)
        dataset = read_dataset(folder, settings.adapter, settings.label_rule)
        manifest = _as_used(dataset, settings, training.task if training is not None else None)
    except MammoError as error:
        name = Path(settings.folder).name
        reason = str(error).replace(str(folder), name)  # where it lay is nobody's business
        return StudyData(
            why_missing=f"The data set {name} cannot be read any more, so what is told of it comes "
            f"from the model card and the predictions: {reason}"
        )
    told = StudyData(
        manifest=manifest,
        title=dataset.adapter.title,
        rule_title=dataset.label_rule.title,
        notes=dataset.notes,
        defects=tuple(defect.sentence for defect in dataset.defects),
        fingerprint=fingerprint_of(dataset.manifest),
    )
    if training is None or card is None or isinstance(settings, EvaluateConfig):
        return told
    if fingerprint_of(used_images(manifest)) == card.data.fingerprint:
        return told
    return replace(
        told,
        manifest=None,
        notes=(),
        defects=(),
        why_missing="The data set has changed since the training (its fingerprint differs from "
        "that in the model card), so what is told of it comes from the card and the predictions.",
    )


def read_audit_of(settings: DataConfig | EvaluateConfig, audits: Path) -> AuditResult | None:
    """The newest finished audit of that very folder, adapter and label rule."""
    folder = _known_folder(settings)
    for run in list_runs(audits):
        try:
            audited = load_settings(run.file("run.json"), AuditConfig)
        except ConfigError:
            continue  # of another kind, or of another version of this program
        is_same_rule = (audited.adapter, audited.label_rule) == (
            settings.adapter,
            settings.label_rule,
        )
        is_same_set = settings.folder == audited.name or folder == Path(audited.folder)
        if is_same_rule and is_same_set and run.file(RESULT).exists():
            return read_audit(run.file(RESULT))
    return None


def _known_folder(settings: DataConfig | EvaluateConfig) -> Path | None:
    """None where the list of data sets cannot be read; read_study_data has said so then."""
    try:
        return find_folder(settings.folder)
    except MammoError:
        return None


def _as_used(
    dataset: Dataset, settings: DataConfig | EvaluateConfig, task: Task | None
) -> pd.DataFrame:
    if isinstance(settings, EvaluateConfig) or task is None:
        return dataset.manifest
    return split_as_set(dataset.manifest, settings, task)
