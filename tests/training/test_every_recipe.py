"""One body for every recipe: the adapter it is for, its split, sampler, loss, schedule and two
batches. A new recipe is tested without a new test.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.typing import NDArray

from mammo_core.config import DataConfig, PrepareSettings, RunConfig
from mammo_core.datasets.adapters import ADAPTERS
from mammo_core.datasets.dataset import Dataset, read_dataset
from mammo_core.datasets.published import PUBLISHED
from mammo_core.datasets.splits import chosen_by, find_leak, stamps_of
from mammo_core.preprocessing.prepare import prepare_grey
from mammo_core.preprocessing.reading.read import read_mammogram
from mammo_core.runs.jobs import create_run
from mammo_core.training.data import ImageSet, label_indices, split_dataset
from mammo_core.training.learning import Course, learn
from mammo_core.training.machine import make_fabric
from mammo_core.training.network import make_network
from mammo_core.training.recipes import RECIPES, Manner, Recipe, with_changes
from mammo_core.types import Mammogram, Split
from tests.datasets.builders.women import BUILDERS
from tests.quick import some_slow

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "recipes.md"
#: Of whole images; what learns from patches goes to its end in test_patches.py.
OF_IMAGES = [one for one in RECIPES if not one.patches]
EVERY = pytest.mark.parametrize("recipe", OF_IMAGES, ids=lambda recipe: recipe.name)
LAYOUT_OF_ANY = "roboflow"  # for recipes that take any data set
BATCH = 4


@dataclass(frozen=True, eq=False)
class Prepared:
    """Images prepared when they are asked for."""

    files: tuple[Path, ...]
    settings: PrepareSettings
    read: Callable[[Path], Mammogram]

    def take(self, rows: NDArray[np.integer]) -> NDArray[np.uint16]:
        levels = [prepare_grey(self.read(self.files[row]), self.settings).levels for row in rows]
        whole = [257 if one.dtype == np.uint8 else 1 for one in levels]
        return np.stack([one.astype(np.uint16) * n for one, n in zip(levels, whole, strict=True)])


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    built: dict[str, Path] = {}

    def folder_of(adapter: str) -> Path:
        if adapter not in built:
            built[adapter] = tmp_path_factory.mktemp(adapter)
            BUILDERS[adapter](built[adapter])
        return built[adapter]

    return folder_of


@pytest.fixture(scope="module")
def read() -> Callable[[Path], Mammogram]:
    known: dict[Path, Mammogram] = {}

    def read_once(path: Path) -> Mammogram:
        if path not in known:
            known[path] = read_mammogram(path)
        return known[path]

    return read_once


def in_little(config: RunConfig) -> RunConfig:
    """The same recipe at 64 x 64 with a tiny network, for an epoch."""
    config = with_changes(
        config,
        {
            "model.backbone": "test_convnext" if config.model.drop_path else "test_resnet",
            "prepare.size": "[64, 64]",
            "optim.batch_size": str(BATCH),
            "optim.epochs": "1",
            "optim.last_layers": "3",
            "device": "cpu",
        },
    )
    return replace(config, optim=replace(config.optim, warmup_epochs=0))


def two_batches(rows: pd.DataFrame, config: RunConfig) -> pd.DataFrame:
    """Two batches of images, positive and others; for two views with those beside them."""
    positive = rows["label"].isin(config.task.positive)
    first = pd.concat([rows[positive].head(BATCH), rows[~positive].head(BATCH)])
    if config.model.views == 1:
        return first.reset_index(drop=True)
    return rows[rows["group_id"].isin(first["group_id"])].reset_index(drop=True)


def images_of(
    rows: pd.DataFrame, dataset: Dataset, config: RunConfig, read: Callable[[Path], Mammogram]
) -> ImageSet:
    files = tuple(dataset.root / str(path) for path in rows["path"])
    return ImageSet(
        manifest=rows,
        images=Prepared(files, config.prepare, read),
        labels=label_indices(rows, config.task),
        contents=tuple(hashlib.sha256(str(file).encode()).hexdigest() for file in files),
    )


@pytest.mark.parametrize("recipe", some_slow(OF_IMAGES, quick=5, name=lambda recipe: recipe.name))
def test_two_batches_go_from_the_files_of_its_data_set_to_a_better_network(
    recipe: Recipe,
    folders: Callable[[str], Path],
    read: Callable[[Path], Mammogram],
    tmp_path: Path,
) -> None:
    adapter = recipe.datasets[0] if recipe.datasets else LAYOUT_OF_ANY
    dataset = read_dataset(folders(adapter), adapter, recipe.label_rule or None)
    data = DataConfig(folder=str(dataset.root), adapter=adapter, label_rule=dataset.label_rule.name)
    full = recipe.configure(recipe.deal(data), dataset.label_rule.task)
    full.check()
    config = in_little(full)
    split = split_dataset(dataset, config)
    assert bool(stamps_of(split.manifest, config.data)) is recipe.dealing.is_leaky
    rows = {
        Split.TRAIN: split.manifest[split.manifest["split"] == Split.TRAIN],
        Split.VAL: chosen_by(split.manifest, config.data),
        Split.TEST: split.manifest[split.manifest["split"] == Split.TEST],
    }
    images = {
        name: images_of(two_batches(part, config), dataset, config, read)
        for name, part in rows.items()
    }
    run = create_run(config, tmp_path, what="recipe", total=1)
    network = make_network(config, torch.device("cpu"))
    before = {n: p.detach().clone() for n, p in network.classifier.named_parameters()}
    is_trained = {n: p.requires_grad for n, p in network.classifier.named_parameters()}
    progress = learn(
        Course(run=run, config=config, fabric=make_fabric(config), images=images), network
    )
    (judged,) = progress.history
    assert np.isfinite([judged.loss, judged.auc, *progress.train_losses]).all()
    after = dict(network.classifier.named_parameters())
    changed = {name for name, weights in before.items() if not torch.equal(weights, after[name])}
    assert changed
    assert all(is_trained[name] for name in changed)


@EVERY
def test_a_recipe_says_what_it_is_for_and_what_it_has_to_show(recipe: Recipe) -> None:
    assert set(recipe.datasets) <= {adapter.name for adapter in ADAPTERS}
    assert set(recipe.published) <= {row.title for row in PUBLISHED}
    assert recipe.summary.endswith(".")
    assert all(defect.endswith(".") for defect in recipe.defects)
    if recipe.kind is Manner.AS_PUBLISHED:
        assert recipe.defects
    else:
        assert not recipe.dealing.is_leaky
        assert recipe.threshold == "validation"
    if recipe.continues:
        assert recipe.continues in {other.name for other in RECIPES}


def test_names_are_given_once_and_every_published_way_has_its_right_one() -> None:
    names = [recipe.name for recipe in RECIPES]
    assert len(set(names)) == len(names)
    published = [r for r in RECIPES if r.kind is Manner.AS_PUBLISHED]
    assert {r.name.replace("as-published", "done-right") for r in published} <= set(names)


def test_done_right_deals_out_women_where_the_project_dealt_out_images(
    folders: Callable[[str], Path],
) -> None:
    dataset = read_dataset(folders("cmmd"))
    for recipe in RECIPES:
        if not recipe.name.startswith("cmmd-conv2-oversampled"):
            continue
        data = DataConfig(folder="x", adapter="cmmd", label_rule="biopsy")
        config = recipe.configure(recipe.deal(data), dataset.label_rule.task)
        manifest = split_dataset(dataset, config).manifest
        is_published = recipe.kind is Manner.AS_PUBLISHED
        assert bool(find_leak(manifest)) is is_published
        assert manifest["path"].duplicated().any() is np.bool_(is_published)


@pytest.mark.parametrize(
    "recipe", [one for one in RECIPES if one.datasets], ids=lambda recipe: recipe.name
)
def test_every_recipe_of_a_data_set_has_been_started_from_the_page(recipe: Recipe) -> None:
    """The table is written by `python -m tests.pages.started_recipes`."""
    row = f"| {recipe.project} | {recipe.name} | {recipe.kind} | {recipe.datasets[0]} | ✓ |"
    assert row in DOCUMENT.read_text(encoding="utf-8").splitlines()
