"""Which images a checkpoint may be judged on."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from mammo_core.config import DataConfig, JudgeConfig, ModelConfig, RunConfig, save_settings
from mammo_core.datasets.dataset import fingerprint_of, read_dataset
from mammo_core.datasets.splits import judged_images, split_as_set, used_images, whole_groups
from mammo_core.errors import CheckpointError, TableError
from mammo_core.files import sha256_of
from mammo_core.runs.card import ModelCard
from mammo_core.runs.folder import RunFolder
from mammo_core.runs.sidecars import SEEN_NAME, write_seen
from mammo_core.types import CANCER
from tests.inference.made_up import card
from tests.phantoms import put_phantoms

JUDGE = JudgeConfig(kind="stress", checkpoint="made-up")


@pytest.fixture
def learnt(tmp_path: Path) -> tuple[RunFolder, ModelCard]:
    """A run over twelve women, and its card; nothing was trained."""
    put_phantoms(tmp_path / "set", women=12, seed=0, size=(32, 16))
    data = DataConfig(
        folder=str(tmp_path / "set"), adapter="phantom_set", label_rule="lesion",
        val_fraction=0.3, test_fraction=0.3,
    )  # fmt: skip
    run = RunFolder(tmp_path / "made-up")
    run.path.mkdir()
    config = RunConfig(data=data, model=ModelConfig(backbone="light_cnn"))
    save_settings(config, run.file("run.json"))
    manifest = read_dataset(tmp_path / "set").manifest
    used = used_images(split_as_set(manifest, data, CANCER))
    made_up = card("0" * 64)
    record = replace(made_up.data, dataset="phantom_set", fingerprint=fingerprint_of(used))
    return run, replace(made_up, data=record)


@pytest.mark.slow
def test_without_a_name_the_test_images_of_its_own_data(
    learnt: tuple[RunFolder, ModelCard], tmp_path: Path
) -> None:
    dataset, name, split = judged_images(*learnt, JUDGE)
    assert (name, split) == ("phantom_set", "test")
    assert set(dataset.manifest["split"]) == {"test"}
    assert 0 < len(dataset.manifest) < 48
    # Its own data named by their folder are no other data.
    again, _, split = judged_images(*learnt, replace(JUDGE, folder=str(tmp_path / "set")))
    assert split == "test"
    assert again.manifest["image_id"].tolist() == dataset.manifest["image_id"].tolist()


@pytest.mark.slow
def test_other_data_are_taken_whole_and_named_without_their_place(
    learnt: tuple[RunFolder, ModelCard], tmp_path: Path
) -> None:
    put_phantoms(tmp_path / "other", women=3, seed=1, size=(32, 16))
    other = replace(JUDGE, folder=str(tmp_path / "other"))
    dataset, name, split = judged_images(*learnt, other)
    assert (len(dataset.manifest), name, split) == (12, "other", "all")
    with pytest.raises(TableError, match="has no test split"):
        judged_images(*learnt, replace(other, split="test"))


def test_women_it_learnt_from_are_left_out_of_other_data_too(
    learnt: tuple[RunFolder, ModelCard], tmp_path: Path
) -> None:
    put_phantoms(tmp_path / "films", women=3, seed=1, size=(32, 16))
    other = replace(JUDGE, folder=str(tmp_path / "films"))
    everybody = read_dataset(tmp_path / "films").manifest
    seen = pd.DataFrame({"dataset": "films", "split": "train", "content": "unknown"}, index=[0])
    first, *others = everybody["group_id"].drop_duplicates()
    own = seen.assign(image_id="a", group_id=first)
    file = tmp_path / "films" / everybody.loc[everybody["group_id"] == others[0], "path"].iloc[0]
    by_content = seen.assign(
        dataset="elsewhere", image_id="b", group_id="X", content=sha256_of(file)
    )
    write_seen(own, by_content, learnt[0].file(SEEN_NAME))
    dataset, *_ = judged_images(*learnt, other)
    assert set(dataset.manifest["group_id"]) == {others[1]}
    everyone = pd.concat([own.assign(group_id=woman) for woman in (first, *others)])
    write_seen(everyone, None, learnt[0].file(SEEN_NAME))
    with pytest.raises(TableError, match="learnt from all 3 women of films"):
        judged_images(*learnt, other)


def test_of_its_own_data_networks_that_read_together_have_nobody_left(
    learnt: tuple[RunFolder, ModelCard],
) -> None:
    run, made_up = learnt
    together = replace(made_up, model=replace(made_up.model, members=5))
    with pytest.raises(TableError, match="learnt from by some member"):
        judged_images(run, together, JUDGE)


def test_data_that_changed_since_are_refused(learnt: tuple[RunFolder, ModelCard]) -> None:
    run, made_up = learnt
    changed = replace(made_up, data=replace(made_up.data, fingerprint="1" * 64))
    with pytest.raises(TableError, match="is not as made-up learnt it"):
        judged_images(run, changed, JUDGE)


def test_a_model_of_synthetic_images_is_judged_on_no_others(
    learnt: tuple[RunFolder, ModelCard], tmp_path: Path
) -> None:
    folder = tmp_path / "women"
    put_phantoms(folder, women=1, seed=1, size=(32, 16))
    (folder / "phantom.json").unlink()  # what is left is a plain folder with a manifest
    with pytest.raises(CheckpointError, match="has only seen synthetic images"):
        judged_images(*learnt, replace(JUDGE, folder=str(folder)))


def test_a_woman_begun_is_taken_whole() -> None:
    rows = pd.DataFrame({"group_id": ["A", "A", "B", "B", "B", "C"]})
    assert whole_groups(rows, most=3)["group_id"].tolist() == ["A", "A", "B", "B", "B"]
    assert whole_groups(rows, most=2)["group_id"].tolist() == ["A", "A"]
    assert len(whole_groups(rows, most=100)) == 6
