"""Grey values, by numbers worked out by hand."""

import numpy as np
import pytest

from mammo_core.preprocessing.intensity import equalise, normalise, stretch, to_levels


def test_stretching_makes_low_black_and_high_white() -> None:
    pixels = np.array([[0.1, 0.2, 0.4, 0.6, 0.9]], dtype=np.float32)
    np.testing.assert_allclose(stretch(pixels, 0.2, 0.6), [[0, 0, 0.5, 1, 1]], atol=1e-6)


def test_clahe_widens_local_contrast_within_its_limit() -> None:
    dull = np.random.default_rng(0).uniform(0.4, 0.6, (256, 256)).astype(np.float32)
    evened = equalise(dull)
    # Slope 2 where the histogram is clipped, plus at most 1 from what was clipped and spread.
    assert 2 < evened.std() / dull.std() < 3
    assert 0.0 <= evened.min() <= evened.max() <= 1.0


@pytest.mark.parametrize(("bits", "top", "kind"), [(8, 255, np.uint8), (12, 65535, np.uint16)])
def test_levels_have_8_bits_for_a_source_of_8_and_16_for_more(
    bits: int, top: int, kind: type
) -> None:
    levels = to_levels(np.array([[0.0, 0.5, 1.0, 1.2]], dtype=np.float32), bits)
    assert levels.dtype == kind
    np.testing.assert_array_equal(levels, [[0, round(0.5 * top), top, top]])


def test_each_channel_is_normalised_by_its_own_mean_and_std() -> None:
    levels = np.array([[0, 255]], dtype=np.uint8)
    channels = normalise(levels, mean=(0.0, 0.5), std=(1.0, 0.25))
    np.testing.assert_allclose(channels, [[[0, 1]], [[-2, 2]]])
    assert channels.dtype == np.float32
