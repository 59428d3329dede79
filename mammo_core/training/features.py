"""Training behind a frozen front: what the front says of an image never changes, so it is asked
once, for a fixed number of looks per image, and kept. A laptop fine-tunes in minutes that way.
"""

import hashlib
import json
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from torch import Tensor

from mammo_core.config import AugmentConfig, ModelConfig, PrepareSettings, RunConfig
from mammo_core.errors import DiskError, RunError
from mammo_core.files import cache_root, replace_file
from mammo_core.preprocessing.cache import VERSION as LEVELS_VERSION
from mammo_core.records import to_document
from mammo_core.training.batches import (
    Batch,
    EvaluationBatches,
    Sent,
    TrainingBatches,
    read_ahead,
    send,
    side_by_side,
)
from mammo_core.training.halves import OPENVINO, TORCH, WORTH_CONVERTING, Front, Halves
from mammo_core.training.losses import epoch_order, soft_targets

#: Part of every key. Raise it when the same settings come to give other features.
VERSION: Final = 2
MOST_BYTES: Final = 20 * 2**30
_LEFT_FREE: Final = 2**30  # for the others on this disk
#: Of looks that are changed at random, half precision is enough. Of images as they are, scores are
#: made, on which thresholds are chosen.
HALF: Final = np.dtype("<f2")
FULL: Final = np.dtype("<f4")


@dataclass(frozen=True, kw_only=True, eq=False)
class Kept:
    """Kept features of some images, in their order. Memory is the system's concern."""

    segments: tuple[NDArray[np.floating], ...]
    places: NDArray[np.intp]  # (images, 2): which segment, and where in it
    engine: str = TORCH  # what ran the front

    def take(self, rows: NDArray[np.integer]) -> NDArray[np.floating]:
        return np.stack([self.segments[s][place] for s, place in self.places[rows]])


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureStore:
    """The kept features of one front, run by one engine, and one look."""

    folder: Path
    kind: np.dtype[np.floating] = HALF
    engine: str = TORCH

    def missing(self, contents: Sequence[str]) -> NDArray[np.intp]:
        """The rows of `contents` nothing is kept of; of equal ones the first."""
        known = {content for names, _ in self._segments() for content in names}
        first = {content: row for row, content in reversed(list(enumerate(contents)))}
        rows = sorted(row for content, row in first.items() if content not in known)
        return np.array(rows, dtype=np.intp)

    def add(self, contents: Sequence[str], features: NDArray[np.floating]) -> None:
        """Keep one row of `features` for each of `contents`: all of them, or after a kill none."""
        name = secrets.token_hex(8)
        record = {"images": list(contents), "shape": features.shape}
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            kept = np.ascontiguousarray(features, dtype=self.kind)
            replace_file(self.folder / f"{name}{self._suffix}", kept.tobytes())
            replace_file(self.folder / f"{name}.json", json.dumps(record))
        except DiskError as error:
            raise DiskError(f"{error} With optim.cached_variants at 0 none are kept.") from error
        except OSError as error:
            raise RunError(
                f"Features cannot be kept in {self.folder}: {error.strerror}. What was kept stays; "
                "make room and resume, or set optim.cached_variants to 0."
            ) from error

    def open(self, contents: Sequence[str]) -> Kept:
        """What is kept of `contents`, all of which must be."""
        if self.folder.exists():
            self.folder.parent.touch()  # used now
        segments, found = list[NDArray[np.floating]](), dict[str, tuple[int, int]]()
        for names, features in self._segments():
            found |= {content: (len(segments), place) for place, content in enumerate(names)}
            segments.append(features)
        lacking = sum(content not in found for content in contents)
        if lacking:
            raise RunError(
                f"Features of {lacking} of {len(contents)} images are gone from {self.folder}. Was "
                "it emptied meanwhile, or is MAMMO_HOME not on a disk that all machines share?"
            )
        return Kept(
            segments=tuple(segments),
            places=np.array([found[content] for content in contents], dtype=np.intp),
            engine=self.engine,
        )

    @property
    def _suffix(self) -> str:
        return f".f{self.kind.itemsize}"

    def _segments(self) -> Iterable[tuple[list[str], NDArray[np.floating]]]:
        """Whole segments; half of one, left by a kill, has no record yet or too few bytes."""
        for file in sorted(self.folder.glob("*.json")):
            record = json.loads(file.read_text(encoding="utf-8"))
            path, shape = file.with_suffix(self._suffix), tuple(record["shape"])
            if path.is_file() and path.stat().st_size == int(np.prod(shape)) * self.kind.itemsize:
                yield record["images"], np.memmap(path, dtype=self.kind, mode="r", shape=shape)


def features_root() -> Path:
    return cache_root() / "features"


def open_store(
    *, front: str, look: Any, kind: "np.dtype[np.floating]" = HALF, engine: str = TORCH
) -> FeatureStore:
    """The store of a front, by its hash, for a `look`: None is the image as it is."""
    document = {"version": VERSION, "levels": LEVELS_VERSION, "look": to_document(look)}
    document |= {"kind": kind.str, "engine": engine}
    key = hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()[:16]
    return FeatureStore(folder=features_root() / front[:32] / key, kind=kind, engine=engine)


def make_room(needed: int, *, keep: str, most: int = MOST_BYTES) -> None:
    """See that `needed` more bytes fit beside the others; never at the cost of the front `keep`."""
    root = features_root()
    root.mkdir(parents=True, exist_ok=True)
    (root / keep[:32]).mkdir(exist_ok=True)
    (root / keep[:32]).touch()  # used now
    fronts = sorted(
        (folder for folder in root.iterdir() if folder.is_dir()),
        key=lambda folder: folder.stat().st_mtime,
    )
    sizes = {
        folder: sum(file.stat().st_size for file in folder.glob("*/*.f?")) for folder in fronts
    }
    used = sum(sizes.values())
    for folder in fronts:
        if used + needed > most and folder.name != keep[:32]:
            shutil.rmtree(folder, ignore_errors=True)
            used -= sizes[folder]
    free = shutil.disk_usage(root).free
    if needed + _LEFT_FREE > free:
        raise RunError(
            f"The features of the frozen part need {needed / 2**30:.1f} GB, but {root} has only "
            f"{free / 2**30:.1f} GB free. Free some, keep fewer looks (optim.cached_variants), or "
            "freeze more."
        )


Report = Callable[[int, int], None]
Rows = NDArray[np.integer]

#: Of the looks that are kept. Not the run's: the seeds of one recipe share them.
LOOK_SEED: Final = 0
_TRIED: Final = 4  # images OpenVINO is held against torch on
_BATCH: Final = 32  # images asked about at a time: more is no faster
_SEGMENT_IMAGES: Final = 256
_SEGMENT_BYTES: Final = 64 * 2**20


class StoppedError(Exception):
    """Somebody asked to stop while features were made. Nothing is lost; they are made again."""


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
            rows = source.images.with_partners(order.rows[share], views=views)
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
            beside = self.source.images.with_partners(rows, views=views)
            inputs = torch.from_numpy(self.features.take(beside)).to(self.source.device).float()
            yield side_by_side(inputs, views), targets.to(self.source.device)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Asking:
    """How fronts are asked: by which processes together, and who is told and heard meanwhile. For
    fewer than `worth_converting` images torch is asked.
    """

    fabric: Fabric
    report: Report
    should_stop: Callable[[], bool]
    worth_converting: int = WORTH_CONVERTING


def keep_training(halves: Halves, source: TrainingBatches, asking: Asking) -> FeatureTraining:
    """Every training image in so many looks as the settings ask for."""
    variants = range(source.config.optim.cached_variants)
    looks = tuple(_look(halves, source, variant, asking) for variant in variants)
    return FeatureTraining(source=source, features=KeptFeatures(looks=looks))


def keep_first_look(halves: Halves, source: TrainingBatches, asking: Asking) -> Kept:
    """Every training image as it was shown first."""
    return _look(halves, source, 0, asking)


def _look(halves: Halves, source: TrainingBatches, variant: int, asking: Asking) -> Kept:
    def show(rows: Rows) -> Tensor:
        return source.each(rows, epoch=variant, seed=LOOK_SEED)

    look = replace(_plain(source.config), augment=source.config.augment, number=variant)
    return _kept(halves, look, source.images.contents, show, asking)


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
    store, front, missing = _store_and_front(halves, look, contents, show, asking)
    if asking.fabric.world_size > 1:  # another run may be filling this store: all go by the first
        missing = asking.fabric.broadcast(missing)
    if len(missing):
        _ask(front, store, contents, show, missing, asking)
        asking.fabric.barrier()
    return store.open(contents)


def _store_and_front(
    halves: Halves,
    look: Look,
    contents: tuple[str, ...],
    show: Callable[[Rows], Tensor],
    asking: Asking,
) -> tuple[FeatureStore, Front, NDArray[np.intp]]:
    """OpenVINO's where it has said something already, or enough is left to ask; else torch's. And
    the rows it has to be asked about.
    """
    kind = FULL if look.augment is None else HALF
    quick, plain = (
        open_store(front=halves.digest, look=look, kind=kind, engine=engine)
        for engine in (OPENVINO, TORCH)
    )
    if asking.fabric.device.type != "cpu" or asking.fabric.world_size > 1:
        return plain, halves.front.eval(), plain.missing(contents)
    left, left_plain = quick.missing(contents), plain.missing(contents)
    if not len(left):
        return quick, halves.front.eval(), left
    is_begun = len(left) < len(left_plain)
    is_worth_it = len(left) >= asking.worth_converting and len(left) <= len(left_plain)
    front = halves.quick.on(show(left[:_TRIED])) if is_begun or is_worth_it else None
    if front is None:
        return plain, halves.front.eval(), left_plain
    return quick, front, left


@torch.inference_mode()
def _ask(
    front: Front,
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
    kept_as = torch.float32 if store.kind == FULL else torch.float16
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
            features = _checked(front(show(rows)).to(kept_as).cpu())
            if start == 0:
                make_room(features[0].nbytes * len(missing), keep=store.folder.parent.name)
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
