"""The anatomy of a synthetic breast: its outline (skin, nipple, pectoral muscle) in each view, and
what fills it: glandular tissue, fat, ducts, ligaments, vessels.
"""

from dataclasses import astuple, dataclass
from functools import lru_cache
from typing import Final

import cv2
import numpy as np
from scipy import fft

from mammo_core.types import Pixels, Size, View

FIELD_MM: Final = (240.0, 120.0)  # height and width of what a frame shows at least


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A breast under compression."""

    depth: float  # chest wall to skin behind the nipple
    half_width: float  # along the chest wall
    bluntness: float  # exponent of the outline: 2 is an ellipse
    lopsidedness: float  # how much longer its outer and upper half is
    axilla: float  # how far the skin stands from the chest wall at the top of the MLO
    belly: float  # the same below the breast
    muscle_width: float  # of the pectoral muscle at the top of the MLO
    muscle_length: float  # down the chest wall
    muscle_bend: float  # 1 is a straight edge
    nipple_height: float
    nipple_width: float
    wobble: float  # unevenness of the outline


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """Where a view of a breast lies in its image."""

    view: View
    size: Size
    mm: float  # per pixel
    nipple_row: float  # millimetres from the top

    def axes(self) -> tuple[Pixels, Pixels]:
        """Millimetres from the top, one per row, and from the chest wall, one per column."""
        rows = (np.arange(self.size[0], dtype=np.float32) + 0.5) * np.float32(self.mm)
        columns = (np.arange(self.size[1], dtype=np.float32) + 0.5) * np.float32(self.mm)
        return rows[:, None], columns[None, :]


def draw_shape(rng: np.random.Generator) -> Shape:
    largeness = rng.normal(0, 1)  # a breast that is deep is wide as well
    depth = float(np.clip(83 + 11 * largeness + rng.normal(0, 5), 55, 106))
    axilla = depth * float(rng.uniform(0.42, 0.62))
    return Shape(
        depth=depth,
        half_width=float(np.clip(74 + 8 * largeness + rng.normal(0, 4), 52, 94)),
        bluntness=float(rng.uniform(1.75, 2.3)),
        lopsidedness=float(rng.uniform(0.0, 0.12)),
        axilla=axilla,
        belly=float(rng.uniform(3, 11)),
        muscle_width=axilla * float(rng.uniform(0.6, 0.84)),
        muscle_length=float(rng.uniform(90, 150)),
        muscle_bend=float(rng.uniform(0.9, 1.5)),
        nipple_height=float(rng.choice([0.5, 2.5, 4.5]) * rng.uniform(0.8, 1.2)),
        nipple_width=float(rng.uniform(5.0, 7.0)),
        wobble=1.0,
    )


def vary_shape(shape: Shape, rng: np.random.Generator) -> Shape:
    """The same breast once more, a few per cent off: another side, another compression."""
    factors = np.clip(rng.normal(1, 0.02, len(astuple(shape))), 0.95, 1.05)
    names = shape.__dataclass_fields__
    return Shape(**dict(zip(names, np.multiply(astuple(shape), factors).tolist(), strict=True)))


def place(view: View, size: Size, rng: np.random.Generator) -> Frame:
    """Lay the breast into an image that shows at least `FIELD_MM`."""
    mm = max(FIELD_MM[0] / size[0], FIELD_MM[1] / size[1])
    middle = 0.5 if view is View.CC else 0.6
    shift = float(np.clip(rng.normal(0, 5), -10, 10))
    return Frame(view=view, size=size, mm=mm, nipple_row=size[0] * mm * middle + shift)


def depth_below_skin(shape: Shape, frame: Frame, rng: np.random.Generator) -> Pixels:
    """Millimetres from the skin inwards; 0 on the skin, negative outside the breast."""
    rows, columns = frame.axes()
    skin = _skin(shape, frame, rows[:, 0])
    skin += shape.wobble * _unevenness(rows[:, 0], rng) * np.clip(skin / 40, 0, 0.8)
    inside = (columns < skin[:, None]).astype(np.uint8)
    distance: Pixels = cv2.distanceTransform(inside, cv2.DIST_L2, 5) * np.float32(frame.mm)
    # Whole pixels would make the skin a staircase: close to it, measure on the outline itself.
    slope = np.gradient(skin, frame.mm)
    exact = (skin[:, None] - columns) / np.sqrt(1 + slope**2)[:, None]
    near = np.clip(2 - distance / (2 * frame.mm), 0, 1)
    return np.where(inside > 0, near * np.minimum(exact, distance) + (1 - near) * distance, exact)


def muscle_depth(shape: Shape, frame: Frame) -> Pixels:
    """Millimetres from the pectoral muscle's edge inwards; negative outside it."""
    if frame.view is View.CC:
        return np.full(frame.size, -1000, np.float32)
    rows, columns = frame.axes()
    edge = shape.muscle_width * (1 - (rows / shape.muscle_length) ** shape.muscle_bend)
    steepness = shape.muscle_length / np.hypot(shape.muscle_length, shape.muscle_width)
    return np.asarray((edge - columns) * steepness, np.float32)


def _skin(shape: Shape, frame: Frame, rows: Pixels) -> Pixels:
    """How far the skin stands from the chest wall at each row."""
    above = (frame.nipple_row - rows) / shape.half_width
    upper = np.maximum(above, 0) / (1 + shape.lopsidedness)
    lower = np.maximum(-above, 0) / (1 - shape.lopsidedness)
    if frame.view is View.CC:
        skin = _bulge(upper + lower, shape)
    else:
        body = _bulge(upper / 1.3 + lower / 0.95, shape)
        # Where breast and armpit meet lies the fold seen on most MLO views.
        armpit = shape.axilla - 70 * np.maximum(0.8 - above, 0) + 6 * np.maximum(above - 1.2, 0)
        below = np.maximum(-above - 0.9, 0)
        belly = shape.belly * (1.3 - np.exp(-3 * below)) - 60 * np.maximum(above + 0.9, 0)
        skin = _soft_maximum(_soft_maximum(body, armpit, softness=4.0), belly, softness=2.0)
        skin = np.minimum(skin, np.maximum(shape.depth, armpit))
    bump = np.exp(-(np.abs((rows - frame.nipple_row) / shape.nipple_width) ** 2.5))
    return np.asarray(skin + shape.nipple_height * bump, np.float32)


def _bulge(distance: Pixels, shape: Shape) -> Pixels:
    return np.asarray(shape.depth * np.clip(1 - distance**shape.bluntness, 0, None) ** 0.62)


def _soft_maximum(one: Pixels, other: Pixels, *, softness: float) -> Pixels:
    return np.asarray(softness * np.logaddexp(one / softness, other / softness))


def _unevenness(rows: Pixels, rng: np.random.Generator) -> Pixels:
    """A slow wave of about a millimetre along the outline."""
    lengths, phases = rng.uniform(45, 140, 3), rng.uniform(0, 2 * np.pi, 3)
    waves = np.sin(2 * np.pi * rows[:, None] / lengths + phases)
    return np.asarray(waves.sum(axis=1), np.float32)


POWER_LAW: Final = 3.0
VOLUME: Final = (40, 64, 64)  # depth, inner to outer, below to above: about 2.5 mm a voxel
TILE: Final = 512
#: Share of the breast's volume that is glandular, for BI-RADS density A to D.
GLANDULAR: Final = {"A": 0.03, "B": 0.11, "C": 0.27, "D": 0.48}


def power_law_noise(
    size: tuple[int, ...], exponent: float, rng: np.random.Generator, *, longest: float = np.inf
) -> Pixels:
    """Gaussian noise of unit variance, spectrum f**-exponent, no wave over `longest` pixels."""
    gain = _gain(size, exponent, longest)
    white = rng.standard_normal((*gain.shape, 2), dtype=np.float32).view(np.complex64)[..., 0]
    noise = fft.irfftn(white * gain, size)
    return np.asarray(noise / noise.std(), np.float32)


@lru_cache(maxsize=16)  # the same dozen sizes come back in every image
def _gain(size: tuple[int, ...], exponent: float, longest: float) -> Pixels:
    axes = [fft.fftfreq(n) for n in size[:-1]] + [fft.rfftfreq(size[-1])]
    squared = sum(f**2 for f in np.meshgrid(*axes, indexing="ij", sparse=True))
    squared.flat[0] = np.inf
    return np.where(squared < longest**-2, 0, squared ** (-exponent / 4)).astype(np.float32)


def ramp(values: Pixels, low: float, high: float) -> Pixels:
    """0 below `low`, 1 above `high`, smooth between."""
    share = np.clip((values - np.float32(low)) / np.float32(high - low), 0, 1)
    return np.asarray(share * share * (3 - 2 * share))


def grow_glands(density: str, *, own: np.random.Generator, shared: np.random.Generator) -> Pixels:
    """Glandular share of each voxel. `shared` draws what both breasts of a woman have alike."""
    x, y, z = _volume_axes()
    middle = shared.uniform([0.50, 0.00, -0.10], [0.64, 0.25, 0.15])
    extent = shared.uniform([0.45, 0.50, 0.50], [0.60, 0.70, 0.70])
    away = sum(((a - m) / e) ** 2 for a, m, e in zip((x, y, z), middle, extent, strict=True))
    alike = power_law_noise(VOLUME, POWER_LAW, shared)
    noise = 0.85 * alike + 0.53 * power_law_noise(VOLUME, POWER_LAW, own)
    score = 1.1 * noise - 1.5 * away
    breast = x**2 + y**2 + z**2 < 1
    share = GLANDULAR[density] * shared.uniform(0.8, 1.25) * own.uniform(0.95, 1.05)
    threshold = np.quantile(score[breast], 1 - share)
    soft = 1 / (1 + np.exp(np.clip((threshold - score) / 0.18, -30, 30)))
    return np.asarray(breast * soft, np.float32)


def project(glands: Pixels, view: View) -> Pixels:
    """Glandular share of what the beam passes, (depth, across); across runs from -1 to 1."""
    x, y, z = _volume_axes()
    breast = (x**2 + y**2 + z**2 < 1).astype(np.float32)
    share = _sum_along_beam(glands, view) / (_sum_along_beam(breast, view) + 6)
    from_rim = 1 - np.hypot(x[:, :, 0], y[:, :, 0])
    return share * ramp(from_rim, 0.0, 0.35)


def _volume_axes() -> tuple[Pixels, Pixels, Pixels]:
    x, y, z = np.meshgrid(
        np.linspace(0, 1, VOLUME[0], dtype=np.float32),
        np.linspace(-1, 1, VOLUME[1], dtype=np.float32),
        np.linspace(-1, 1, VOLUME[2], dtype=np.float32),
        indexing="ij",
        sparse=True,
    )
    return x, y, z


def _sum_along_beam(volume: Pixels, view: View) -> Pixels:
    if view is View.CC:
        return np.asarray(volume.sum(axis=2))
    # The oblique beam runs at 45 degrees through inner-outer and below-above: sums of diagonals.
    depth, across, up = volume.shape
    total = np.zeros((depth, across + up - 1), np.float32)
    for k in range(up):
        total[:, k : k + across] += volume[:, :, k]
    kept = round(across * 2**0.5)  # of the diagonal, what lies between -1 and 1
    first = (total.shape[1] - kept) // 2
    total = total[:, first : first + kept]
    return np.asarray(cv2.resize(total, (across, depth), interpolation=cv2.INTER_AREA), np.float32)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Grain:
    """Coordinates in which tissue runs towards the nipple, as ducts and ligaments do."""

    along: Pixels  # millimetres
    across: Pixels

    def lay(self, tile: Pixels, *, along_mm: float, across_mm: float) -> Pixels:
        """`tile`, which repeats without a seam, with these millimetres to its pixels."""
        laid = cv2.remap(
            tile,
            self.along / np.float32(along_mm),
            self.across / np.float32(across_mm),
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_WRAP,
        )
        return np.asarray(laid, np.float32)


def grain_of(shape: Shape, frame: Frame, rng: np.random.Generator) -> Grain:
    rows, columns = frame.axes()
    ahead, beside = 1.5 * shape.depth - columns, rows - frame.nipple_row
    bend = stretch(power_law_noise((32, 16), 4.0, rng), frame.size)
    along = np.hypot(ahead, beside) + 500
    across = 80 * np.arctan2(beside, ahead) + 4 * bend + 500
    return Grain(along=along.astype(np.float32), across=across.astype(np.float32))


def stretch(coarse: Pixels, size: Size) -> Pixels:
    """A small map over the whole frame."""
    wide = cv2.resize(coarse, (size[1], size[0]), interpolation=cv2.INTER_CUBIC)
    return np.asarray(wide, np.float32)


def glandular_map(glands: Pixels, shape: Shape, frame: Frame, rng: np.random.Generator) -> Pixels:
    """The projected volume at its place in the frame, its edges frayed."""
    projected = project(glands, frame.view)
    rows, columns = frame.axes()
    fray = [stretch(power_law_noise((96, 48), 2.2, rng), frame.size) for _ in range(2)]
    across = ((frame.nipple_row - rows) / shape.half_width + 1) / 2 * (VOLUME[1] - 1)
    depth = columns / shape.depth * (VOLUME[0] - 1)
    placed = cv2.remap(
        projected, across + 1.3 * fray[0], depth + 1.0 * fray[1], cv2.INTER_CUBIC, borderValue=0
    )
    return np.clip(placed, 0, 1)


def parenchyma(
    glands: Pixels, below_skin: Pixels, grain: Grain, rng: np.random.Generator
) -> Pixels:
    """Fat and glandular tissue as brightness: about 0.2 for fat, up to 0.8 for dense glands."""
    size = (below_skin.shape[0], below_skin.shape[1])
    hair = grain.lay(power_law_noise((TILE, TILE), 3.0, rng), along_mm=0.9, across_mm=0.35)
    lumps = grain.lay(
        power_law_noise((TILE, TILE), 3.6, rng, longest=220), along_mm=1.0, across_mm=0.6
    )
    coarse_net = _net(grain, rng, mesh_mm=20, sharpness=3.2)  # Cooper's ligaments
    fine_net = _net(grain, rng, mesh_mm=8, sharpness=2.4)
    cloud = stretch(power_law_noise((128, 64), POWER_LAW, rng), size)
    dense = 0.20 + 0.75 * ramp(lumps + 0.25 * hair, -1.3, 1.6)
    dense += 0.40 * (coarse_net - 0.2) + 0.40 * (fine_net - 0.3) + 0.08 * hair
    glandular = glands * ramp(below_skin, 2, 14) * np.maximum(dense, 0)
    net_in_fat = 0.05 * fine_net * (1 - 0.6 * glands) * ramp(below_skin, 1, 8)
    ligaments = 0.08 * coarse_net * np.clip(0.5 + 0.3 * cloud + 1.2 * glands, 0, 1)
    fat = 0.155 + 0.03 * cloud + 0.018 * hair + net_in_fat + ligaments
    return np.asarray(fat + 0.66 * glandular / (1 + 0.3 * glandular), np.float32)


def _net(grain: Grain, rng: np.random.Generator, *, mesh_mm: float, sharpness: float) -> Pixels:
    """Bright threads where a random field crosses zero: a net with meshes of about this size."""
    pixel_mm = mesh_mm / 40
    field = power_law_noise((TILE, TILE), 3.3, rng, longest=40)
    net = np.exp(-np.abs(field) * np.float32(sharpness))
    return grain.lay(net, along_mm=1.4 * pixel_mm, across_mm=pixel_mm)


def threads(
    shape: Shape, frame: Frame, rng: np.random.Generator, *, count: int, mm: float, width_mm: float
) -> Pixels:
    """`count` winding lines of about this length and width: ducts; few and long ones, vessels."""
    across = rng.uniform(-1.1, 1.2, count)
    start = np.stack([rng.uniform(0, shape.depth, count), across * shape.half_width], axis=1)
    length = rng.gamma(2.5, mm / 2.5, count)
    heading = np.arctan2(-start[:, 1], 1.4 * shape.depth - start[:, 0])  # to the nipple, roughly
    heading += rng.normal(0, 0.45, count)
    turns = np.cumsum(rng.normal(0, 0.13, (count, 24)), axis=1) + heading[:, None]
    steps = np.stack([np.cos(turns), np.sin(turns)], axis=2) * (length / 24)[:, None, None]
    points = start[:, None] + np.cumsum(steps, axis=1) + [0, frame.nipple_row]
    fixed = np.rint(points / frame.mm * 16).astype(np.int32)  # 4 bits below the pixel
    drawn = np.zeros(frame.size, np.uint8)
    pixels = max(1, round(width_mm / frame.mm))
    # Each is drawn whole and faint, then shorter and brighter: lines that fade at their ends.
    for first, last, brightness in ((0, 24, 50), (3, 21, 100), (6, 17, 160)):
        for lines, share in ((fixed[::2], 0.5), (fixed[1::2], 1.0)):
            pieces = list(lines[:, first:last])
            cv2.polylines(drawn, pieces, False, round(brightness * share), pixels, cv2.LINE_AA, 4)
    soft = cv2.GaussianBlur(drawn, (0, 0), max(0.6 * width_mm / frame.mm, 0.5))
    return np.asarray(soft, np.float32) * (min(1.0, 2 * width_mm / frame.mm) / 160)
