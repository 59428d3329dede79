"""Figures of a run in progress, drawn from the rows it reports."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import pandas as pd
import plotly.graph_objects as go

from mammo_core.plots.style import DASHES, MUTED, PALETTE

_COLOURS: Final = {"train": "#8a94a6", "val": PALETTE[0], "test": PALETTE[1]}
_NAMES: Final = {"train": "Training", "val": "Validation", "test": "Test"}
_HEIGHT: Final = 230
_FEW_EPOCHS: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """A column of the metrics, of one split, under the name it carries in the legend."""

    column: str
    split: str
    name: str


def epoch_curve(metrics: pd.DataFrame, column: str, *, title: str) -> go.Figure:
    """One line per split of `column` over the epochs; a split that never reported it has none."""
    found = metrics["split"].unique() if column in metrics else ()
    drawn = [
        Drawn(column=column, split=str(split), name=_NAMES.get(str(split), str(split)))
        for split in found
    ]
    return epoch_lines(metrics, drawn, title=title)


def epoch_lines(
    metrics: pd.DataFrame, drawn: list[Drawn], *, title: str, floor: float = 0.0
) -> go.Figure:
    """Several lines over the epochs; above 0, `floor` is a line that none should fall below."""
    figure = go.Figure(
        layout={
            "title": {"text": title, "font": {"size": 14}, "x": 0, "y": 0.98},
            "xaxis": {"title": {"text": "Epoch"}},
            "height": _HEIGHT,
            "margin": {"l": 10, "r": 10, "t": 50, "b": 10},
            "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
            "hovermode": "x",
        }
    )
    for number, line in enumerate(drawn):
        if line.column not in metrics:
            continue
        rows = metrics[metrics["split"] == line.split].dropna(subset=[line.column])
        if rows.empty:
            continue
        earlier = sum(other.split == line.split for other in drawn[:number])
        figure.add_scatter(
            x=rows["epoch"],
            y=rows[line.column],
            mode="lines+markers",
            name=line.name,
            line={
                "color": PALETTE[earlier] if earlier else _COLOURS.get(line.split),
                "dash": DASHES[earlier],
            },
        )
    if not metrics.empty and metrics["epoch"].max() <= _FEW_EPOCHS:
        figure.update_xaxes(dtick=1)  # there is no half an epoch
    if floor > 0.0:
        figure.add_hline(
            y=floor, line={"color": MUTED, "dash": "dot"}, annotation_text=f"at least {floor:.2f}"
        )
    return figure


def overlaid_curves(runs: Mapping[str, pd.DataFrame], column: str, *, title: str) -> go.Figure:
    """`column` of the validation rows of several runs, by their names, one on the other."""
    parts = [
        table.assign(split=name)
        for name, table in (
            (name, metrics[metrics["split"] == "val"]) for name, metrics in runs.items()
        )
        if column in table
    ]
    whole = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["epoch"])
    figure = epoch_lines(
        whole, [Drawn(column=column, split=name, name=name) for name in runs], title=title
    )
    for number, line in enumerate(figure.data):
        line.update(
            line={"color": PALETTE[number % len(PALETTE)], "dash": DASHES[number % len(DASHES)]}
        )
    return figure.update_layout(
        height=_HEIGHT + 26 * len(runs), legend={"orientation": "v", "y": -0.25, "yanchor": "top"}
    )
