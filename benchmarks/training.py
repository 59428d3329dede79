"""How fast training goes: `python -m benchmarks.training`, and with `--show` all of it on a GPU.

The whole pipeline (cache, random changes, network, step) against the same network on one batch
that never leaves the device, and against the loop everybody writes first: ImageFolder and a
DataLoader. Then what keeping the features of a frozen front is worth. All in one run, every step
by the product's own loop. The table of `python -m benchmarks` has the pipeline beside that loop
and beside timm's loader and step.

`--show` does so for ResNet-50 in bf16 at 600 x 600 and at 1024 x 512, then tells from 500 measured
steps what 60 epochs of 209 batches of 32 take at 600 x 600: all trained, and behind a frozen front.
"""

import argparse
import itertools
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

from benchmarks.side_by_side import Comparison, Side, Work
from mammo_core.config import DataConfig, ModelConfig, OptimConfig, PrepareSettings, RunConfig
from mammo_core.preprocessing.phantoms.women import write_phantom_set
from mammo_core.runs.jobs import KEEP_MEMORY, worker_environment
from mammo_core.training.batches import Batch, TrainingBatches
from mammo_core.training.data import Images, ImageSet, load_dataset, load_images
from mammo_core.training.features import Asking, FeatureTraining, keep_training
from mammo_core.training.halves import Halves, cut
from mammo_core.training.loop import Learner, Lesson, fit, make_learner
from mammo_core.training.losses import plain_loss
from mammo_core.training.machine import make_fabric
from mammo_core.training.monitor import Judged
from mammo_core.training.network import make_network
from mammo_core.types import CANCER, Split

WARM_UP = 3  # batches before the clock starts
SHOWN_SIZES = ((600, 600), (1024, 512))
EPOCHS, BATCHES, BATCH = 60, 209, 32  # of the published training
PUBLISHED_HOURS, AIM_MINUTES = 45, 4
ASKED_SHARE = 0.95  # of the resident batch's pace


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--backbone", default="mobilenetv2_100")
    parser.add_argument("--size", type=int, nargs=2, default=(512, 256))
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--batches", type=int, default=8, help="that are timed")
    parser.add_argument("--women", type=int, default=48)
    parser.add_argument("--precision", default="32-true")
    parser.add_argument("--compile", action="store_true", help="the network by torch.compile")
    parser.add_argument("--workers", type=int, default=2, help="of the plain DataLoader")
    parser.add_argument("--show", action="store_true", help="what is asked of a GPU, all of it")
    parser.add_argument("--steps", type=int, default=500, help="that are extrapolated from")
    arguments = parser.parse_args()
    if arguments.show and not torch.cuda.is_available():
        print("There is no CUDA device here: --show would take days. Nothing was measured.")
        return
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        os.environ["MAMMO_HOME"] = str(folder / "home")  # what is kept elsewhere would be found
        write_phantom_set(folder / "set", women=arguments.women, seed=0, size=(1024, 512))
        if arguments.show:
            show(folder, arguments)
            return
        config = settings(folder, arguments)
        compare_loops(config, folder, count=arguments.batches, workers=arguments.workers)
        compare_fronts(config)


def settings(folder: Path, arguments: argparse.Namespace) -> RunConfig:
    return RunConfig(
        data=DataConfig(folder=str(folder / "set"), adapter="phantom_set", label_rule="lesion"),
        model=ModelConfig(backbone=arguments.backbone),
        prepare=PrepareSettings(size=tuple(arguments.size)),
        optim=OptimConfig(
            batch_size=arguments.batch, is_compiled=arguments.compile, warmup_epochs=0
        ),
        precision=arguments.precision,
    )


def show(folder: Path, arguments: argparse.Namespace) -> None:
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}, {os.cpu_count()} cores")
    base = settings(folder, arguments)
    base = replace(
        base,
        model=ModelConfig(backbone="resnet50"),
        optim=replace(base.optim, batch_size=BATCH),
        precision="bf16-mixed",
    )
    sizes = [replace(base, prepare=PrepareSettings(size=size)) for size in SHOWN_SIZES]
    for config in sizes:
        compare_loops(config, folder, count=100, workers=os.cpu_count() or 1)
    extrapolate(sizes[0], steps=arguments.steps)


@dataclass(frozen=True, kw_only=True, eq=False)
class Bench:
    """Something to train, and how."""

    fabric: Fabric
    learner: Learner
    config: RunConfig


def bench_of(config: RunConfig) -> Bench:
    fabric = make_fabric(config)
    network = make_network(config, fabric.device)
    learner = make_learner(fabric, network.classifier, config.optim)
    return Bench(fabric=fabric, learner=learner, config=config)


def compare_loops(config: RunConfig, folder: Path, *, count: int, workers: int) -> None:
    bench = bench_of(config)
    device = bench.fabric.device
    images = (WARM_UP + count) * config.optim.batch_size
    pipeline = batches_of(config, device, images=images)
    batch = next(iter(pipeline.epoch(1)))
    height, width = config.prepare.size
    how = "compiled" if config.optim.is_compiled else "not compiled"
    print(
        f"{config.model.backbone}, {height} x {width}, batches of {config.optim.batch_size}, "
        f"{config.precision}, {device}, {how}, {count} batches each"
    )
    resident = pace(bench, itertools.repeat(batch), count=count)
    print(f"  one resident batch        {resident:8.1f} images/s")
    ours = pace(bench, endless(pipeline.epoch), count=count)
    verdict = "reached" if ours >= ASKED_SHARE * resident else "not reached"
    print(
        f"  the whole pipeline        {ours:8.1f} images/s, {ours / resident:.1%} of it "
        f"({ASKED_SHARE:.0%} is asked of a GPU: {verdict})"
    )
    link_plain(folder, images)
    theirs = pace(bench, endless(plain_loop(folder, config, device, workers)), count=count)
    print(f"  ImageFolder + DataLoader  {theirs:8.1f} images/s, {theirs / resident:.1%} of it")
    if device.type == "cuda":
        print(f"  most memory in use        {torch.cuda.max_memory_allocated() / 2**30:8.1f} GB")


def compare_fronts(config: RunConfig) -> None:
    for name, changes in (
        ("linear probe", {"trained": "linear", "cached_variants": 1}),
        ("last two stages", {"trained": "last_stages", "last_stages": 2, "cached_variants": 1}),
    ):
        frozen = replace(config, optim=replace(config.optim, **changes))
        bench = bench_of(frozen)
        source = batches_of(frozen, bench.fabric.device)
        uncached = seconds_of_epoch(bench, source)
        kept, back, filling = kept_features(frozen, source)
        seconds_of_epoch(back, kept)
        cached = seconds_of_epoch(back, kept)
        print(
            f"  {name}: an epoch {uncached:.2f} s on images, {cached:.3f} s on kept features, "
            f"{uncached / cached:.0f} times faster; filling {filling:.2f} s a look"
        )


def extrapolate(config: RunConfig, *, steps: int) -> None:
    """What the published training would take here, from `steps` measured ones."""
    height, width = config.prepare.size
    print(
        f"{config.model.backbone} at {height} x {width}, batches of {BATCH}, {config.precision}: "
        f"{EPOCHS} x {BATCHES} steps from {steps} measured ones. Published: {PUBLISHED_HOURS} "
        f"hours; aimed at: {AIM_MINUTES} minutes."
    )
    bench = bench_of(config)
    source = batches_of(config, bench.fabric.device, images=BATCHES * BATCH)
    per_step = BATCH / pace(bench, endless(source.epoch), count=steps)
    tell_course("all trained", per_step * EPOCHS * BATCHES)

    frozen = replace(config, optim=replace(config.optim, trained="linear", cached_variants=0))
    bench = bench_of(frozen)
    per_step = BATCH / pace(bench, endless(source.epoch), count=steps)
    tell_course("last layer trained, the rest asked every epoch", per_step * EPOCHS * BATCHES)

    kept_config = replace(frozen, optim=replace(frozen.optim, cached_variants=1))
    few = batches_of(kept_config, bench.fabric.device)
    _, back, filling = kept_features(kept_config, few)
    many = batches_of(kept_config, bench.fabric.device, images=BATCHES * BATCH)
    kept, _, _ = kept_features(kept_config, many)  # the same images again: all kept already
    per_step = BATCH / pace(back, endless(kept.epoch), count=steps)
    asked = filling / len(few.images) * BATCHES * BATCH
    tell_course(
        f"last layer trained on kept features, {asked:.0f} s of it to ask once",
        asked + per_step * EPOCHS * BATCHES,
    )


def tell_course(name: str, seconds: float) -> None:
    times = PUBLISHED_HOURS * 3600 / seconds
    verdict = "within" if seconds <= AIM_MINUTES * 60 else "beyond"
    print(
        f"  {name}: {seconds / 60:.1f} minutes, {times:.0f} times faster than published, {verdict} "
        f"{AIM_MINUTES} minutes"
    )


def batches_of(
    config: RunConfig, device: torch.device, *, images: int | None = None
) -> TrainingBatches:
    """The training images; with `images`, repeated until there are so many."""
    dataset = load_dataset(config)
    splits = load_images(dataset, config, report=lambda *_: None, should_stop=lambda: False)
    train = splits[Split.TRAIN]
    return TrainingBatches(
        images=train if images is None else repeated(train, images), config=config, device=device
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class Repeated:
    """The same few images again and again: read anew every time."""

    images: Images
    count: int

    def take(self, rows: NDArray[np.integer]) -> NDArray[np.uint16]:
        return self.images.take(rows % self.count)


def repeated(images: ImageSet, count: int) -> ImageSet:
    times = -(-count // len(images))
    return ImageSet(
        manifest=pd.concat([images.manifest] * times, ignore_index=True)[:count],
        images=Repeated(images=images.images, count=len(images)),
        labels=np.resize(images.labels, count),
        contents=tuple(itertools.islice(itertools.cycle(images.contents), count)),
    )


def kept_features(
    config: RunConfig, source: TrainingBatches
) -> tuple[FeatureTraining, Bench, float]:
    """The features of `source`, what is trained on them, and the seconds it took to ask."""
    fabric = make_fabric(config)
    network = make_network(config, fabric.device)
    is_linear = config.optim.trained == "linear"
    halves: Halves = cut(network.classifier, network.still, network.example, is_linear=is_linear)
    asking = Asking(fabric=fabric, report=lambda *_: None, should_stop=lambda: False)
    started = time.perf_counter()
    kept = keep_training(halves, source, asking)
    filling = time.perf_counter() - started
    learner = make_learner(fabric, halves.back, config.optim)
    return kept, Bench(fabric=fabric, learner=learner, config=config), filling


def pace(bench: Bench, batches: Iterable[Batch], *, count: int) -> float:
    """Images per second over `count` batches, the first few not counted."""
    return count * bench.config.optim.batch_size / seconds_of(bench, batches, count, WARM_UP)


def seconds_of_epoch(bench: Bench, batches: TrainingBatches | FeatureTraining) -> float:
    return seconds_of(bench, batches.epoch(1), count=len(batches), warm_up=0)


@dataclass(frozen=True, kw_only=True, eq=False)
class Some:
    """So many of `batches` as one epoch."""

    batches: Iterable[Batch]
    count: int

    def __len__(self) -> int:
        return self.count

    def epoch(self, number: int) -> Iterator[Batch]:
        return itertools.islice(self.batches, self.count)


def seconds_of(bench: Bench, batches: Iterable[Batch], count: int, warm_up: int) -> float:
    """What `count` batches take in the loop that trains, after `warm_up` others."""
    marks = [time.perf_counter()]
    after = itertools.count(1)

    def is_over() -> bool:
        number = next(after)
        if number in (warm_up, warm_up + count):
            if bench.fabric.device.type == "cuda":
                torch.cuda.synchronize()
            marks.append(time.perf_counter())
        return number == warm_up + count  # before the epoch is judged

    def judge(logits: NDArray[np.float32]) -> Judged:
        raise AssertionError("the clock stops before that")

    some = Some(batches=batches, count=warm_up + count)
    lesson = Lesson(train=some, val=some, loss=plain_loss(CANCER), judge=judge, seed=0)
    fit(
        bench.fabric, bench.learner, replace(bench.config.optim, epochs=1), lesson,
        history=[], report=lambda result: None, keep=lambda: None, should_stop=is_over,
    )  # fmt: skip
    return marks[-1] - marks[-2]


def link_plain(folder: Path, count: int) -> None:
    """At least `count` images in a folder per class; the same again where there are too few."""
    for label in ("cancer", "no cancer"):
        (folder / "plain" / label).mkdir(parents=True, exist_ok=True)
    paths = sorted((folder / "set" / "images").iterdir())
    for number in range(max(count, len(paths))):
        path = paths[number % len(paths)]
        label = "cancer" if number % 2 else "no cancer"
        target = folder / "plain" / label / f"{number}{path.suffix}"
        if not target.exists():
            target.symlink_to(path)


def plain_loop(
    folder: Path, config: RunConfig, device: torch.device, workers: int
) -> Callable[[int], Iterator[Batch]]:
    """What a tutorial would write: a folder per class, resized and flipped as it is read."""
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
        num_workers=workers,
        persistent_workers=workers > 0,
        pin_memory=device.type == "cuda",
    )

    def epoch(_number: int) -> Iterator[tuple[Tensor, Tensor]]:
        for images, labels in loader:
            yield images.to(device), nn.functional.one_hot(labels, 2).float().to(device)

    return epoch


def endless(epoch: Callable[[int], Iterator[Batch]]) -> Iterator[Batch]:
    for number in itertools.count(1):
        yield from epoch(number)


BACKBONE, SIZE, COUNT, LOADERS = "mobilenetv2_100", (512, 256), 8, 2


def put_women(folder: Path, women: int) -> None:
    write_phantom_set(folder / "set", women=women, seed=0, size=(1024, 512))
    link_plain(folder, 4 * women)
    batches_of(table_settings(folder), torch.device("cpu"))  # the cache is built once


def table_settings(folder: Path) -> RunConfig:
    return RunConfig(
        data=DataConfig(folder=str(folder / "set"), adapter="phantom_set", label_rule="lesion"),
        model=ModelConfig(backbone=BACKBONE),
        prepare=PrepareSettings(size=SIZE),
        optim=OptimConfig(batch_size=16, warmup_epochs=0),
        device="cpu",
    )


@contextmanager
def by_pipeline(folder: Path) -> Iterator[Work]:
    config = table_settings(folder)
    bench = bench_of(config)
    source = batches_of(config, bench.fabric.device, images=(WARM_UP + COUNT) * 16)

    def work() -> float:
        with closing(endless(source.epoch)) as batches:
            return seconds_of(bench, batches, COUNT, WARM_UP)

    yield work


@contextmanager
def by_image_folder(folder: Path) -> Iterator[Work]:
    config = table_settings(folder)
    bench = bench_of(config)

    def work() -> float:
        with closing(endless(plain_loop(folder, config, bench.fabric.device, LOADERS))) as batches:
            return seconds_of(bench, batches, COUNT, WARM_UP)

    yield work


@contextmanager
def by_timm(folder: Path) -> Iterator[Work]:
    """Its dataset, loader with its usual changes, optimizer and step, as its train.py has them."""
    from timm import create_model
    from timm.data import create_dataset, create_loader
    from timm.optim import create_optimizer_v2

    prepare = table_settings(folder).prepare
    dataset = create_dataset(
        "", root=str(folder / "plain"), split="train", is_training=True, input_img_mode="L"
    )
    model = create_model(BACKBONE, in_chans=1, num_classes=2)
    optimizer = create_optimizer_v2(model, opt="adamw", lr=1e-4, weight_decay=0.01)
    loss_of = nn.CrossEntropyLoss()

    def epoch(_number: int) -> Iterator[Batch]:
        yield from create_loader(
            dataset, input_size=(1, *SIZE), batch_size=16, is_training=True, num_workers=LOADERS,
            mean=prepare.mean, std=prepare.std, device=torch.device("cpu"),
        )  # fmt: skip

    def work() -> float:
        model.train()
        started = time.perf_counter()
        with closing(endless(epoch)) as batches:
            for number, (images, targets) in enumerate(itertools.islice(batches, WARM_UP + COUNT)):
                if number == WARM_UP:
                    started = time.perf_counter()
                loss = loss_of(model(images), targets)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            return time.perf_counter() - started

    yield work


ENTRIES = (
    Comparison(
        what=f"{COUNT} batches of 16 trained, MobileNetV2 at {SIZE[0]} x {SIZE[1]}",
        put=put_women,
        size=48,
        here=Side(name="pipeline, as a worker", open=by_pipeline, settings=KEEP_MEMORY),
        instead=(
            Side(name="ImageFolder and DataLoader", open=by_image_folder),
            Side(name="timm's loader and step", open=by_timm),
        ),
        turns=2,
    ),
)


def as_worker() -> None:
    """Begin anew with the memory settings of the workers, which are read when a process begins."""
    if not KEEP_MEMORY.keys() <= os.environ.keys():
        command = [sys.executable, "-m", "benchmarks.training", *sys.argv[1:]]
        os.execve(sys.executable, command, worker_environment(os.environ))


if __name__ == "__main__":
    as_worker()
    main()
