import csv
import io
from dataclasses import replace

import pandas as pd

from mammo_core.reports.case.tables import case_rows, to_csv
from mammo_core.tables import to_safe_csv
from tests.reports.read_cases import read_case, unread


def test_an_image_without_a_score_keeps_its_row_and_every_row_its_notice() -> None:
    case = read_case()
    rows = case_rows(replace(case, images=(unread(case.images[0]), case.images[1])))
    assert rows["score"].isna().tolist() == [True, False]
    assert rows["notes"][0].startswith("It does not look like a breast.")
    assert set(rows["notice"]) == {"For research only. Not a medical device."}


def test_a_side_set_by_hand_is_marked() -> None:
    first = read_case().images[0]
    by_hand = replace(first, about=replace(first.about, corrected=("side",)))
    rows = case_rows(replace(read_case(), images=(by_hand,)))
    assert rows["set_by_hand"].tolist() == ["side"]


def test_a_text_that_starts_a_formula_is_defused() -> None:
    table = pd.DataFrame({"a": ["=1+1", "fine", "@x"], "n": [-1.0, 2.0, 3.0]})
    assert to_safe_csv(table).splitlines() == ["a,n", "'=1+1,-1.0", "fine,2.0", "'@x,3.0"]


def test_a_note_that_starts_a_formula_is_defused_in_the_export() -> None:
    rows = list(csv.DictReader(io.StringIO(to_csv(read_case()))))
    assert [row["notes"] for row in rows] == ['\'=HYPERLINK("x") & <b>note</b>'] * 2
    assert [row["score"] for row in rows] == ["0.25", "0.5"]


def test_no_carriage_return_begins_a_row_of_its_own() -> None:
    text = to_safe_csv(pd.DataFrame({"a": ["x\r=1+1", "y\r\nz"], "b\rc": [1, 2]}))
    assert "\r" not in text
    assert list(csv.reader(io.StringIO(text))) == [["a", "b\nc"], ["x\n=1+1", "1"], ["y\nz", "2"]]


def test_headers_full_width_signs_and_line_feeds_start_no_formula_either() -> None:
    table = pd.DataFrame({"=HYPERLINK(1)": ["\uff1d1+1", "\n=1+1", "\uff0b1", "plain"]})
    assert to_safe_csv(table).split("\n", 1)[0] == "'=HYPERLINK(1)"
    read = pd.read_csv(io.StringIO(to_safe_csv(table)))
    assert read.iloc[:, 0].tolist() == ["'\uff1d1+1", "'\n=1+1", "'\uff0b1", "plain"]
