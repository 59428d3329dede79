import re
from dataclasses import replace

import pandas as pd
import pytest

from mammo_core.metrics.calibration import Brier, Calibration
from mammo_core.metrics.several import Standings, place
from mammo_core.reports.standings import _calibration, standings_in_words
from mammo_core.words import NOTICE
from tests.metrics.test_several import tables

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


def said(found: Standings, known: dict[str, str] | None = None) -> list[str]:
    return list(standings_in_words(found, first="fair", known=known))


def test_every_number_stands_beside_those_it_counts_and_its_interval() -> None:
    lines = said(place(tables(), first="fair"), {"good": "It learnt from 3 of these women."})
    words = "\n".join(lines)
    assert lines[0].startswith("200 breasts of 100 women, of the test split")
    assert re.search(r"good: AUC 0\.\d{3} \(95 % .*\); 40 with, 160 without", words)
    assert re.search(r"against fair: \+0\.\d{3} \(95 % .*; paired by woman, p 0\.\d{3}; ", words)
    assert "200 cases of 100 women)" in words
    assert re.search(r"threshold 0\.\d{6}, chosen on validation for specificity 0\.9", words)
    assert re.search(
        r"promised there: sensitivity .* of 40 \(95 % .*specificity .* of 160 \(95 %", words
    )
    assert re.search(r"sensitivity delivered is (more|less|not told apart) .*p ", words)
    assert re.search(
        r"delivered: sensitivity .* of 40 \(95 % .*specificity .* of 160 \(95 %", words
    )
    assert lines[lines.index("  It learnt from 3 of these women.") + 1] == ""
    assert "Each of the 2 differences stands by itself, not corrected for the rest." in lines
    assert lines[-1] == NOTICE


def test_why_cases_are_left_out_is_told_apart() -> None:
    found = replace(place(tables(), first="fair"), left_out=4, disagreeing=1, unknown=2)
    assert said(found)[1:4] == [
        "4 breasts left out: not every model has scored them.",
        "1 breast left out: the tables differ on the truth.",
        "2 breasts left out: no label is known.",
    ]


def test_who_lacks_what_and_who_is_not_among_them_is_said_by_name() -> None:
    made = tables()
    number = made["blind"]["patient_id"].str[1:].astype(int)
    made["blind"] = made["blind"][number % 10 < 4]
    lines = said(replace(place(made, first="fair"), dropped={"early": "It shares no case."}))
    assert "early is not among them: It shares no case." in lines
    blind = next(at for at, line in enumerate(lines) if line.startswith("blind: AUC "))
    its_own = lines[blind : lines.index("", blind)]
    assert "  120 breasts that another model scored it did not score" in its_own
    assert not any("of all breasts it scored" in line for line in its_own)
    assert sum("  of all breasts it scored: AUC 0." in line for line in lines) == 2
    assert any("; 40 with, 160 without" in line for line in lines)


def test_of_too_few_women_there_is_no_test_and_that_is_said_without_a_p() -> None:
    [line] = [
        line
        for line in said(place(tables(women=20, with_cancer=8), first="fair"))
        if "against fair" in line and "no test" in line
    ][:1]
    assert "; no test, too few women; the interval is not paired; " in line
    assert "; p " not in line
