"""A whole data set scored by a checkpoint: external validation."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from mammo_core.config import EvaluateConfig, RunConfig
from mammo_core.datasets.dataset import (
    Dataset,
    find_folder,
    fingerprint_of,
    other_question,
    read_dataset,
)
from mammo_core.datasets.predictions import read_predictions, write_predictions
from mammo_core.datasets.prepared import prepare_dataset
from mammo_core.datasets.splits import refuse_unfit, split_as_set, used_images
from mammo_core.errors import RunError, TableError
from mammo_core.files import cache_root, sha256_of
from mammo_core.inference.checkpoint import Checkpoint, load_checkpoint
from mammo_core.inference.engine import Engine, open_engine, torch_engine
from mammo_core.inference.in_pieces import score_rows_in_pieces
from mammo_core.inference.scoring import score_rows
from mammo_core.inference.verdict import as_given
from mammo_core.metrics.cases import Pooling, levels_of, pool_cases, rules_of
from mammo_core.metrics.collapse import call_collapse, class_collapse
from mammo_core.partners import Slot, lone_in_words, partners_of, why_no_seat
from mammo_core.places.cluster import hands_on
from mammo_core.preprocessing.cache import Cache, Unreadable
from mammo_core.runs.card import NEVER_MEASURED, ModelCard, note_measured
from mammo_core.runs.evaluations import (
    LEFT_OUT_COLUMNS,
    NO_PLACE,
    UNREADABLE,
    left_out_in_words,
    read_left_out,
    write_left_out,
)
from mammo_core.runs.folder import RunFolder, find_checkpoint
from mammo_core.runs.operating_points import LockedPoint, point_in_force
from mammo_core.runs.sidecars import learnt_from, read_seen, unknown_seen
from mammo_core.types import Report, Task
from mammo_core.zoo.published import is_published, slots_of

#: What of a manifest decides about a result, beside which images it has.
_DECIDING: Final = ["label", "split", "group_id"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Evaluated:
    """The column `content` of the predictions tells images apart by what is in their files;
    `left_out` are those that cannot be read, are no mammograms or have no place before the
    network, with LEFT_OUT_COLUMNS.
    """

    predictions: pd.DataFrame
    left_out: pd.DataFrame


def evaluate_into(
    run: RunFolder,
    config: EvaluateConfig,
    *,
    report: Report,
    should_stop: Callable[[], bool],
    log: Callable[[str], object],
) -> str:
    """Do what `config` asks for, keep it in the folder of `run`, and say in words what came out."""
    found = find_checkpoint(config.checkpoint)
    checkpoint = load_checkpoint(found.path, device="auto")
    done = evaluate(
        checkpoint,
        dataset_in_question(config),
        name=config.folder,
        split=config.split,
        processes=config.processes,
        report=report,
        should_stop=should_stop,
        engine=None if hands_on() else open_engine(checkpoint, tell=partial(report, 0, 0)),
    )
    if done is None:
        return "Stopped on request."
    write_left_out(run, done.left_out)
    write_predictions(done.predictions, run.predictions_file)
    if NEVER_MEASURED in checkpoint.card.limits:
        note_measured(found.card_file, run.run_id)
    women = done.predictions["group_id"].nunique()
    is_paired = checkpoint.card.model.views == 2
    words = (
        f"{len(done.predictions)} images of {women} women scored by {config.checkpoint}.",
        left_out_in_words(done.left_out, scored=len(done.predictions)),
        other_question(checkpoint.card, config.adapter, config.label_rule) or None,
        *collapses_of(done.predictions, checkpoint.card.task, point_in_force(found)),
        lone_in_words(partners_of(done.predictions)) if is_paired else None,
        memory_in_words(found, done.predictions),
    )
    sentences = [sentence for sentence in words if sentence]
    for sentence in sentences[1:]:
        log(f"{sentence}\n")
    return " ".join(sentences)


def why_outdated(run: RunFolder, checkpoint: RunFolder, dataset: Dataset) -> str:
    """Why what `run` holds is not what `checkpoint` would say of all of `dataset` today, as half a
    sentence; "" where it is.
    """
    table = read_predictions(run.predictions_file)
    card = checkpoint.card()
    weights = table["weights_sha256"] if "weights_sha256" in table else pd.Series([""])
    is_imported_since = run.predictions_file.stat().st_mtime < checkpoint.card_file.stat().st_mtime
    if set(weights.fillna("")) != {card.weights_sha256} or is_imported_since:
        return "the model of that name is another one now"
    manifest = dataset.manifest.set_index("image_id")
    if {*table["image_id"], *read_left_out(run)["image_id"]} != set(manifest.index):
        return "the data set has other images now"
    now = manifest.loc[table["image_id"]].reset_index()
    if not _as_words(now).equals(_as_words(table)):
        return "labels, splits or women of the data set are others now"
    cache = Cache(root=cache_root(), settings=card.prepare)
    files = [dataset.root / str(path) for path in now["path"]]
    if [_content_of(file, cache) for file in files] != table.get("content", pd.Series()).tolist():
        return "files of the data set are others now"
    return ""


def _as_words(table: pd.DataFrame) -> pd.DataFrame:
    return table[_DECIDING].astype("string").fillna("").reset_index(drop=True)


def _content_of(file: Path, cache: Cache) -> str:
    """As it was told when the file, as it lies there now, was prepared; else it is read."""
    try:
        return cache.content_of(file)
    except FileNotFoundError:
        return sha256_of(file) if file.is_file() else ""


def dataset_in_question(config: EvaluateConfig) -> Dataset:
    """Split as the data set brings it, or as a run's settings have dealt its women out."""
    dataset = read_dataset(find_folder(config.folder), config.adapter, config.label_rule)
    if not config.split_of:
        return dataset
    run = find_checkpoint(config.split_of)
    settings = run.settings(RunConfig)
    split = used_images(split_as_set(dataset.manifest, settings.data, settings.task))
    if run.is_checkpoint and fingerprint_of(split) != run.card().data.fingerprint:
        raise TableError(
            f"The data set {config.folder} is not as {run.run_id} learnt it: its images, labels or "
            "splits are others, so its test women cannot be told. Put it back as it was."
        )
    return replace(dataset, manifest=split)


def collapses_of(
    predictions: pd.DataFrame, task: Task, point: LockedPoint | None
) -> tuple[str, ...]:
    """Whether nearly all images are called alike: by their likeliest class, by the locked `point`
    where there is one.
    """
    labelled = predictions[predictions["positive"].notna()]
    if labelled.empty:
        return ()
    told = [class_collapse(labelled, task)]
    given = as_given(point)
    if (
        given is not None
        and given.level in levels_of(labelled)
        and given.pooling in rules_of(labelled, given.level)
    ):
        cases = pool_cases(labelled, given.level, Pooling(given.pooling))
        told.append(call_collapse(cases, given.threshold))
    return tuple(filter(None, told))


def memory_in_words(checkpoint: RunFolder, women: pd.DataFrame) -> str | None:
    """Whom of these women it learnt from; None where it is known to be nobody."""
    seen = read_seen(checkpoint)
    if seen is None:
        card = checkpoint.card()
        return (
            _known_to_its_authors(card)
            if is_published(card.model.backbone)
            else unknown_seen(checkpoint.run_id)
        )
    known = learnt_from(seen, women)
    if not known:
        return None
    return (
        f"It learnt from {len(known)} of these women (first: {known[0]}): scores of theirs show "
        "what it remembers, not what it can do."
    )


def _known_to_its_authors(card: ModelCard) -> str:
    return (
        f"{card.model_id} learnt from {card.data.title}; of which women is known to its authors. "
        "Where these are among them, scores show what it remembers, not what it can do."
    )


def evaluate(
    checkpoint: Checkpoint,
    dataset: Dataset,
    *,
    name: str,
    split: str,
    processes: int,
    report: Report,
    should_stop: Callable[[], bool],
    engine: Engine | None = None,
) -> Evaluated | None:
    """The predictions of `checkpoint` on `dataset`, called `name`; None where it was stopped.

    Scored by `engine`, else by torch, in full precision: thresholds are chosen on such scores. On a
    cluster by all its machines, each with the engine it would open.
    Images without a label are scored too; metrics leave them out and say so. The label rule and the
    hash of the weights stand in every row: without them a score has no meaning.
    """
    card = checkpoint.card
    refuse_unfit(card, dataset)
    wanted = replace(dataset, manifest=_wanted(dataset, split))
    built = prepare_dataset(
        wanted, card.prepare, processes=processes, report=report, should_stop=should_stop
    )
    if built.was_stopped:
        return None
    manifest, left_out = _told_apart(wanted, built.unreadable, slots_of(card.model))
    if engine is None and hands_on():
        table = score_rows_in_pieces(
            checkpoint, wanted, manifest, name=name, report=report, should_stop=should_stop
        )
    else:
        engine = engine or torch_engine(checkpoint)
        table = score_rows(
            engine, card, wanted, manifest, name=name, report=report, should_stop=should_stop
        )
    if table is None:
        return None
    cache = Cache(root=cache_root(), settings=card.prepare)
    return Evaluated(
        predictions=table.assign(
            label_rule=dataset.label_rule.name,
            weights_sha256=card.weights_sha256,
            content=[cache.content_of(dataset.root / str(path)) for path in manifest["path"]],
        ),
        left_out=left_out,
    )


def _told_apart(
    dataset: Dataset, unreadable: Sequence[Unreadable], slots: Sequence[Slot]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows whose image is scored, and the others with the reason."""
    manifest = dataset.manifest
    why = {problem.file: problem for problem in unreadable}
    problems = [why.get(dataset.root / str(path)) for path in manifest["path"]]
    placed = manifest[["side", "view"]].astype("string").fillna("")
    unseated = [
        why_no_seat(side, view, slots).rstrip(".")
        for side, view in placed.itertuples(index=False, name=None)
    ]
    told = [
        (str(problem.unfit or UNREADABLE), problem.reason)
        if problem
        else (NO_PLACE if no_seat else "", no_seat)
        for problem, no_seat in zip(problems, unseated, strict=True)
    ]
    table = manifest.assign(kind=[kind for kind, _ in told], reason=[reason for _, reason in told])
    is_scored = np.array([not kind for kind, _ in told], dtype=np.bool_)
    left_out = table.loc[~is_scored, list(LEFT_OUT_COLUMNS)].reset_index(drop=True)
    if not is_scored.any():
        first = left_out.iloc[0]
        raise RunError(
            f"None of the {len(manifest)} images can be scored (first: {first['image_id']}: "
            f"{first['reason']}). Is the folder whole, and its disk mounted?"
        )
    return manifest[is_scored].reset_index(drop=True), left_out


def _wanted(dataset: Dataset, split: str) -> pd.DataFrame:
    manifest = dataset.manifest
    if split == "all":
        return manifest
    chosen = manifest[(manifest["split"] == split).fillna(value=False)]
    if chosen.empty:
        raise TableError(f"This data set brings no {split} split. Evaluate all of it.")
    return chosen
