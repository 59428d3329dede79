"""A training in its own process, from start to checkpoint, on a dozen women who do not exist."""

import shutil
import subprocess
import sys
import time
from pathlib import Path
from threading import Thread

import pandas as pd
import pytest

from mammo_core.config import DataConfig, ModelConfig, RunConfig
from mammo_core.datasets.predictions import read_predictions
from mammo_core.files import sha256_of
from mammo_core.metrics.cases import pool_cases
from mammo_core.metrics.uncertainty import auc_with_interval
from mammo_core.runs.card import read_card
from mammo_core.runs.folder import RunFolder
from mammo_core.runs.jobs import create_run, start_worker
from mammo_core.training.outcome import save_weights
from mammo_core.training.recipes import get_recipe, with_changes
from mammo_core.types import CANCER, RunState, Split
from mammo_core.worker import main
from mammo_core.zoo.acquire import import_file
from mammo_core.zoo.build import build_model
from tests.phantoms import put_phantoms

ROOT = Path(__file__).resolve().parents[2]
TINY = {"prepare.size": "[32, 16]", "optim.batch_size": "8", "device": "cpu"}


@pytest.fixture(scope="module")
def phantoms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("phantoms")
    put_phantoms(folder, women=12)
    return folder


def tiny_config(folder: Path, *, epochs: int) -> RunConfig:
    data = DataConfig(folder=str(folder), adapter="phantom_set", label_rule="lesion")
    config = get_recipe("smoke").configure(data, CANCER)
    return with_changes(config, {**TINY, "optim.epochs": str(epochs)})


def carried_out(root: Path, config: RunConfig) -> RunFolder:
    run = create_run(config, root, what="light_cnn", total=config.optim.epochs)
    assert main("train", run.path) in (0, 1)
    return run


@pytest.fixture(scope="module")
def finished(phantoms: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    root = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MAMMO_HOME", str(root / "home"))
        run = create_run(tiny_config(phantoms, epochs=2), root, what="light_cnn", total=2)
        assert start_worker(run, kind="train").wait(timeout=120) == 0
        return run


def test_the_heart_can_beat_before_torch_is_loaded() -> None:
    code = "import sys, mammo_core.worker; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_a_training_ends_as_a_checkpoint(finished: RunFolder) -> None:
    status = finished.read_status()
    assert (status.state, status.done, status.total) == (RunState.FINISHED, 2, 2)
    assert status.message.startswith("Kept the weights of epoch")
    metrics = finished.read_metrics()
    assert metrics["epoch"].tolist() == [1, 1, 2, 2]
    assert metrics["split"].tolist() == ["train", "val", "train", "val"]
    assert finished.is_checkpoint
    assert "Warning" not in finished.read_log(last_lines=50)


@pytest.mark.slow
def test_a_leaky_split_is_refused_unless_asked_for_and_then_stamped(
    phantoms: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each breast is trained on from above, and tested on as seen obliquely."""
    monkeypatch.setenv("MAMMO_HOME", str(tmp_path / "home"))
    leaky = tmp_path / "leaky"
    shutil.copytree(phantoms, leaky)
    manifest = pd.read_csv(leaky / "manifest.csv")
    manifest["split"] = manifest["view"].map({"CC": "train", "MLO": "test"})
    manifest.to_csv(leaky / "manifest.csv", index=False)

    asked = with_changes(tiny_config(leaky, epochs=1), {"data.val_fraction": "0.4"})
    refused = carried_out(tmp_path / "a", asked)
    assert refused.read_status().state is RunState.FAILED
    assert "more than one split" in refused.read_status().message

    config = with_changes(asked, {"data.is_leak_allowed": "true"})
    card = read_card(carried_out(tmp_path / "b", config).file("model_card.json"))
    assert card.limits[0].lower().startswith("leaky split: 12 of 12 women")


def test_the_card_tells_what_the_files_give(finished: RunFolder) -> None:
    card = read_card(finished.file("model_card.json"))
    predictions = read_predictions(finished.file("predictions.csv"))
    test = predictions[predictions["split"] == Split.TEST]
    assert card.model_id == finished.run_id
    assert card.weights_sha256 == sha256_of(finished.file("weights.safetensors"))
    assert {metric.level for metric in card.metrics} == {"image", "breast"}
    for metric in card.metrics:
        estimate = auc_with_interval(pool_cases(test, metric.level))
        assert (metric.value, metric.low, metric.high) == pytest.approx(
            (estimate.value, estimate.low, estimate.high)
        )
    assert "knows nothing of women" in card.limits[0]


def test_predictions_hold_the_validation_and_test_women_and_no_training_woman(
    finished: RunFolder,
) -> None:
    card = read_card(finished.file("model_card.json"))
    predictions = read_predictions(finished.file("predictions.csv"))
    counted = predictions["split"].value_counts().to_dict()
    told = {count.split: count.images for count in card.data.splits}
    assert counted == {split: told[split] for split in (Split.VAL, Split.TEST)}
    assert sum(told.values()) == 48  # 12 women, four views each
    both = pd.Series(predictions["p_no cancer"] + predictions["p_cancer"])
    assert both.astype(float).to_numpy() == pytest.approx(1.0, abs=2e-6)


@pytest.mark.slow
def test_a_stop_ends_the_run_early_and_says_so(
    phantoms: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAMMO_HOME", str(tmp_path / "home"))
    config = tiny_config(phantoms, epochs=500)
    run = create_run(config, tmp_path, what="light_cnn", total=500)

    def stop_after_an_epoch() -> None:
        while run.read_metrics().empty:
            time.sleep(0.02)
        run.ask_to_stop()

    Thread(target=stop_after_an_epoch, daemon=True).start()
    assert main("train", run.path) == 0
    status = run.read_status()
    assert status.state is RunState.STOPPED
    assert 1 <= status.done < 500
    assert not run.is_checkpoint


def test_missing_data_fail_the_run_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAMMO_HOME", str(tmp_path / "home"))
    run = carried_out(tmp_path, tiny_config(tmp_path / "gone", epochs=1))
    status = run.read_status()
    assert status.state is RunState.FAILED
    assert "There is no folder" in status.message


@pytest.mark.slow
def test_the_card_tells_which_weights_were_started_from(
    phantoms: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAMMO_HOME", str(tmp_path / "home"))
    model = build_model(ModelConfig(backbone="test_resnet"), task=CANCER, channels=1)
    save_weights(model, tmp_path / "net.safetensors")
    path = import_file(
        tmp_path / "net.safetensors", backbone="test_resnet", name="mine", origin="net.safetensors",
        licence="CC BY 4.0",
    )  # fmt: skip
    named = {"model.backbone": "test_resnet", "model.weights": "mine", "model.pooling": "avg"}
    config = with_changes(tiny_config(phantoms, epochs=1), named)
    training = carried_out(tmp_path, config).card().training
    assert (training.weights_origin, training.weights_licence) == ("net.safetensors", "CC BY 4.0")
    assert training.weights_sha256 == sha256_of(path)
