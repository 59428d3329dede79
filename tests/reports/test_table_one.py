import shutil
from pathlib import Path

import pandas as pd
import pytest

from mammo_core.reports.document import Table
from mammo_core.runs.folder import RunFolder
from tests.predictions import made_up_predictions, write_run
from tests.reports.made_up_study import RUN, report_of


def cells(table: Table | None, row: str) -> dict[str, str]:
    assert table is not None
    (found,) = (values for values in table.rows if values[0] == row)
    return dict(zip(table.header[1:], found[1:], strict=True))


@pytest.mark.slow
def test_women_are_counted_by_split_and_class(study: RunFolder) -> None:
    women = cells(report_of(study).table_one, "Women")
    assert women == {
        "Training, with a positive image": "8",
        "Training, without": "16",
        "Validation, with a positive image": "4",
        "Validation, without": "8",
        "Test, with a positive image": "8",
        "Test, without": "16",
    }


def test_shares_stand_with_their_denominators(study: RunFolder) -> None:
    table = report_of(study).table_one
    assert cells(table, "Positive images")["Test, with a positive image"] == "16 of 32 (50%)"
    assert cells(table, "Positive breasts")["Test, with a positive image"] == "8 of 16 (50%)"
    assert cells(table, "View: CC (images)")["Test, without"] == "32 of 64 (50%)"
    assert cells(table, "Machine")["Test, without"] == "not stated"


def test_the_middle_age_says_of_how_many_it_is_told(tmp_path: Path) -> None:
    table = made_up_predictions(women=4, with_cancer=0)  # aged 40 to 43
    table["age"] = table["age"].where(table["patient_id"] != "w003").astype("Float64")
    run = write_run(tmp_path, RUN, table)
    ages = cells(report_of(run).table_one, "Age in years, median (quartiles)")
    assert ages["Test, without"] == "41 (40 to 42), stated for 3 of 4"


def test_from_predictions_alone_training_women_are_said_to_be_missing(
    study: RunFolder, study_folder: Path
) -> None:
    shutil.rmtree(study_folder)
    told = report_of(study)
    assert told.table_one is not None
    assert not any("Training" in name for name in told.table_one.header)
    assert "nothing is known of the women trained on" in told.table_one_lacks


def test_without_patients_groups_of_images_are_counted(tmp_path: Path) -> None:
    table = made_up_predictions(women=4)
    table = table.assign(patient_id=pd.NA, exam_id=pd.NA, group_id=table["image_id"])
    run = write_run(tmp_path, RUN, table)
    table_one = report_of(run).table_one
    assert table_one is not None
    assert table_one.rows[0][0] == "Groups of images (no patient is named)"
