"""Lesions with known truth: round masses, spiculated masses, clusters of micro-calcifications.

A lesion has one place and one form in the breast, in three dimensions; each view shows its
projection.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from mammo_core.preprocessing.phantoms.anatomy import Frame, Shape
from mammo_core.types import Box, Pixels, View

Number = TypeVar("Number", float, NDArray[np.float64])
EDGE: Final = 0.08  # of a lesion's greatest brightness: what is fainter is not in its box


class LesionKind(StrEnum):
    MASS = "round mass"
    SPICULATED = "spiculated mass"
    CALCIFICATIONS = "calcifications"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesion:
    """A lesion at its place in the breast."""

    kind: LesionKind
    depth: float  # 0 chest wall, 1 nipple
    lateral: float  # -1 inner, 1 outer
    height: float  # -1 below, 1 above
    radius_mm: float
    contrast: float  # 1 is usual
    seed: int


def draw_lesion(rng: np.random.Generator, *, contrast: float) -> Lesion:
    """A lesion that lies within the breast in both views, and before the pectoral muscle."""
    kind = LesionKind(str(rng.choice(list(LesionKind), p=[0.4, 0.4, 0.2])))
    depth = float(rng.uniform(0.35, 0.78))
    out = 0.62 * (1 - depth**1.6) ** 0.5 * rng.uniform() ** 0.5  # of the breast's half width
    direction = rng.uniform(0, 2 * np.pi)
    smallest, largest = (5.5, 8.5) if kind is LesionKind.CALCIFICATIONS else (6.0, 9.5)
    return Lesion(
        kind=kind,
        depth=depth,
        lateral=float(out * np.cos(direction)),
        height=float(out * np.sin(direction)),
        radius_mm=float(rng.uniform(smallest, largest)),
        contrast=contrast * float(rng.uniform(0.85, 1.15)),
        seed=int(rng.integers(2**31)),
    )


def lesion_centre(lesion: Lesion, shape: Shape, frame: Frame) -> tuple[float, float]:
    """(row, column) of its middle, in millimetres."""
    return (
        frame.nipple_row - _across(lesion.lateral, lesion.height, frame.view) * shape.half_width,
        lesion.depth * shape.depth,
    )


def lesion_map(lesion: Lesion, shape: Shape, frame: Frame) -> Pixels:
    """The brightness a lesion adds."""
    draw = {
        LesionKind.MASS: _mass,
        LesionKind.SPICULATED: _spiculated_mass,
        LesionKind.CALCIFICATIONS: _calcifications,
    }[lesion.kind]
    return draw(lesion, shape, frame, np.random.default_rng(lesion.seed)) * lesion.contrast


def box_of(added: Pixels, scale: float) -> Box:
    """The box, in pixels of an image `scale` times smaller, around what a lesion added."""
    visible = added > EDGE * added.max()
    rows, columns = np.flatnonzero(visible.any(axis=1)), np.flatnonzero(visible.any(axis=0))
    return Box(
        x0=float(columns[0]) / scale,
        y0=float(rows[0]) / scale,
        x1=float(columns[-1] + 1) / scale,
        y1=float(rows[-1] + 1) / scale,
    )


def _across(lateral: Number, height: Number, view: View) -> Number:
    """How far above the nipple a point lies in the image: CC shows outer, MLO outer and upper."""
    return lateral if view is View.CC else (lateral + height) / 2**0.5


def _mass(lesion: Lesion, shape: Shape, frame: Frame, rng: np.random.Generator) -> Pixels:
    """A ball, slightly lobed: as bright as it is thick, its edge sharp."""
    distance, angle = _polar(lesion, shape, frame)
    outline = _outline(angle, rng, depth=0.05)
    thickness = np.sqrt(np.clip(1 - (distance / outline) ** 2, 0, None))
    return _blurred(0.50 * thickness, 0.5 / frame.mm)


def _spiculated_mass(
    lesion: Lesion, shape: Shape, frame: Frame, rng: np.random.Generator
) -> Pixels:
    """A dense core without an edge, and spicules from it in all directions."""
    distance, angle = _polar(lesion, shape, frame)
    core = np.exp(-((distance / (0.6 * _outline(angle, rng, depth=0.14))) ** 2.2))
    ways = _directions(int(rng.integers(22, 36)), rng)
    tips = ways * rng.uniform(0.7, 2.3, (len(ways), 1)) * lesion.radius_mm
    bends = rng.normal(0, 0.12 * lesion.radius_mm, tips.shape)
    middle = np.array(lesion_centre(lesion, shape, frame))
    spicules = np.zeros(frame.size, np.uint8)
    thin = max(1, round(0.35 / frame.mm))
    for share, brightness in ((1.0, 70), (0.75, 120), (0.5, 180)):  # they fade outwards
        along = np.linspace(0, share, 8)[:, None, None]
        paths = middle + _project(along * tips + along * (1 - along) * bends, frame.view)
        fixed = np.rint(paths.swapaxes(0, 1)[..., ::-1] / frame.mm * 16)  # 4 bits below the pixel
        lines = list(np.ascontiguousarray(fixed, np.int32))
        cv2.polylines(spicules, lines, False, brightness, thin, cv2.LINE_AA, 4)
    arms = _blurred(spicules / 255, 0.3 / frame.mm) * (1 - core)
    return np.asarray(0.55 * core + 0.32 * arms, np.float32)


def _calcifications(lesion: Lesion, shape: Shape, frame: Frame, rng: np.random.Generator) -> Pixels:
    """Grains of a few tenths of a millimetre, in a faint haze."""
    distance, _ = _polar(lesion, shape, frame)
    count = int(rng.integers(24, 44))
    places = _directions(count, rng) * rng.uniform(0, 1, (count, 1)) ** 0.5 * lesion.radius_mm
    centres = np.array(lesion_centre(lesion, shape, frame)) + _project(places, frame.view)
    radii, longer = rng.gamma(5, 0.045, count), rng.uniform(1, 1.8, count)
    rows, columns = frame.axes()
    added = 0.16 * np.exp(-((distance / 0.8) ** 4))
    for (row, column), radius, stretched in zip(centres, radii, longer, strict=True):
        # At least half a pixel each way, and fainter the more its light is spread.
        tall, wide = max(radius * stretched, 0.5 * frame.mm), max(radius, 0.5 * frame.mm)
        away = ((rows - row) / tall) ** 2 + ((columns - column) / wide) ** 2
        added += 1.1 * radius**2 * stretched / (tall * wide) * np.exp(-away)
    return np.asarray(added, np.float32)


def _outline(angle: Pixels, rng: np.random.Generator, *, depth: float) -> Pixels:
    """An uneven circle: its radius in each direction."""
    lobes, phases = rng.uniform(0.3, 1, 4) * depth, rng.uniform(0, 2 * np.pi, 4)
    waves = [a * np.cos(k * angle + p) for k, a, p in zip((2, 3, 5, 7), lobes, phases, strict=True)]
    return np.asarray(1 + sum(waves), np.float32)


def _directions(count: int, rng: np.random.Generator) -> NDArray[np.float64]:
    ways = rng.normal(size=(count, 3))
    return np.asarray(ways / np.linalg.norm(ways, axis=1, keepdims=True))


def _polar(lesion: Lesion, shape: Shape, frame: Frame) -> tuple[Pixels, Pixels]:
    """Distance from the lesion's middle in its radii, and the direction."""
    row, column = lesion_centre(lesion, shape, frame)
    rows, columns = frame.axes()
    down, right = rows - np.float32(row), columns - np.float32(column)
    return np.hypot(down, right) / np.float32(lesion.radius_mm), np.arctan2(down, right)


def _project(points: NDArray[np.float64], view: View) -> NDArray[np.float64]:
    """(depth, lateral, height) offsets in millimetres to (row, column) offsets in the image."""
    depth, lateral, height = np.moveaxis(points, -1, 0)
    return np.stack([-_across(lateral, height, view), depth], axis=-1)


def _blurred(values: NDArray[np.floating], sigma: float) -> Pixels:
    blurred = cv2.GaussianBlur(np.asarray(values, np.float32), (0, 0), max(sigma, 0.3))
    return np.asarray(blurred, np.float32)
