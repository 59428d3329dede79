"""Tiny image sets whose truth one sees at a glance."""

import hashlib
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mammo_core.config import (
    DataConfig,
    ModelConfig,
    OptimConfig,
    PrepareSettings,
    RunConfig,
)
from mammo_core.tables import check_manifest
from mammo_core.training.data import ImageSet

SMALL = PrepareSettings(size=(32, 16))
CONFIG = RunConfig(
    data=DataConfig(folder="made up", adapter="phantom_set", label_rule="lesion"),
    model=ModelConfig(backbone="light_cnn", pooling="max"),
    prepare=SMALL,
    optim=OptimConfig(epochs=2, batch_size=8),
    device="cpu",
)


@dataclass(frozen=True, eq=False)
class InMemory:
    grey: NDArray[np.uint16]

    def take(self, rows: NDArray[np.integer]) -> NDArray[np.uint16]:
        return self.grey[rows]


def config(**optim: object) -> RunConfig:
    """The settings above with some of `optim` changed."""
    return replace(CONFIG, optim=replace(CONFIG.optim, **optim))


def two_views(**optim: object) -> RunConfig:
    """The settings above with some of `optim` changed, and two views scored together."""
    return replace(config(**optim), model=replace(CONFIG.model, views=2))


def paired(images: ImageSet) -> ImageSet:
    """The same images, taken two by two as CC and MLO of a woman's left breast."""
    rows = np.arange(len(images))
    ids = {"patient_id": [f"W{row // 2:03d}" for row in rows], "group_id": pd.NA, "side": "L"}
    views = np.where(rows % 2 == 0, "CC", "MLO")
    return replace(images, manifest=check_manifest(images.manifest.assign(**ids, view=views)))


def squares(count: int, *, seed: int = 0) -> ImageSet:
    """Every second image has a bright square somewhere: label 1."""
    rng = np.random.default_rng(seed)
    grey = rng.integers(10_000, 20_000, size=(count, *SMALL.size), dtype=np.uint16)
    for number in range(1, count, 2):
        top, left = rng.integers(0, 24), rng.integers(0, 8)
        grey[number, top : top + 8, left : left + 8] = 60_000
    names = [f"I{number:03d}" for number in range(count)]
    manifest = check_manifest(pd.DataFrame({"image_id": names, "path": names}))
    labels = np.arange(count, dtype=np.int64) % 2
    contents = tuple(hashlib.sha256(one.tobytes()).hexdigest() for one in grey)
    return ImageSet(manifest=manifest, images=InMemory(grey), labels=labels, contents=contents)
