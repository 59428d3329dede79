from dataclasses import replace

import pandas as pd
import pytest

from mammo_core.metrics.calibration import Brier, Calibration
from mammo_core.reports.standings import _calibration

FEW = Calibration(
    intercept=0.5,
    intercept_interval=None,
    slope=1.5,
    slope_interval=None,
    brier_interval=None,
    expected_error=0.1,
    brier=Brier(score=0.2, reliability=0.0, resolution=0.0, uncertainty=0.2),
    bins=pd.DataFrame(),
)


@pytest.mark.parametrize("number", ["0.5", "1.5", "0.2"])
def test_calibration_without_any_interval_is_said_once_and_without_a_number(number: str) -> None:
    said = _calibration(FEW)
    assert said == "not told: of so few women no number of it has an interval"
    assert number not in said


def test_what_has_an_interval_is_told_beside_what_has_none() -> None:
    said = _calibration(replace(FEW, brier_interval=(0.1, 0.3)))
    assert "Brier 0.200 (95 % 0.100 to 0.300)" in said
    assert "slope not told" in said
