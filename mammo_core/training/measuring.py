"""The measuring before a training: time and memory of three real batches, not a guess."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from itertools import islice
from typing import Final

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from torch import Tensor, nn

from mammo_core.config import RunConfig
from mammo_core.datasets.dataset import Dataset
from mammo_core.datasets.splits import stamps_of
from mammo_core.metrics.uncertainty import newcombe_interval
from mammo_core.runs.card import SplitCount
from mammo_core.tables import positive_of
from mammo_core.training.batches import TrainingBatches, training_batches
from mammo_core.training.data import ImageSet, load_dataset, load_images
from mammo_core.training.halves import cut
from mammo_core.training.loop import Learner, make_learner
from mammo_core.training.losses import images_per_epoch, make_loss
from mammo_core.training.machine import make_fabric, memory_gb
from mammo_core.training.network import Network, make_network
from mammo_core.training.outcome import count_splits
from mammo_core.training.preflight import (
    GUESSED_AUC,
    Preflight,
    few_to_choose_by,
    in_sentences,
    refuse_missing_weights,
)
from mammo_core.types import Report, Split
from mammo_core.zoo.freezing import train_mode

BATCHES: Final = 3
LOOKS: Final = 8
_Z: Final = 1.96


def measure(config: RunConfig, *, report: Report) -> tuple[Preflight, NDArray[np.uint8]]:
    """What there is to tell, and some images as the network will see them, changed at random."""
    config.check()
    refuse_missing_weights(config)
    dataset = load_dataset(config)
    sample = _sample(dataset, config)
    images = load_images(sample, config, report=report, should_stop=lambda: False)
    fabric = make_fabric(config)
    network = make_network(config, fabric.device)
    batches = training_batches(images[Split.TRAIN], config, fabric.device)
    report(0, BATCHES, "Measuring three batches")
    per_batch = _time(
        config, network, batches, make_learner(fabric, network.classifier, config.optim)
    )
    splits = count_splits(dataset.manifest, config.task)
    # Of the whole training set, the positive images as often as they will be shown.
    train = dataset.manifest[dataset.manifest["split"] == Split.TRAIN]
    positive = positive_of(train["label"], config.task).to_numpy(dtype=np.bool_)
    shown = images_per_epoch(positive, config.balance)
    if config.patches:
        shown = config.patches.per_epoch
    per_epoch = max(1, shown // config.optim.batch_size)
    weights = [parameter.numel() for parameter in network.classifier.parameters()]
    trained = [p.numel() for p in network.classifier.parameters() if p.requires_grad]
    told = Preflight(
        splits=splits,
        seconds_per_batch=per_batch,
        batches_per_epoch=per_epoch,
        seconds=_whole(config, network, batches, per_batch=per_batch, per_epoch=per_epoch),
        memory_gb=memory_gb(fabric.device),
        trained_weights=sum(trained),
        all_weights=sum(weights),
        test_interval=_test_interval(splits),
        warnings=_warnings(dataset, config),
    )
    return told, looks_of(batches)


def _warnings(dataset: Dataset, config: RunConfig) -> tuple[str, ...]:
    stamps = in_sentences(stamps_of(dataset.manifest, config.data))
    few = few_to_choose_by(dataset.manifest, config.data, config.task)
    return (*config.balance.warnings(), *few, *stamps)


def looks_of(batches: TrainingBatches) -> NDArray[np.uint8]:
    """(images, height, width): the first images of the first epoch, as they will be shown."""
    needed = -(-LOOKS // batches.config.optim.batch_size)
    seen = torch.cat([images for images, _ in islice(batches.epoch(1), needed)])
    images = seen.flatten(0, -4)[:LOOKS, 0]
    mean, std = batches.config.prepare.mean[0], batches.config.prepare.std[0]
    grey = (images * std + mean).clamp(0.0, 1.0).cpu().numpy()
    shown: NDArray[np.uint8] = np.rint(grey * 255).astype(np.uint8)
    return shown


def largest_that_fits(wanted: int, attempt: Callable[[int], None]) -> int:
    """The largest of wanted, wanted / 2, ... with which `attempt` does not run out of memory."""
    size = wanted
    while size >= 1:
        try:
            attempt(size)
        except torch.cuda.OutOfMemoryError:
            torch.cuda.empty_cache()
            size //= 2
        else:
            return size
    return 0


def fitting_batch(config: RunConfig, network: Network, fabric: Fabric, images: ImageSet) -> int:
    """The batch size that fits this device's memory, tried out: a batch of `images` changed,
    forward, back, and a step, while the next one is on its way.
    """
    trained = [p for p in network.classifier.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=0.0, weight_decay=0.0)
    train_mode(network.classifier)

    def attempt(size: int) -> None:
        smaller = replace(config, optim=replace(config.optim, batch_size=size))
        source = TrainingBatches(images=images, config=smaller, device=network.example.device)
        with closing(source.epoch(1)) as batches:
            inputs, _ = next(batches)
            with fabric.autocast():
                said = network.classifier(inputs)
            said.float().sum().backward()
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)

    return largest_that_fits(max(1, config.optim.batch_size // 2), attempt)


def _sample(dataset: Dataset, config: RunConfig) -> Dataset:
    """Enough training images for the batches that are measured, and two of every other split."""
    wanted = max(LOOKS, BATCHES * config.optim.batch_size)
    manifest = dataset.manifest
    rows = [
        part.sample(min(len(part), wanted if split == Split.TRAIN else 2), random_state=config.seed)
        for split, part in manifest.groupby("split")
    ]
    return replace(dataset, manifest=manifest.loc[np.concatenate([part.index for part in rows])])


def _time(config: RunConfig, network: Network, batches: TrainingBatches, learner: Learner) -> float:
    """Seconds a batch takes to be read, changed, passed forward and back. The first only warms."""
    loss = make_loss(batches.images.labels, config.balance, config.task, config.optim.loss)
    train_mode(learner.network)
    times = []
    for inputs, targets in _repeated(batches):
        started = time.perf_counter()
        value = loss(learner.network(inputs), targets)
        if any(parameter.requires_grad for parameter in network.classifier.parameters()):
            value.backward()
        learner.optimizer.zero_grad(set_to_none=True)
        _wait(inputs)
        times.append(time.perf_counter() - started)
    return float(np.median(times[1:]))


def _repeated(batches: TrainingBatches) -> Iterator[tuple[Tensor, Tensor]]:
    """One batch more than is measured, however few images there are."""
    epochs = (batch for epoch in range(1, BATCHES + 2) for batch in batches.epoch(epoch))
    return islice(epochs, BATCHES + 1)


def _whole(
    config: RunConfig,
    network: Network,
    batches: TrainingBatches,
    *,
    per_batch: float,
    per_epoch: int,
) -> float:
    """Seconds of the whole training. Behind a frozen front, asking it once is nearly all."""
    optim = config.optim
    if not optim.cached_variants:
        return per_batch * per_epoch * optim.epochs
    is_linear = optim.trained == "linear"
    halves = cut(network.classifier, network.still, network.example, is_linear=is_linear)
    rows = np.arange(min(optim.batch_size, len(batches.images)))
    asked = _time_of(halves.front, batches.each(rows, epoch=1, seed=config.seed))
    return asked * per_epoch * optim.cached_variants


@torch.inference_mode()
def _time_of(front: nn.Module, images: Tensor) -> float:
    front.eval()
    front(images)
    started = time.perf_counter()
    front(images)
    _wait(images)
    return time.perf_counter() - started


def _wait(tensor: Tensor) -> None:
    if tensor.is_cuda:
        torch.cuda.synchronize()


def _test_interval(splits: tuple[SplitCount, ...]) -> tuple[float, float]:
    """By woman: more images of the same woman tell little more."""
    (test,) = (count for count in splits if count.split is Split.TEST)
    share = test.positive_images / test.images
    positives = max(1.0, share * test.women)
    return newcombe_interval(GUESSED_AUC, positives, max(1.0, test.women - positives), z=_Z)
