"""One synthetic mammogram: shape, tissue and lesion are where the truth says."""

from itertools import pairwise

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from mammo_core.preprocessing.phantoms.anatomy import VOLUME, grow_glands, project
from mammo_core.preprocessing.phantoms.lesions import Lesion, LesionKind
from mammo_core.preprocessing.phantoms.view import MACHINES, Breast, Rendering, render_view
from mammo_core.types import Laterality, Pixels, Size, View
from tests.quick import some_slow

SIZE = (256, 128)


def lesion_of(kind: LesionKind = LesionKind.MASS) -> Lesion:
    return Lesion(
        kind=kind, depth=0.5, lateral=0.5, height=-0.5, radius_mm=8.0, contrast=1.0, seed=1
    )


def rendered(
    view: View = View.CC,
    *,
    lesion: Lesion | None = None,
    side: Laterality = Laterality.LEFT,
    size: Size = SIZE,
    density: str = "B",
    woman: int = 1,
) -> Rendering:
    machine = MACHINES[0]
    breast = Breast(side=side, density=density, machine=machine, seed=(0, woman), lesion=lesion)
    return render_view(breast, view, size)


@pytest.mark.parametrize("kind", LesionKind)
@pytest.mark.parametrize("side", Laterality)
def test_a_lesion_brightens_its_box_and_hardly_anything_else(
    kind: LesionKind, side: Laterality
) -> None:
    lit = rendered(lesion=lesion_of(kind), side=side)
    added = lit.pixels - rendered(side=side).pixels
    assert lit.box is not None
    rows = slice(int(lit.box.y0), int(lit.box.y1) + 1)
    columns = slice(int(lit.box.x0), int(lit.box.x1) + 1)
    is_outside = np.ones(SIZE, dtype=bool)
    is_outside[rows, columns] = False
    assert added[rows, columns].max() > 0.15
    assert added[rows, columns].mean() > 0.02
    assert np.abs(added[is_outside]).mean() < 0.01


def test_an_outer_and_lower_lesion_is_high_in_cc_and_at_the_nipple_in_mlo() -> None:
    cc, mlo = (rendered(view, lesion=lesion_of()).box for view in (View.CC, View.MLO))
    assert cc is not None
    assert mlo is not None
    mm = 240 / 256
    # Half of a half width of 52 to 94 mm above the nipple, which lies within 10 mm of the middle.
    assert 120 - 47 - 10 <= mm * (cc.y0 + cc.y1) / 2 <= 120 - 26 + 10
    # Outer moves it up and lower down, by as much; the nipple is at six tenths of the frame.
    assert mm * (mlo.y0 + mlo.y1) / 2 == pytest.approx(144, abs=11)


def test_both_views_show_the_same_glands() -> None:
    rng = np.random.default_rng
    glands = grow_glands("C", own=rng(1), shared=rng(2))
    cc, mlo = (project(glands, view).sum(axis=1) for view in (View.CC, View.MLO))
    assert np.corrcoef(cc, mlo)[0, 1] > 0.9


def test_density_is_the_share_of_glandular_tissue() -> None:
    rng = np.random.default_rng
    x, y, z = np.meshgrid(*(np.linspace(-1, 1, n) for n in VOLUME), indexing="ij")
    breast = ((x + 1) / 2) ** 2 + y**2 + z**2 < 1
    for density, share in (("A", 0.03), ("B", 0.11), ("C", 0.27), ("D", 0.48)):
        grown = [grow_glands(density, own=rng(n), shared=rng(n + 9))[breast] for n in range(3)]
        assert np.mean(grown) == pytest.approx(share, rel=0.4)


def test_the_right_breast_has_its_chest_wall_at_the_right() -> None:
    left, right = (rendered(side=side).pixels for side in (Laterality.LEFT, Laterality.RIGHT))
    assert left[:, :20].mean() > 5 * left[:, -20:].mean()
    assert right[:, -20:].mean() > 5 * right[:, :20].mean()


def test_only_the_mlo_shows_the_pectoral_muscle() -> None:
    top_corner = (slice(0, 12), slice(0, 12))
    assert rendered(View.MLO).pixels[top_corner].mean() > 0.3
    assert rendered(View.CC).pixels[top_corner].max() == 0


@pytest.mark.parametrize("size", [(64, 32), (100, 80), (300, 120)])
def test_any_size_holds_the_whole_frame(size: Size) -> None:
    rendering = rendered(size=size)
    assert rendering.pixels.shape == size
    assert rendering.pixels.dtype == np.float32
    assert rendering.pixels.min() == 0.0
    assert rendering.pixels.max() <= 1.0
    assert rendering.mm_per_pixel * size[0] >= 240 - 1e-6
    assert rendering.mm_per_pixel * size[1] >= 120 - 1e-6


def spectral_exponent(square: Pixels, *, lowest: float, highest: float) -> float:
    """Minus the slope of log power over log frequency (1/pixel)."""
    n = len(square)
    window = np.outer(np.hanning(n), np.hanning(n))
    power = np.abs(np.fft.fft2((square - square.mean()) * window)) ** 2
    frequency = np.hypot(np.fft.fftfreq(n)[:, None], np.fft.fftfreq(n)[None, :])
    bounds = pairwise(np.geomspace(lowest, highest, 10))
    rings = [(frequency >= low) & (frequency < high) for low, high in bounds]
    heights = [np.log(power[ring].mean()) for ring in rings]
    places = [np.log(frequency[ring].mean()) for ring in rings]
    return -float(np.polyfit(places, heights, 1)[0])


@pytest.mark.parametrize("density", some_slow(["A", "D"], quick=1))
def test_the_spectrum_of_a_breast_falls_with_about_the_third_power(density: str) -> None:
    """From 0.15 to 1 cycle per millimetre, after the machine's sharpening, which flattens it."""
    exponents = []
    for woman in range(3):
        rendering = rendered(size=(1024, 512), density=density, woman=woman)
        square = rendering.pixels[384:640, 16:272]  # 60 mm of the breast's middle
        mm = rendering.mm_per_pixel
        exponents.append(spectral_exponent(square, lowest=0.15 * mm, highest=1.0 * mm))
    assert 2.1 < np.mean(exponents) < 3.4


def grey_levels(pixels: Pixels) -> NDArray[np.float64]:
    breast = pixels[pixels > 0.05]
    return np.array([breast.mean(), breast.std(), *np.percentile(breast, [5, 25, 50, 75, 95, 99])])


@pytest.mark.slow
@pytest.mark.parametrize("reduced", [(128, 256), (128, 128)])
def test_grey_levels_stay_those_without_a_lesion_in_a_reduced_image(
    reduced: tuple[int, int],
) -> None:
    kinds = list(LesionKind)
    levels = np.array(
        [
            [
                grey_levels(cv2.resize(image.pixels, reduced, interpolation=cv2.INTER_AREA))
                for image in (
                    rendered(woman=n, size=(512, 256)),
                    rendered(woman=n, size=(512, 256), lesion=lesion_of(kinds[n % 3])),
                )
            ]
            for n in range(9)
        ]
    )
    shift = (levels[:, 1] - levels[:, 0]).mean(axis=0)
    spread = levels[:, 0].std(axis=0)
    assert np.abs(shift / spread).max() < 0.25  # of what women differ: an AUC below 0.58
