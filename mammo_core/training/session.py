"""One training run, from its settings to its checkpoint."""

import math
import platform
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version

import numpy as np
import pandas as pd
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from safetensors.torch import load_file

from mammo_core.config import RunConfig, load_settings
from mammo_core.datasets.predictions import predictions_table, write_predictions
from mammo_core.datasets.reading import Dataset, find_folder, read_dataset
from mammo_core.datasets.splits import with_splits
from mammo_core.metrics.auc import auc_of
from mammo_core.runs.card import TrainingRecord, write_card
from mammo_core.runs.folder import RunFolder, RunStatus
from mammo_core.training.data import Batches, ImageSet, image_set, read_images
from mammo_core.training.loop import EpochResult, fit, predict_logits
from mammo_core.training.outcome import (
    Outcome,
    heatmap_peak,
    make_card,
    probabilities_of,
    save_weights,
)
from mammo_core.types import RunState, Split, Task
from mammo_core.zoo.build import build_model
from mammo_core.zoo.classifier import Classifier

ENGINE = "torch fp32"
VERSIONS_OF = ("torch", "timm", "lightning-fabric", "numpy")


@dataclass(slots=True)
class Best:
    """The best epoch so far, by validation AUC; among equals the one with the lowest loss."""

    epoch: int = 0
    auc: float = -math.inf
    loss: float = math.inf

    def is_beaten_by(self, auc: float, loss: float) -> bool:
        return (auc, -loss) > (self.auc, -self.loss)


def train(run: RunFolder) -> str:
    """Carry out the training that `run` describes; returns its closing words."""
    config = load_settings(run.file("run.json"), RunConfig)
    config.check()
    started = time.perf_counter()
    dataset, images = _load_data(run, config)
    fabric = Fabric(accelerator=_device(config), devices=1, precision=config.precision)
    torch.manual_seed(config.seed)
    model = build_model(config.model, task=config.task, channels=config.prepare.channels)
    model = model.to(memory_format=torch.channels_last)  # convolutions are 1.5 times as fast
    best = _fit(run, config, fabric, model, images)
    if run.asked_to_stop:
        return f"Stopped on request after its best epoch so far, {best.epoch}."

    model.load_state_dict(load_file(run.file("weights.safetensors")))
    predictions = _predict(run, config, fabric, model, images)
    write_predictions(predictions, run.file("predictions.csv"))
    outcome = Outcome(
        model_id=run.run_id,
        config=config,
        adapter=dataset.adapter,
        manifest=dataset.manifest,
        predictions=predictions,
        training=_record(config, best, fabric, seconds=time.perf_counter() - started),
        weights=run.file("weights.safetensors"),
        heatmap_peak=heatmap_peak(
            model, _batches(config, images[Split.VAL], fabric, is_training=False), config.task
        ),
    )
    card = make_card(outcome)
    write_card(card, run.file("model_card.json"))
    return f"Kept the weights of epoch {best.epoch}, the best on the validation images."


def _load_data(run: RunFolder, config: RunConfig) -> tuple[Dataset, dict[Split, ImageSet]]:
    """The data set with its split, and every labelled image of it, prepared."""
    epochs = config.optim.epochs

    def report(done: int, total: int) -> None:
        if done % 25 == 0 or done == total:
            message = f"Reading images: {done} of {total}"
            run.write_status(RunStatus(state=RunState.RUNNING, total=epochs, message=message))

    data = config.data
    dataset = read_dataset(find_folder(data.folder), data.adapter, data.label_rule)
    manifest = with_splits(
        dataset.manifest,
        task=config.task,
        val_fraction=data.val_fraction,
        test_fraction=data.test_fraction,
        seed=data.split_seed,
        is_official_split=data.is_official_split,
    )
    manifest = manifest[manifest["split"].notna() & manifest["label"].notna()]
    manifest = manifest.reset_index(drop=True)
    grey = read_images(
        dataset.root, manifest, config.prepare, threads=config.workers, report=report
    )
    images = {split: image_set(manifest, grey, task=config.task, split=split) for split in Split}
    return replace(dataset, manifest=manifest), images


def _fit(
    run: RunFolder,
    config: RunConfig,
    fabric: Fabric,
    model: Classifier,
    images: dict[Split, ImageSet],
) -> Best:
    """Train, keeping the weights of the epoch with the best validation AUC."""
    best = Best()

    def report(result: EpochResult) -> None:
        auc = _auc(result.val_logits, images[Split.VAL].labels, config.task)
        if best.is_beaten_by(auc, result.val_loss):
            best.epoch, best.auc, best.loss = result.epoch, auc, result.val_loss
            save_weights(model, run.file("weights.safetensors"))
        train_row: dict[str, float | int | str | None] = {
            "epoch": result.epoch,
            "split": "train",
            "loss": result.train_loss,
            "learning_rate": result.learning_rate,
            "images_per_second": result.images_per_second,
        }
        run.append_metrics(train_row)
        run.append_metrics(
            {"epoch": result.epoch, "split": "val", "loss": result.val_loss, "auc": auc}
        )
        run.write_status(
            RunStatus(
                state=RunState.RUNNING,
                done=result.epoch,
                total=config.optim.epochs,
                message=f"Epoch {result.epoch} of {config.optim.epochs}: validation AUC {auc:.3f}",
            )
        )

    fit(
        fabric,
        model,
        config.optim,
        train=_batches(config, images[Split.TRAIN], fabric, is_training=True),
        val=_batches(config, images[Split.VAL], fabric, is_training=False),
        report=report,
        should_stop=lambda: run.asked_to_stop,
    )
    return best


def _predict(
    run: RunFolder,
    config: RunConfig,
    fabric: Fabric,
    model: Classifier,
    images: dict[Split, ImageSet],
) -> pd.DataFrame:
    """Scores of the validation and test images, by the weights that are kept, in fp32."""
    parts = []
    for split in (Split.VAL, Split.TEST):
        batches = _batches(config, images[split], fabric, is_training=False)
        parts.append(
            predictions_table(
                images[split].manifest,
                probabilities_of(predict_logits(model, batches)),
                task=config.task,
                dataset=config.data.folder,
                model_id=run.run_id,
                engine=ENGINE,
            )
        )
    return pd.concat(parts, ignore_index=True)


def _batches(config: RunConfig, images: ImageSet, fabric: Fabric, *, is_training: bool) -> Batches:
    return Batches(
        images=images,
        prepare=config.prepare,
        batch_size=config.optim.batch_size,
        device=fabric.device,
        seed=config.seed,
        augmentation=config.augment if is_training else None,
    )


def _auc(logits: NDArray[np.float32], labels: NDArray[np.int64], task: Task) -> float:
    score = probabilities_of(logits)[:, list(task.positive_indices)].sum(axis=1)
    return auc_of(score, np.isin(labels, task.positive_indices))


def _device(config: RunConfig) -> str:
    if config.device != "auto":
        return config.device
    return "cuda" if torch.cuda.is_available() else "cpu"


def _record(config: RunConfig, best: Best, fabric: Fabric, *, seconds: float) -> TrainingRecord:
    return TrainingRecord(
        finished_at=datetime.now(UTC).isoformat(timespec="seconds"),
        seconds=round(seconds, 1),
        epochs=config.optim.epochs,
        best_epoch=best.epoch,
        device=fabric.device.type,
        versions={"python": platform.python_version(), **{n: version(n) for n in VERSIONS_OF}},
    )
