"""Folds and seeds: started together, put together afterwards."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mammo_core.cli import main
from mammo_core.config import RunConfig, load_settings, save_settings
from mammo_core.datasets.adapters.adapter import DENSITY
from mammo_core.datasets.predictions import (
    predictions_table,
    read_predictions,
    write_predictions,
)
from mammo_core.errors import ConfigError, RunError
from mammo_core.metrics.cases import pool_cases
from mammo_core.metrics.ensemble import Averaging, load_ensemble, make_member
from mammo_core.metrics.multiclass import report_classes
from mammo_core.runs.card import Metric, write_card
from mammo_core.runs.folder import RunFolder, RunStatus, list_runs
from mammo_core.tables import check_manifest
from mammo_core.training.series import (
    fold_configs,
    join_folds,
    members_of,
    seed_configs,
    spread_of,
)
from mammo_core.types import CANCER, Level, RunState, Split
from tests.inference.made_up import card
from tests.phantoms import put_phantoms
from tests.training.made_up import CONFIG


def finished(root: Path, config: RunConfig, *, scores: "np.ndarray", auc: float = 0.8) -> RunFolder:
    """A run over with, its fold's 20 women (one image each) its test set, 20 more validation."""
    run = RunFolder(root / f"run-{config.data.fold}-{config.seed}")
    run.path.mkdir(parents=True)
    save_settings(config, run.file("run.json"))
    names = [f"W{config.data.fold}-{n}" for n in range(20)] + [f"V{n}" for n in range(20)]
    manifest = check_manifest(
        pd.DataFrame(
            {
                "image_id": names,
                "path": names,
                "patient_id": names,
                "label": ["cancer" if n % 2 else "no cancer" for n in range(40)],
                "split": ["test"] * 20 + ["val"] * 20,
            }
        )
    )
    table = predictions_table(
        manifest, np.stack([1 - scores, scores], axis=1), task=CANCER, dataset="d",
        model_id=run.run_id, engine="made up",
    )  # fmt: skip
    write_predictions(table, run.file("predictions.csv"))
    metric = Metric(
        name="auc", level=Level.BREAST, split=Split.TEST, value=auc, low=0.0, high=1.0,
        method="made up", positives=10, negatives=10, women=20,
    )  # fmt: skip
    write_card(replace(card("0" * 64), metrics=(metric,)), run.file("model_card.json"))
    run.write_status(RunStatus(state=RunState.FINISHED))
    return run


def scores_between(low: float, high: float) -> np.ndarray:
    """Cancers score higher on the whole, but not all of them."""
    rng = np.random.default_rng(0)
    base = rng.uniform(0.0, 0.6, 40) + 0.4 * (np.arange(40) % 2)
    return low + (high - low) * base


def test_folds_and_seeds_differ_in_nothing_else() -> None:
    folds = fold_configs(CONFIG, 3)
    assert [config.data.fold for config in folds] == [0, 1, 2]
    assert len({config.series for config in folds}) == 1
    plain = {replace(c, series="", data=replace(c.data, folds=0, fold=0)) for c in folds}
    assert plain == {CONFIG}
    seeds = seed_configs(CONFIG, 2)
    assert [config.seed for config in seeds] == [0, 1]
    assert {replace(config, series="", seed=0) for config in seeds} == {CONFIG}
    with pytest.raises(ConfigError, match="1 seeds have no spread"):
        seed_configs(CONFIG, 1)


def test_joined_folds_score_every_woman_once_on_one_scale(tmp_path: Path) -> None:
    configs = fold_configs(CONFIG, 2)
    finished(tmp_path, configs[0], scores=scores_between(0.0, 1.0))
    finished(tmp_path, configs[1], scores=scores_between(0.0, 0.1))  # a network never sure
    joined = join_folds(configs[0].series, tmp_path)
    table = read_predictions(joined.file("predictions.csv"))
    assert sorted(table["image_id"]) == sorted(f"W{fold}-{n}" for fold in (0, 1) for n in range(20))
    assert set(table["split"]) == {"test"}
    assert (table["p_no cancer"] + table["p_cancer"]).to_numpy() == pytest.approx(1.0, abs=1e-5)
    sure, unsure = (
        table.loc[table["image_id"].str.startswith(f"W{fold}"), "score"] for fold in (0, 1)
    )
    assert unsure.max() > 0.5  # was below 0.1
    assert sure.mean() == pytest.approx(unsure.mean(), abs=0.05)
    assert pool_cases(table, Level.IMAGE).positives == 20
    assert joined.read_status().state is RunState.FINISHED
    assert load_settings(joined.file("run.json"), RunConfig).data.folds == 2


def two_folds(root: Path) -> tuple[str, RunFolder, RunFolder]:
    """Their series, and both of them finished."""
    configs = fold_configs(CONFIG, 2)
    one, other = (finished(root, one, scores=scores_between(0.0, 1.0)) for one in configs)
    return configs[0].series, one, other


def test_a_fold_that_is_there_twice_does_not_stand_for_one_that_failed(tmp_path: Path) -> None:
    series, one, other = two_folds(tmp_path)
    shutil.copytree(one.path, tmp_path / "backup")
    with pytest.raises(
        RunError, match=r"^Fold 1 is here 2 times: (backup, run-0-0|run-0-0, backup)"
    ):
        join_folds(series, tmp_path)
    other.card_file.unlink()
    other.write_status(RunStatus(state=RunState.FAILED))
    lacking = r"^1 of 2 folds of \S+ are finished, but not fold 2 \(run-1-0, failed\)\. Wait, or"
    with pytest.raises(RunError, match=f"{lacking} .*mammo resume {series}\\. Fold 1 is here 2"):
        join_folds(series, tmp_path)
    assert not (tmp_path / series).exists()


def test_folds_may_differ_in_where_they_were_trained_and_in_nothing_else(tmp_path: Path) -> None:
    series, _, other = two_folds(tmp_path)
    config = other.settings(RunConfig)
    elsewhere = replace(config, device="auto", workers=3)
    elsewhere = replace(elsewhere, data=replace(config.data, folder="/elsewhere/made up"))
    save_settings(elsewhere, other.settings_file)
    assert join_folds(series, tmp_path).has_predictions
    longer = replace(config.optim, epochs=9)
    save_settings(replace(elsewhere, optim=longer, seed=4), other.settings_file)
    with pytest.raises(RunError, match=r"of one training: their optim\.epochs, seed differ"):
        join_folds(series, tmp_path)


@pytest.mark.parametrize(
    ("column", "row", "value", "complaint"),
    [
        ("group_id", 3, "W0-5", r"1 of 39 test women are of more than one fold \(first: W0-5\)"),
        ("label", 20, "cancer", r"1 of 60 images have more than one label \(first: V0\)"),
    ],
)
def test_folds_of_different_data_are_refused_before_anything_is_written(
    tmp_path: Path, column: str, row: int, value: str, complaint: str
) -> None:
    series, _, other = two_folds(tmp_path)
    table = read_predictions(other.predictions_file)
    table.loc[row, column] = value
    write_predictions(table, other.predictions_file)
    with pytest.raises(RunError, match=f"were not made from one data set: {complaint}"):
        join_folds(series, tmp_path)
    assert not (tmp_path / series).exists()


def test_every_fold_knows_the_women_the_others_were_tested_on(tmp_path: Path) -> None:
    """A woman who came before the second fold is in nobody's data but its own."""
    series, one, other = two_folds(tmp_path)
    tested = {run: [f"W{fold}-{n}" for n in range(20)] for fold, run in enumerate((one, other))}

    def saw(run: RunFolder, *, learnt: list[str]) -> None:
        rows = [("made up", name, name, "train", name) for name in learnt]
        rows += [("made up", name, name, "test", name) for name in tested[run]]
        rows += [("films", "F1", "F1", "train", "F1")]  # its origin had learnt from
        columns = ["dataset", "image_id", "group_id", "split", "content"]
        pd.DataFrame(rows, columns=columns).to_csv(run.file("seen.csv"), index=False)

    saw(one, learnt=tested[other])
    saw(other, learnt=tested[one])
    assert join_folds(series, tmp_path).has_predictions
    saw(one, learnt=tested[other][1:])
    with pytest.raises(RunError, match=r"1 of 40 images are not known to all folds .*W1-0"):
        join_folds(series, tmp_path)


def test_seeds_are_averaged_and_not_joined_as_folds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MAMMO_CHECKPOINTS", str(tmp_path))
    for config in seed_configs(CONFIG, 2):
        finished(tmp_path, config, scores=scores_between(0.0, 1.0))
    assert main(["ensemble", "run-0-0", "--method", "out-of-fold"]) == 2
    assert "are seeds, not folds" in (told := capsys.readouterr().err)
    assert "mammo ensemble run-0-0 run-0-1." in told
    assert main(["ensemble", "nobody", "--method", "out-of-fold"]) == 2
    assert "There are no folds named 'nobody'" in capsys.readouterr().err


@pytest.mark.parametrize("named", ["run-1-0", "the series"])
def test_folds_that_were_trained_elsewhere_are_joined_by_name(
    named: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAMMO_CHECKPOINTS", str(tmp_path))
    configs = fold_configs(CONFIG, 2)
    for config in configs:
        finished(tmp_path, config, scores=scores_between(0.0, 1.0))
    series = configs[0].series
    name = series if named == "the series" else named
    assert main(["ensemble", name, "--method", "out-of-fold"]) == 0
    assert len(read_predictions(tmp_path / series / "predictions.csv")) == 40
    assert load_ensemble(tmp_path / series / "members.json").method is Averaging.OUT_OF_FOLD


def test_scores_of_exactly_0_and_1_are_joined_too(tmp_path: Path) -> None:
    """A network may be so sure that six decimals show nothing else."""
    configs = fold_configs(CONFIG, 2)
    sure = scores_between(0.0, 1.0)
    sure[[0, 1]] = 0.0, 1.0
    for config in configs:
        finished(tmp_path, config, scores=sure)
    table = read_predictions(join_folds(configs[0].series, tmp_path).file("predictions.csv"))
    assert table["score"].between(0.0, 1.0).all()
    assert (table["p_no cancer"] + table["p_cancer"]).to_numpy() == pytest.approx(1.0, abs=1e-5)
    assert table["p_cancer"].to_numpy() == pytest.approx(table["score"].to_numpy(), abs=1e-6)


def graded(
    root: Path, config: RunConfig, *, sureness: float, is_backward: bool = False
) -> RunFolder:
    """`finished`, its women graded A to D (one in four each); with 1 the shares are the truth's."""
    run = finished(root, config, scores=scores_between(0.0, 1.0))
    table = read_predictions(run.predictions_file)
    rng = np.random.default_rng(config.data.fold)
    place = np.arange(len(table)) % 4
    near = np.exp(
        -np.abs(place[:, None] + rng.choice([-1, 0, 0, 1], len(table))[:, None] - np.arange(4))
    )
    if is_backward:
        near = near[:, ::-1]
    shares = near**sureness / (near**sureness).sum(axis=1, keepdims=True)
    label = pd.Series(list("ABCD"), dtype="string")[place].to_numpy()
    manifest = check_manifest(
        table[["image_id", "patient_id", "split"]].assign(path=table["image_id"], label=label)
    )
    graded = predictions_table(
        manifest, shares, task=DENSITY, dataset="d", model_id=run.run_id, engine="made up"
    )
    write_predictions(graded, run.predictions_file)
    return run


def four_classes(folds: int) -> list[RunConfig]:
    return fold_configs(replace(CONFIG, task=DENSITY), folds)


def test_joined_folds_of_ordered_classes_keep_their_classes_on_one_scale(tmp_path: Path) -> None:
    configs = four_classes(2)
    timid, sure = (
        graded(tmp_path, config, sureness=sureness)
        for config, sureness in zip(configs, (0.3, 6.0), strict=True)
    )
    joined = join_folds(configs[0].series, tmp_path)
    table = read_predictions(joined.file("predictions.csv")).set_index("image_id")
    columns = ["p_A", "p_B", "p_C", "p_D"]
    assert table[columns].sum(axis=1).to_numpy() == pytest.approx(1.0, abs=1e-5)
    assert (table["p_C"] + table["p_D"]).to_numpy() == pytest.approx(
        table["score"].to_numpy(), abs=1e-5
    )
    surest = table[columns].max(axis=1)
    for run in (timid, sure):  # the order of the classes of an image stays, how sure it is changes
        own = read_predictions(run.file("predictions.csv")).set_index("image_id")
        theirs = table.loc[own.index[own["split"] == "test"], columns]
        assert (theirs.idxmax(axis=1) == own.loc[theirs.index, columns].idxmax(axis=1)).all()
    means = [surest[surest.index.str.startswith(f"W{fold}")].mean() for fold in (0, 1)]
    assert means[0] == pytest.approx(means[1], abs=0.1)  # they were .31 and .99
    told = joined.read_status().message
    kappa = report_classes(table.reset_index(), DENSITY, Level.IMAGE).kappa
    assert f"Quadratic kappa {kappa:.3f} (" in told
    assert "of 40 images." in told
    assert "with and 10 without C or D" in told


def test_a_fold_that_says_the_opposite_class_stands_as_it_is(tmp_path: Path) -> None:
    configs = four_classes(2)
    graded(tmp_path, configs[0], sureness=1.0)
    backward = graded(tmp_path, configs[1], sureness=1.0, is_backward=True)
    joined = join_folds(configs[0].series, tmp_path)
    members = load_ensemble(joined.file("members.json")).members
    assert [member.is_calibrated for member in members] == [True, False]
    table = read_predictions(joined.file("predictions.csv")).set_index("image_id")
    own = read_predictions(backward.file("predictions.csv")).set_index("image_id")
    theirs = [f"W1-{n}" for n in range(20)]
    assert table.loc[theirs, "p_D"].tolist() == pytest.approx(
        own.loc[theirs, "p_D"].tolist(), abs=2e-6
    )
    assert "calibrated by fold but for 1 of 2 (fold 2)" in joined.read_status().message


def test_checkpoints_from_elsewhere_do_not_keep_folds_apart(tmp_path: Path) -> None:
    configs = fold_configs(CONFIG, 2)
    for config in configs:
        finished(tmp_path, config, scores=scores_between(0.0, 1.0))
    brought = finished(tmp_path, replace(CONFIG, seed=9), scores=scores_between(0.0, 1.0))
    brought.file("run.json").unlink()
    broken = finished(tmp_path, replace(CONFIG, seed=8), scores=scores_between(0.0, 1.0))
    broken.file("run.json").write_text("{")
    assert len(members_of(configs[0].series, tmp_path)) == 2


def test_a_missing_fold_is_waited_for(tmp_path: Path) -> None:
    configs = fold_configs(CONFIG, 2)
    finished(tmp_path, configs[0], scores=scores_between(0.0, 1.0))
    with pytest.raises(RunError, match=r"1 of 2 folds .* are finished"):
        join_folds(configs[0].series, tmp_path)


def test_a_fold_that_learnt_nothing_is_joined_as_it_is_and_named(tmp_path: Path) -> None:
    configs = fold_configs(CONFIG, 2)
    finished(tmp_path, configs[0], scores=scores_between(0.0, 1.0))
    backward = finished(tmp_path, configs[1], scores=scores_between(1.0, 0.0), auc=0.1)
    joined = join_folds(configs[0].series, tmp_path)
    table = read_predictions(joined.file("predictions.csv")).set_index("image_id")
    own = read_predictions(backward.file("predictions.csv")).set_index("image_id")
    theirs = [f"W1-{n}" for n in range(20)]
    assert len(table) == 40
    assert table.loc[theirs, "score"].tolist() == pytest.approx(own.loc[theirs, "score"].tolist())
    members = load_ensemble(joined.file("members.json")).members
    assert [member.is_calibrated for member in members] == [True, False]
    told = joined.read_status().message
    assert "calibrated by fold but for 1 of 2 (fold 2)" in told
    fold = "Fold 2: test AUC 0.100 (0.000 to 1.000) of 10 breasts with and 10 without cancer"
    assert f"{fold}, 20 women." in told


def test_checkpoints_that_are_no_folds_are_still_refused(tmp_path: Path) -> None:
    configs = fold_configs(CONFIG, 2)
    backward = finished(tmp_path, configs[1], scores=scores_between(1.0, 0.0))
    table = read_predictions(backward.file("predictions.csv"))
    val = pool_cases(table[table["split"] == "val"], Level.IMAGE)
    with pytest.raises(RunError, match="run-1-0 cannot be joined"):
        make_member(val, run_id=backward.run_id, weights_sha256="0")


def test_the_spread_of_seeds_is_their_standard_deviation(tmp_path: Path) -> None:
    configs = seed_configs(CONFIG, 3)
    for config, auc in zip(configs, (0.7, 0.8, 0.9), strict=True):
        finished(tmp_path, config, scores=scores_between(0.0, 1.0), auc=auc)
    spread = spread_of(configs[0].series, tmp_path)
    assert spread.values == (0.7, 0.8, 0.9)
    assert spread.mean == pytest.approx(0.8)
    assert spread.deviation == pytest.approx(0.1)
    assert len(members_of(configs[0].series, tmp_path)) == 3


@pytest.mark.slow
def test_cross_validation_from_the_shell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MAMMO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MAMMO_CHECKPOINTS", str(tmp_path / "runs"))
    put_phantoms(tmp_path / "set", women=30, lesion_contrast=4.0)
    tiny = ["prepare.size=[64, 32]", "optim.epochs=2", "workers=1", "data.val_fraction=0.4"]
    settings = [part for change in tiny for part in ("--set", change)]
    data = str(tmp_path / "set")
    command = ["train", "--recipe", "smoke", "--data", data, "--folds", "2", "--wait", *settings]
    assert main(command) == 0
    joined = RunFolder(Path(capsys.readouterr().out.split()[-1]))
    table = read_predictions(joined.file("predictions.csv"))
    assert len(table) == 120  # every woman's four views, once
    assert len(list_runs(tmp_path / "runs")) == 3
