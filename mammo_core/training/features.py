"""Training behind a frozen front: what the front says of an image never changes, so it is asked
once, for a fixed number of looks per image, and kept. A laptop fine-tunes in minutes that way.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mammo_core.errors import ConfigError, RunError
from mammo_core.training.balance import Order, epoch_order
from mammo_core.training.batches import Batch, EvaluationBatches, TrainingBatches, read_ahead
from mammo_core.training.losses import soft_targets
from mammo_core.zoo.classifier import Classifier
from mammo_core.zoo.freezing import last_layer
from mammo_core.zoo.stages import Prefix, Stage, can_be_cut, suffix_of

Report = Callable[[int, int], None]


class StoppedError(Exception):
    """Somebody asked to stop while features were made. Nothing is lost; they are made again."""


_KIND: Final = np.dtype("<f2")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Halves:
    """A network cut in two: `front` is asked once, `back` is trained and shares its weights."""

    front: nn.Module
    back: nn.Module


def cut(
    classifier: Classifier, still: tuple[Stage, ...], images: Tensor, *, is_linear: bool
) -> Halves:
    """`classifier` behind its `still` stages; `images` is a small batch to prove the cut with."""
    if is_linear:
        halves = Halves(front=_Embedding(classifier), back=_back_of_probe(classifier))
        is_whole = _joins(classifier, halves, images)
    else:
        is_whole = bool(still) and can_be_cut(classifier, still, images)
        halves = Halves(front=Prefix(classifier, still), back=suffix_of(classifier, still))
    if not is_whole:
        raise ConfigError(
            "This network cannot be cut where it is frozen, so features cannot be kept. Set "
            "optim.cached_variants to 0, or train its last layer alone (optim.trained=linear)."
        )
    return halves


class _Embedding(nn.Module):
    """Everything but the last layer."""

    def __init__(self, classifier: Classifier) -> None:
        super().__init__()
        self.classifier = classifier

    def forward(self, images: Tensor) -> Tensor:
        return self.classifier.embed(self.classifier.features(images))


@dataclass(frozen=True, kw_only=True, eq=False)
class KeptFeatures:
    """(variants, images, ...) half-precision features in a file; memory is the system's concern."""

    kept: NDArray[np.float16]

    def take(self, variants: NDArray[np.integer], rows: NDArray[np.integer]) -> Tensor:
        return torch.from_numpy(self.kept[variants, rows])


@dataclass(frozen=True, kw_only=True, eq=False)
class FeatureTraining:
    """The batches of `source`, as features. An epoch shows one of the kept looks of each image."""

    source: TrainingBatches
    features: KeptFeatures

    def __len__(self) -> int:
        return len(self.source)

    def epoch(self, number: int) -> Iterator[Batch]:
        source, config = self.source, self.source.config
        size, variants = config.optim.batch_size, len(self.features.kept)
        order = epoch_order(
            source.is_positive, config.balance, seed=config.seed, epoch=number, batch_size=size
        )

        def read(batch: int) -> Batch:
            share = slice(batch * size + source.rank, (batch + 1) * size, source.processes)
            rows, looks = order.rows[share], (order.copies[share] + number - 1) % variants
            labels = source.images.labels[rows]
            return self.features.take(looks, rows), soft_targets(
                labels, config.balance, config.task
            )

        for inputs, targets in read_ahead(read, len(self)):
            yield inputs.to(source.device).float(), targets.to(source.device)


@dataclass(frozen=True, kw_only=True, eq=False)
class FeatureEvaluation:
    """The batches of `source`, as features."""

    source: EvaluationBatches
    features: KeptFeatures

    def __len__(self) -> int:
        return len(self.source)

    def epoch(self, number: int) -> Iterator[Batch]:
        for rows, targets in self.source.targets():
            looks = np.zeros(len(rows), dtype=np.int64)
            inputs = self.features.take(looks, rows).to(self.source.device).float()
            yield inputs, targets.to(self.source.device)


def keep_training(
    front: nn.Module,
    source: TrainingBatches,
    file: Path,
    *,
    variants: int,
    report: Report,
    should_stop: Callable[[], bool],
) -> FeatureTraining:
    """Ask `front` for every training image in `variants` looks."""
    size, count = source.config.optim.batch_size, len(source.images)

    def looks() -> Iterator[Tensor]:
        for variant in range(variants):
            for start in range(0, count, size):
                rows = np.arange(start, min(count, start + size))
                order = Order(rows=rows, copies=np.zeros_like(rows))
                yield source.look(order, source.stored(rows), epoch=variant)[0]

    kept = _keep(
        front,
        looks(),
        file,
        shape=(variants, count),
        report=report,
        should_stop=should_stop,
    )
    return FeatureTraining(source=source, features=kept)


def keep_evaluation(
    front: nn.Module,
    source: EvaluationBatches,
    file: Path,
    *,
    report: Report,
    should_stop: Callable[[], bool],
) -> FeatureEvaluation:
    images = (images for images, _ in source.epoch(0))
    shape = (1, len(source.images))
    kept = _keep(front, images, file, shape=shape, report=report, should_stop=should_stop)
    return FeatureEvaluation(source=source, features=kept)


@torch.inference_mode()
def _keep(
    front: nn.Module,
    batches: Iterator[Tensor],
    file: Path,
    *,
    shape: tuple[int, int],
    report: Report,
    should_stop: Callable[[], bool],
) -> KeptFeatures:
    """Write what `front` says of every batch, one after the other, into `file`."""
    front.eval()
    done, total, inner = 0, shape[0] * shape[1], ()
    with file.open("wb") as stream:
        for images in batches:
            features = front(images).half().cpu()
            if not torch.isfinite(features).all():
                raise RunError(
                    "Features of the frozen part do not fit half precision. Set "
                    "optim.cached_variants to 0."
                )
            inner = tuple(features.shape[1:])
            stream.write(features.numpy().astype(_KIND).tobytes())
            done += len(images)
            report(done, total)
            if should_stop():
                raise StoppedError
    kept = np.memmap(file, dtype=_KIND, mode="r", shape=(*shape, *inner))
    return KeptFeatures(kept=kept)


def _back_of_probe(classifier: Classifier) -> nn.Module:
    """The last layer, and the dropout its network has before it."""
    rates = [m.p for m in classifier.trunk.modules() if isinstance(m, nn.Dropout) and m.p > 0.0]
    rate = rates[-1] if rates else float(getattr(classifier.trunk, "drop_rate", 0.0) or 0.0)
    return nn.Sequential(nn.Dropout(rate), classifier.trunk.get_submodule(last_layer(classifier)))


def _joins(classifier: Classifier, halves: Halves, images: Tensor) -> bool:
    classifier.eval()
    halves.back.eval()
    with torch.no_grad():
        return torch.allclose(halves.back(halves.front(images)), classifier(images), atol=1e-5)
