from pathlib import Path

import pytest

from mammo_core.cli import main
from mammo_core.paths import shipped_checkpoints_root
from mammo_core.runs.card import read_card
from mammo_core.runs.folder import RunFolder, RunStatus
from mammo_core.types import Level, RunState
from tests.inference.made_up import write_checkpoint


@pytest.fixture(autouse=True)
def own_places(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MAMMO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MAMMO_CHECKPOINTS", str(tmp_path / "runs"))
    (tmp_path / "runs" / "mine").mkdir(parents=True)
    write_checkpoint(tmp_path / "runs" / "mine")
    RunFolder(tmp_path / "runs" / "mine").write_status(RunStatus(state=RunState.FINISHED))


def by_breast() -> str:
    """What the card of the shipped checkpoint says of its test breasts."""
    card = read_card(shipped_checkpoints_root() / "phantom-light" / "model_card.json")
    (metric,) = [one for one in card.metrics if one.level is Level.BREAST]
    return (
        f"{metric.value:.3f} (95 % {metric.low:.3f} to {metric.high:.3f}), by breast, test: "
        f"{metric.positives} positive, {metric.negatives} not, {metric.women} women"
    )


def test_own_and_shipped_checkpoints_are_listed_with_what_they_are_worth(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "runs" / "broken").mkdir()
    broken = RunFolder(tmp_path / "runs" / "broken")
    broken.write_status(RunStatus(state=RunState.FINISHED))
    broken.file("model_card.json").write_text("{")
    assert main(["checkpoints", "list"]) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert "Made up; no AUC" in lines["mine"]
    assert f"AUC {by_breast()}" in lines["phantom-light"]
    assert "not valid JSON" in lines["broken"]


def test_one_is_shown_with_its_data_its_figures_and_its_limits(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["checkpoints", "show", "phantom-light"]) == 0
    told = capsys.readouterr().out
    assert "network     light_cnn, 1 x 256 x 128" in told
    assert "Population: synthetic." in told
    assert by_breast() in told
    assert "limit       This model has only seen synthetic images." in told


def test_the_check_says_what_reads_and_why_fast_is_off(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["checkpoints", "check", "mine"]) == 1
    told = capsys.readouterr().out
    assert "Scores come from openvino fp32." in told
    assert "Its logits differ from torch's by at most" in told
    assert "Fast reading is off." in told


def test_out_and_in_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    archive = str(tmp_path / "mine.zip")
    assert main(["checkpoints", "export", "mine", "--out", archive]) == 0
    assert "model_card.json, weights.safetensors" in capsys.readouterr().out
    assert main(["checkpoints", "import", archive, "--name", "again"]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "runs" / "again")
    assert main(["checkpoints", "import", archive, "--name", "again"]) == 2
    assert "There is a checkpoint again already" in capsys.readouterr().err
    assert main(["checkpoints", "show", "nobody"]) == 2
    assert "There is no run named 'nobody'" in capsys.readouterr().err
