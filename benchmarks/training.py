"""How fast training goes: `python -m benchmarks.training`.

The whole pipeline (cache, random changes, network, step) against the same network on one batch
that never leaves the device, and against the loop everybody writes first: ImageFolder and a
DataLoader. Then what keeping the features of a frozen front is worth. All in one run.
"""

import argparse
import itertools
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

from mammo_core.config import DataConfig, ModelConfig, OptimConfig, PrepareSettings, RunConfig
from mammo_core.preprocessing.phantom import write_phantom_set
from mammo_core.training.batches import TrainingBatches
from mammo_core.training.data import load_dataset, load_images
from mammo_core.training.features import Asking, FeatureTraining, cut, keep_training
from mammo_core.training.loop import Learner, make_learner
from mammo_core.training.losses import plain_loss
from mammo_core.training.machine import make_fabric
from mammo_core.training.network import make_network
from mammo_core.types import CANCER, Split
from mammo_core.zoo.freezing import train_mode

WARM_UP = 2  # batches before the clock starts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--backbone", default="mobilenetv2_100")
    parser.add_argument("--size", type=int, nargs=2, default=(512, 256))
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--batches", type=int, default=8, help="that are timed")
    parser.add_argument("--women", type=int, default=48)
    parser.add_argument("--precision", default="32-true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        os.environ["MAMMO_HOME"] = str(folder / "home")  # what is kept elsewhere would be found
        write_phantom_set(folder / "set", women=arguments.women, seed=0, size=(1024, 512))
        config = RunConfig(
            data=DataConfig(folder=str(folder / "set"), adapter="phantom_set", label_rule="lesion"),
            model=ModelConfig(backbone=arguments.backbone),
            prepare=PrepareSettings(size=tuple(arguments.size)),
            optim=OptimConfig(batch_size=arguments.batch),
            precision=arguments.precision,
        )
        compare_loops(config, folder, count=arguments.batches)
        compare_fronts(config, folder)


def compare_loops(config: RunConfig, folder: Path, *, count: int) -> None:
    fabric = make_fabric(config)
    dataset = load_dataset(config)
    images = load_images(dataset, config, report=lambda *_: None, should_stop=lambda: False)
    pipeline = TrainingBatches(images=images[Split.TRAIN], config=config, device=fabric.device)
    learner = make_learner(fabric, make_network(config, fabric.device).classifier, config.optim)
    train_mode(learner.network)
    batch = next(iter(pipeline.epoch(1)))
    size = config.optim.batch_size
    print(f"{config.model.backbone}, {config.prepare.size}, batches of {size}, {fabric.device}")
    resident = images_per_second(learner, itertools.repeat(batch), count=count, size=size)
    print(f"  one resident batch        {resident:8.1f} images/s")
    ours = images_per_second(learner, endless(pipeline.epoch), count=count, size=size)
    print(f"  the whole pipeline        {ours:8.1f} images/s, {ours / resident:.0%} of it")
    plain = endless(plain_loop(folder, config, fabric.device))
    theirs = images_per_second(learner, plain, count=count, size=size)
    print(f"  ImageFolder + DataLoader  {theirs:8.1f} images/s, {theirs / resident:.0%} of it")


def compare_fronts(config: RunConfig, folder: Path) -> None:
    for name, changes in (
        ("linear probe", {"trained": "linear", "cached_variants": 1}),
        ("last two stages", {"trained": "last_stages", "last_stages": 2, "cached_variants": 1}),
    ):
        frozen = replace(config, optim=replace(config.optim, **changes))
        fabric = make_fabric(frozen)
        dataset = load_dataset(frozen)
        images = load_images(dataset, frozen, report=lambda *_: None, should_stop=lambda: False)
        source = TrainingBatches(images=images[Split.TRAIN], config=frozen, device=fabric.device)
        network = make_network(frozen, fabric.device)
        uncached = epoch_seconds(make_learner(fabric, network.classifier, frozen.optim), source)
        is_linear = frozen.optim.trained == "linear"
        again = make_network(frozen, fabric.device)
        halves = cut(again.classifier, again.still, again.example, is_linear=is_linear)
        started = time.perf_counter()
        asking = Asking(fabric=fabric, report=lambda *_: None, should_stop=lambda: False)
        kept: FeatureTraining = keep_training(halves, source, asking)
        filling = time.perf_counter() - started
        learner = make_learner(fabric, halves.back, frozen.optim)
        epoch_seconds(learner, kept)
        cached = epoch_seconds(learner, kept)
        print(
            f"  {name}: an epoch {uncached:.2f} s on images, {cached:.3f} s on kept features, "
            f"{uncached / cached:.0f} times faster; filling {filling:.2f} s a look"
        )


def images_per_second(
    learner: Learner, batches: Iterable[tuple[Tensor, Tensor]], *, count: int, size: int
) -> float:
    started = 0.0
    for number, (inputs, targets) in enumerate(batches):
        if number == WARM_UP:
            wait(inputs)
            started = time.perf_counter()
        if number == WARM_UP + count:
            break
        step(learner, inputs, targets)
    wait(inputs)
    return count * size / (time.perf_counter() - started)


def epoch_seconds(learner: Learner, batches: TrainingBatches | FeatureTraining) -> float:
    train_mode(learner.network)
    started = time.perf_counter()
    for inputs, targets in batches.epoch(1):
        step(learner, inputs, targets)
    wait(inputs)
    return time.perf_counter() - started


def step(learner: Learner, inputs: Tensor, targets: Tensor) -> None:
    loss = plain_loss(CANCER)(learner.network(inputs), targets)
    loss.backward()
    learner.optimizer.step()
    learner.optimizer.zero_grad(set_to_none=True)


def plain_loop(
    folder: Path, config: RunConfig, device: torch.device
) -> Callable[[int], Iterator[tuple[Tensor, Tensor]]]:
    """What a tutorial would write: a folder per class, resized and flipped as it is read."""
    for label in ("cancer", "no cancer"):
        (folder / "plain" / label).mkdir(parents=True, exist_ok=True)
    for path in sorted((folder / "set" / "images").iterdir()):
        target = folder / "plain" / ("cancer" if hash(path.name) % 2 else "no cancer") / path.name
        target.symlink_to(path)
    look = transforms.Compose(
        [
            transforms.Grayscale(),
            transforms.Resize(config.prepare.size),
            transforms.RandomVerticalFlip(),
            transforms.RandomAffine(8, translate=(0.05, 0.05), scale=(0.9, 1.1)),
            transforms.ColorJitter(brightness=0.05, contrast=0.2),
            transforms.ToTensor(),
            transforms.Normalize(config.prepare.mean, config.prepare.std),
        ]
    )
    loader = DataLoader(
        datasets.ImageFolder(folder / "plain", look),
        batch_size=config.optim.batch_size,
        shuffle=True,
        drop_last=True,
        num_workers=2,
    )

    def epoch(_number: int) -> Iterator[tuple[Tensor, Tensor]]:
        for images, labels in loader:
            yield images.to(device), nn.functional.one_hot(labels, 2).float().to(device)

    return epoch


def endless(
    epoch: Callable[[int], Iterator[tuple[Tensor, Tensor]]],
) -> Iterator[tuple[Tensor, Tensor]]:
    for number in itertools.count(1):
        yield from epoch(number)


def wait(tensor: Tensor) -> None:
    if tensor.is_cuda:
        torch.cuda.synchronize()


if __name__ == "__main__":
    main()
