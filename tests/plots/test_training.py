import pandas as pd

from mammo_core.plots.training import Drawn, epoch_curve, epoch_lines

ROWS = pd.DataFrame(
    [
        {"epoch": 1, "split": "train", "loss": 0.7},
        {"epoch": 1, "split": "val", "loss": 0.6, "auc": 0.5},
        {"epoch": 2, "split": "train", "loss": 0.5},
        {"epoch": 2, "split": "val", "loss": 0.4, "auc": 0.8},
    ]
)


def test_a_split_has_a_line_only_for_what_it_reported() -> None:
    assert [line.name for line in epoch_curve(ROWS, "loss", title="Loss").data] == [
        "Training",
        "Validation",
    ]
    (auc,) = epoch_curve(ROWS, "auc", title="AUC").data
    assert (list(auc.x), list(auc.y)) == ([1, 2], [0.5, 0.8])


def test_before_the_first_epoch_there_is_an_empty_figure() -> None:
    assert not epoch_curve(ROWS.iloc[:0], "loss", title="Loss").data


def test_two_lines_of_one_split_are_told_apart_without_colour() -> None:
    drawn = [
        Drawn(column="auc", split="val", name="one"),
        Drawn(column="loss", split="val", name="other"),
    ]
    one, other = epoch_lines(ROWS, drawn, title="Both").data
    assert (one.name, other.name) == ("one", "other")
    assert one.line.dash != other.line.dash
    assert list(other.y) == [0.6, 0.4]


def test_a_floor_is_a_line_and_none_is_drawn_where_none_was_set() -> None:
    drawn = [Drawn(column="auc", split="val", name="AUC")]
    (line,) = epoch_lines(ROWS, drawn, title="AUC", floor=0.7).layout.shapes
    assert (line.y0, line.y1) == (0.7, 0.7)
    assert not epoch_lines(ROWS, drawn, title="AUC").layout.shapes


def test_the_epochs_begin_where_the_first_one_is() -> None:
    assert epoch_curve(ROWS, "loss", title="Loss").layout.xaxis.rangemode is None
