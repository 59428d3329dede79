from dataclasses import replace

import numpy as np
import pytest

from mammo_core.inference.scoring import regions_of, score_images
from mammo_core.types import Laterality, View
from tests.inference.test_predictor import constructed, mammogram


@pytest.mark.parametrize("enlarged", [1, 9])
def test_the_region_of_a_reading_lies_on_the_lesion_however_large_the_image(enlarged: int) -> None:
    small = mammogram(lesion_at=(60, 30))
    ref = replace(small.ref, side=Laterality.LEFT, view=View.CC)
    image = replace(
        small,
        pixels=small.pixels.repeat(enlarged, axis=0).repeat(enlarged, axis=1),
        info=replace(small.info, ref=ref),
    )
    (reading,) = score_images(constructed(heatmap_peak=0.01), [image])
    found = regions_of(image, reading).inside[0]
    row, column = 60 * enlarged, 30 * enlarged
    assert found.box.y0 <= row <= found.box.y1
    assert found.box.x0 <= column <= found.box.x1
    assert found.share > 0.5
    assert found.depth is not None
    assert np.isfinite(found.peak)
