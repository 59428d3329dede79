"""Sentences of the audit that were once false, each against a number counted another way."""

import re
from pathlib import Path

import pandas as pd
import pytest

from mammo_core.datasets.audit import copies, shortcuts, tables
from mammo_core.datasets.audit.run import audit_dataset
from mammo_core.datasets.dataset import read_dataset
from tests.datasets.audit.made import evidence_of, facts_of, rows, the_one
from tests.datasets.builders import CBIS_JPEG, VINDR


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAMMO_HOME", str(tmp_path / "home"))


def numbers_in(sentence: str) -> list[int]:
    return [int(word) for word in re.findall(r"\d+", sentence)]


def test_files_that_show_so_many_images_add_up() -> None:
    paths = [f"images/{n}.png" for n in range(9)]
    content = ["x", "x", "x", "y", "y", "z", "f", "g", "h"]
    links = pd.DataFrame({"first": [0, 0, 3, 3], "second": [1, 2, 4, 5], "correlation": 0.99})
    table = rows(9, patient_id=["A", "A", "A", *"BCDEFG"])
    evidence = evidence_of(table, facts=facts_of(paths, content=content), pairs=links)
    sentence = the_one(copies.check_copies(evidence)).sentence
    files, images, repeats, exact, turned, loose = numbers_in(sentence)
    assert files == len(paths)
    assert images == len({"xxx", "yyz", "f", "g", "h"})
    assert files - images == repeats == exact + turned
    assert exact == len(content) - len(set(content))
    assert loose == 3  # x belongs to one woman, y and z do not


def test_breasts_are_not_counted_where_sides_are_unknown() -> None:
    women = [f"W{n // 2}" for n in range(80)]
    table = rows(80, patient_id=women, label=["cancer"] * 40 + ["no cancer"] * 40)
    table = pd.concat([table, table.iloc[:40].assign(path=lambda t: "more/" + t["path"])])
    table = table.assign(image_id=table["path"]).reset_index(drop=True)
    evidence = evidence_of(table)
    found = shortcuts.check_shortcuts(evidence, shortcuts.measure_shortcuts(evidence))
    told = next(f.sentence for f in found if "Do not evaluate by woman" in f.sentence)
    assert "breast" not in told
    positive = table[table["label"] == "cancer"].groupby("patient_id").size()
    assert f"{positive.mean():.1f} against 2.0" in told


@pytest.mark.parametrize("column", ["exam_id", "group_id", None])
def test_without_women_it_is_said_what_still_keeps_images_together(column: str | None) -> None:
    known = {column: [f"E{n // 2}" for n in range(20)]} if column else {}
    evidence = evidence_of(rows(20, patient_id=pd.NA, side="L", view="CC", **known))
    sentence = the_one(tables.check_sides_and_views(evidence)).sentence
    counted = {"exam_id": "by exam", "group_id": "groups them by", None: "one by one"}[column]
    assert counted in sentence
    assert "Nothing can be split" not in sentence


def test_women_and_images_without_one_are_counted_apart(tmp_path: Path) -> None:
    table = rows(12, patient_id=["A", "A", "B", *[pd.NA] * 9])
    table.to_csv(tmp_path / "manifest.csv", index=False)
    result = audit_dataset(read_dataset(tmp_path), made_at="today")
    assert result.whose == "2 women, and 9 images of which nobody says whose they are"
    assert result.women == 11  # groups: what splits keep together


@pytest.mark.slow
def test_a_set_grouped_by_exam_is_not_said_to_have_women(tmp_path: Path) -> None:
    VINDR.build(tmp_path)
    result = audit_dataset(read_dataset(tmp_path), made_at="today")
    told = " ".join(finding.sentence for finding in result.findings)
    exams = read_dataset(tmp_path).manifest["exam_id"].nunique()
    assert result.precision is None or result.precision.people == "exams"
    assert f"{result.women}" == f"{exams}"
    assert "by exam" in told
    assert not re.search(r"\d+ women", told)


def test_rows_of_the_lesion_tables_are_counted_before_any_is_left_out(tmp_path: Path) -> None:
    CBIS_JPEG.build(tmp_path)
    tables_there = sorted((tmp_path / "csv").glob("*_case_description_*.csv"))
    every = sum(len(pd.read_csv(path)) for path in tables_there)
    sentence = next(d for d in read_dataset(tmp_path).defects if d.name == "lesion-rows").sentence
    assert numbers_in(sentence)[0] == every
