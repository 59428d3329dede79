"""Curves of several runs, one on the other."""

import pandas as pd

from mammo_core.plots.training import overlaid_curves


def test_each_run_has_a_line_of_its_own_under_its_name() -> None:
    rows = pd.DataFrame(
        {"epoch": [1, 1, 2], "split": ["train", "val", "val"], "auc": [0.9, 0.6, 0.7]}
    )
    without = pd.DataFrame({"epoch": [1], "split": ["val"], "loss": [0.5]})
    runs = {"One": rows, "Other": rows.assign(auc=[0.8, 0.5, 0.4]), "Young": without}
    figure = overlaid_curves(runs, "auc", title="Validation AUC")
    assert [(line.name, list(line.y)) for line in figure.data] == [
        ("One", [0.6, 0.7]),
        ("Other", [0.5, 0.4]),
    ]
    assert len({(line.line.color, line.line.dash) for line in figure.data}) == 2
