"""One synthetic mammogram: shape, tissue, lesion and machine put together."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from mammo_core.preprocessing.phantoms.anatomy import (
    Frame,
    Shape,
    depth_below_skin,
    draw_shape,
    glandular_map,
    grain_of,
    grow_glands,
    muscle_depth,
    parenchyma,
    place,
    power_law_noise,
    ramp,
    stretch,
    threads,
    vary_shape,
)
from mammo_core.preprocessing.phantoms.lesions import Lesion, box_of, lesion_map
from mammo_core.types import Box, Laterality, Pixels, Size, View

#: Images lower than this are drawn larger and reduced, or thin lines would grow out of proportion.
LOWEST_DRAWN: Final = 256
LEVELS_MM: Final = (0.8, 0.0, 0.8, 0.0)  # blurs at which grey levels are made equal, in turn


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """How a make of mammography unit renders what it measured."""

    name: str
    exponent: float  # of the tone curve
    gain: float
    sharpening: float
    noise: float  # standard deviation in pixels of a quarter of a millimetre
    letters: str  # {side} and {view} are filled in
    letters_top_mm: float
    window: tuple[int, int]  # of the stored values, shown black and white
    is_inverted: bool  # stores MONOCHROME1


MACHINES: Final = (
    Machine(
        name="Alder 1", exponent=0.92, gain=1.0, sharpening=0.55, noise=0.017,
        letters="[ {side}{view} ]", letters_top_mm=20, window=(0, 4095), is_inverted=False,
    ),
    Machine(
        name="Birch 2", exponent=0.80, gain=0.86, sharpening=0.15, noise=0.010,
        letters="{side} {view}", letters_top_mm=12, window=(500, 3300), is_inverted=True,
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Breast:
    """A breast and the machine it was imaged on."""

    side: Laterality
    density: str  # A to D
    machine: Machine
    seed: tuple[int, ...]  # the woman's
    lesion: Lesion | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rendering:
    """`pixels` in [0, 1] as shown on screen, tissue bright, and where the lesion is, if any."""

    pixels: Pixels
    box: Box | None
    mm_per_pixel: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Streams:
    """Random numbers by purpose, so that a lesion changes nothing but itself."""

    seed: tuple[int, ...]

    def woman(self, purpose: int) -> np.random.Generator:
        return np.random.default_rng([*self.seed, purpose])

    def breast(self, purpose: int, side: Laterality) -> np.random.Generator:
        return np.random.default_rng([*self.seed, purpose, ord(side)])

    def view(self, purpose: int, side: Laterality, view: View) -> np.random.Generator:
        return np.random.default_rng([*self.seed, purpose, ord(side), len(view)])


def render_view(breast: Breast, view: View, size: Size) -> Rendering:
    """Draw `breast` in `view`; a right breast has its chest wall at the right."""
    scale = max(1, -(-LOWEST_DRAWN // size[0]))
    drawn_size = (size[0] * scale, size[1] * scale)
    streams = _Streams(seed=breast.seed)
    shape = vary_shape(draw_shape(streams.woman(0)), streams.breast(1, breast.side))
    rng = streams.view(2, breast.side, view)
    frame = place(view, drawn_size, rng)
    below_skin = depth_below_skin(shape, frame, rng)
    glands = grow_glands(
        breast.density, own=streams.breast(3, breast.side), shared=streams.woman(4)
    )
    tissue = _tissue(shape, frame, below_skin, glands, rng)
    brightness = _covered(tissue, shape, frame, below_skin, rng)
    noise = _noise(breast.machine, frame, rng)
    shown = _developed(brightness + noise, breast.machine, below_skin, frame)
    box = None
    if breast.lesion:
        added = lesion_map(breast.lesion, shape, frame)
        box = box_of(added, scale)
        lit = _developed(brightness + noise + added, breast.machine, below_skin, frame)
        shown = _exposed_like(shown, lit, below_skin, frame)
    if breast.side is Laterality.RIGHT:
        shown = np.ascontiguousarray(shown[:, ::-1])
        box = box and Box(x0=size[1] - box.x1, y0=box.y0, x1=size[1] - box.x0, y1=box.y1)
    shown = np.maximum(shown, _letters(breast, view, frame))
    if scale > 1:
        reduced = cv2.resize(shown, (size[1], size[0]), interpolation=cv2.INTER_AREA)
        shown = np.asarray(reduced, np.float32)
    return Rendering(
        pixels=np.clip(shown, 0, 1).astype(np.float32), box=box, mm_per_pixel=frame.mm * scale
    )


def _tissue(
    shape: Shape, frame: Frame, below_skin: Pixels, glands: Pixels, rng: np.random.Generator
) -> Pixels:
    """What lies within the skin, the pectoral muscle over it."""
    grain = grain_of(shape, frame, rng)
    glandular = glandular_map(glands, shape, frame, rng)
    tissue = parenchyma(glandular, below_skin, grain, rng)
    ducts = threads(shape, frame, rng, count=130, mm=26, width_mm=0.3)
    vessels = threads(shape, frame, rng, count=5, mm=90, width_mm=0.9)
    tissue += (0.08 * ducts + 0.06 * vessels) * ramp(below_skin, 0, 5)
    edge = muscle_depth(shape, frame) + 1.6 * stretch(
        power_law_noise((16, 8), 3.0, rng), frame.size
    )
    muscle = ramp(edge, -1.0, 3.5) * (0.62 + 0.38 * ramp(edge, 0, 35))
    streaks = stretch(power_law_noise((256, 128), 2.6, rng, longest=40), frame.size)
    return np.asarray(tissue * (1 - 0.35 * muscle) + muscle * (0.27 + 0.014 * streaks), np.float32)


def _exposed_like(without: Pixels, lit: Pixels, below_skin: Pixels, frame: Frame) -> Pixels:
    """`lit`, the breast with its lesion, at the grey levels it has without, otherwise placed.

    Real units fit the tone curve to the histogram too. Here it means that grey levels alone, with
    no regard to where they lie, tell nothing of the lesion. They are those of millimetres, not of
    pixels, to stay the same when the image is reduced.
    """
    inside = below_skin > 0
    shown = lit.copy()
    for blur_mm in LEVELS_MM:
        usual, found = (_blurred(levels, blur_mm / frame.mm)[inside] for levels in (without, shown))
        levels = np.zeros_like(usual)
        levels[np.argsort(found, kind="stable")] = np.sort(usual)
        shown[inside] += levels - found
    return np.clip(shown, 0, 1)


def _blurred(levels: Pixels, sigma: float) -> Pixels:
    blurred = cv2.GaussianBlur(levels, (0, 0), sigma) if sigma else levels
    return np.asarray(blurred, np.float32)


def _covered(
    brightness: Pixels, shape: Shape, frame: Frame, below_skin: Pixels, rng: np.random.Generator
) -> Pixels:
    """The breast thins out towards its rim and ends in the skin and the nipple."""
    rows, columns = frame.axes()
    rounding = np.clip(below_skin / 12, 0, 1)
    thickness = np.sqrt(1 - (1 - rounding) ** 2)
    lower = ramp((rows - frame.nipple_row) / shape.half_width, -0.9, 0.9)
    areola = np.exp(-(((rows - frame.nipple_row) / 14) ** 2))
    uneven = stretch(power_law_noise((32, 16), 2.5, rng), frame.size)
    skin = np.clip(0.24 + 0.24 * lower + 0.13 * uneven + 0.20 * areola, 0.05, 0.8)
    skin *= np.exp(-(((below_skin - 0.8) / 0.8) ** 2))
    ahead = columns - shape.depth - 0.3 * shape.nipple_height
    nipple = np.exp(-1.2 * (((rows - frame.nipple_row) / 6) ** 2 + (ahead / 5) ** 2))
    return np.asarray(brightness * (0.42 + 0.58 * thickness) + skin + 0.12 * nipple, np.float32)


def _noise(machine: Machine, frame: Frame, rng: np.random.Generator) -> Pixels:
    white = rng.standard_normal(frame.size, dtype=np.float32)
    strength = machine.noise * min(0.25 / frame.mm, 1.6)
    return np.asarray(cv2.GaussianBlur(white, (0, 0), 0.6), np.float32) * np.float32(strength)


def _developed(brightness: Pixels, machine: Machine, below_skin: Pixels, frame: Frame) -> Pixels:
    """Sharpening and tone curve of the machine; the background is black."""
    blurred = cv2.GaussianBlur(brightness, (0, 0), 4 / frame.mm)
    sharp = brightness + machine.sharpening * (brightness - blurred) * ramp(below_skin, 0, 6)
    inside = np.clip(below_skin / frame.mm + 0.5, 0, 1)
    shown = inside * np.clip(machine.gain * sharp, 0, 1) ** machine.exponent
    return np.asarray(shown, np.float32)


def _letters(breast: Breast, view: View, frame: Frame) -> Pixels:
    """Side and view, burned in beside the breast as machines do."""
    text = breast.machine.letters.format(side=breast.side, view=view)
    drawn = np.zeros(frame.size, np.uint8)
    height, margin = 4.5 / frame.mm, 4 / frame.mm
    font, thickness = cv2.FONT_HERSHEY_SIMPLEX, max(1, round(0.5 / frame.mm))
    (width, tall), _ = cv2.getTextSize(text, font, 1.0, thickness)
    size = height / tall
    left = margin if breast.side is Laterality.RIGHT else frame.size[1] - margin - width * size
    where = (round(left), round(breast.machine.letters_top_mm / frame.mm))
    cv2.putText(drawn, text, where, font, size, 255, thickness, cv2.LINE_AA)
    return np.asarray(drawn, np.float32) / np.float32(255)
