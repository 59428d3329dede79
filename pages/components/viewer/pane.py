"""What the viewer shows, and what it gives back."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mammo_core.types import Box, Window

Edge = Literal["left", "right"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionBox:
    """A rectangle in pixel edges of the pane, with what is written beside it."""

    x0: float
    y0: float
    x1: float
    y1: float
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pane:
    """One image in the viewer, shown so that the breast fills the pane.

    Panes share a scale: equal millimetres where every `spacing_mm` is known, else equal breast
    heights where every `breast` is, else equal image heights.
    """

    key: str  # tells images apart, also from one case to the next
    title: str
    pixels: NDArray[np.uint16]
    windows: tuple[Window, ...] = ()  # in units of `pixels`; the first is shown
    side: str | None = None
    view: str | None = None
    spacing_mm: float | None = None  # of one pixel of `pixels`
    is_spacing_at_detector: bool = False
    breast: Box | None = None  # in pixels of `pixels`
    chest_wall: Edge | None = None  # the edge of `pixels` where the chest wall lies
    reduction: float = 1.0  # original pixels per pixel of `pixels`
    heat: NDArray[np.uint8] | None = None  # of any size; covers the whole frame
    boxes: tuple[RegionBox, ...] = ()
    note: str = ""  # one short line under the title, such as a score with its model


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderBox:
    """A box the reader drew, in pixels of the pane."""

    pane: str
    box: Box


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewerResult:
    drawn: tuple[ReaderBox, ...] = ()
