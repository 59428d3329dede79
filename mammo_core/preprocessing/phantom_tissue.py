"""What fills a synthetic breast: glandular tissue, fat, ducts, ligaments, vessels.

Glandular tissue is grown once per breast as a small volume and projected for each view, so CC and
MLO show the same tissue. Finer texture is drawn per view. Both follow a power law: the spectrum of
a mammogram falls with about the third power of spatial frequency (Burgess, Jacobson and Judy 2001,
Med Phys 28(4):419).
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import cv2
import numpy as np
from scipy import fft

from mammo_core.preprocessing.phantom_shape import Frame, Shape
from mammo_core.types import Pixels, Size, View

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
