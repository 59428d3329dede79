"""The things the workbench speaks of, one at a time. Many of a thing are tables: see tables.py."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.float32]
Size = tuple[int, int]  # (height, width)
Report = Callable[[int, int, str], None]  # how much is done, of how much, in words


class Laterality(StrEnum):
    """The side as the woman has it: her right breast is R."""

    LEFT = "L"
    RIGHT = "R"


class View(StrEnum):
    """The projection. CC (from above) and MLO (oblique) make the usual four-view exam.

    DICOM PS3.3 C.8.11.7.1 (View Position) and PS3.16 CID 4014 (View Code Sequence).
    """

    CC = "CC"
    MLO = "MLO"
    ML = "ML"
    LM = "LM"
    LMO = "LMO"
    XCC = "XCC"
    XCCL = "XCCL"
    XCCM = "XCCM"
    FB = "FB"
    SIO = "SIO"
    ISO = "ISO"
    CV = "CV"
    AT = "AT"


class Unfit(StrEnum):
    """Why an image is no mammogram to be scored; the value is how it is counted."""

    BLANK = "blank"
    MASK = "a mask of two values"


class Level(StrEnum):
    """What counts as one case."""

    IMAGE = "image"
    BREAST = "breast"
    EXAM = "exam"
    PATIENT = "patient"


class Split(StrEnum):
    TRAIN = "train"
    VAL = "val"
    TEST = "test"


class RunState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    FINISHED = "finished"
    STOPPED = "stopped"
    FAILED = "failed"
    LOST = "lost"  # never written; concluded when a live run stopped beating
    NOT_STARTED = "not started"  # never written; concluded where no worker has lived yet

    @property
    def is_over(self) -> bool:
        return self not in (RunState.QUEUED, RunState.RUNNING, RunState.NOT_STARTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRef:
    """Identity without pixels. Ids are the data set's own or hashes, never names."""

    image_id: str
    patient_id: str | None = None
    exam_id: str | None = None
    side: Laterality | None = None
    view: View | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A grey-scale window in units of `Mammogram.wide`: `low` is shown black, `high` white."""

    name: str
    low: float
    high: float
    is_sigmoid: bool = False  # PS3.3 C.11.2.1.3.1; centre and width are those of low..high


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A rectangle in pixel edges: x0 <= x < x1, y0 <= y < y1."""

    x0: float
    y0: float
    x1: float
    y1: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Painted:
    """What is kept of an image whose surroundings were made black: the middle grey that was there,
    as shown and in units of `Mammogram.wide`, and where the breast was found.
    """

    shown: float
    wide: float
    breast: Box


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageInfo:
    """What is known of an image beside its pixels; `notes` says all that was done to those."""

    ref: ImageRef
    kind: str  # "DICOM, explicit little endian", "PNG", ...
    bits: int  # stored bits per pixel
    spacing_mm: tuple[float, float] | None = None  # (row, column)
    is_spacing_at_detector: bool = False
    modifiers: tuple[str, ...] = ()  # "implant displaced", "spot compression", ...
    windows: tuple[Window, ...] = ()
    black: int = 0  # the level of `Mammogram.wide` that is 0 in what the file stores
    stored_window: Window | None = None  # where a table took its place, in units of `stored`
    painted: Painted | None = None  # where all outside the breast was made black
    notes: tuple[str, ...] = ()
    unfit: Unfit | None = None  # what `judge` said of the pixels
    is_synthetic: bool = False  # drawn by `mammo phantom`, as its file says; no woman was imaged
    imaging: str = ""  # "film" or "digital", where its file says so; a picture never does
    making: tuple[tuple[str, str], ...] = ()  # by what and how its file says it was made, in words


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Mammogram:
    """One image as read: `pixels` in [0, 1], tissue bright, background 0, two-dimensional.

    `wide` keeps the values from before the window was applied, for the viewer; None where nothing
    was cut off. `stored` keeps what the file stores, tissue bright, where `wide` less `info.black`
    is not that: a table was applied, or a logarithm taken.
    """

    info: ImageInfo
    pixels: Pixels
    wide: NDArray[np.uint16] | None = None
    stored: NDArray[np.uint16] | None = None

    @property
    def ref(self) -> ImageRef:
        return self.info.ref

    def with_ref(self, ref: ImageRef) -> "Mammogram":
        return replace(self, info=replace(self.info, ref=ref))

    @property
    def windows(self) -> tuple[Window, ...]:
        return self.info.windows

    @property
    def notes(self) -> tuple[str, ...]:
        return self.info.notes

    @property
    def size(self) -> Size:
        height, width = self.pixels.shape
        return height, width


@dataclass(frozen=True, slots=True, kw_only=True)
class Geometry:
    """How a source image was laid into the prepared one.

    In pixel edges: prepared = source * scale + offset, the column mirrored first where `is_flipped`
    (column -> source width - column). This one rule covers crop, pad, stretch and square-first.
    """

    source_size: Size
    prepared_size: Size
    crop: Box  # in source pixels
    is_flipped: bool
    scale: tuple[float, float]  # (row, column)
    offset: tuple[float, float]  # (row, column)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Prepared:
    """What the model sees, (channels, height, width), and the way back onto the source."""

    pixels: Pixels
    geometry: Geometry
    notes: tuple[str, ...] = ()
    beside: tuple[Geometry, ...] = ()  # of further frames side by side, in the same pixels


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What a model tells apart. The score is the summed probability of the positive classes."""

    name: str
    title: str
    classes: tuple[str, ...]
    positive: tuple[str, ...]
    is_ordered: bool = False

    @property
    def positive_indices(self) -> tuple[int, ...]:
        return tuple(self.classes.index(name) for name in self.positive)


CANCER: Final = Task(
    name="cancer",
    title="Cancer / no cancer",
    classes=("no cancer", "cancer"),
    positive=("cancer",),
)

#: Of a piece of an image.
LESION_PATCH: Final = Task(
    name="lesion-patch",
    title="Lesion / tissue elsewhere, by patch",
    classes=("tissue", "lesion"),
    positive=("lesion",),
)
PATHOLOGY_PATCH: Final = Task(
    name="pathology-patch",
    title="Tissue / benign lesion / malignant lesion, by patch",
    classes=("tissue", "benign", "malignant"),
    positive=("malignant",),
)
DENSITY: Final = Task(
    name="density",
    title="Density A to D, dense being C and D",
    classes=("A", "B", "C", "D"),
    positive=("C", "D"),
    is_ordered=True,
)
