"""Ordered classes all the way: drawn densities learnt by the worker, in folds, to one table."""

from pathlib import Path

import pytest

from mammo_core.cli import main
from mammo_core.datasets.predictions import read_predictions
from mammo_core.metrics.multiclass import report_classes
from mammo_core.runs.folder import RunFolder, list_runs
from mammo_core.types import Level
from tests.phantoms import put_phantoms

TINY = (
    *(
        "model.backbone=light_cnn",
        "model.weights=random",
        "model.dropout=0",
        "prepare.size=[64,32]",
    ),
    *("optim.batch_size=8", "optim.epochs=4", "optim.ema_decay=0", "optim.learning_rate=0.003"),
    *("workers=1", "data.val_fraction=0.4", "device=cpu"),
)


@pytest.fixture
def phantoms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MAMMO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MAMMO_CHECKPOINTS", str(tmp_path / "runs"))
    return put_phantoms(tmp_path / "set", women=40)


def train(folder: Path, *more: str) -> int:
    settings = [part for change in TINY for part in ("--set", change)]
    of_data = ["--data", str(folder), "--adapter", "csv_folder"]
    return main(["train", "--recipe", "density-ordinal", *of_data, "--wait", *settings, *more])


@pytest.mark.slow
def test_drawn_densities_are_trained_on_in_folds_and_every_woman_is_graded_once(
    phantoms: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(phantoms, "--folds", "2") == 0
    joined = RunFolder(Path(capsys.readouterr().out.split()[-1]))
    for run in list_runs(tmp_path / "runs"):
        if not run.is_checkpoint:
            continue
        card, metrics = run.card(), run.read_metrics()
        measured = {(m.name, m.level): m for m in card.metrics}
        kappa = measured[("quadratic kappa", Level.IMAGE)]
        assert kappa.positives + kappa.negatives == 80
        kappas = metrics.dropna(subset=["kappa"]).set_index("epoch")["kappa"]
        assert len(kappas) == 4
        assert kappas[card.training.best_epoch] == kappas.max()
    table = read_predictions(joined.predictions_file)
    assert len(table) == 160
    report = report_classes(table, card.task, Level.IMAGE)
    assert report.classes == ("A", "B", "C", "D")
    assert report.kappa is not None
    assert f"Quadratic kappa {report.kappa:.3f} (" in joined.read_status().message


@pytest.mark.slow
def test_an_order_is_refused_where_the_labels_have_none(
    phantoms: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(phantoms, "--label-rule", "as-written") != 0
    assert "optim.loss=cumulative goes by the order of classes" in capsys.readouterr().err
