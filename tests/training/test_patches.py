"""Lesions learnt from patches, and a training on whole images that starts from there."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from mammo_core.config import DataConfig, PatchConfig, RunConfig
from mammo_core.datasets.adapters.csv_folder import HOLDS_BOX
from mammo_core.datasets.dataset import Dataset, read_dataset
from mammo_core.datasets.predictions import read_predictions
from mammo_core.errors import CheckpointError, RunError, TableError
from mammo_core.inference.checkpoint import load_checkpoint
from mammo_core.runs.folder import RunFolder
from mammo_core.runs.jobs import create_run
from mammo_core.training.batches import PatchBatches
from mammo_core.training.data import ImageSet, load_dataset
from mammo_core.training.measuring import measure
from mammo_core.training.patches import (
    PatchImages,
    centres_of,
    tissue_elsewhere,
    with_patches,
)
from mammo_core.training.preflight import check_start
from mammo_core.training.recipes import get_recipe, with_changes
from mammo_core.types import CANCER, LESION_PATCH, PATHOLOGY_PATCH, Box, Level
from mammo_core.worker import main
from tests.training.made_up import CONFIG, InMemory, squares

PATCHES = PatchConfig(size=16, per_epoch=16, tissue_per_image=3, hard_from=2)


@pytest.fixture
def phantoms(twenty_four_women: Path) -> Dataset:
    return read_dataset(twenty_four_women)


def test_every_box_is_a_patch_and_so_is_tissue_elsewhere_in_the_same_images(
    phantoms: Dataset,
) -> None:
    rows = with_patches(phantoms, PATCHES).manifest
    marked = phantoms.boxes["image_id"].nunique()
    assert (rows["label"] == "lesion").sum() == len(phantoms.boxes)
    assert (rows["label"] == "tissue").sum() == 3 * marked
    assert set(rows["source"]) == set(phantoms.boxes["image_id"])  # nothing of images without one
    assert rows["image_id"].is_unique
    women = phantoms.manifest.set_index("image_id")["group_id"]
    assert (rows["group_id"] == rows["source"].map(women)).all()


def test_pathology_is_not_learnt_from_labels_that_do_not_tell_it(phantoms: Dataset) -> None:
    """Else every lesion of a rule that tells lesions from none would be called malignant."""
    unfit = replace(phantoms, label_rule=HOLDS_BOX)
    with pytest.raises(TableError, match="not which lesions are malignant"):
        with_patches(unfit, replace(PATCHES, kind="pathology"))


def test_no_breast_is_pooled_over_patches_of_both_kinds(phantoms: Dataset) -> None:
    rows = with_patches(phantoms, PATCHES).manifest
    assert rows[["side", "view"]].isna().all(axis=None)


def test_lesions_of_unknown_pathology_are_left_out_where_that_is_learnt(phantoms: Dataset) -> None:
    marked = phantoms.manifest["image_id"].isin(phantoms.boxes["image_id"])
    first = phantoms.manifest.index[marked][0]
    manifest = phantoms.manifest.copy()
    manifest.loc[first, "label"] = pd.NA
    rows = with_patches(replace(phantoms, manifest=manifest), replace(PATCHES, kind="pathology"))
    assert manifest.loc[first, "image_id"] not in set(rows.manifest["source"])
    assert set(rows.manifest["label"]) <= set(PATHOLOGY_PATCH.classes)
    assert "malignant" in set(rows.manifest["label"])


def test_a_set_without_boxes_is_refused_in_words(phantoms: Dataset) -> None:
    with pytest.raises(TableError, match="marks no lesion with a box"):
        with_patches(replace(phantoms, boxes=phantoms.boxes.iloc[:0]), PATCHES)


def test_a_window_has_its_centre_in_the_middle_and_background_beyond_the_image() -> None:
    image = np.arange(1, 1 + 20 * 10, dtype=np.uint16).reshape(1, 20, 10)
    centres = np.array([[5, 8], [0, 19]], dtype=np.float32)
    windows = PatchImages(images=InMemory(np.repeat(image, 2, axis=0)), centres=centres, size=8)
    inside, corner = windows.take(np.array([0, 1]))
    np.testing.assert_array_equal(inside, image[0, 4:12, 1:9])
    np.testing.assert_array_equal(corner[:5, 4:], image[0, 15:20, :4])
    assert corner[5:].max() == corner[:, :4].max() == 0


def test_tissue_elsewhere_is_in_the_breast_and_apart_from_every_box() -> None:
    pixels = np.zeros((120, 80), dtype=np.uint16)
    pixels[20:100, :40] = 40_000
    box = Box(x0=0, y0=20, x1=30, y1=50)
    places = tissue_elsewhere(pixels, [box], size=20, count=50, seed=3)
    assert places.shape == (50, 2)
    x, y = places.T
    assert ((x < 45) & (y > 15) & (y < 105)).all()
    assert not ((x < 37) & (y < 57)).any()
    assert len(np.unique(places, axis=0)) > 20
    np.testing.assert_array_equal(
        places, tissue_elsewhere(pixels, [box], size=20, count=50, seed=3)
    )


def test_a_lesions_patch_lies_on_the_middle_of_its_own_box() -> None:
    rows = pd.DataFrame(
        {
            "source": ["a", "a", "a"],
            "label": ["lesion", "tissue", "lesion"],
            "number": [0, 0, 1],
        }
    )
    boxes = [Box(x0=0, y0=0, x1=10, y1=10), Box(x0=20, y0=40, x1=30, y1=60)]
    images = InMemory(np.full((3, 64, 32), 30_000, dtype=np.uint16))
    centres = centres_of(rows, images, {"a": boxes}, seeds=[1, 1, 1], size=8)
    np.testing.assert_array_equal(centres[[0, 2]], [[5, 5], [25, 50]])


def batches(images: ImageSet) -> PatchBatches:
    config = replace(CONFIG, patches=PATCHES, task=LESION_PATCH)
    return PatchBatches(images=images, config=config, device=torch.device("cpu"))


def test_half_of_an_epochs_patches_hold_a_lesion() -> None:
    images = squares(40)
    order = batches(images).order(1)
    assert len(order.rows) == 16
    assert (images.labels[order.rows] == 1).sum() == 8
    assert not np.array_equal(order.rows, batches(images).order(2).rows)
    np.testing.assert_array_equal(order.rows, batches(images).order(1).rows)


def test_later_epochs_ask_for_the_tissue_that_was_taken_for_a_lesion() -> None:
    """Of 50 patches of tissue the 5 hardest fill half of the tissue of an epoch."""
    images = squares(100)
    learning = batches(images)
    tissue = np.flatnonzero(images.labels == 0)
    likeness = np.zeros(len(tissue), dtype=np.float32)
    likeness[10:15] = 5.0
    learning.look_for_hard(1, lambda asked: likeness)
    assert not learning.hardness
    learning.look_for_hard(2, lambda asked: likeness)
    shown = learning.order(2).rows
    assert np.isin(shown, tissue[10:15]).sum() >= 4
    assert (images.labels[shown] == 0).sum() == 8


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, twenty_four_women: Path) -> list[RunFolder]:
    """A training on patches, and one on whole images that starts from it with another pooling."""
    root = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MAMMO_CHECKPOINTS", str(root))
        on_patches = carried_out(
            root, replace(tiny(twenty_four_women), patches=PATCHES, task=LESION_PATCH)
        )
        whole = with_changes(
            tiny(twenty_four_women),
            {
                "model.weights": f"checkpoint:{on_patches.run_id}",
                "model.pooling": "avgmax",
                "optim.head_rate": "5",
            },
        )
        return [on_patches, carried_out(root, whole)]


def tiny(folder: Path) -> RunConfig:
    data = DataConfig(folder=str(folder), adapter="phantom_set", label_rule="lesion")
    changes = {
        "model.backbone": "test_resnet",
        "model.pooling": "avg",
        "prepare.size": "[64, 32]",
        "optim.batch_size": "8",
        "optim.epochs": "2",
        "device": "cpu",
    }
    return with_changes(get_recipe("smoke").configure(data, CANCER), changes)


def carried_out(root: Path, config: RunConfig) -> RunFolder:
    config.check()
    run = create_run(config, root, what="patches", total=config.optim.epochs)
    assert main("train", run.path) == 0, run.read_status().message
    return run


@pytest.mark.slow
def test_a_training_on_patches_ends_with_a_card_that_says_so(runs: list[RunFolder]) -> None:
    card = runs[0].card()
    assert card.patches == PATCHES
    assert any("gives no score for a mammogram" in limit for limit in card.limits)
    assert [metric.level for metric in card.metrics] == [Level.IMAGE]  # a patch; never a breast
    table = read_predictions(runs[0].predictions_file)
    assert table["image_id"].str.contains("#").all()


@pytest.mark.slow
def test_a_model_of_patches_reads_no_mammogram(runs: list[RunFolder]) -> None:
    with pytest.raises(CheckpointError, match="has learnt patches of images"):
        load_checkpoint(runs[0].path)


@pytest.mark.slow
def test_whole_images_go_on_from_patches_with_another_pooling(runs: list[RunFolder]) -> None:
    patches, whole = runs
    card = whole.card()
    assert card.training.started_from == patches.run_id
    assert card.patches is None
    assert load_checkpoint(whole.path).card.model.pooling == "avgmax"


@pytest.mark.slow
def test_whom_the_patches_were_of_is_not_tested_on(
    runs: list[RunFolder], twenty_four_women: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAMMO_CHECKPOINTS", str(runs[0].path.parent))
    changes = {"model.weights": f"checkpoint:{runs[0].run_id}", "data.split_seed": "7"}
    config = with_changes(tiny(twenty_four_women), changes)
    with pytest.raises(RunError, match="test women are women"):
        check_start([config])  # before anything is prepared
    run = create_run(config, runs[0].path.parent, what="leaky", total=2)
    assert main("train", run.path) == 1
    assert "test women are women" in run.read_status().message


@pytest.mark.parametrize("kind", ["lesion", "pathology"])
def test_settings_of_patches_are_kept_in_run_json(kind: str, tmp_path: Path) -> None:
    from mammo_core.config import load_settings, save_settings

    config = replace(CONFIG, patches=replace(PATCHES, kind=kind))  # type: ignore[arg-type]
    save_settings(config, tmp_path / "run.json")
    assert load_settings(tmp_path / "run.json", RunConfig) == config


@pytest.mark.slow
def test_what_a_training_on_patches_takes_is_measured_before(
    twenty_four_women: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MAMMO_HOME", str(tmp_path))
    config = replace(tiny(twenty_four_women), patches=PATCHES, task=LESION_PATCH)
    told, looks = measure(config, report=lambda *_: None)
    assert told.batches_per_epoch == 2
    assert looks.shape[1:] == (16, 16)
    boxes = len(read_dataset(twenty_four_women).boxes)
    assert sum(count.positive_images for count in told.splits) == boxes


def test_a_woman_is_in_the_split_of_a_training_on_whole_images(twenty_four_women: Path) -> None:
    """Or what patches have taught could not be tested on these very data."""
    config = tiny(twenty_four_women)
    whole = load_dataset(config).manifest.drop_duplicates("group_id").set_index("group_id")["split"]
    patches = load_dataset(replace(config, patches=PATCHES, task=LESION_PATCH)).manifest
    assert patches["split"].nunique() == 3
    assert (patches["split"] == patches["group_id"].map(whole)).all()
