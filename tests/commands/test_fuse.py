"""`mammo fuse`: age, density or measured features put together with a run's scores."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from mammo_core.cli import main
from mammo_core.config import RunConfig, save_settings
from mammo_core.datasets.predictions import read_predictions
from mammo_core.runs.folder import RunFolder
from mammo_core.runs.operating_points import openings_of
from mammo_core.types import RunState
from tests.predictions import made_up_predictions, write_run
from tests.reports.made_up_study import change_card


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunFolder:
    monkeypatch.setenv("MAMMO_CHECKPOINTS", str(tmp_path))
    return write_run(tmp_path, "a-run", made_up_predictions(women=80, with_cancer=30))


@pytest.mark.slow
def test_what_age_adds_is_told_with_its_interval_and_kept_as_a_run(
    run: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fuse", "a-run", "--with", "age", "density"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0] == "320 images of 80 women, scored by regressions that never saw them."
    assert told[1].startswith("Together they reach AUC 0.")
    assert "by breast, 160 cases of 80 women" in told[1]
    assert "by image, 320 cases of 80 women" in told[2]
    assert any(line.endswith(" age") for line in told[3:])
    kept = RunFolder(run.path.parent / "a-run-with-age-density")
    assert [one.by for one in openings_of(run)] == ["mammo fuse"]
    assert told[-1] == str(kept.path)
    assert kept.read_status().state is RunState.FINISHED
    table = read_predictions(kept.predictions_file)
    assert set(table["model_id"]) == {"a-run-with-age-density"}
    assert len(table) == 320
    weights = pd.read_csv(kept.file("weights.csv"))
    assert list(weights.columns) == ["feature", "weight", "low", "high"]


def test_what_tells_of_the_place_is_refused_and_nothing_is_kept(
    run: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fuse", "a-run", "--with", "site"]) == 2
    assert "tell who was examined where" in capsys.readouterr().err
    assert [entry.name for entry in run.path.parent.iterdir()] == ["a-run"]


def test_what_the_model_was_taught_to_tell_is_refused(
    run: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    table = read_predictions(run.predictions_file)
    table.assign(label=table["density"]).to_csv(run.predictions_file, index=False)
    assert main(["fuse", "a-run", "--with", "density"]) == 2
    assert "it would tell itself" in capsys.readouterr().err
    assert not openings_of(run)


def test_to_name_neither_columns_nor_features_is_a_mistake(
    run: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fuse", "a-run"]) == 2
    assert "Nothing was named" in capsys.readouterr().err


@pytest.mark.slow
def test_a_leak_of_the_run_is_told_of_what_is_made_from_it(
    run: RunFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = run.settings(RunConfig)
    leaky = replace(settings.data, unit="image", is_leak_allowed=True)
    save_settings(replace(settings, data=leaky), run.settings_file)
    change_card(run, replace(run.card(), limits=("leaky split: 19 of 24 women",)))
    assert main(["fuse", "a-run", "--with", "age"]) == 0
    assert "of the image's scores, leaky split: 19 of 24 women" in capsys.readouterr().err
    report = tmp_path / "report.md"
    assert main(["report", "a-run-with-age", "--out", str(report)]) == 0
    headline = report.read_text(encoding="utf-8").split("## ")[0]
    assert "Leaky split: the settings of the training let" in headline
