"""One training run, from its settings to its checkpoint."""

import platform
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Final

import numpy as np
import pandas as pd
import torch
from safetensors.torch import load_file

from mammo_core.config import RunConfig
from mammo_core.datasets.dataset import Dataset
from mammo_core.datasets.predictions import predictions_table, write_predictions
from mammo_core.errors import RunError
from mammo_core.explain.heads import cell_offset
from mammo_core.files import sha256_of
from mammo_core.preprocessing.reading.peek import file_kinds
from mammo_core.runs.card import TrainingRecord, write_card
from mammo_core.runs.folder import RunFolder
from mammo_core.runs.searches import read_trial, trial_in_words
from mammo_core.runs.sidecars import SEEN_NAME, Embeddings, write_embeddings, write_seen
from mammo_core.scores import probabilities_of
from mammo_core.training.baselines import try_baselines
from mammo_core.training.batches import EvaluationBatches
from mammo_core.training.closing import Closing, close, embeddings_of
from mammo_core.training.data import left_out_in_words, load_dataset, load_images
from mammo_core.training.learning import WEIGHTS_NAME, Course, Progress, learn, read_progress
from mammo_core.training.lineage import (
    check_origin,
    find_images,
    origin_of,
    refuse_other_images,
    refuse_other_weights,
    seen_table,
)
from mammo_core.training.machine import (
    any_of,
    leave_others,
    make_fabric,
    why_not_compiled,
    why_not_twice,
)
from mammo_core.training.measuring import fitting_batch
from mammo_core.training.monitor import best_epoch
from mammo_core.training.network import Network, make_network, refuse_apart
from mammo_core.training.outcome import TrainingOutcome, make_card
from mammo_core.training.preflight import Fitting, fitting_of, refuse_missing_weights, write_fitting
from mammo_core.types import Report, RunState, Split
from mammo_core.zoo.catalog import FROM_CHECKPOINT
from mammo_core.zoo.shelf import Provenance, provenance_of

KEPT_SPLITS = (Split.TRAIN, Split.VAL)


def keep_embeddings(run: RunFolder, *parts: Embeddings) -> int:
    """Write them beside the card of `run`; how many."""
    images = pd.concat([part.images for part in parts], ignore_index=True)
    whole = Embeddings(vectors=np.concatenate([part.vectors for part in parts]), images=images)
    weights = sha256_of(run.weights_file)
    write_embeddings(run, whole, weights_sha256=weights)
    return len(images)


def embed_run(run: RunFolder, *, folder: str | None = None, report: Report) -> int:
    """Make the embeddings of a finished run from its data set, which lies in `folder` where that
    has moved; how many. Other images than it was trained on are refused.
    """
    refuse_other_weights(run)
    own = find_images(run, folder=folder, report=report)
    config, fabric = own.config, make_fabric(own.config)
    network = make_network(config, fabric.device)
    network.classifier.load_state_dict(load_file(run.weights_file))
    classifier = network.classifier.float()
    parts = [
        embeddings_of(
            classifier,
            EvaluationBatches(images=own.splits[split], config=config, device=fabric.device),
            split,
        )
        for split in KEPT_SPLITS
    ]
    return keep_embeddings(run, *parts)


_VERSIONS_OF: Final = ("torch", "timm", "lightning-fabric", "numpy")


def train(run: RunFolder) -> str:
    """Carry out, or go on with, the training that `run` describes; returns its closing words."""
    config = run.settings(RunConfig)
    config.check()
    refuse_missing_weights(config)
    start = _start_of(config)
    fabric = make_fabric(config)
    dataset = load_dataset(config)

    def report(done: int, total: int, message: str) -> None:
        if fabric.is_global_zero and (done % 25 == 0 or done == total):
            known = replace(run.read_status(), state=RunState.RUNNING)
            run.write_status(replace(known, total=config.optim.epochs, message=message))

    images = load_images(dataset, config, report=report, should_stop=run.is_asked_to_stop)
    if any_of(fabric, not images):
        return "Stopped on request while images were prepared."
    course = Course(run=run, config=config, fabric=fabric, images=images)
    _keep_seen(course)
    network = make_network(config, fabric.device)
    refuse_apart(network, config.optim, fabric, images=len(images[Split.TRAIN]))
    progress = learn_or_tell(course, network)
    best = best_epoch(progress.history, config.optim.monitor)
    is_stopped = course.is_asked_to_stop()
    leave_others(fabric)
    is_last = config.optim.monitor == "last"
    if is_stopped:
        which = "epoch" if is_last else "its best epoch so far,"
        reached = f"after {which} {best}" if best else "before an epoch had ended"
        return f"Stopped on request {reached}. It can be resumed."
    which = "the last" if is_last else "the best on the validation images"
    words = f"Kept the weights of epoch {best}, {which}."
    if not fabric.is_global_zero:
        return words
    _finish(course, network, dataset, _record(course, progress, start))
    if config.patches:
        return words
    told = try_baselines(run, dataset, config, report=report, should_stop=run.is_asked_to_stop)
    return f"{words} {told}{left_out_in_words(dataset, images)}"


def learn_or_tell(course: Course, network: Network) -> Progress:
    """`learn`; where the memory is too small, what would fit is tried out and kept with the run."""
    try:
        return learn(course, network)
    except torch.cuda.OutOfMemoryError:
        pass  # what the failed batch holds is let go only after this clause
    except RuntimeError as error:
        reason = why_not_compiled(error) or why_not_twice(error)
        if reason is None:
            raise
        raise RunError(reason) from error
    torch.cuda.empty_cache()
    images = course.images[Split.TRAIN]
    largest = fitting_batch(course.config, network, course.fabric, images)
    fitting = fitting_of(course.config, largest) if largest else None
    if fitting and course.fabric.is_global_zero:
        write_fitting(course.run, fitting)
    raise RunError(_too_large(course.config, fitting))


def _start_of(config: RunConfig) -> Provenance:
    """Of the pre-trained weights, read before the training: nobody keeps them from being changed
    meanwhile. Empty where a checkpoint is gone on from, whose card says more.
    """
    if config.model.weights.startswith(FROM_CHECKPOINT):
        return Provenance()
    return provenance_of(config.model.backbone, config.model.weights)


def _finish(course: Course, network: Network, dataset: Dataset, record: TrainingRecord) -> None:
    """Predictions by the best weights, and the card; what resuming needed can go."""
    run, config, classifier = course.run, course.config, network.classifier.float()
    classifier.load_state_dict(load_file(run.file(WEIGHTS_NAME)))
    closing = close(course, network)
    if config.data.is_test_validation:  # they are the same
        closing = replace(closing, logits={Split.TEST: closing.logits[Split.TEST]})
    predictions = _predictions(course, closing)
    write_predictions(predictions, run.predictions_file)
    outcome = TrainingOutcome(
        model_id=run.run_id,
        config=config,
        adapter=dataset.adapter,
        manifest=dataset.manifest,
        predictions=predictions,
        training=record,
        weights=run.file(WEIGHTS_NAME),
        heatmap_peak=closing.heatmap_peak,
        file_kinds=_file_kinds(dataset),
        limits=(*_keep_seen(course), trial_in_words(read_trial(run))),
        heatmap_offset=cell_offset(classifier, channels=config.prepare.channels),
    )
    if closing.embeddings:
        keep_embeddings(run, *closing.embeddings)
    write_card(make_card(outcome), run.card_file)
    shutil.rmtree(run.file("last"), ignore_errors=True)


def _keep_seen(course: Course) -> tuple[str, ...]:
    """Write down whom this run sees; refuse test women learnt from before, and other images than it
    has learnt from already. What must be said.
    """
    config = course.config
    own, origin = seen_table(course.images, dataset=config.data.folder), origin_of(config)
    if read_progress(course.run.file("last")).history:
        refuse_other_images(course.run, own)
    told: tuple[str, ...] = ()
    if origin:
        told = check_origin(origin, own, is_leak_allowed=config.data.is_leak_allowed)
    if course.fabric.is_global_zero:
        write_seen(own, origin.seen if origin else None, course.run.file(SEEN_NAME))
    return told


def _file_kinds(dataset: Dataset) -> tuple[str, ...]:
    """What the images are that the model is measured on."""
    manifest = dataset.manifest
    tested = manifest.loc[(manifest["split"] == Split.TEST).fillna(value=False), "path"]
    return file_kinds(dataset.root / str(path) for path in tested)


def _predictions(course: Course, closing: Closing) -> pd.DataFrame:
    """Scores of the validation and test images, given in full precision."""
    parts = [
        predictions_table(
            course.images[split].manifest,
            probabilities_of(of_split),
            task=course.config.task,
            dataset=course.config.data.folder,
            model_id=course.run.run_id,
            engine=closing.engines[split],
        )
        for split, of_split in closing.logits.items()
    ]
    return pd.concat(parts, ignore_index=True)


def _record(course: Course, progress: Progress, start: Provenance) -> TrainingRecord:
    origin = origin_of(course.config)
    return TrainingRecord(
        finished_at=datetime.now(UTC).isoformat(timespec="seconds"),
        seconds=round(progress.seconds, 1),
        epochs=len(progress.history),
        best_epoch=best_epoch(progress.history, course.config.optim.monitor),
        device=course.fabric.device.type,
        devices=course.fabric.world_size,
        started_from=origin.run.run_id if origin else "",
        started_from_sha256=origin.card.weights_sha256 if origin else "",
        weights_sha256=start.sha256,
        weights_origin=start.origin,
        weights_licence=start.licence,
        versions={"python": platform.python_version(), **{n: version(n) for n in _VERSIONS_OF}},
    )


def _too_large(config: RunConfig, fitting: Fitting | None) -> str:
    height, width = config.prepare.size
    told = (
        f"The GPU has not enough memory for {config.optim.batch_size} images of {height} x {width} "
        "at a time"
    )
    if fitting is None:
        return f"{told}, nor for a single one. Choose smaller images or a smaller backbone."
    return (
        f"{told}. {fitting.batch_size} fit: with optim.batch_size={fitting.batch_size} and "
        f"optim.accumulate={fitting.accumulate} a step still sees as many images."
    )
