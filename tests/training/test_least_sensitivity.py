"""The sensitivity a user asks for reaches the one who watches the run."""

from dataclasses import replace
from pathlib import Path

import pytest

from mammo_core.config import DataConfig, OptimConfig
from mammo_core.errors import ConfigError
from mammo_core.runs.jobs import create_run
from mammo_core.worker import main
from tests.phantoms import put_phantoms
from tests.training.made_up import config


@pytest.mark.slow
def test_every_epoch_below_the_floor_raises_an_alarm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAMMO_HOME", str(tmp_path / "home"))
    put_phantoms(tmp_path / "set", women=12)
    data = DataConfig(folder=str(tmp_path / "set"), adapter="phantom_set", label_rule="lesion")
    settings = replace(config(epochs=2, least_sensitivity=1.0), data=data, workers=1)
    run = create_run(settings, tmp_path, what="light_cnn", total=2)
    assert main("train", run.path) == 0
    judged = run.read_metrics().query("split == 'val'")
    is_below = judged["sensitivity_at_specificity_90"] < 1.0
    assert is_below.any()
    assert judged["alarm"].fillna("").str.contains("below the 1.00 asked").tolist() == [*is_below]


def test_a_floor_is_a_share() -> None:
    (problem,) = OptimConfig(least_sensitivity=60.0).check()
    assert problem == "Least sensitivity is 60.0; it must lie between 0 and 1."
    with pytest.raises(ConfigError, match="Least sensitivity"):
        config(least_sensitivity=-0.1).check()
