import pandas as pd

from mammo_core.plots.training import epoch_curve

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
