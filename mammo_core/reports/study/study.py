"""What a run folder tells of a study, gathered once; what cannot be had is said in a sentence.

A study is a training with its own test set, or a data set scored by a checkpoint afterwards
(`mammo evaluate`): then its settings name the checkpoint, whose card is read.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, TypeVar

import pandas as pd

from mammo_core.config import AuditConfig, DataConfig, EvaluateConfig, RunConfig
from mammo_core.datasets.audit.result import AUDIT_FILE, AuditResult, read_audit
from mammo_core.datasets.dataset import find_folder, fingerprint_of, read_dataset
from mammo_core.datasets.predictions import read_predictions
from mammo_core.datasets.splits import in_one_split, split_as_set, used_images
from mammo_core.errors import ConfigError, MammoError, RunError, TableError
from mammo_core.files import datasets_root
from mammo_core.metrics.ensemble import Ensemble, load_ensemble
from mammo_core.runs.card import ModelCard
from mammo_core.runs.evaluations import list_evaluations
from mammo_core.runs.folder import (
    BASELINES_NAME,
    MEMBERS_NAME,
    NO_SUCH_RUN,
    RunFolder,
    list_runs,
)
from mammo_core.runs.measured import Fidelity, Froc, StressTest, fidelity_of, froc_of, stress_of
from mammo_core.runs.naming import ships
from mammo_core.runs.operating_points import (
    LockedPoint,
    Opening,
    before,
    locked_points,
    occasions,
    openings_of,
    point_in_force,
    sharing_test_set,
)
from mammo_core.runs.sidecars import known_women
from mammo_core.runs.verification import Verification, verification_of
from mammo_core.types import CANCER, Level, Split, Task
from mammo_core.words import many

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What whoever asks for a report may see: which runs, and which data sets by what settings call
    them. As it stands here, all. `is_named` tells whether others may read for which run it was;
    `is_shipped`, of which run it goes without saying that its images are not here.
    """

    run: Callable[[RunFolder], bool] = lambda run: True
    data: Callable[[str], bool] = lambda named: True
    is_named: bool = True
    is_shipped: Callable[[RunFolder], bool] = ships

    def runs_of(self, roots: Sequence[Path]) -> list[RunFolder]:
        return [run for run in list_runs(*roots) if self.run(run)]


ALL: Final = Sight()


@dataclass(frozen=True, slots=True, kw_only=True)
class Looks:
    """What is written down of looks and locks. `why_no_...` says why a log cannot be read."""

    at_results: tuple[Opening, ...] = ()  # at the predictions that are reported
    at_test_set: tuple[Opening, ...] = ()  # of the training: the same, but for an evaluation
    shared: tuple[tuple[str, tuple[Opening, ...]], ...] = ()  # other models of that test set
    locks: tuple[LockedPoint, ...] = ()  # the last one is in force; none where none is
    why_no_locks: str = ""
    why_no_openings: str = ""
    is_shipped: bool = False  # looks on this computer decided nothing of it

    @property
    def unread(self) -> tuple[str, ...]:
        return tuple(text for text in (self.why_no_locks, self.why_no_openings) if text)


def read_looks(
    run: RunFolder, owner: RunFolder | None, card: ModelCard | None, runs: Sequence[RunFolder]
) -> Looks:
    """Of `run`, whose model is `owner`. A damaged log is told of, and costs nothing else."""
    at_results, why_no_openings = _read(openings_of, run)
    if owner is None or card is None:
        return Looks(at_results=at_results, why_no_openings=why_no_openings)
    at_test_set, why_not_owner = (at_results, "") if owner == run else _read(openings_of, owner)
    locks, why_no_locks = _read(_locks, owner)
    shared, why_not_shared = [], ""
    for other in sharing_test_set(card, runs):
        found, why = _read(openings_of, other)
        shared.append((other.run_id, found))
        why_not_shared = why_not_shared or why
    return Looks(
        at_results=at_results,
        at_test_set=at_test_set,
        shared=tuple(shared),
        locks=locks,
        why_no_locks=why_no_locks,
        why_no_openings=why_no_openings or why_not_owner or why_not_shared,
    )


def _locks(owner: RunFolder) -> list[LockedPoint]:
    """Every lock, the one in force last; none where it was unlocked."""
    return [] if point_in_force(owner) is None else locked_points(owner)


def lock_in_words(looks: Looks, *, is_external: bool) -> str:
    """When the threshold in force was locked, and how often what is reported was seen by then."""
    lock = looks.locks[-1]
    when, where = lock.locked_at[:16].replace("T", " "), lock.split or "the scores out of fold"
    return (
        f"Locked {when} (UTC) on {where}, lock number {len(looks.locks)}; "
        f"{_opened_before(looks, lock, is_external=is_external)}."
    )


def test_women_in_words(looks: Looks) -> str:
    """What the test women of the training may have decided, as far as looks are written down."""
    if looks.unread:
        return "Whether test women decided anything is not known: a log cannot be read (see above)."
    if not looks.locks and looks.is_shipped:
        return "No threshold is locked."
    if not looks.locks:
        count = len(occasions(looks.at_test_set))
        return (
            "No threshold is locked; the test results were opened on "
            f"{many(count, 'occasion', 'occasions')} so far."
        )
    lock = looks.locks[-1]
    if lock.split == Split.TEST:
        return "The threshold in force was chosen on test women: their results flatter it."
    if not lock.split:
        return (
            "The threshold in force was chosen on the scores out of fold that are reported: they "
            "cannot confirm it."
        )
    count = _count_before(looks, lock, is_external=False)
    if not count:
        return (
            "Test women chose nothing: no look at their results is recorded before the "
            "threshold was locked."
        )
    return (
        f"Test results had been opened on {many(count, 'occasion', 'occasions')} before the "
        "threshold was locked; whether they had a part in it is not known."
    )


def _opened_before(looks: Looks, lock: LockedPoint, *, is_external: bool) -> str:
    if looks.why_no_openings:
        return "how often the test set had been opened before is not known"
    count = _count_before(looks, lock, is_external=is_external)
    if not count:
        return "no look at the test set is recorded before"
    others = "" if is_external or not looks.shared else ", other models of the same women included"
    return f"the test set had been opened on {many(count, 'occasion', 'occasions')} before{others}"


def _count_before(looks: Looks, lock: LockedPoint, *, is_external: bool) -> int:
    own = looks.at_results if is_external else looks.at_test_set
    logs = (own,) if is_external else (own, *(openings for _, openings in looks.shared))
    return sum(len(occasions(before(log, lock.locked_at))) for log in logs)


def _read(read: Callable[[RunFolder], list[T]], run: RunFolder) -> tuple[tuple[T, ...], str]:
    try:
        return tuple(read(run)), ""
    except RunError as error:
        return (), str(error)


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


_NOT_SHIPPED: Final = (
    "The images are not shipped; what is said of them comes from the model card and what is kept "
    "beside it."
)
_CUT: Final = (
    "The model learnt patches of these images, which are not cut again for this: what is counted "
    "comes from the model card."
)


def read_study_data(
    settings: DataConfig | EvaluateConfig | None,
    training: RunConfig | None,
    card: ModelCard | None,
    *,
    is_shipped: bool = False,
) -> StudyData:
    """The data set that `settings` name, split again as the run split it."""
    if settings is None:
        return StudyData(why_missing="Without settings, the data set of the run is not known.")
    folder = Path(settings.folder)
    try:
        folder = find_folder(settings.folder)
        if is_shipped and not folder.is_dir():
            return StudyData(why_missing=_NOT_SHIPPED)
        dataset = read_dataset(folder, settings.adapter, settings.label_rule)
        manifest = _split_again(dataset.manifest, settings, training, card)
    except MammoError as error:
        name = Path(settings.folder).name
        reason = str(error).replace(str(folder), name)  # where it lay is nobody's business
        return StudyData(
            why_missing=f"The data set {name} cannot be read any more, so what is said of it comes "
            f"from the model card and the predictions: {reason}"
        )
    told = StudyData(
        manifest=manifest,
        title=dataset.adapter.title,
        rule_title=dataset.label_rule.title,
        notes=dataset.notes,
        defects=tuple(defect.sentence for defect in dataset.defects),
        fingerprint=fingerprint_of(dataset.manifest),
        why_missing=_CUT if manifest is None else "",
    )
    if manifest is None or card is None or isinstance(settings, EvaluateConfig):
        return told
    if fingerprint_of(used_images(manifest)) == card.data.fingerprint:
        return told
    return replace(
        told,
        manifest=None,
        notes=(),
        defects=(),
        why_missing="The data set has changed since the training (its fingerprint differs from "
        "that in the model card), so what is said of it comes from the card and the predictions.",
    )


def _split_again(
    manifest: pd.DataFrame,
    settings: DataConfig | EvaluateConfig,
    training: RunConfig | None,
    card: ModelCard | None,
) -> pd.DataFrame | None:
    """None where patches were split, not these images: they may all hold a lesion."""
    if training is not None and not isinstance(settings, EvaluateConfig):
        if training.patches is not None:
            return None
        manifest = split_as_set(manifest, settings, training.task)
    if card is not None and card.model.members > 1:  # every woman was tested on, in her fold
        manifest = in_one_split(manifest, Split.TEST)
    return manifest


def read_audit_of(settings: DataConfig | EvaluateConfig, audits: Path) -> AuditResult | None:
    """The newest finished audit of that very folder, adapter and label rule."""
    folder = _known_folder(settings)
    for run in list_runs(audits):
        try:
            audited = run.settings(AuditConfig)
        except ConfigError:
            continue  # of another kind, or of another version of this program
        rule = (settings.adapter, settings.label_rule)
        is_same_rule = (audited.adapter, audited.label_rule) == rule
        is_same_set = settings.folder == audited.name or folder == Path(audited.folder)
        if is_same_rule and is_same_set and run.file(AUDIT_FILE).exists():
            return read_audit(run.file(AUDIT_FILE))
    return None


def _known_folder(settings: DataConfig | EvaluateConfig) -> Path | None:
    """None where the list of data sets cannot be read; read_study_data has said so then."""
    try:
        return find_folder(settings.folder)
    except MammoError:
        return None


SPLIT_NAMES: Final = {"train": "Training", "val": "Validation", "test": "Test"}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RunStudy:
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
    froc: tuple[Froc, ...]
    missing: tuple[str, ...]
    baselines: pd.DataFrame | None = None  # what guesses without a network say of the same images
    learnt: tuple[str, ...] = ()  # women of an evaluation that the model has learnt from
    verification: Verification = field(default_factory=Verification)  # of the set that was scored

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


def read_study(
    run: RunFolder, roots: Sequence[Path], *, audits: Path, sight: Sight = ALL
) -> RunStudy:
    """The study of `run`; `roots` hold the other runs, `audits` the audits of data sets."""
    missing: list[str] = []
    runs = sight.runs_of(roots)
    ensemble = _ensemble(run, missing)
    training, evaluation = (None, None) if ensemble is not None else _settings(run, missing)
    owner = _checkpoint_of(run, evaluation, runs, missing)
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
    seen = settings if settings is not None and sight.data(settings.folder) else None
    is_shipped = evaluation is None and sight.is_shipped(run)
    data = StudyData()
    if ensemble is None:
        data = read_study_data(seen, training, card, is_shipped=is_shipped)
    missing += [data.why_missing] if data.why_missing else []
    looks = replace(read_looks(run, owner, card, runs), is_shipped=is_shipped)
    missing += looks.unread
    return RunStudy(
        run_id=run.run_id,
        card=card,
        training=training,
        evaluation=evaluation,
        predictions=predictions,
        epochs=run.read_metrics(),
        data=data,
        audit=read_audit_of(seen, audits) if seen is not None else None,
        looks=looks,
        evaluations=_evaluations(run, runs) if evaluation is None else (),
        ensemble=ensemble,
        fidelity=tuple(fidelity_of(owner)) if owner is not None and card is not None else (),
        stress=tuple(stress_of(owner)) if owner is not None and card is not None else (),
        froc=tuple(froc_of(owner)) if owner is not None and card is not None else (),
        learnt=_learnt(owner, predictions, missing) if evaluation is not None else (),
        missing=tuple(missing),
        baselines=_baselines(run),
        verification=Verification()
        if seen is None
        else verification_of(seen.folder, datasets_root()),
    )


def _learnt(
    owner: RunFolder | None, predictions: pd.DataFrame | None, missing: list[str]
) -> tuple[str, ...]:
    if owner is None or predictions is None:
        return ()
    try:
        return known_women(owner, predictions)
    except MammoError as error:
        missing.append(str(error))
        return ()


def _baselines(run: RunFolder) -> pd.DataFrame | None:
    path = run.file(BASELINES_NAME)
    return read_predictions(path) if path.exists() else None


def judged_rows(study: RunStudy) -> pd.DataFrame | None:
    """The predictions that results are reported of: the test split, or all of an evaluation."""
    table = study.predictions
    if table is None or study.is_external or table["split"].isna().all():
        return table
    return table[(table["split"] == Split.TEST).fillna(value=False)]


def validation_rows(study: RunStudy) -> pd.DataFrame | None:
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
    try:
        if run.kind == "evaluate":
            return None, run.settings(EvaluateConfig)
        return run.settings(RunConfig), None
    except ConfigError as error:
        missing.append(f"The settings of the run are not known: {error}")
        return None, None


def _checkpoint_of(
    run: RunFolder,
    evaluation: EvaluateConfig | None,
    runs: Sequence[RunFolder],
    missing: list[str],
) -> RunFolder | None:
    if evaluation is None:
        return run
    found = next((one for one in runs if one.run_id == evaluation.checkpoint), None)
    if found is None:
        reason = NO_SUCH_RUN.format(run_id=evaluation.checkpoint)
        missing.append(f"The model that made these predictions is not known: {reason}")
    return found


def _card(owner: RunFolder, missing: list[str]) -> ModelCard | None:
    try:
        return owner.card()
    except MammoError as error:
        lost = " What it says, and the looks and locks recorded for it, are missing here."
        missing.append(f"{error}{lost if owner.is_checkpoint else ''}")
        return None


def _predictions(run: RunFolder, missing: list[str]) -> pd.DataFrame | None:
    """None where there are none. A broken table is an error: a report without results that were
    measured would mislead.
    """
    path = run.predictions_file
    if not path.exists():
        missing.append("No predictions are kept with this run, so nothing can be measured again.")
        return None
    try:
        return read_predictions(path)
    except TableError as error:
        raise TableError(f"The predictions of run {run.run_id} cannot be used: {error}") from None


def _evaluations(run: RunFolder, runs: Sequence[RunFolder]) -> tuple[tuple[str, str], ...]:
    found = list_evaluations(runs)
    return tuple(
        (Path(one.config.folder).name, one.run.run_id)
        for one in found
        if one.config.checkpoint == run.run_id and one.run.has_predictions
    )
