"""The window of GMIC and NYU, beside a second construction of it from what they published."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from mammo_core.datasets.prepared import cache_of
from mammo_core.prepare_settings import AuthorsWay, PrepareSettings
from mammo_core.preprocessing.cache import build_missing, open_images
from mammo_core.preprocessing.prepare import place_box, prepare
from mammo_core.types import Box, ImageInfo, ImageRef, Laterality, Mammogram, View
from mammo_core.zoo.published import get_published

Stored = NDArray[np.uint16]


def drawn(height: int, width: int, *, tall: int, deep: int, bottom: int = 0) -> Stored:
    """A breast at the left edge, `tall` rows to either side and `deep` columns; its nipple sticks
    out in the lower half, a letter stands apart, and a thread of light runs to it.
    """
    rows, columns = np.ogrid[:height, :width]
    middle = bottom - tall if bottom else height / 2
    inside = ((rows - middle) / tall) ** 2 + (columns / deep) ** 2 < 1
    values = np.where(inside, 500 + (rows * 7 + columns * 13) % 900, 0)
    values[20:40, width - 60 : width - 20] = 4000
    values[30, deep // 2 : width - 30] = 300
    return values.astype(np.uint16)


def image_of(stored: Stored, view: View | None, *, right: bool = False) -> Mammogram:
    stored = np.ascontiguousarray(stored[:, ::-1]) if right else stored
    side = Laterality.RIGHT if right else Laterality.LEFT
    ref = ImageRef(image_id="a", side=side, view=view)
    shown = np.minimum(stored.astype(np.float32) / 1500, np.float32(1))
    info = ImageInfo(ref=ref, kind="DICOM", bits=12)
    return Mammogram(info=info, pixels=shown, wide=stored)


def settings_of(size: tuple[int, int], **way: object) -> PrepareSettings:
    return PrepareSettings(
        size=size, fit="window", is_masked=False, mean=(0.0,), std=(1.0,), authors=AuthorsWay(**way)
    )


def as_published(stored: Stored, size: tuple[int, int], *, is_mlo: bool) -> NDArray[np.float64]:
    """Of a breast whose nipple points right, step by step as the fact sheet tells it."""
    worn = ndimage.binary_erosion(stored > 0, iterations=100)
    pieces, count = ndimage.label(worn)
    sizes = ndimage.sum_labels(worn, pieces, range(1, count + 1))
    breast = ndimage.binary_dilation(pieces == 1 + int(np.argmax(sizes)), iterations=100)
    rows, columns = (np.flatnonzero(breast.any(axis=axis)) for axis in (1, 0))
    first, last = max(0, rows[0] - 50), min(len(stored), rows[-1] + 51)
    end = min(stored.shape[1], columns[-1] + 51)
    crop, breast = stored[first:last, columns[0] : end], breast[first:last, columns[0] : end]
    height, width = crop.shape
    if width <= size[1]:
        crop = np.hstack([crop, np.zeros((height, size[1] - width))])
    else:
        nipple = np.flatnonzero(breast[int(height / 3) :].any(axis=0))[-1]
        left = min(max(0, nipple - size[1] + 1), width - size[1])
        crop = crop[:, left : left + size[1]]
    if height <= size[0]:
        lacking = size[0] - height
        above = 0 if is_mlo else lacking // 2
        crop = np.pad(crop, ((above, lacking - above), (0, 0)))
    elif is_mlo:
        lowest = np.flatnonzero(breast.any(axis=1))[-1]
        crop = crop[max(0, lowest + 1 - size[0]) :][: size[0]]
    else:
        starts = range(height - size[0] + 1)
        held = [int((crop[top : top + size[0]] > 0).sum()) for top in starts]
        tied = [top for top in starts if held[top] == max(held)]
        top = min(tied, key=lambda top: abs(top - (height - size[0]) / 2))
        crop = crop[top : top + size[0]]
    return crop / 4095


@pytest.mark.parametrize("right", [False, True])
@pytest.mark.parametrize("view", [View.CC, View.MLO])
@pytest.mark.parametrize(
    ("size", "breast"),
    [
        pytest.param((640, 400), {"tall": 250, "deep": 300}, id="the breast is smaller"),
        pytest.param((640, 260), {"tall": 250, "deep": 330}, id="the breast is deeper"),
        pytest.param((401, 400), {"tall": 290, "deep": 300}, id="the breast is taller"),
        pytest.param((400, 260), {"tall": 320, "deep": 330, "bottom": 700}, id="on the lower edge"),
    ],
)
def test_the_window_lies_where_its_authors_lay_it(
    size: tuple[int, int], breast: dict[str, int], view: View, right: bool
) -> None:
    stored = drawn(700, 460, **breast)
    expected = as_published(stored, size, is_mlo=view == View.MLO)
    seen = prepare(image_of(stored, view, right=right), settings_of(size)).pixels[0]
    np.testing.assert_allclose(seen, expected, atol=1 / 65535)


def test_of_a_breast_deeper_than_the_window_the_nipple_is_kept() -> None:
    stored = drawn(700, 460, tall=250, deep=330)
    stored[350, 329] = 4095  # the nipple, its brightest pixel
    seen = prepare(image_of(stored, View.CC), settings_of((640, 260))).pixels[0]
    assert np.argwhere(seen == 1.0)[:, 1].tolist() == [259]  # the window's last column


def test_each_view_has_its_window_in_the_middle_of_the_frame() -> None:
    """A frame of 640 x 400; CC sees 601 x 400 of it, 19 rows down, MLO 640 x 260."""
    both = settings_of((640, 400), windows=((601, 400), (640, 260)))
    stored = drawn(700, 460, tall=250, deep=330)
    cc = prepare(image_of(stored, View.CC), both).pixels[0]
    np.testing.assert_allclose(
        cc[19:620], as_published(stored, (601, 400), is_mlo=False), atol=1 / 65535
    )
    mlo = prepare(image_of(stored, View.MLO), both).pixels[0]
    np.testing.assert_allclose(
        mlo[:, :260], as_published(stored, (640, 260), is_mlo=True), atol=1 / 65535
    )
    assert not mlo[:, 260:].any()


@pytest.mark.parametrize("right", [False, True])
def test_a_pixel_of_the_image_is_found_in_the_window(right: bool) -> None:
    stored = drawn(700, 460, tall=250, deep=330)
    stored[350, 329] = 4095
    image = image_of(stored, View.CC, right=right)
    both = settings_of((640, 400), windows=((601, 260), (640, 260)))
    prepared = prepare(image, both)
    column = 460 - 1 - 329 if right else 329
    there = place_box(Box(x0=column, y0=350, x1=column + 1, y1=351), prepared.geometry)
    assert prepared.pixels[0, round(there.y0), round(there.x0)] == 1.0


@pytest.mark.parametrize(
    ("view", "told"), [(None, "The view is unknown"), (View.ML, "The view is ML")]
)
def test_another_view_is_laid_as_a_cc_and_it_is_said(view: View | None, told: str) -> None:
    stored = drawn(700, 460, tall=250, deep=300)
    prepared = prepare(image_of(stored, view), settings_of((640, 400)))
    expected = as_published(stored, (640, 400), is_mlo=False)
    np.testing.assert_allclose(prepared.pixels[0], expected, atol=1 / 65535)
    assert any(told in note for note in prepared.notes)


def test_where_the_ground_is_not_black_our_outline_stands_in_and_it_is_said() -> None:
    stored = drawn(700, 460, tall=250, deep=300)
    grey = np.maximum(stored, 40).astype(np.uint16)
    prepared = prepare(image_of(grey, View.CC), settings_of((640, 400)))
    crop = prepared.geometry.crop
    assert abs(crop.y0 - 50) <= 8
    assert abs(crop.x1 - 350) <= 8
    assert any("our outline stands in" in note for note in prepared.notes)


@pytest.mark.parametrize("windows", [((64, 64),), ((64, 64), (64, 401)), ((64, 64), (4, 64))])
def test_windows_that_cannot_be_are_told(windows: tuple[tuple[int, int], ...]) -> None:
    assert settings_of((640, 400), windows=windows).check()


def test_each_of_nyus_networks_is_given_the_nipple_in_its_windows_last_column() -> None:
    """Of a breast deeper than both windows: 1942 columns of a CC, 1748 of an MLO."""
    way = get_published("nyu-views").prepare
    stored = drawn(2400, 2200, tall=900, deep=2050)
    stored[1200, 2049] = 4095
    for view, columns in ((View.CC, 1942), (View.MLO, 1748)):
        seen = prepare(image_of(stored, view), way).pixels[0]
        assert np.argwhere(seen == 1.0)[:, 1].tolist() == [columns - 1]


def test_of_a_picture_the_data_set_tells_the_view(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A PGM says nothing of its view: told that it is an MLO, its breast lies at the top."""
    monkeypatch.setenv("MAMMO_HOME", str(tmp_path / "home"))
    stored = drawn(700, 460, tall=250, deep=300)
    for name, start in (("a.pgm", "P5 "), ("b.pgm", "P5 # the same picture\n")):
        header = f"{start}460 700 4095\n".encode()
        (tmp_path / name).write_bytes(header + stored.astype(">u2").tobytes())
    rows = pd.DataFrame({"path": ["a.pgm", "b.pgm"], "view": [View.MLO, pd.NA]})
    cache = cache_of(settings_of((640, 400)), tmp_path, rows)
    files = [tmp_path / path for path in rows["path"]]
    assert build_missing(cache, files, processes=1, report=lambda *_: None).built == 2
    for image, is_mlo in zip(open_images(cache, files), (True, False), strict=True):
        expected = as_published(stored, (640, 400), is_mlo=is_mlo)
        np.testing.assert_allclose(image / 65535, expected, atol=1 / 65535)
