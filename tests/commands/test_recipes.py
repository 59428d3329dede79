from pathlib import Path

import pytest

from mammo_core.cli import main
from mammo_core.config import RunConfig
from mammo_core.runs.folder import RunFolder, list_runs
from mammo_core.training.recipes import RECIPES, get_recipe
from tests.datasets.builders.women import BUILDERS

TINY = [
    "--set", "optim.epochs=1", "--set", "prepare.size=[64, 64]", "--set", "device=cpu",
    "--set", "optim.warmup_epochs=0", "--set", "optim.batch_size=8",
    "--set", "model.backbone=test_resnet", "--set", "optim.last_layers=3",
]  # fmt: skip


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAMMO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MAMMO_CHECKPOINTS", str(tmp_path / "runs"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.chdir(tmp_path)


def test_every_recipe_is_listed_under_its_project_with_what_was_published(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["recipes"]) == 0
    lines = capsys.readouterr().out.splitlines()
    named = {line.split()[0]: line for line in lines if line.startswith("  ")}
    assert set(named) == {recipe.name for recipe in RECIPES}
    assert "as published" in named["vindr-vgg16-as-published"]
    assert named["vindr-vgg16-as-published"].endswith(
        "published: accuracy 0.390, sensitivity 0.710, F1 0.210"
    )
    assert lines.index("CBIS-DDSM, four networks:") < lines.index(named["cbis-vgg16-folds"])


def test_one_recipe_is_shown_with_its_defects_and_figures(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["recipes", "show", "cmmd-conv2-oversampled-as-published"]) == 0
    told = capsys.readouterr().out
    assert "images are dealt out, not women, after images of the rarer class were copied" in told
    assert "AUC 0.870. Known defect: copies of test images were trained on" in told
    assert "optim.batch_size=32" in told
    assert main(["recipes", "show", "soup"]) == 2
    capsys.readouterr()
    assert main(["recipes", "show", "lesion-patches"]) == 0
    assert "patches.hard_from=3" in capsys.readouterr().out


def test_train_lists_the_recipes_in_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["train", "--help"])
    told = capsys.readouterr().out
    assert all(recipe.name in told for recipe in RECIPES)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (
            ["run", "vindr-resnet50-as-published", "--data", "/nothere"],
            "ask for it at https://www.radimagenet.com",
        ),
        (
            ["run", "vindr-resnet50-as-published", "--data", "/nothere"],
            "It goes to weights/resnet50-radimagenet.safetensors below MAMMO_HOME. Licence: for "
            "research only",
        ),
        (
            ["run", "full", "--data", "/nothere", "--set", "model.backbone=resnet34"],
            "The weights resnet34-imagenet are not on this computer",
        ),
        (
            ["run", "full", "--data", "/nothere", "--set", "model.backbone=resnet52"],
            "There is no backbone named 'resnet52'",
        ),
        (
            ["run", "full", "--data", "/nothere", "--set", "model.weights=mine"],
            "There are no weights for convnext_small named 'mine'",
        ),
        (["run", "conv2", "--data", "/nothere"], "There is no folder /nothere"),
        (["run", "conv2", "--data", "/nothere", "--out", "/no/a.html"], "There is no folder /no"),
    ],
)
def test_what_lacks_is_said_before_any_data_are_looked_at(
    capsys: pytest.CaptureFixture[str], arguments: list[str], complaint: str
) -> None:
    assert main(["recipes", *arguments]) == 2
    assert complaint in capsys.readouterr().err


def test_going_on_needs_a_run_to_go_on_from(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    BUILDERS["cbis_ddsm"](tmp_path / "set")
    command = ["recipes", "run", "cbis-vgg16-continued", "--data", str(tmp_path / "set")]
    assert main(command) == 2
    told = capsys.readouterr().err
    assert "No finished run of cbis-vgg16-done-right on these data is here to go on from" in told
    assert f"run cbis-vgg16-done-right --data {(tmp_path / 'set').resolve()}`" in told


def run_recipe(name: str, folder: Path, *more: str) -> int:
    adapter = get_recipe(name).datasets[0]
    if not folder.exists():
        BUILDERS[adapter](folder)
    return main(["recipes", "run", name, "--data", str(folder), *TINY, *more])


def settings_and_card(run: RunFolder) -> tuple[RunConfig, tuple[str, ...]]:
    return run.settings(RunConfig), run.card().limits


@pytest.mark.slow
def test_as_published_runs_from_split_to_report_and_every_result_is_stamped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "report.md"
    name = "vindr-resnet18-as-published"
    assert run_recipe(name, tmp_path / "set", "--out", str(out)) == 0
    (run,) = list_runs(tmp_path / "runs")
    config, limits = settings_and_card(run)
    assert (config.recipe, config.data.label_rule) == (name, "birads-3")
    stamp = "leaky split: the 24 test images chose the epoch, so results on them flatter"
    assert stamp in limits
    told = capsys.readouterr()
    assert "Warning: Leaky split: the 24 test images chose the epoch" in told.err
    assert "At 0.5000" in told.out
    assert "Published (gitmurphy, ResNet18 at 128 x 128; BI-RADS 3 and above" in told.out
    report = out.read_text()
    assert stamp in report
    assert "as the recipe of the training says" in report


@pytest.mark.slow
def test_copies_made_before_the_split_are_trained_and_tested_on_and_that_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_recipe("cmmd-conv2-oversampled-as-published", tmp_path / "set") == 0
    (run,) = list_runs(tmp_path / "runs")
    _, limits = settings_and_card(run)
    assert any("test images are also learnt from" in limit for limit in limits)
    assert "AUC 0.870" in capsys.readouterr().out


@pytest.mark.slow
def test_done_right_runs_to_its_report_and_to_an_external_test(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    BUILDERS["mias"](tmp_path / "films")
    name = "cmmd-conv2-weighted-done-right"
    assert run_recipe(name, tmp_path / "set", "--also-on", str(tmp_path / "films")) == 0
    evaluated, run = list_runs(tmp_path / "runs")
    config, limits = settings_and_card(run)
    assert config.recipe == name
    assert not any("leaky" in limit for limit in limits)
    told = capsys.readouterr()
    assert "Leaky" not in told.err
    assert "AUC by image" in told.err  # of the films
    assert evaluated.has_predictions
    assert (tmp_path / f"{run.run_id}-report.html").exists()


@pytest.mark.slow
def test_folds_are_run_and_joined_where_the_recipe_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "report.md"
    assert run_recipe("mias-density-vgg16", tmp_path / "set", "--out", str(out)) == 0
    runs = list_runs(tmp_path / "runs")
    assert len(runs) == 6  # five folds, and what they come to
    assert "Out-of-fold scores of 24 women" in capsys.readouterr().err
    assert out.read_text().startswith("# ")


@pytest.mark.slow
def test_a_recipe_of_several_seeds_is_averaged_and_another_goes_on_from_a_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "set"
    long = ["--set", "optim.epochs=6", "--set", "optim.learning_rate=0.003"]
    long += ["--set", "data.val_fraction=0.3"]
    assert run_recipe("cbis-vgg16-ensemble", folder, *long) == 0
    assert "of 3 models on" in capsys.readouterr().err
    assert run_recipe("cbis-vgg16-done-right", folder) == 0
    assert run_recipe("cbis-vgg16-continued", folder) == 0
    newest = list_runs(tmp_path / "runs")[0]
    assert newest.card().training.started_from
