import shutil
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from mammo_core.reports.study.women import Flow, Group, drawing_of
from mammo_core.runs.folder import RunFolder
from tests.reports.made_up_study import report_of


def test_the_flow_counts_found_left_out_and_used(study: RunFolder) -> None:
    assert report_of(study).flow.lines == (
        "Found: 60 women, 241 images.",
        "Left out, no label under the label rule: 1 image of 1 woman.",
        "Left out, no image used at all: 0 women.",
        "Training: 24 women, 96 images, 16 of them positive.",
        "Validation: 12 women, 48 images, 8 of them positive.",
        "Test: 24 women, 96 images, 16 of them positive.",
    )


@pytest.mark.slow
def test_without_the_data_set_only_what_was_used_is_told(
    study: RunFolder, study_folder: Path
) -> None:
    shutil.rmtree(study_folder)
    told = report_of(study)
    assert told.flow.found is None
    assert told.flow.lines[0] == "Training: 24 women, 96 images, 16 of them positive."
    assert any("women cannot be read any more" in text for text in told.study.missing)


@pytest.mark.slow
def test_a_data_set_that_changed_since_is_not_taken_for_the_one_trained_on(
    study: RunFolder, study_folder: Path
) -> None:
    manifest = study_folder / "manifest.csv"
    manifest.write_text(manifest.read_text().replace("w059", "w999"))
    told = report_of(study)
    assert told.flow.found is None
    assert any("has changed since the training" in text for text in told.study.missing)


def test_the_drawing_says_what_the_words_say_and_takes_no_markup() -> None:
    flow = Flow(
        found=Group(name="found", women=3, images=12),
        excluded=(Group(name="<b>&", women=1, images=4),),
        used=(Group(name="Test", women=2, images=8, positive_images=1),),
        without_any=1,
    )
    drawing = drawing_of(flow)
    words = " ".join(ElementTree.fromstring(drawing.svg).itertext())
    assert "<b>&: 4 images of 1 woman" in words
    assert "no image used at all: 1 woman" in words
    assert "2 women, 8 images, 1 of them positive" in words
    assert drawing.lines == flow.lines
