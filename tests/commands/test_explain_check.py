import time
from dataclasses import replace
from pathlib import Path

import pytest

from mammo_core.cli import main
from mammo_core.config import save_settings
from mammo_core.datasets.dataset import read_dataset
from mammo_core.runs.card import write_card
from mammo_core.runs.folder import RunFolder, RunStatus
from mammo_core.runs.measured import fidelity_of, froc_of
from mammo_core.types import RunState
from tests.inference.made_up import write_checkpoint
from tests.phantoms import put_phantoms
from tests.training.made_up import CONFIG


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunFolder:
    monkeypatch.setenv("MAMMO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MAMMO_CHECKPOINTS", str(tmp_path / "runs"))
    (tmp_path / "runs" / "made-up").mkdir(parents=True)
    run = RunFolder(write_checkpoint(tmp_path / "runs" / "made-up"))
    run.write_status(RunStatus(state=RunState.FINISHED))
    put_phantoms(tmp_path / "set", women=12)
    return run


def test_heatmaps_are_checked_and_what_was_found_is_kept(
    run: RunFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["explain-check", "made-up", "--data", str(tmp_path / "set"), "--images", "2"]
    assert main(command) == 0
    told = capsys.readouterr().out
    assert "On 2 images of 1 woman with a marked lesion (set, all):" in told
    (kept,) = fidelity_of(run)
    assert (kept.method, kept.dataset, kept.images) == ("grad_cam", "set", 2)
    assert all(sentence in told for sentence in kept.sentences)


@pytest.mark.slow
def test_regions_of_heatmaps_are_marks_that_find_lesions_or_do_not(
    run: RunFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["froc", "made-up", "--data", str(tmp_path / "set"), "--images"]
    assert main([*command, "1000"]) == 0
    told = capsys.readouterr().out
    (kept,) = froc_of(run)
    dataset = read_dataset(tmp_path / "set")
    has_box = dataset.manifest["image_id"].isin(dataset.boxes["image_id"])
    assert (kept.method, kept.dataset, kept.split) == ("grad_cam", "set", "all")
    assert (kept.images, kept.images_without) == (len(has_box), (~has_box).sum())
    assert kept.points[0].found.total == len(dataset.boxes)
    assert kept.reach == 8.0  # half a cell of 16 prepared pixels
    assert kept.area is not None
    assert kept.area.low <= kept.area.value <= kept.area.high
    assert all(sentence in told for sentence in kept.sentences)
    assert "learnt from" not in kept.sentences[0]
    assert main([*command, "8"]) == 0
    (few,) = froc_of(run)
    assert (few.images, few.images_without) == (8, 8 - few.points[0].found.total)
    assert few.women == 2  # one with and one without a lesion


def test_heatmaps_without_a_scale_cannot_be_marks(
    run: RunFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_card(replace(run.card(), heatmap_peak=None), run.card_file)
    assert main(["froc", "made-up", "--data", str(tmp_path / "set")]) == 2
    assert "stretched to each image" in capsys.readouterr().err


def test_images_the_model_learnt_from_are_never_judged_on(
    run: RunFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    learnt = replace(CONFIG.data, folder=str(tmp_path / "set"), val_fraction=0.3)
    save_settings(replace(CONFIG, data=learnt), run.file("run.json"))
    assert main(["explain-check", "made-up", "--data", str(tmp_path / "set")]) == 2
    assert "is not as made-up learnt it" in capsys.readouterr().err  # the card is of another set


def test_a_set_that_is_gone_is_asked_for(
    run: RunFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_settings(CONFIG, run.file("run.json"))
    assert main(["explain-check", "made-up"]) == 2
    assert "is not here (made up). Name another with --data" in capsys.readouterr().err


@pytest.mark.slow
def test_as_a_job_it_is_done_by_a_worker(
    run: RunFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["explain-check", "made-up", "--data", str(tmp_path / "set"), "--images", "2"]
    assert main([*command, "--job"]) == 0
    job = RunFolder(Path(capsys.readouterr().out.strip()))
    deadline = time.monotonic() + 60.0
    while not (status := job.read_status()).state.is_over and time.monotonic() < deadline:
        time.sleep(0.2)
    assert status.state is RunState.FINISHED
    (kept,) = fidelity_of(run)
    assert status.message == "\n".join(kept.sentences)
