import numpy as np

from mammo_core.preprocessing.breast import mask_outside_breast
from mammo_core.types import ImageInfo, ImageRef, Mammogram


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
