"""What a checkpoint says of one image, and the regions its score comes from: plain data, without
torch.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mammo_core.types import Box, Geometry, ImageRef

#: A map whose highest cell is less than so many times its median has no contrast: it tells nothing
#: of where, however high it lies.
LEAST_CONTRAST: Final = 1.25


#: What each way to make a heatmap is called; what it does is in `explain/methods.py`, with torch.
METHOD_TITLES: Final = {
    "grad_cam": "Grad-CAM",
    "grad_cam_relative": "Grad-CAM through gradients, stretched",
    "grad_cam_plus_plus": "Grad-CAM++",
    "hires_cam": "HiResCAM",
    "layer_cam": "LayerCAM",
    "score_cam": "Score-CAM (slow)",
    "occlusion": "Occlusion (slow)",
}
#: What some networks make themselves on their way to the score; no other network has it.
OWN_METHOD: Final = "own_map"
OWN_TITLE: Final = "The network's own map"
TITLES: Final = {**METHOD_TITLES, OWN_METHOD: OWN_TITLE}
#: Those on one scale for all images; of all others some point of every image is full colour.
ABSOLUTE_METHODS: Final = ("grad_cam", OWN_METHOD)


def shown_in_words(method: str) -> str:
    """What a heatmap shows. A network's own map is made before its score, and need not move it."""
    return "what the network itself marks" if method == OWN_METHOD else "what moved the score"


class Across(StrEnum):
    """Where a region lies along the chest wall, seen from the nipple."""

    OUTER = "outer"
    INNER = "inner"
    UPPER = "upper"
    LOWER = "lower"
    CENTRAL = "central"


class Depth(StrEnum):
    """Thirds of the way from the nipple to the chest wall."""

    ANTERIOR = "anterior third"
    MIDDLE = "middle third"
    POSTERIOR = "posterior third"


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """Cells that lie together around a peak of the map."""

    box: Box  # around its cells, in pixel edges of the source image
    share: float  # of all evidence in the image, 0 to 1
    peak: float  # on the map's own scale
    across: Across | None = None  # None where view, side or outline do not tell
    from_nipple: float | None = None  # 0 at the nipple, 1 at the chest wall

    @property
    def depth(self) -> Depth | None:
        if self.from_nipple is None:
            return None
        return tuple(Depth)[min(2, int(3 * self.from_nipple))]

    @property
    def words(self) -> str:
        """ "outer, middle third"; empty where nothing is known."""
        return ", ".join(part for part in (self.across, self.depth) if part)


def is_flat(evidence: NDArray[np.floating]) -> bool:
    """Whether a map is much the same everywhere; one of zeros is not, for it colours nothing."""
    return bool(evidence.max() < LEAST_CONTRAST * float(np.median(evidence)))


#: A map that stays below this share of full colour is called faint.
FAINT: Final = 0.5
_LEAST_TOLD: Final = 0.01
_MOST_TOLD: Final = 0.99  # what stays below full colour is not rounded up to it


def share_in_words(highest: float) -> str:
    """How near to full colour (1) a map comes that stays below it."""
    if highest < _LEAST_TOLD:
        return "less than 1 %"
    return f"{100 * min(_MOST_TOLD, highest):.0f} %"


def corner_in_words(heat: NDArray[np.uint8], *, is_relative: bool, stands_out: bool) -> str:
    """What a view's corner says of its heatmap (255 is full colour), so that none is taken for a
    hotter one; "" where a region stands out, for it reaches full colour.
    """
    if is_relative:
        return "own scale: not to be compared with other views"
    if stands_out:
        return ""
    highest = float(heat.max()) / 255
    faint = "faint: " if highest < FAINT else ""
    at_most = "" if highest < _LEAST_TOLD else "at most "
    return f"{faint}{at_most}{share_in_words(highest)} of full colour"


@dataclass(frozen=True, slots=True, kw_only=True)
class Looking:
    """How a network of patches looks for lesions in a whole image."""

    spacing: int = 16  # prepared pixels from one place of its map to the next
    apart: float = 0.5  # of a patch: nearer to a mark no other, less sure one is set
    window: int = 0  # cells of the feature map along its side; 0: as many as a patch has


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A place that a network takes for a lesion, in source pixels, and how likely it is one."""

    x: float
    y: float
    score: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reading:
    """What a checkpoint says of one image, and where in it the score comes from."""

    ref: ImageRef
    model_id: str
    engine: str
    score: float
    probabilities: tuple[float, ...]  # in the order of the task's classes
    evidence: NDArray[np.float32]  # the map at its own resolution; 1 is full colour
    method: str
    is_relative: bool  # stretched to this image: some point is always full colour
    offset: float  # prepared pixels from the middle of a cell's tile to where the cell looks
    geometry: Geometry
    embedding: NDArray[np.float32]  # what the last layer sees: images are compared by it
    outside: str = ""  # why this kind of image is outside what the model knows; "" where it is not

    @property
    def is_flat(self) -> bool:
        """Whether the map is the same everywhere, so that its colours would tell nothing."""
        return is_flat(self.evidence)

    @property
    def colours(self) -> NDArray[np.float32]:
        """The evidence as it is shown: a map without contrast is not coloured."""
        return np.zeros_like(self.evidence) if self.is_flat else self.evidence


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ShownMap:
    """The heatmap of one image as it is drawn: what picture, corner and sentence agree on."""

    title: str
    reading: Reading
    heat: NDArray[np.uint8]  # 255 is full colour
    stands_out: bool  # a region in the breast reaches full colour

    @property
    def is_below(self) -> bool:
        """Whether it stays below a full colour that means the same in every view."""
        return not (self.reading.is_relative or self.reading.is_flat or self.stands_out)

    @property
    def highest(self) -> float:
        return float(self.heat.max()) / 255

    @property
    def corner(self) -> str:
        return corner_in_words(
            self.heat, is_relative=self.reading.is_relative, stands_out=self.stands_out
        )
