from dataclasses import replace
from pathlib import Path

import pytest

from mammo_core.cli import main
from mammo_core.datasets.predictions import read_predictions
from mammo_core.datasets.reading import read_dataset
from mammo_core.errors import CheckpointError, TableError
from mammo_core.inference.checkpoint import load_checkpoint
from mammo_core.inference.engine import open_engine
from mammo_core.inference.evaluate import evaluate
from mammo_core.inference.predictor import score_images
from mammo_core.preprocessing.phantom import write_phantom_set
from mammo_core.preprocessing.read import read_mammogram
from mammo_core.runs.folder import RunFolder, RunStatus
from mammo_core.types import RunState
from tests.inference.made_up import write_checkpoint


@pytest.fixture
def phantoms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MAMMO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MAMMO_CHECKPOINTS", str(tmp_path / "runs"))
    (tmp_path / "runs" / "made-up").mkdir(parents=True)
    checkpoint = RunFolder(write_checkpoint(tmp_path / "runs" / "made-up"))
    checkpoint.write_status(RunStatus(state=RunState.FINISHED))
    write_phantom_set(tmp_path / "set", women=5, seed=0, size=(64, 32))
    return tmp_path / "set"


def test_a_data_set_scores_as_its_images_do_one_by_one(
    phantoms: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["evaluate", "--checkpoint", "made-up", "--data", str(phantoms), "--wait"]
    assert main(command) == 0
    told = capsys.readouterr()
    assert "20 images of 5 women scored by made-up" in told.err
    table = read_predictions(Path(told.out.strip()) / "predictions.csv")
    checkpoint = load_checkpoint(tmp_path / "runs" / "made-up")
    manifest = read_dataset(phantoms).manifest
    assert table["image_id"].tolist() == manifest["image_id"].tolist()
    for path, score in zip(manifest["path"][:6], table["score"][:6], strict=True):
        (reading,) = score_images(checkpoint, [read_mammogram(phantoms / path)])
        assert score == pytest.approx(reading.score, abs=2e-6)
    assert set(table["label_rule"]) == {"lesion"}
    assert set(table["weights_sha256"]) == {checkpoint.card.weights_sha256}
    assert set(table["model_id"]) == {"made-up"}


def test_a_split_that_is_not_there_and_a_stop(phantoms: Path, tmp_path: Path) -> None:
    checkpoint = load_checkpoint(tmp_path / "runs" / "made-up")
    dataset = read_dataset(phantoms)

    def score(split: str, *, is_stopped: bool) -> object:
        return evaluate(
            checkpoint, dataset, name="set", split=split, processes=1,
            report=lambda *_: None, should_stop=lambda: is_stopped,
        )  # fmt: skip

    with pytest.raises(TableError, match="brings no test split"):
        score("test", is_stopped=False)
    assert score("all", is_stopped=True) is None


def test_an_unknown_checkpoint_starts_nothing(
    phantoms: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", "--checkpoint", "nobody", "--data", str(phantoms)]) == 2
    assert "There is no run named 'nobody'" in capsys.readouterr().err
    assert len(list((tmp_path / "runs").iterdir())) == 1


def test_a_model_of_synthetic_images_scores_no_other_data_set(
    phantoms: Path, tmp_path: Path
) -> None:
    dataset = read_dataset(phantoms)
    digital = replace(dataset, adapter=replace(dataset.adapter, title="Women", imaging="digital"))
    with pytest.raises(CheckpointError, match="only seen synthetic images; Women is not synthetic"):
        evaluate(
            load_checkpoint(tmp_path / "runs" / "made-up"), digital, name="set", split="all",
            processes=1, report=lambda *_: None, should_stop=lambda: False,
        )  # fmt: skip


def test_the_engine_that_scored_stands_in_every_row(phantoms: Path, tmp_path: Path) -> None:
    checkpoint = load_checkpoint(tmp_path / "runs" / "made-up")
    table = evaluate(
        checkpoint, read_dataset(phantoms), name="set", split="all", processes=1,
        report=lambda *_: None, should_stop=lambda: False, engine=open_engine(checkpoint),
    )  # fmt: skip
    assert table is not None
    assert set(table["engine"]) == {"openvino fp32"}
