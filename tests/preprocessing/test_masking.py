from dataclasses import replace

import numpy as np
import pytest

from mammo_core.preprocessing.breast import mask_outside_breast, unpainted
from mammo_core.preprocessing.prepare import prepare
from mammo_core.preprocessing.raster import decode_raster
from mammo_core.records import from_document, to_document
from mammo_core.types import ImageInfo, ImageRef, Mammogram
from mammo_core.zoo.published import get_published


def test_letters_are_blotted_out_and_tissue_is_not() -> None:
    rows, columns = np.mgrid[0:400, 0:300]
    tissue = np.clip(1 - np.hypot((rows - 200) / 170, columns / 150), 0, 1).astype(np.float32)
    pixels = tissue.copy()
    pixels[20:40, 240:280] = 1.0  # a letter in the corner
    wide = (pixels * 1000).astype(np.uint16) + 50
    info = ImageInfo(ref=ImageRef(image_id="1"), kind="test", bits=10)
    mammogram = Mammogram(info=info, pixels=pixels, wide=wide)
    masked = mask_outside_breast(mammogram)
    assert not masked.pixels[20:40, 240:280].any()
    assert masked.wide is not None
    assert set(np.unique(masked.wide[20:40, 240:280])) == {50}
    np.testing.assert_array_equal(masked.pixels[tissue > 0.05], tissue[tissue > 0.05])
    assert "blotted out" in masked.notes[-1]


def film(*, bits: int = 16, letter: float = 0.0) -> Mammogram:
    """Tissue on a ground of 0.06 that is not quite even, and a letter in the corner."""
    rows, columns = np.mgrid[0:800, 0:600]
    away = np.hypot((rows - 400) / 330, columns / 320)
    unrest = np.random.default_rng(1).normal(0, 0.001, away.shape)
    grey = np.where(away < 1, 0.2 + 0.6 * np.sqrt(np.maximum(1 - away, 0)), 0.06) + unrest
    if letter:
        grey[40:80, 480:560] = letter
    levels = np.rint(grey * (2**bits - 1)).astype(np.uint16)
    header = b"P5 600 800 %d\n" % (2**bits - 1)
    words = levels.astype(np.uint8 if bits == 8 else ">u2")
    return decode_raster(header + words.tobytes(), image_id="1")


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("name", ["petrini-two-cbis", "rsna-first", "mammoclip-b2"])
def test_a_kept_film_is_to_a_published_model_what_the_file_is(name: str, bits: int) -> None:
    entry = get_published(name)
    file = film(bits=bits)
    kept = mask_outside_breast(file)
    there, here = (prepare(image, entry.prepare).pixels for image in (file, kept))
    spread = np.array(entry.prepare.std)[:, None, None]
    assert np.mean(np.abs(there - here) * spread > 0.015) < 0.001
    assert any("blotted out" in note for note in prepare(kept, entry.prepare).notes)


def test_of_a_letter_nothing_comes_back_when_the_ground_does() -> None:
    kept = mask_outside_breast(film(letter=0.9))
    assert not kept.pixels[:120, 440:].any()
    again = unpainted(kept)
    assert again.wide is not None
    assert len(np.unique(again.wide[:120, 440:])) == 1
    assert again.wide[60, 520] / 65535 == pytest.approx(0.06, abs=0.001)


def test_the_ground_is_remembered_with_a_kept_image() -> None:
    info = mask_outside_breast(film()).info
    assert info.painted is not None
    assert from_document(to_document(info), ImageInfo, where="a test") == info


def test_what_is_stored_is_blotted_out_where_it_is_kept_apart() -> None:
    image = film(letter=0.9)
    assert image.wide is not None
    kept = mask_outside_breast(replace(image, stored=image.wide // 2))
    assert kept.stored is not None
    assert len(np.unique(kept.stored[:120, 440:])) == 1
