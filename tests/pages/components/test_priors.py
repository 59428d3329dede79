from dataclasses import replace

import numpy as np

from mammo_core.types import Box, Laterality, View, Window
from pages.components.read.priors import in_pairs
from pages.components.shared.viewer.hanging import Pane

PANE = Pane(
    key="",
    title="",
    pixels=np.zeros((2, 2), dtype=np.uint16),
    windows=(Window(name="Normal", low=0, high=4),),
    spacing_mm=0.2,
    breast=Box(x0=0, y0=0, x1=1, y1=1),
)


def study(*views: str, prefix: str = "") -> list[Pane]:
    return [
        replace(PANE, key=f"{prefix}{name}", side=Laterality(name[0]), view=View(name[1:]))
        for name in views
    ]


def test_each_view_hangs_beside_itself_before_in_the_order_of_an_exam() -> None:
    current = study("LCC", "LMLO", "RCC", "RMLO")
    earlier = study("RMLO", "RCC", "LCC", prefix="prior ")
    assert [pane.key for pane in in_pairs(current, earlier)] == [
        "RCC", "prior RCC", "LCC", "prior LCC", "RMLO", "prior RMLO",
    ]  # fmt: skip
