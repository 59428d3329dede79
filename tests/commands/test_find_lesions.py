"""`mammo find-lesions`: whom it is judged on, what is kept, what it refuses."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from mammo_core.cli import main
from mammo_core.config import PatchConfig
from mammo_core.datasets.dataset import read_dataset
from mammo_core.runs.card import write_card
from mammo_core.runs.folder import RunFolder, RunStatus
from mammo_core.runs.measured import froc_of
from mammo_core.runs.operating_points import openings_of
from mammo_core.types import LESION_PATCH, RunState
from tests.inference.made_up import write_checkpoint
from tests.phantoms import put_phantoms


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunFolder:
    """A network of patches that has learnt from nobody, and a set of phantoms."""
    monkeypatch.setenv("MAMMO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MAMMO_CHECKPOINTS", str(tmp_path / "runs"))
    (tmp_path / "runs" / "made-up").mkdir(parents=True)
    run = RunFolder(write_checkpoint(tmp_path / "runs" / "made-up"))
    card = replace(run.card(), task=LESION_PATCH, patches=PatchConfig(size=16))
    write_card(card, run.card_file)
    run.write_status(RunStatus(state=RunState.FINISHED))
    put_phantoms(tmp_path / "set", women=12)
    saw(run, {})
    return run


def saw(run: RunFolder, splits: dict[str, str]) -> None:
    """Let the run have seen these women of the set."""
    folder = str(run.path.parent.parent / "set")
    rows = [(folder, f"{woman}#0", woman, split, "0" * 64) for woman, split in splits.items()]
    columns = ["dataset", "image_id", "group_id", "split", "content"]
    pd.DataFrame(rows, columns=columns).to_csv(run.file("seen.csv"), index=False)


def find(run: RunFolder, *more: str) -> int:
    return main(
        ["find-lesions", "made-up", "--data", str(run.path.parent.parent / "set"), *more,
         "--spacing", "8"]
    )  # fmt: skip


def women_of(run: RunFolder) -> pd.DataFrame:
    dataset = read_dataset(run.path.parent.parent / "set")
    manifest = dataset.manifest
    return manifest.assign(has_box=manifest["image_id"].isin(dataset.boxes["image_id"]))


@pytest.mark.slow
def test_lesions_are_looked_for_and_what_was_found_is_kept(
    run: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    assert find(run) == 0
    told = capsys.readouterr().out
    (kept,) = froc_of(run)
    rows = women_of(run)
    lesions = len(read_dataset(run.path.parent.parent / "set").boxes)
    assert (kept.dataset, kept.split, kept.looking.spacing, kept.left_out) == ("set", "test", 8, 0)
    assert (kept.images, kept.women) == (len(rows), rows["group_id"].nunique())
    assert kept.images_without == (~rows["has_box"]).sum()
    assert [point.allowed for point in kept.points] == [0.25, 0.5, 1.0, 2.0, 4.0]
    assert all(point.found.total == lesions for point in kept.points)
    assert all(point.false_marks <= point.allowed * kept.images for point in kept.points)
    assert all(sentence in told for sentence in kept.sentences)
    assert "widened by 4 prepared pixels" in told
    assert [one.by for one in openings_of(run)] == ["mammo find-lesions"]
    assert "For research only. Not a medical device." in told


@pytest.mark.slow
def test_women_it_learnt_from_are_left_out_and_counted(run: RunFolder) -> None:
    rows = women_of(run)
    with_lesion = rows.loc[rows["has_box"], "group_id"].unique()
    saw(run, {with_lesion[0]: "train", with_lesion[1]: "val", with_lesion[2]: "test"})
    assert find(run) == 0
    (kept,) = froc_of(run)
    learnt = rows["group_id"].isin(with_lesion[:2])
    assert kept.left_out == learnt.sum() > 0
    assert kept.women == rows["group_id"].nunique() - 2


def test_women_of_validation_are_told_of_and_nothing_is_kept(
    run: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = women_of(run)
    woman = rows.loc[rows["has_box"], "group_id"].iloc[0]
    saw(run, {woman: "val"})
    assert find(run, "--split", "val") == 0
    images = (rows["group_id"] == woman).sum()
    assert f"On {images} images of 1 woman" in capsys.readouterr().out
    assert froc_of(run) == []
    assert openings_of(run) == []  # no test woman was looked at


def test_of_a_packed_model_nobody_knows_who_chose_the_epoch(
    run: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    saw(run, {women_of(run)["group_id"].iloc[0]: "train"})
    assert find(run, "--split", "val") == 2
    assert "made-up does not tell which women chose its epoch" in capsys.readouterr().err


def test_without_a_list_of_whom_it_has_seen_it_is_refused(
    run: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    run.file("seen.csv").unlink()
    assert find(run) == 2
    assert "does not record whom it has seen" in capsys.readouterr().err


def test_where_it_learnt_from_everybody_it_is_refused(
    run: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    saw(run, dict.fromkeys(women_of(run)["group_id"].unique(), "train"))
    assert find(run) == 2
    assert "learnt from all of these women" in capsys.readouterr().err


def test_a_model_of_whole_images_finds_no_lesions(
    run: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    write_card(replace(run.card(), patches=None), run.card_file)
    assert find(run) == 2
    assert "has learnt whole images, not patches" in capsys.readouterr().err
