from dataclasses import replace
from pathlib import Path

import pytest

from mammo_core.cli import main
from mammo_core.config import ModelConfig, RunConfig, save_settings
from mammo_core.files import shipped_checkpoints_root
from mammo_core.runs.card import Metric, ModelCard, read_card, write_card
from mammo_core.runs.folder import RunFolder, RunStatus, card_hash
from mammo_core.runs.operating_points import lock_point, openings_of
from mammo_core.runs.sidecars import write_seen
from mammo_core.training.series import fold_configs, seed_configs
from mammo_core.types import Level, RunState, Split
from tests.inference.made_up import write_checkpoint
from tests.reports.read_cases import POINT
from tests.runs.test_seen import SEEN
from tests.training.made_up import CONFIG
from tests.training.test_series import finished, scores_between


@pytest.fixture(autouse=True)
def own_places(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MAMMO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MAMMO_CHECKPOINTS", str(tmp_path / "runs"))
    (tmp_path / "runs" / "mine").mkdir(parents=True)
    write_checkpoint(tmp_path / "runs" / "mine")
    RunFolder(tmp_path / "runs" / "mine").write_status(RunStatus(state=RunState.FINISHED))


def shipped() -> Metric:
    """What the card of the shipped checkpoint says of its test breasts."""
    card = read_card(shipped_checkpoints_root() / "phantom-light" / "model_card.json")
    (metric,) = [one for one in card.metrics if one.level is Level.BREAST]
    return metric


def by_breast() -> str:
    metric = shipped()
    return (
        f"{metric.value:.3f} (95 % {metric.low:.3f} to {metric.high:.3f}), by breast, test: "
        f"{metric.positives} positive, {metric.negatives} not, {metric.women} women"
    )


def test_own_and_shipped_checkpoints_are_listed_and_no_test_result_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "runs" / "broken").mkdir()
    broken = RunFolder(tmp_path / "runs" / "broken")
    broken.write_status(RunStatus(state=RunState.FINISHED))
    broken.file("model_card.json").write_text("{")
    assert main(["checkpoints", "list"]) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert "Made up; not tested" in lines["mine"]
    assert f"tested on {shipped().women} women" in lines["phantom-light"]
    assert "0." not in lines["phantom-light"]
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


def test_a_threshold_is_shown_with_what_it_promises_and_the_interval(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = RunFolder(tmp_path / "runs" / "mine")
    lock_point(run, replace(POINT, card_sha256=card_hash(run)))
    assert main(["checkpoints", "show", "mine"]) == 0
    (told,) = [
        line for line in capsys.readouterr().out.splitlines() if line.startswith("threshold   ")
    ]
    assert f"called {POINT.promise.found} of {POINT.promise.positives} " in told
    assert "Chance leaves open (95 %): sensitivity " in told


@pytest.mark.slow
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


def measured(card: ModelCard) -> ModelCard:
    """`card` with an AUC by image of 0.7 and one by breast of 0.8."""
    by_level = [(Level.IMAGE, 0.7), (Level.BREAST, 0.8)]
    metrics = [
        Metric(
            name="auc", level=level, split=Split.TEST, value=value, low=value, high=value,
            method="none", positives=2, negatives=2, women=4,
        )
        for level, value in by_level
    ]  # fmt: skip
    return replace(card, metrics=tuple(metrics))


def test_a_network_over_two_views_names_them_and_tells_of_breasts_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_checkpoint(tmp_path / "runs" / "mine", views=2)
    write_card(measured(read_card(folder / "model_card.json")), folder / "model_card.json")
    assert main(["checkpoints", "show", "mine"]) == 0
    told = capsys.readouterr().out
    assert "two views of a breast (CC and MLO) together, each 1 x 64 x 32" in told
    assert told.index("by breast, test") < told.index("by image, each with its partner beside it")


def test_a_network_over_four_views_names_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = RunFolder(write_checkpoint(tmp_path / "runs" / "mine"))
    four = replace(run.card(), model=ModelConfig(backbone="published:nyu-views", views=4))
    write_card(four, run.card_file)
    assert main(["checkpoints", "show", "mine"]) == 0
    assert "4 views of an exam, each in its place, each 1 x 64 x 32" in capsys.readouterr().out


def test_a_network_over_one_view_tells_of_its_figures_as_they_were_taken(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "runs" / "mine"
    write_card(measured(read_card(folder / "model_card.json")), folder / "model_card.json")
    assert main(["checkpoints", "show", "mine"]) == 0
    told = capsys.readouterr().out
    assert told.index("by image, test") < told.index("by breast, test")


def test_showing_test_results_is_a_look_at_them_and_listing_is_none(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "runs" / "mine")
    assert main(["checkpoints", "list"]) == 0
    assert openings_of(run) == []
    assert main(["checkpoints", "show", "mine"]) == 0
    assert [one.by for one in openings_of(run)] == ["mammo checkpoints show"]


def test_a_seed_is_packed_alone_and_that_is_a_look_at_its_test_results(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, other = RunFolder(tmp_path / "runs" / "mine"), RunFolder(tmp_path / "runs" / "other")
    configs = seed_configs(CONFIG, 2)
    other.path.mkdir()
    for seed, config in zip((run, other), configs, strict=True):
        save_settings(config, seed.settings_file)
        seed.write_status(RunStatus(state=RunState.FINISHED))
    write_seen(SEEN, None, run.file("seen.csv"))
    assert main(["checkpoints", "pack", configs[0].series, "--name", "small"]) == 2
    assert "are 2 seeds, each a model of its own" in capsys.readouterr().err
    assert main(["checkpoints", "pack", "other", "--name", "small"]) == 2
    assert "other is finished, and no model yet" in capsys.readouterr().err
    assert main(["checkpoints", "pack", "mine", "--name", "small"]) == 0
    packed = RunFolder(tmp_path / "runs" / "small")
    for looked_at in (run, packed):
        assert [one.by for one in openings_of(looked_at)] == ["mammo checkpoints pack"]


def test_folds_of_networks_that_cannot_be_joined_are_refused_before_anything_is_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = tmp_path / "runs"
    alike = [
        finished(runs, config, scores=scores_between(0.0, 1.0))
        for config in fold_configs(CONFIG, 2)
    ]
    assert main(["checkpoints", "pack", "run-0-0", "--name", "small"]) == 2
    assert "light_cnn cannot be joined into one network" in capsys.readouterr().err
    gem = ModelConfig(backbone="timm:test_efficientnet", pooling="gem")
    for run in alike:
        save_settings(replace(run.settings(RunConfig), model=gem), run.settings_file)
    assert main(["checkpoints", "pack", "run-0-0", "--name", "small"]) == 2
    assert "Networks with gem pooling" in capsys.readouterr().err
    for run in alike:
        run.card_file.unlink()
        run.write_status(RunStatus(state=RunState.STOPPED))
    series = alike[0].settings(RunConfig).series
    assert main(["checkpoints", "pack", series, "--name", "small"]) == 2
    told = f"0 of 2 folds of {series} are finished, but not fold 1 (run-0-0, stopped), fold 2 (run"
    assert told in capsys.readouterr().err
    assert not (runs / "small").exists()
