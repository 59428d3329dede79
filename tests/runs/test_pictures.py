"""Small pictures of a model's own images: only of drawn ones, and never by a path."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from mammo_core.cli import main
from mammo_core.config import DataConfig
from mammo_core.datasets.dataset import read_dataset
from mammo_core.errors import CheckpointError, RunError
from mammo_core.files import sha256_of
from mammo_core.runs.card import write_card
from mammo_core.runs.folder import RunFolder
from mammo_core.runs.pictures import (
    PICTURES_NAME,
    stored_picture,
    why_no_pictures,
    write_pictures,
)
from mammo_core.training.lineage import picture_scored
from mammo_core.training.recipes import get_recipe
from mammo_core.types import CANCER, RunState
from tests.pages.training_pages import write_ended_run
from tests.phantoms import put_phantoms
from tests.predictions import made_up_card


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """A model that has seen the images of the first woman in validation, of the second in the test,
    of the third in training.
    """
    put_phantoms(tmp_path / "set", women=3)
    data = DataConfig(folder="set", adapter="phantom_set", label_rule="lesion")
    run = write_ended_run(
        tmp_path, "drawn", get_recipe("smoke").configure(data, CANCER), RunState.FINISHED
    )
    write_card(made_up_card("drawn"), run.card_file)
    manifest = read_dataset(tmp_path / "set").manifest
    splits = dict(zip(sorted(set(manifest["group_id"])), ("val", "test", "train"), strict=True))
    seen = manifest[["image_id", "group_id"]].assign(
        dataset="set",
        split=[splits[woman] for woman in manifest["group_id"]],
        content=[sha256_of(tmp_path / "set" / path) for path in manifest["path"]],
    )
    seen.to_csv(run.file("seen.csv"), index=False)
    return run


def test_the_images_that_a_model_of_drawn_women_was_judged_on_are_kept_small(
    run: RunFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = str(tmp_path / "set")
    assert main(["checkpoints", "pictures", str(run.path), "--data", folder, "--side", "64"]) == 0
    assert capsys.readouterr().out == "8 pictures kept beside drawn.\n"
    manifest = read_dataset(tmp_path / "set").manifest
    last = manifest["group_id"].max()
    for row in manifest.itertuples():
        picture = stored_picture(run, row.image_id)
        assert (picture is not None) == (row.group_id != last)
        assert picture is None or picture.startswith(b"\xff\xd8")
    assert why_no_pictures(run, run.card()) == ""


def test_images_of_women_are_refused_and_that_is_said_in_their_place(
    run: RunFolder, tmp_path: Path
) -> None:
    card = run.card()
    write_card(replace(card, data=replace(card.data, seen="digital")), run.card_file)
    with pytest.raises(RunError, match=r"may not be passed on .* drawn images alone"):
        picture_scored(run, tmp_path / "set", side=64)
    assert not run.file(PICTURES_NAME).exists()
    assert "may not be passed on" in why_no_pictures(run, run.card())


def test_other_images_of_the_same_names_are_refused(run: RunFolder, tmp_path: Path) -> None:
    for path in (tmp_path / "set").rglob("*.png"):
        path.write_bytes(path.read_bytes() + b"changed")
    with pytest.raises(RunError, match=r"None of the images drawn was judged on is in that folder"):
        picture_scored(run, tmp_path / "set", side=64)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has such a file")
def test_links_that_lead_out_of_the_folder_are_not_followed(run: RunFolder, tmp_path: Path) -> None:
    """Not even to see whether they lead to the same image: what is there may be huge, or hang."""
    for path in (tmp_path / "set").rglob("*.png"):
        path.unlink()
        path.symlink_to("/proc/self/mem")  # for a plain file, an error for whoever reads it
    with pytest.raises(RunError, match=r"None of the images drawn was judged on is in that folder"):
        picture_scored(run, tmp_path / "set", side=64)


def test_an_id_never_leads_out_of_the_store(run: RunFolder) -> None:
    write_pictures(run, {"one": b"\xff\xd8 one"})
    assert stored_picture(run, "one") == b"\xff\xd8 one"
    assert stored_picture(run, "../drawn/run") is None


def test_a_damaged_store_says_what_to_do(run: RunFolder) -> None:
    run.file(PICTURES_NAME).write_bytes(b"PK no zip")
    with pytest.raises(CheckpointError, match=r"Delete pictures\.zip"):
        stored_picture(run, "one")
