"""Guesses without a network: each finds what it may know and nothing else."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mammo_core.datasets.baselines import (
    BASELINES,
    fit_baselines,
    guess_by_pixels,
    guess_majority,
    guess_randomly,
    read_labelled_images,
)
from mammo_core.datasets.predictions import read_predictions, write_predictions
from mammo_core.errors import TableError
from mammo_core.metrics.uncertainty import auc_of
from mammo_core.tables import check_manifest
from mammo_core.types import CANCER
from tests.datasets.builders import drawn

WOMEN = 60


def manifest_of(folder: Path, *, bright: str = "nobody", **columns: object) -> pd.DataFrame:
    """A breast each; every second woman has cancer, and is older. `bright` images are brighter."""
    rows = []
    for woman in range(WOMEN):
        is_ill = woman % 2 == 1
        image = drawn.texture(woman, (96, 72)) // 2
        if bright == "cancer" and is_ill:
            image = image * 2
        path = f"images/{woman}.png"
        drawn.write_picture(folder / path, image)
        rows.append(
            {
                "image_id": f"i{woman:02d}",
                "path": path,
                "patient_id": f"W{woman}",
                "label": "cancer" if is_ill else "no cancer",
                "split": "train" if woman < 40 else "test",
                "age": 70.0 if is_ill else 45.0,
            }
        )
    return check_manifest(pd.DataFrame(rows).assign(**columns))


def aucs_of(predictions: pd.DataFrame) -> dict[str, float]:
    return {
        str(name): auc_of(part["score"].to_numpy(), part["positive"].to_numpy(dtype=bool))
        for name, part in predictions.groupby("model_id")
    }


def fitted(folder: Path, manifest: pd.DataFrame) -> pd.DataFrame:
    return fit_baselines(folder, manifest, task=CANCER, dataset="drawn")


def test_every_baseline_scores_the_test_images_only(tmp_path: Path) -> None:
    predictions = fitted(tmp_path, manifest_of(tmp_path))
    counts = predictions["model_id"].value_counts()
    assert counts.to_dict() == {f"baseline: {baseline.name}": 20 for baseline in BASELINES}
    assert set(predictions["split"]) == {"test"}


def test_confounders_know_the_age_and_grey_levels_do_not(tmp_path: Path) -> None:
    aucs = aucs_of(fitted(tmp_path, manifest_of(tmp_path)))
    assert aucs["baseline: confounders"] == 1.0
    assert aucs["baseline: grey levels"] < 0.8
    assert aucs["baseline: majority"] == 0.5


def test_grey_levels_and_pixels_know_the_brightness_and_confounders_do_not(tmp_path: Path) -> None:
    manifest = manifest_of(tmp_path, bright="cancer", age=50.0)
    predictions = fitted(tmp_path, manifest.assign(machine=["1", "1", "2", "2"] * 15))
    aucs = aucs_of(predictions)
    assert aucs["baseline: grey levels"] == 1.0
    assert aucs["baseline: pixels"] == 1.0
    assert aucs["baseline: confounders"] == pytest.approx(0.5, abs=0.15)


@pytest.mark.slow
def test_what_the_images_are_labelled_by_guesses_nothing(tmp_path: Path) -> None:
    """Where density is learnt, the density that is told is the answer."""
    manifest = manifest_of(tmp_path, age=pd.NA, site="one")
    answered = manifest.assign(density=manifest["label"])
    assert "baseline: confounders" not in set(fitted(tmp_path, answered)["model_id"])
    beside = manifest.assign(
        density=["C" if name == "cancer" else "B" for name in manifest["label"]]
    )
    assert aucs_of(fitted(tmp_path, beside))["baseline: confounders"] == 1.0


@pytest.mark.slow
def test_without_confounders_there_is_no_such_baseline(tmp_path: Path) -> None:
    predictions = fitted(tmp_path, manifest_of(tmp_path, age=50.0))
    assert "baseline: confounders" not in set(predictions["model_id"])


def test_batches_find_what_the_whole_finds(tmp_path: Path) -> None:
    sample = read_labelled_images(
        tmp_path, manifest_of(tmp_path, bright="cancer"), task=CANCER, seed=0
    )
    positive = sample.classes == 1
    for most_at_once in (1000, 10):
        score = guess_by_pixels(sample, most_at_once=most_at_once)[:, 1]
        assert auc_of(score, positive) > 0.95


@pytest.mark.slow
def test_majority_is_the_share_in_training_and_chance_depends_on_the_seed(tmp_path: Path) -> None:
    manifest = manifest_of(tmp_path)
    sample = read_labelled_images(tmp_path, manifest, task=CANCER, seed=0)
    assert guess_majority(sample)[0].tolist() == [0.5, 0.5]
    again = read_labelled_images(tmp_path, manifest.iloc[::-1], task=CANCER, seed=0)
    other = read_labelled_images(tmp_path, manifest, task=CANCER, seed=1)
    assert np.array_equal(guess_randomly(sample), guess_randomly(again)[::-1])
    assert not np.array_equal(guess_randomly(sample), guess_randomly(other))


def test_an_unreadable_image_is_left_out(tmp_path: Path) -> None:
    manifest = manifest_of(tmp_path)
    (tmp_path / "images/59.png").write_bytes(b"no image")
    predictions = fitted(tmp_path, manifest)
    assert predictions["image_id"].nunique() == 19


def test_predictions_of_baselines_come_back_from_a_file(tmp_path: Path) -> None:
    predictions = fitted(tmp_path, manifest_of(tmp_path))
    write_predictions(predictions, tmp_path / "baselines.csv")
    back = read_predictions(tmp_path / "baselines.csv")
    assert aucs_of(back) == aucs_of(predictions)


def test_a_split_without_a_class_to_learn_is_refused(tmp_path: Path) -> None:
    manifest = manifest_of(tmp_path)
    manifest = manifest.assign(label=["cancer"] * 40 + ["no cancer"] * 20)
    with pytest.raises(TableError, match="of 1 classes"):
        fitted(tmp_path, manifest)


def test_another_split_of_the_same_images_reads_none_of_them_again(tmp_path: Path) -> None:
    manifest = manifest_of(tmp_path)
    seen: list[int] = []

    def fit(manifest: pd.DataFrame) -> pd.DataFrame:
        return fit_baselines(
            tmp_path, manifest, task=CANCER, dataset="d",
            report=lambda done, _, message: seen.append(done) if "Reading" in message else None,
        )  # fmt: skip

    first = fit(manifest)
    assert seen[-1] == WOMEN
    seen.clear()
    turned = manifest.assign(split=manifest["split"].iloc[::-1].to_numpy())
    other = fit(turned)

    assert not seen
    assert set(first["image_id"]) != set(other["image_id"])


def test_an_image_that_is_not_there_is_left_out(tmp_path: Path) -> None:
    manifest = manifest_of(tmp_path)
    (tmp_path / "images/59.png").unlink()
    assert "i59" not in set(fitted(tmp_path, manifest)["image_id"])


@pytest.mark.slow
def test_more_images_of_a_known_set_read_only_those_that_are_more(tmp_path: Path) -> None:
    """A fold, another task or more labels make another list of images, most of them known."""
    manifest = manifest_of(tmp_path)
    told: list[str] = []

    def fit(rows: pd.DataFrame) -> None:
        told.clear()
        fit_baselines(
            tmp_path, rows, task=CANCER, dataset="d",
            report=lambda done, total, message: told.append(message),
        )  # fmt: skip

    fit(manifest.iloc[10:])
    assert "Reading for the baselines: 50 of 50 images" in told
    fit(manifest)
    assert [line for line in told if line.startswith("Reading")] == [
        f"Reading for the baselines: {done} of 60 images" for done in range(51, 61)
    ]
    drawn.write_picture(tmp_path / "images/3.png", drawn.texture(99, (96, 72)))
    fit(manifest)
    assert "Reading for the baselines: 60 of 60 images" in told
    assert len([line for line in told if line.startswith("Reading")]) == 1
    assert told[-1] == "Fitting baseline 5 of 5: Logistic regression on 256 x 256 pixels"
