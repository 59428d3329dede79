"""What guesses without a network reach stands in the report, on its very cases."""

import pandas as pd
import pytest

from mammo_core.datasets.predictions import read_predictions, write_predictions
from mammo_core.reports.document import render_markdown
from mammo_core.reports.study.guesses import guesses_of
from mammo_core.reports.study.report import study_report
from mammo_core.runs.folder import BASELINES_NAME, RunFolder
from tests.reports.made_up_study import report_of


@pytest.mark.slow
def test_guesses_stand_beside_the_model_with_its_lead_over_each(study: RunFolder) -> None:
    table = read_predictions(study.predictions_file)
    flat = table.assign(model_id="baseline: majority", score=0.3)
    same = table.assign(model_id="baseline: pixels")
    write_baselines(study, flat, same)
    told = report_of(study)
    assert told.results is not None
    by_name = {one.name: one for one in guesses_of(told.study, told.results)}
    assert by_name["majority"].auc is None
    assert told.results.main.auc is not None
    assert by_name["pixels"].auc == told.results.main.auc
    assert by_name["pixels"].lead is not None
    assert by_name["pixels"].lead.value == 0.0
    text = render_markdown(study_report(told, made_at="now"))
    assert "Guesses without a network" in text
    assert "0.500, one score for all" in text
    assert "| pixels | " in text


@pytest.mark.slow
def test_guesses_on_other_cases_are_not_compared(study: RunFolder) -> None:
    table = read_predictions(study.predictions_file)
    fewer = table[table["group_id"] != table["group_id"].iloc[0]]
    fewer = fewer[~((fewer["split"] == "test") & (fewer["group_id"] == one_woman(table)))]
    write_baselines(study, fewer.assign(model_id="baseline: pixels"))
    told = report_of(study)
    assert told.results is not None
    assert guesses_of(told.study, told.results) == ()
    assert "is not known: no baselines" in render_markdown(study_report(told, made_at="now"))


def one_woman(table: pd.DataFrame) -> str:
    return str(table.loc[table["split"] == "test", "group_id"].iloc[0])


def write_baselines(study: RunFolder, *tables: pd.DataFrame) -> None:
    write_predictions(pd.concat(tables, ignore_index=True), study.file(BASELINES_NAME))
