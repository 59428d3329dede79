"""Training behind a frozen front: what the front says of an image never changes, so it is asked
once, for a fixed number of looks per image, and kept. A laptop fine-tunes in minutes that way.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from torch import Tensor, nn

from mammo_core.config import AugmentConfig, ModelConfig, PrepareSettings, RunConfig
from mammo_core.errors import ConfigError, RunError
from mammo_core.training.balance import epoch_order
from mammo_core.training.batches import (
    Batch,
    EvaluationBatches,
    TrainingBatches,
    read_ahead,
    side_by_side,
)
from mammo_core.training.feature_store import FeatureStore, Kept, make_room, open_store
from mammo_core.training.losses import soft_targets
from mammo_core.training.transfer import Sent, send
from mammo_core.zoo.classifier import Classifier
from mammo_core.zoo.freezing import depth_of, last_layer
from mammo_core.zoo.stages import Prefix, Stage, can_be_cut, suffix_of

Report = Callable[[int, int], None]
Rows = NDArray[np.integer]

#: Of the looks that are kept. Not the run's: the seeds of one recipe share them.
LOOK_SEED: Final = 0
_BATCH: Final = 32  # images asked about at a time: more is no faster
_SEGMENT_IMAGES: Final = 256
_SEGMENT_BYTES: Final = 64 * 2**20


class StoppedError(Exception):
    """Somebody asked to stop while features were made. Nothing is lost; they are made again."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Halves:
    """A network cut in two: `front` is asked once, `back` is trained and shares its weights.

    The front sees images one by one; of two views, the back takes what it said of both. `digest` is
    the hash of the front: equal ones say the same of the same image.
    """

    front: nn.Module
    back: nn.Module
    digest: str


def cut(
    classifier: Classifier, still: tuple[Stage, ...], images: Tensor, *, is_linear: bool
) -> Halves:
    """`classifier` behind its `still` stages; `images` is a small batch to prove the cut with."""
    digest = _digest_of(classifier, still, is_linear=is_linear)
    if is_linear:
        halves = Halves(
            front=_Embedding(classifier.each), back=_back_of_probe(classifier), digest=digest
        )
        is_whole = _joins(classifier, halves, images)
    else:
        is_whole = bool(still) and can_be_cut(classifier, still, images)
        halves = Halves(
            front=Prefix(classifier.each, still), back=suffix_of(classifier, still), digest=digest
        )
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How images were changed before the front was asked, and which one it is."""

    model: ModelConfig
    prepare: PrepareSettings
    augment: AugmentConfig | None = None  # None: as they are
    seed: int = LOOK_SEED
    number: int = 0


@dataclass(frozen=True, kw_only=True, eq=False)
class KeptFeatures:
    """Features of every image, one entry of `looks` for each look that was kept."""

    looks: tuple[Kept, ...]

    def take(self, looks: Rows, rows: Rows) -> Tensor:
        taken = [
            self.looks[look].take(np.array([row]))[0] for look, row in zip(looks, rows, strict=True)
        ]
        return torch.from_numpy(np.stack(taken))


@dataclass(frozen=True, kw_only=True, eq=False)
class FeatureTraining:
    """The batches of `source`, as features. An epoch shows one of the kept looks of each image."""

    source: TrainingBatches
    features: KeptFeatures

    def __len__(self) -> int:
        return len(self.source)

    def epoch(self, number: int) -> Iterator[Batch]:
        source, config = self.source, self.source.config
        size, variants = config.optim.batch_size, len(self.features.looks)
        views = config.model.views
        order = epoch_order(
            source.is_positive, config.balance, seed=config.seed, epoch=number, batch_size=size
        )

        def read(batch: int) -> tuple[Sent, Sent]:
            share = slice(batch * size + source.rank, (batch + 1) * size, source.processes)
            looks = (order.copies[share] + number - 1) % variants
            rows = source.images.beside(order.rows[share], views=views)
            features = side_by_side(self.features.take(np.repeat(looks, views), rows), views)
            labels = source.images.labels[order.rows[share]]
            targets = soft_targets(labels, config.balance, config.task)
            return send(features, source.device), send(targets, source.device)

        for inputs, targets in read_ahead(read, len(self)):
            yield inputs.here().float(), targets.here()


@dataclass(frozen=True, kw_only=True, eq=False)
class FeatureEvaluation:
    """The batches of `source`, as features."""

    source: EvaluationBatches
    features: Kept

    def __len__(self) -> int:
        return len(self.source)

    def epoch(self, number: int) -> Iterator[Batch]:
        views = self.source.config.model.views
        for rows, targets in self.source.targets():
            beside = self.source.images.beside(rows, views=views)
            inputs = torch.from_numpy(self.features.take(beside)).to(self.source.device).float()
            yield side_by_side(inputs, views), targets.to(self.source.device)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Asking:
    """How fronts are asked: by which processes together, and who is told and heard meanwhile."""

    fabric: Fabric
    report: Report
    should_stop: Callable[[], bool]


def keep_training(halves: Halves, source: TrainingBatches, asking: Asking) -> FeatureTraining:
    """Every training image in so many looks as the settings ask for."""

    def kept(variant: int) -> Kept:
        def show(rows: Rows) -> Tensor:
            return source.each(rows, epoch=variant, seed=LOOK_SEED)

        look = replace(_plain(source.config), augment=source.config.augment, number=variant)
        return _kept(halves, look, source.images.contents, show, asking)

    variants = range(source.config.optim.cached_variants)
    looks = tuple(kept(variant) for variant in variants)
    return FeatureTraining(source=source, features=KeptFeatures(looks=looks))


def keep_evaluation(halves: Halves, source: EvaluationBatches, asking: Asking) -> FeatureEvaluation:
    """Every image as it is."""
    look = _plain(source.config)
    kept = _kept(halves, look, source.images.contents, source.each, asking)
    return FeatureEvaluation(source=source, features=kept)


def _plain(config: RunConfig) -> Look:
    """What the front's own weights do not tell and its answers depend on."""
    told = ModelConfig(backbone=config.model.backbone, pooling=config.model.pooling)
    return Look(model=told, prepare=config.prepare)


def _kept(
    halves: Halves,
    look: Look,
    contents: tuple[str, ...],
    show: Callable[[Rows], Tensor],
    asking: Asking,
) -> Kept:
    """What the front says of all these images, asking for what nobody has asked for yet."""
    store = open_store(front=halves.digest, look=look)
    missing = store.missing(contents)
    if asking.fabric.world_size > 1:  # another run may be filling this store: all go by the first
        missing = asking.fabric.broadcast(missing)
    if len(missing):
        _ask(halves, store, contents, show, missing, asking)
        asking.fabric.barrier()
    return store.open(contents)


@torch.inference_mode()
def _ask(
    halves: Halves,
    store: FeatureStore,
    contents: tuple[str, ...],
    show: Callable[[Rows], Tensor],
    missing: Rows,
    asking: Asking,
) -> None:
    """Keep what the front says of the images at `missing`, segment by segment.

    Of several processes each asks about a share of every batch, and all hear of a stop together.
    """
    fabric, together = asking.fabric, _BATCH * asking.fabric.world_size
    halves.front.eval()
    waiting: list[Tensor] = []
    rows_waiting: list[int] = []

    def flush() -> None:
        if waiting:
            names = [contents[row] for row in rows_waiting]
            store.add(names, torch.cat(waiting).numpy())
            waiting.clear()
            rows_waiting.clear()

    for start in range(0, len(missing), together):
        rows = missing[start + fabric.global_rank : start + together : fabric.world_size]
        if len(rows):
            features = _checked(halves.front(show(rows)).half().cpu())
            if start == 0:
                make_room(features[0].nbytes * len(missing), keep=halves.digest)
            waiting.append(features)
            rows_waiting.extend(int(row) for row in rows)
        is_much = sum(part.nbytes for part in waiting) >= _SEGMENT_BYTES
        if is_much or len(rows_waiting) >= _SEGMENT_IMAGES or start + together >= len(missing):
            flush()
        asking.report(min(len(missing), start + together), len(missing))
        if asking.should_stop():
            flush()
            raise StoppedError


def _checked(features: Tensor) -> Tensor:
    if not torch.isfinite(features).all():
        raise RunError(
            "Features of the frozen part do not fit half precision. Set optim.cached_variants to 0."
        )
    return features


def _digest_of(classifier: Classifier, still: tuple[Stage, ...], *, is_linear: bool) -> str:
    """A hash over what the front computes with: its weights, statistics, and where it ends."""
    last = f"{last_layer(classifier)}."
    ends = "before the last layer" if is_linear else " ".join(stage.name for stage in still)
    told = hashlib.sha256(ends.encode())
    for name, tensor in sorted(classifier.trunk.state_dict().items()):
        is_front = not name.startswith(last) if is_linear else depth_of(name, still) < len(still)
        if is_front and not name.endswith("num_batches_tracked"):
            told.update(name.encode())
            told.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return told.hexdigest()


def _back_of_probe(classifier: Classifier) -> nn.Module:
    """The last layer, and the dropout its network has before it."""
    rates = [m.p for m in classifier.trunk.modules() if isinstance(m, nn.Dropout) and m.p > 0.0]
    rate = rates[-1] if rates else float(getattr(classifier.trunk, "drop_rate", 0.0) or 0.0)
    last = classifier.trunk.get_submodule(last_layer(classifier))
    return nn.Sequential(nn.Flatten(), nn.Dropout(rate), last)


def _joins(classifier: Classifier, halves: Halves, images: Tensor) -> bool:
    classifier.eval()
    halves.back.eval()
    with torch.no_grad():
        said = halves.front(images.flatten(0, -4)).unflatten(0, images.shape[:-3])
        return torch.allclose(halves.back(said), classifier(images), atol=1e-5)
