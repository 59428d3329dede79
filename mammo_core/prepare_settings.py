"""How an image becomes what a model sees, as settings: those of our own models, and what
the authors of published ones do beside.
"""

from dataclasses import dataclass
from typing import Literal

from mammo_core.types import Size

#: Aspect ratio kept and the rest padded; stretched; or as authors of published models fit an image
#: in: kept and in the middle ("letterbox"), made wide enough with black and then stretched
#: ("widen"), or cut out at its own resolution ("window").
Fit = Literal["pad", "stretch", "letterbox", "widen", "window"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameBeside:
    """One of several pictures of an image that networks see, side by side."""

    size: Size
    fit: Fit


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorsWay:
    """What the authors of a published model do to an image beside what all models have in common.

    `values`: grey as the file's window shows it, the same where the file itself brings a window or
    a table and else as stored, the same by a window of numbers alone, or as stored always.
    """

    values: Literal["shown", "window", "numbers", "stored"] = "stored"
    edge: int = 0  # pixels cut off along every border, before all else
    spread: Literal["none", "image", "crop"] = "none"  # darkest to brightest made 0 to 1
    eight_bit: Literal["none", "before", "after"] = "none"  # cut to 256 levels before scaling
    ground: Literal["none", "otsu"] = "none"  # all below Otsu's level raised to it, then 4 sigma
    resampling: Literal["area", "linear"] = "linear"
    frames: tuple[FrameBeside, ...] = ()  # side by side in `size`; none: the one frame of `size`
    windows: tuple[Size, ...] = ()  # "window": of CC, and of MLO, in the middle; none: `size`
    last: Literal["none", "range", "moments"] = "none"  # each image by its own range, or mean, std

    def check(self, size: Size, fit: Fit) -> list[str]:
        if "pad" in (fit, *(frame.fit for frame in self.frames)):
            return ["Fit 'pad' is of our own models; authors' ways have others."]
        if not 0 <= self.edge <= 100:
            return [f"{self.edge} pixels are cut from every border; allowed: 0 to 100."]
        if self.windows and not self._fits_windows(size):
            return [f"Windows are two, of CC and MLO, within {size[0]} x {size[1]} pixels."]
        if not self.frames:
            return []
        heights, widths = zip(*(frame.size for frame in self.frames), strict=True)
        is_sane = len(self.frames) <= 8 and min(*heights, *widths) >= 8
        if is_sane and (max(heights), sum(widths)) == size:
            return []
        return [f"The frames side by side do not make up the image size {size[0]} x {size[1]}."]

    def _fits_windows(self, size: Size) -> bool:
        sides = zip(*self.windows, strict=True)
        return len(self.windows) == 2 and all(
            min(one) >= 8 and max(one) <= whole for one, whole in zip(sides, size, strict=True)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PrepareSettings:
    """How an image becomes what the model sees. Travels in the model card."""

    size: Size = (512, 256)
    crop: Literal["breast", "lit", "none"] = "breast"  # "lit": rows and columns that are not flat
    margin: float = 0.02  # of the breast's longer side, on each side of the crop
    fit: Fit = "pad"
    is_square_first: bool = False  # stretch the frame to a square before the crop
    square_side: int = 0  # pixels of that square, for larger frames; 0: as many as they have
    is_turned: bool = True  # every breast with its chest wall at the left
    is_masked: bool = True  # letters and all else outside the breast set to background
    filter: Literal["none", "gaussian", "mean", "laplacian"] = "none"
    has_clahe: bool = False
    percentiles: tuple[float, float] | None = None  # within the breast, stretched to 0..1
    channels: Literal[1, 3] = 1
    mean: tuple[float, ...] = (0.5,)
    std: tuple[float, ...] = (0.25,)
    authors: AuthorsWay | None = None  # of a published model, read as its authors read

    def check(self) -> list[str]:
        problems = self._of_authors()
        if min(self.size) < 8 or max(self.size) > 8192:
            problems.append(f"Image size is {self.size[0]} x {self.size[1]}; allowed: 8 to 8192.")
        if self.square_side and not (self.is_square_first and 8 <= self.square_side <= 8192):
            problems.append(
                f"The square's side is {self.square_side}; allowed: 0, or 8 to 8192 where frames "
                "are stretched to a square first."
            )
        if not 0.0 <= self.margin <= 0.5:
            problems.append(f"Margin is {self.margin}; it must be between 0 and 0.5.")
        if len(self.mean) != self.channels or len(self.std) != self.channels:
            problems.append(f"Mean and std must have {self.channels} values, one per channel.")
        if not all(0.001 <= value <= 1000.0 for value in self.std):
            problems.append(f"Std is {self.std}; it must be between 0.001 and 1000.")
        if not all(abs(value) <= 1000.0 for value in self.mean):
            problems.append(f"Mean is {self.mean}; it must be between -1000 and 1000.")
        if self.percentiles and not 0.0 <= self.percentiles[0] < self.percentiles[1] <= 100.0:
            problems.append(f"Percentiles are {self.percentiles}; they must rise within 0..100.")
        return problems

    def _of_authors(self) -> list[str]:
        if self.authors is not None:
            return self.authors.check(self.size, self.fit)
        if self.fit not in ("pad", "stretch") or self.crop == "lit":
            return [f"Fit {self.fit!r} and crop {self.crop!r} are of published models alone."]
        return []
