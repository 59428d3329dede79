"""Runs in an MLflow: once each, with every epoch, and without what is nobody's business."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mammo_core.cli import main
from mammo_core.config import DataConfig, save_settings
from mammo_core.runs import tracking
from mammo_core.runs.card import Metric, read_card, write_card
from mammo_core.runs.folder import RunFolder, RunStatus
from mammo_core.runs.tracking import _HALF_TAG, without_password
from mammo_core.training.recipes import get_recipe
from mammo_core.types import CANCER, Level, RunState, Split
from tests.inference.made_up import write_checkpoint

SECRET = "secret-place"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> RunFolder:
    """Of two epochs, with a card that tells one figure."""
    monkeypatch.setenv("MAMMO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MAMMO_CHECKPOINTS", str(tmp_path / "runs"))
    run = RunFolder(tmp_path / "runs" / "mine")
    run.path.mkdir(parents=True)
    write_checkpoint(run.path)
    figure = Metric(
        name="auc", level=Level.IMAGE, split=Split.TEST, value=0.75, low=0.5, high=0.875,
        method="made up", positives=4, negatives=6, women=5,
    )  # fmt: skip
    card = read_card(run.card_file)
    write_card(
        replace(card, metrics=(figure,), training=replace(card.training, epochs=2, best_epoch=2)),
        run.card_file,
    )
    data = DataConfig(folder=f"/{SECRET}/women", adapter="phantom_set", label_rule="lesion")
    save_settings(get_recipe("smoke").configure(data, CANCER), run.settings_file)
    for epoch in (1, 2):
        run.append_metrics({"epoch": epoch, "split": "train", "loss": 1.0 / epoch})
        run.append_metrics({"epoch": epoch, "split": "val", "auc": 0.25 * epoch, "alarm": None})
    run.predictions_file.write_text("ids\n")
    run.write_status(RunStatus(state=RunState.FINISHED, done=2, total=2))
    return run


def exported(tmp_path: Path) -> tuple[Any, list[Any]]:
    client = tracking._mlflow("file:").tracking.MlflowClient(f"file:{tmp_path / 'mlruns'}")
    experiment = client.get_experiment_by_name("mammoscope")
    return client, client.search_runs([experiment.experiment_id])


@pytest.mark.slow
def test_a_run_lies_there_whole_and_once_however_often_it_is_sent(
    run: RunFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = f"file:{tmp_path / 'mlruns'}"
    assert main(["runs", "export", "--mlflow", place]) == 0
    assert "1 of 1 run written" in capsys.readouterr().out
    assert main(["runs", "export", "mine", "--mlflow", place]) == 0
    assert "0 of 1 run written" in capsys.readouterr().out
    client, runs = exported(tmp_path)
    (there,) = runs
    assert there.info.status == "FINISHED"
    assert there.data.params["model.backbone"] == "light_cnn"
    assert there.data.params["data.folder"] == "women"
    epochs = client.get_metric_history(there.info.run_id, "val/auc")
    assert [(one.step, one.value) for one in epochs] == [(1, 0.25), (2, 0.5)]
    ends = {name: there.data.metrics[f"test/auc_by_image{name}"] for name in ("", "_low", "_high")}
    assert ends == {"": 0.75, "_low": 0.5, "_high": 0.875}
    files = {one.path for one in client.list_artifacts(there.info.run_id)}
    assert files == {"model_card.json", "weights.safetensors"}
    texts = [
        p.read_text()
        for p in (tmp_path / "mlruns").rglob("*")
        if p.suffix != ".safetensors" and p.is_file()
    ]
    assert len(texts) > 20
    assert not any(SECRET in text for text in texts)


@pytest.mark.slow
def test_the_table_of_women_goes_along_only_when_asked(run: RunFolder, tmp_path: Path) -> None:
    place = f"file:{tmp_path / 'mlruns'}"
    assert main(["runs", "export", "--mlflow", place, "--with-women"]) == 0
    client, (there,) = exported(tmp_path)
    files = {one.path for one in client.list_artifacts(there.info.run_id)}
    assert "predictions.csv" in files


def test_without_mlflow_it_says_what_to_install(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)  # as Python has it of what is not there
    assert main(["runs", "export", "--mlflow", "file:x"]) == 2
    assert "-r requirements-mlflow.txt" in capsys.readouterr().err


def test_where_to_must_be_said(run: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs", "export"]) == 2
    assert "Where to?" in capsys.readouterr().err
    assert main(["runs", "mine", "other"]) == 2
    assert "One run at a time" in capsys.readouterr().err


@pytest.mark.slow
def test_half_a_run_that_a_kill_left_is_no_run_and_gives_way_to_a_whole_one(
    run: RunFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = f"file:{tmp_path / 'mlruns'}"
    client = tracking._mlflow(place).tracking.MlflowClient(place)
    number = client.create_experiment("mammoscope")
    half = client.create_run(number, 0, {_HALF_TAG: "mine"}, "mine").info.run_id
    assert main(["runs", "export", "--mlflow", place]) == 0
    assert "1 of 1 run written" in capsys.readouterr().out
    _, (there,) = exported(tmp_path)
    assert there.info.run_id != half
    assert there.data.tags["mammoscope.run"] == "mine"
    assert _HALF_TAG not in there.data.tags


def test_a_run_counts_as_there_only_after_its_last_file(run: RunFolder, tmp_path: Path) -> None:
    """As a kill in the middle leaves it: what is written is asked for at every file."""
    place = f"file:{tmp_path / 'mlruns'}"
    mlflow = tracking._mlflow(place)
    client = mlflow.tracking.MlflowClient(place)
    number = client.create_experiment("mammoscope")
    seen = []

    class Looking(mlflow.tracking.MlflowClient):  # type: ignore[misc, name-defined]
        def log_artifact(self, run_id: str, *rest: Any) -> None:
            seen.append(bool(client.search_runs([number], "tags.`mammoscope.run` = 'mine'")))

    tracking._write(mlflow, Looking(place), number, run, ("model_card.json",))
    assert seen == [False]
    assert len(client.search_runs([number], "tags.`mammoscope.run` = 'mine'")) == 1


def test_no_password_of_an_address_is_told() -> None:
    said = "MLflow at https://user:pa@ss@host:5000/x failed: see http://u:p@host, a@b.c"
    told = without_password(said)
    assert told == "MLflow at https://host:5000/x failed: see http://host, a@b.c"
    assert without_password("file:/a/b@c") == "file:/a/b@c"


def test_a_named_run_without_settings_is_refused_and_not_passed_over(
    run: RunFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run.settings_file.unlink()
    assert main(["runs", "export", "mine", "--mlflow", f"file:{tmp_path / 'mlruns'}"]) == 2
    told = capsys.readouterr()
    assert "mine cannot be handed to MLflow: without a run.json" in told.err
    assert told.out == ""
