from dataclasses import replace
from pathlib import Path

import pytest

from mammo_core.cli import main
from mammo_core.commands.train import _plan_finished, _tell_series
from mammo_core.config import DataConfig, RunConfig, load_settings, save_settings
from mammo_core.metrics.compare import SeedSpread
from mammo_core.runs.folder import RunStatus, list_runs
from mammo_core.runs.operating_points import openings_of
from mammo_core.training import series
from mammo_core.training.recipes import get_recipe
from mammo_core.types import CANCER, RunState
from tests.phantoms import put_phantoms
from tests.predictions import made_up_predictions, write_run
from tests.training.made_up import CONFIG

TINY = [
    "--set", "optim.epochs=1", "--set", "prepare.size=[32, 16]", "--set", "device=cpu",
    "--set", "optim.warmup_epochs=0",
]  # fmt: skip


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAMMO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MAMMO_CHECKPOINTS", str(tmp_path / "runs"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.mark.slow
def test_a_recipe_and_a_folder_are_enough(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put_phantoms(tmp_path / "set", women=12)
    data = str(tmp_path / "set")
    assert main(["train", "--recipe", "smoke", "--data", data, *TINY, "--wait"]) == 0
    (run,) = list_runs(tmp_path / "runs")
    told = capsys.readouterr()
    assert told.out.strip() == str(run.path)
    lines = told.err.splitlines()
    (epoch,) = (line for line in lines if line.startswith("epoch"))
    assert epoch.startswith("epoch   1 of 1: validation AUC ")
    assert lines[-1].startswith("finished: Kept the weights of epoch")
    config = load_settings(run.file("run.json"), RunConfig)
    assert (config.data.adapter, config.data.label_rule) == ("phantom_set", "lesion")
    assert config.optim.epochs == 1
    assert run.is_checkpoint


@pytest.mark.slow
def test_several_recipes_are_a_run_each_and_none_is_made_where_one_cannot_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put_phantoms(tmp_path / "set", women=12)
    asked = ["train", "--data", str(tmp_path / "set"), *TINY, "--no-start"]
    assert main([*asked, "--recipe", "smoke,soup"]) == 2
    assert "There is no recipe named 'soup'" in capsys.readouterr().err
    assert list_runs(tmp_path / "runs") == []
    assert main([*asked, "--recipe", "smoke, conv2", "--seeds", "2"]) == 0
    told = [Path(line) for line in capsys.readouterr().out.splitlines()]
    configs = [load_settings(folder / "run.json", RunConfig) for folder in told]
    assert [one.recipe for one in configs] == ["smoke", "smoke", "conv2", "conv2"]
    assert len({one.series for one in configs}) == 2


def test_saved_settings_start_a_run_of_its_own_and_not_of_their_old_series(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put_phantoms(tmp_path / "set", women=12)
    data = DataConfig(folder=str(tmp_path / "set"), adapter="phantom_set", label_rule="lesion")
    config = get_recipe("smoke").configure(data, CANCER)
    save_settings(replace(config, series="5folds"), tmp_path / "run.json")
    command = ["train", "--config", str(tmp_path / "run.json"), *TINY]
    assert main([*command, "--label-rule", "lesion"]) == 2  # of which data?
    assert "add --data DIR" in capsys.readouterr().err
    assert main([*command, "--no-start"]) == 0
    (run,) = list_runs(tmp_path / "runs")
    assert load_settings(run.file("run.json"), RunConfig).series == ""


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--recipe", "smoke"], "A recipe needs data: add --data DIR."),
        (["--recipe", "soup", "--data", "{set}"], "There is no recipe named 'soup'"),
        (["--recipe", "smoke", "--data", "{set}", "--set", "epochs"], "has no value"),
        (["--recipe", "smoke", "--data", "{set}", "--set", "a.b=1"], "There is no setting 'a.b'"),
        (["--recipe", "smoke", "--data", "{set}", "--set", "optim.epochs=0"], "Epochs is 0"),
        (["--recipe", "smoke", "--data", "/nothere"], "There is no folder /nothere"),
        (
            ["--recipe", "smoke", "--data", "/nothere", "--adapter", "phantom_set"],
            "There is no folder /nothere",
        ),
        (["--recipe", "smoke", "--data", "{set}", "--folds", "-1"], "-1 folds cannot test"),
        (["--recipe", "smoke", "--data", "{set}", "--folds", "0"], "0 folds cannot test"),
        (["--recipe", "smoke", "--data", "{set}", "--seeds", "0"], "0 seeds have no spread"),
        (["--recipe", "smoke", "--data", "{set}", "--folds", "50"], "50 folds need 50 women"),
        (
            ["--recipe", "smoke", "--data", "{set}", "--folds", "50", "--preflight"],
            "50 folds need 50 women of each class; one class has",
        ),
        (
            ["--recipe", "smoke", "--data", "{set}", "--set", "model.weights=checkpoint:nobody"],
            "There is no run named 'nobody'",
        ),
        (
            [
                "--recipe", "smoke", "--data", "{set}", "--set", "model.backbone=resnet18",
                "--set", "model.weights=resnet18-imagenet",
            ],
            "The weights resnet18-imagenet are not on this computer.",
        ),
    ],
)  # fmt: skip
def test_a_mistake_is_one_sentence_and_starts_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], complaint: str
) -> None:
    put_phantoms(tmp_path / "set", women=1)
    given = [argument.replace("{set}", str(tmp_path / "set")) for argument in arguments]
    assert main(["train", *given]) == 2
    assert complaint in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


def test_a_run_can_be_made_for_others_to_start(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put_phantoms(tmp_path / "set", women=24)
    command = ["train", "--recipe", "smoke", "--data", str(tmp_path / "set"), "--no-start"]
    assert main([*command, "--folds", "2"]) == 0
    runs = list_runs(tmp_path / "runs")
    assert sorted(capsys.readouterr().out.split()) == sorted(str(run.path) for run in runs)
    assert not any(run.file("log.txt").exists() for run in runs)
    assert main(["runs"]) == 0
    assert capsys.readouterr().out.count("not started") == 2


@pytest.mark.slow
def test_few_women_to_choose_by_are_told_before_the_start(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put_phantoms(tmp_path / "set", women=24)
    command = ["train", "--recipe", "smoke", "--data", str(tmp_path / "set"), *TINY]
    assert main([*command, "--folds", "2", "--no-start"]) == 0
    told = capsys.readouterr().err
    for fold in (1, 2):
        assert f"Warning: Fold {fold}: only 1 of 2 validation women are positive (cancer)." in told
    assert main([*command, "--folds", "2", "--preflight"]) == 0
    told = capsys.readouterr().out
    assert "The first of 2 runs, which come one after the other:" in told
    assert told.count("Warning: Fold 1: only 1 of 2") == 1
    assert "Warning: Fold 2: only 1 of 2" in told


def test_where_a_fold_fails_it_is_told_how_to_go_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = series.fold_configs(CONFIG, 2)
    runs = series.create_series(plan, tmp_path / "runs")
    for run, state in zip(runs, (RunState.FINISHED, RunState.FAILED), strict=True):
        run.write_status(RunStatus(state=state))
    assert not _plan_finished(plan, runs, is_alone=False)
    told = capsys.readouterr().err.splitlines()[-2:]
    name = plan[0].series
    assert told == [f"  mammo resume {name}", f"  mammo ensemble {name} --method out-of-fold"]


def test_the_test_aucs_of_seeds_are_told_after_the_look_is_written_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = [write_run(tmp_path, name, made_up_predictions(women=4)) for name in ("one", "two")]
    spread = SeedSpread(values=(0.8, 0.9))
    monkeypatch.setattr(series, "members_of", lambda *_: runs)
    monkeypatch.setattr(series, "spread_of", lambda *_: spread)
    _tell_series(runs[0].settings(RunConfig))
    assert "Test AUC of 2 seeds: 0.800, 0.900" in capsys.readouterr().err
    assert [len(openings_of(run)) for run in runs] == [1, 1]
