from dataclasses import replace
from pathlib import Path

import pytest

from mammo_core.config import save_settings
from mammo_core.errors import ConfigError
from mammo_core.runs.folder import RunFolder
from mammo_core.training.preflight import (
    FITTING_NAME,
    Fitting,
    fitting_of,
    made_to_fit,
    read_fitting,
    settings_of,
    write_fitting,
)
from tests.training.made_up import config


@pytest.mark.parametrize(
    ("batch_size", "accumulate", "largest", "batches"),
    [(32, 1, 8, 4), (32, 2, 8, 8), (7, 1, 3, 3), (16, 1, 1, 16)],
)
def test_smaller_batches_add_up_to_no_smaller_a_step(
    batch_size: int, accumulate: int, largest: int, batches: int
) -> None:
    wanted = config(batch_size=batch_size, accumulate=accumulate)
    fitting = fitting_of(wanted, largest)
    assert fitting == Fitting(batch_size=largest, accumulate=batches)
    copy = made_to_fit(wanted, fitting)
    assert copy.optim.batch_size * copy.optim.accumulate >= batch_size * accumulate
    assert replace(copy, optim=wanted.optim) == wanted


def test_what_fits_is_kept_with_the_run(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    assert read_fitting(run) is None
    write_fitting(run, Fitting(batch_size=4, accumulate=4))
    assert read_fitting(run) == Fitting(batch_size=4, accumulate=4)
    run.file(FITTING_NAME).write_text("half")
    with pytest.raises(ConfigError, match="cannot be read"):
        read_fitting(run)


def test_a_copy_of_a_fold_is_a_run_of_its_own(tmp_path: Path) -> None:
    alone = config()
    of_series = replace(alone, series="5folds", data=replace(alone.data, folds=5, fold=3))
    save_settings(of_series, tmp_path / "run.json")
    assert settings_of(RunFolder(tmp_path)) == alone
