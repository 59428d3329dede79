"""What a shell is told of a run while it goes on."""

import itertools
import threading
import time
from pathlib import Path

import pytest

from mammo_core.commands.runs import News, follow
from mammo_core.config import DataConfig, ModelConfig, RunConfig, save_settings
from mammo_core.runs.folder import RunFolder, RunStatus
from mammo_core.types import RunState


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    folder = RunFolder(tmp_path / "a-run")
    folder.path.mkdir()
    folder.beat()
    return folder


def end_epoch(
    run: RunFolder, epoch: int, *, alarm: str | None = None, kappa: float | None = None
) -> None:
    train = {"epoch": epoch, "split": "train", "loss": 0.5, "images_per_second": 34.6}
    val = {
        "epoch": epoch, "split": "val", "loss": 0.25, "auc": 0.8124,
        "sensitivity_at_specificity_90": 0.625, "alarm": alarm, "kappa": kappa,
    }  # fmt: skip
    run.append_metrics(train)
    run.append_metrics(val)


def over(run: RunFolder, *, done: int, total: int) -> None:
    run.write_status(RunStatus(state=RunState.FINISHED, done=done, total=total, message="Kept."))


def test_an_epoch_is_a_line_and_an_alarm_stands_in_it(run: RunFolder) -> None:
    end_epoch(run, 1, alarm="Every image gets the same score.")
    over(run, done=1, total=4)
    lines: list[str] = []
    status = follow(run, lines.append)
    assert (status.state, status.message) == (RunState.FINISHED, "Kept.")
    assert lines == [
        "epoch   1 of 4: validation AUC 0.812 by image, sensitivity 0.62 at specificity 0.90, loss "
        "0.250 (training 0.500), 35 images/s. Alarm: Every image gets the same score."
    ]


def test_of_ordered_classes_an_epoch_says_its_kappa(run: RunFolder) -> None:
    end_epoch(run, 1, kappa=0.7029)
    over(run, done=1, total=4)
    lines: list[str] = []
    follow(run, lines.append)
    assert "AUC 0.812 by image, quadratic kappa 0.703, sensitivity" in lines[0]


def test_who_comes_late_is_told_the_last_epoch_there_was(run: RunFolder) -> None:
    for epoch in (1, 2, 3):
        end_epoch(run, epoch)
    run.append_metrics({"epoch": 4, "split": "train", "loss": 0.5})  # half of an epoch
    over(run, done=3, total=40)
    lines: list[str] = []
    follow(run, lines.append)
    assert [line.partition(":")[0] for line in lines] == ["epoch   3 of 40"]


@pytest.mark.slow
def test_epochs_are_told_as_they_end_and_what_only_counts_on_is_not_repeated(
    run: RunFolder,
) -> None:
    def state(message: str) -> None:
        run.write_status(RunStatus(state=RunState.RUNNING, done=0, total=3, message=message))

    def carry_out() -> None:
        for done in range(0, 500, 100):
            state(f"Preparing images: {done} of 500")
            time.sleep(0.15)
        for epoch in (1, 2, 3):
            end_epoch(run, epoch)
            state(f"Epoch {epoch} of 3; the best so far is 1.")
            time.sleep(0.5)
        over(run, done=3, total=3)

    state("")
    lines: list[str] = []
    worker = threading.Thread(target=carry_out)
    worker.start()
    follow(run, lines.append)
    worker.join()
    kinds = [key for key, _ in itertools.groupby(line.split()[0] for line in lines)]
    assert kinds == ["running", "running:", "epoch"] or kinds == ["running:", "epoch"]
    assert sum("Preparing images" in line for line in lines) == 1
    epochs = [line for line in lines if line.startswith("epoch")]
    assert [line[:12] for line in epochs] == ["epoch   1 of", "epoch   2 of", "epoch   3 of"]
    assert "left" not in epochs[0]
    assert epochs[1].endswith(" s left")
    assert "left" not in epochs[2]


def test_whom_a_run_waits_for_is_said_once_however_long_it_waits() -> None:
    lines: list[str] = []
    news = News(lines.append)
    for now in range(0, 60, 6):
        news.hear("queued: Waiting for run-7.", now=now)
    assert lines == ["queued: Waiting for run-7."]


def test_what_counts_on_is_said_again_after_a_while() -> None:
    lines: list[str] = []
    news = News(lines.append)
    for now in range(9):
        news.hear(f"Preparing images: {now} of 9", now=now)
    assert lines == ["Preparing images: 0 of 9", "Preparing images: 5 of 9"]


def test_of_two_views_an_epoch_says_what_an_image_is_scored_with(run: RunFolder) -> None:
    settings = RunConfig(
        data=DataConfig(folder=".", adapter="made_up", label_rule="none"),
        model=ModelConfig(backbone="light_cnn", views=2),
    )
    save_settings(settings, run.file("run.json"))
    end_epoch(run, 1)
    over(run, done=1, total=4)
    lines: list[str] = []
    follow(run, lines.append)
    assert "AUC 0.812 by image, each with its partner beside it: a breast counts" in lines[0]
