"""Images as authors of published models prepare them: numbers one can check by hand."""

import cv2
import numpy as np
import pytest

from mammo_core.errors import MammoError
from mammo_core.prepare_settings import AuthorsWay, FrameBeside, PrepareSettings
from mammo_core.preprocessing.authors import gathered
from mammo_core.preprocessing.prepare import place_box, prepare, prepare_grey, restore_box
from mammo_core.types import Box, ImageInfo, ImageRef, Mammogram, Window
from mammo_core.zoo.published import PUBLISHED, get_published


def breast(height: int = 200, width: int = 120, *, right: bool = False) -> Mammogram:
    """A half disc of tissue at the chest wall, 60 rows high and 40 columns wide, black around."""
    rows, columns = np.ogrid[:height, :width]
    inside = ((rows - height / 2) / 60) ** 2 + (columns / 40) ** 2 < 1
    pixels = np.where(inside, 0.5 + 0.3 * (columns % 7) / 7, 0.0).astype(np.float32)
    pixels = pixels[:, ::-1].copy() if right else pixels
    info = ImageInfo(ref=ImageRef(image_id="a"), kind="PNG", bits=16)
    return Mammogram(info=info, pixels=pixels)


def settings(size: tuple[int, int], fit: str, **more: object) -> PrepareSettings:
    way = {
        name: more.pop(name)
        for name in ("values", "edge", "spread", "eight_bit", "resampling", "frames", "last")
        if name in more
    }
    return PrepareSettings(
        size=size, fit=fit, margin=0.0, is_turned=bool(more.pop("is_turned", False)),
        is_masked=False, mean=(0.0,), std=(1.0,), authors=AuthorsWay(**way), **more,
    )  # fmt: skip


def test_a_letterbox_keeps_the_ratio_and_centres_on_black() -> None:
    whole = settings((100, 100), "letterbox", crop="none")
    seen = prepare(breast(), whole).pixels[0]  # 200 x 120 becomes 100 x 60, 20 columns either side
    assert not seen[:, :20].any()
    assert not seen[:, 80:].any()
    small = cv2.resize(breast().pixels, (60, 100), interpolation=cv2.INTER_LINEAR)
    np.testing.assert_allclose(seen[:, 20:80], small, atol=1 / 65535)


def test_widening_pads_a_narrow_crop_and_leaves_a_wide_one() -> None:
    narrow = settings((64, 64), "widen", crop="none")
    seen = prepare(breast(), narrow).pixels[0]  # 200 x 120 is widened to 200 x 200: 40 either side
    assert not seen[:, :12].any()
    padded = np.pad(breast().pixels, ((0, 0), (40, 40)))
    np.testing.assert_allclose(
        seen, cv2.resize(padded, (64, 64), interpolation=cv2.INTER_LINEAR), atol=1 / 65535
    )
    wide = settings((64, 16), "widen", crop="none")
    stretched = cv2.resize(breast().pixels, (16, 64), interpolation=cv2.INTER_LINEAR)
    np.testing.assert_allclose(prepare(breast(), wide).pixels[0], stretched, atol=1 / 65535)


def test_a_window_is_cut_at_the_images_own_resolution_and_begins_at_the_chest_wall() -> None:
    window = settings((150, 60), "window", is_turned=True)
    left = prepare(breast(), window)
    top = -round(left.geometry.offset[0])
    assert abs(top - 25) <= 2  # as near as the outline is found
    np.testing.assert_allclose(left.pixels[0], breast().pixels[top : top + 150, :60], atol=2e-5)
    right = prepare(breast(right=True), window)
    assert right.geometry.is_flipped
    np.testing.assert_allclose(right.pixels, left.pixels, atol=2e-5)


def test_a_window_larger_than_the_image_is_black_beyond_it() -> None:
    seen = prepare(breast(), settings((300, 200), "window", is_turned=True)).pixels[0]
    lit = np.flatnonzero(seen.any(axis=1))
    own = np.flatnonzero(breast().pixels.any(axis=1))
    np.testing.assert_allclose(seen[lit][:, :120], breast().pixels[own], atol=2e-5)
    assert not seen[:, 120:].any()


def test_an_image_by_its_own_mean_and_spread_has_mean_0_and_spread_1() -> None:
    seen = prepare(breast(), settings((64, 64), "stretch", crop="none", last="moments")).pixels
    assert abs(float(seen.mean())) < 1e-5
    assert float(seen.std()) == pytest.approx(1.0, abs=1e-5)


def test_eight_bits_are_cut_off_and_not_rounded() -> None:
    after = settings((200, 120), "stretch", crop="none", eight_bit="after")
    levels = prepare_grey(breast(), after).levels
    assert levels.dtype == np.uint8
    np.testing.assert_array_equal(levels, (breast().pixels * np.float32(255)).astype(np.uint8))


def with_window(pixels: np.ndarray) -> Mammogram:
    """Stored in 12 bits; the file's window shows 1000 to 3000."""
    stored = (pixels * 4095).astype(np.uint16)
    shown = np.clip((stored.astype(np.float32) - 1000) / 2000, 0, 1)
    info = ImageInfo(
        ref=ImageRef(image_id="a"), kind="DICOM", bits=12,
        windows=(Window(name="Window 1", low=1000, high=3000),),
    )  # fmt: skip
    return Mammogram(info=info, pixels=shown, wide=stored)


def test_stored_values_come_from_before_the_window_and_others_through_it() -> None:
    image = with_window(breast().pixels)
    stored = prepare(image, settings((200, 120), "stretch", crop="none")).pixels[0]
    np.testing.assert_allclose(stored, image.wide / 4095, atol=1e-4)
    windowed = settings((200, 120), "stretch", crop="none", values="window")
    np.testing.assert_allclose(prepare(image, windowed).pixels[0], image.pixels, atol=1e-4)


def test_where_the_file_has_no_window_the_crop_is_spread_from_dark_to_bright() -> None:
    dim = breast()
    dim = Mammogram(info=dim.info, pixels=dim.pixels / 4)
    spread = settings((64, 64), "stretch", values="window", spread="crop")
    assert prepare(dim, spread).pixels.max() == pytest.approx(1.0, abs=0.02)
    plain = settings((64, 64), "stretch", values="window")
    assert prepare(dim, plain).pixels.max() < 0.25


def test_lit_rows_and_columns_are_found_within_the_borders_that_are_cut() -> None:
    pixels = np.zeros((100, 80), dtype=np.float32)
    pixels[20:70, 10:50] = np.linspace(0.5, 1.0, 40)
    pixels[:3] = 1.0  # a bright border
    info = ImageInfo(ref=ImageRef(image_id="a"), kind="PNG", bits=8)
    lit = settings((50, 40), "stretch", crop="lit", edge=5, spread="image", eight_bit="before")
    grey = prepare_grey(Mammogram(info=info, pixels=pixels), lit)
    assert (grey.geometry.crop.x0, grey.geometry.crop.x1) == (10, 50)
    assert (grey.geometry.crop.y0, grey.geometry.crop.y1) == (20, 70)


@pytest.mark.parametrize("right", [False, True])
@pytest.mark.parametrize("fit", ["letterbox", "widen", "stretch", "window"])
def test_a_box_of_the_image_finds_its_way_into_the_frame_and_back(fit: str, right: bool) -> None:
    image = breast(right=right)
    prepared = prepare(image, settings((160, 100), fit, is_turned=True))
    box = Box(x0=88, y0=90, x1=100, y1=104) if right else Box(x0=20, y0=90, x1=32, y1=104)
    inside = place_box(box, prepared.geometry)
    back = restore_box(inside, prepared.geometry)
    assert (back.x0, back.y0) == (pytest.approx(box.x0), pytest.approx(box.y0))
    assert 0 <= inside.x0 < inside.x1 <= 100


FRAMES = (FrameBeside(size=(64, 32), fit="widen"), FrameBeside(size=(48, 48), fit="letterbox"))


def test_frames_lie_side_by_side_each_fitted_its_own_way() -> None:
    both = settings((64, 80), "widen", crop="none", frames=FRAMES)
    prepared = prepare(breast(), both)
    first = prepare(breast(), settings((64, 32), "widen", crop="none")).pixels
    second = prepare(breast(), settings((48, 48), "letterbox", crop="none")).pixels
    np.testing.assert_array_equal(prepared.pixels[:, :, :32], first)
    np.testing.assert_array_equal(prepared.pixels[:, :48, 32:], second)
    assert not prepared.pixels[:, 48:, 32:].any()
    assert len(prepared.beside) == 1


def test_what_a_further_frame_shows_is_laid_onto_the_first_at_the_same_place() -> None:
    both = settings((64, 80), "widen", crop="none", frames=FRAMES)
    prepared = prepare(breast(), both)
    spot = Box(x0=10, y0=96, x1=14, y1=104)  # a place in the image, lit in the second frame alone
    there = place_box(spot, prepared.beside[0])
    values = np.zeros((64, 80), dtype=np.float32)
    values[round(there.y0) : round(there.y1) + 1, round(there.x0) : round(there.x1) + 1] = 1.0
    laid = gathered(values, both, (prepared.geometry, *prepared.beside))
    assert not laid[:, 32:].any()
    row, column = np.unravel_index(laid.argmax(), laid.shape)
    here = place_box(spot, prepared.geometry)
    assert abs(row + 0.5 - (here.y0 + here.y1) / 2) <= 2
    assert abs(column + 0.5 - (here.x0 + here.x1) / 2) <= 2


@pytest.mark.parametrize(
    "wrong",
    [
        settings((64, 64), "pad"),
        settings((64, 81), "widen", frames=FRAMES),
        settings((64, 64), "stretch", edge=500),
        PrepareSettings(fit="window"),
        PrepareSettings(crop="lit"),
    ],
    ids=["fit", "frames", "edge", "window", "lit"],
)
def test_settings_that_cannot_be_are_told(wrong: PrepareSettings) -> None:
    assert wrong.check()


def test_every_entry_can_be_prepared_by_and_has_a_name_of_its_own() -> None:
    assert len({entry.name for entry in PUBLISHED}) == len(PUBLISHED) >= 14
    for entry in PUBLISHED:
        assert entry.prepare.check() == []
        assert entry.files
        assert entry.figures
        assert entry.problems
        assert len(entry.slots) in (0, 2, 4)
        assert get_published(entry.backbone) is entry
    with pytest.raises(MammoError, match="gmic"):
        get_published("gmics")
