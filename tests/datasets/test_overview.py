"""A data set in numbers and small pictures."""

from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from mammo_core.config import AuditConfig
from mammo_core.datasets.dataset import (
    Registered,
    counts_by,
    latest_audit,
    missing_files,
    told_columns,
)
from mammo_core.datasets.small_images import kept_thumbnail
from mammo_core.plots.overviews import counts_figure
from mammo_core.runs.jobs import create_run
from mammo_core.tables import check_manifest
from mammo_core.types import CANCER
from tests.datasets.builders import drawn


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAMMO_HOME", str(tmp_path / "home"))


def manifest() -> pd.DataFrame:
    return check_manifest(
        pd.DataFrame(
            {
                "image_id": ["a", "b", "c", "d"],
                "path": ["a.png", "b.png", "c.png", "d.png"],
                "side": ["L", "R", "R", pd.NA],
                "label": ["cancer", "no cancer", pd.NA, "no cancer"],
            }
        )
    )


def test_columns_are_told_in_so_many_images() -> None:
    told = told_columns(manifest()).set_index("column")
    assert told.loc["side", "images"] == 3
    assert told.loc["side", "share"] == 0.75
    assert told.loc["machine", "images"] == 0


def test_values_are_counted_by_class_and_what_is_not_told_is_a_value() -> None:
    counts = counts_by(manifest(), "side", CANCER)
    assert counts.to_numpy().tolist() == [["L", 1, 0, 0], ["R", 0, 1, 1], ["not stated", 0, 1, 0]]
    figure = counts_figure(counts, title="Side")
    assert [bar.name for bar in figure.data] == ["positive", "not positive", "no label"]
    assert list(figure.data[0].y) == [1, 0, 0]


def test_many_numbers_are_counted_in_ranges() -> None:
    rows = pd.DataFrame({"image_id": [str(n) for n in range(50)], "label": "cancer"})
    table = check_manifest(rows.assign(path=rows["image_id"], age=[40.0 + n for n in range(50)]))
    counts = counts_by(table, "age", CANCER)
    assert len(counts) == 10
    assert counts["positive"].sum() == 50


def test_ages_told_from_0_to_1_are_counted_in_ranges_that_differ() -> None:
    rows = pd.DataFrame({"image_id": [str(n) for n in range(50)], "label": "cancer"})
    table = check_manifest(rows.assign(path=rows["image_id"], age=[n / 50 for n in range(50)]))
    counts = counts_by(table, "age", CANCER)
    assert counts["value"].nunique() == 10
    assert counts["value"].iloc[-1] == "0.9 to 1.0"


def test_a_thumbnail_is_kept_until_its_image_changes(tmp_path: Path) -> None:
    drawn.write_picture(tmp_path / "a.png", drawn.texture(1, (200, 100)))
    first = kept_thumbnail(tmp_path, "a.png", side=100) or b""
    assert cv2.imdecode(np.frombuffer(first, np.uint8), cv2.IMREAD_GRAYSCALE).shape == (100, 50)
    (kept,) = (tmp_path / "home").rglob("*.jpg")
    kept.write_bytes(b"kept")
    assert kept_thumbnail(tmp_path, "a.png", side=100) == b"kept"
    drawn.write_picture(tmp_path / "a.png", drawn.texture(2, (300, 100)))
    assert kept_thumbnail(tmp_path, "a.png", side=100) != b"kept"
    assert kept_thumbnail(tmp_path, "none.png", side=100) is None


def test_missing_files_are_listed(tmp_path: Path) -> None:
    drawn.write_picture(tmp_path / "a.png", drawn.texture(1))
    assert missing_files(tmp_path, manifest()) == ["b.png", "c.png", "d.png"]


def test_the_newest_audit_of_a_set_is_found_by_what_it_audited(tmp_path: Path) -> None:
    entry = Registered(name="a", folder="/d", adapter="csv_folder", label_rule="as-written")
    other = AuditConfig(name="b", folder="/d", adapter="csv_folder", label_rule="as-written")
    ours = AuditConfig(name="a", folder="/d", adapter="csv_folder", label_rule="as-written")
    assert latest_audit(entry, tmp_path) is None
    create_run(other, tmp_path, what="audit", total=0)
    assert latest_audit(entry, tmp_path) is None
    run = create_run(ours, tmp_path, what="audit", total=0)
    assert latest_audit(entry, tmp_path) == run
