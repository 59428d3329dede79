"""Random numbers that depend on nothing but (seed, epoch, image, place): no state, no order.

An image is known by its content, so it is changed the same way in the same epoch whatever fold,
batch, process or machine it lands in: an interrupted run, a resumed one and a distributed one see
the same.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

_ODD: Final = np.uint64(0x9E3779B97F4A7C15)


def uniform(
    *, seed: int, epoch: int, images: NDArray[np.uint64], copies: NDArray[np.int64], count: int
) -> NDArray[np.float32]:
    """(images, count) numbers in [0, 1); `images` are their keys. A copy draws others."""
    epoch_key = _mix(_mix(np.array([seed], dtype=np.uint64)) + np.uint64(epoch))
    image_keys = _mix(_mix(epoch_key + _mix(images)) + copies.astype(np.uint64))
    places = np.arange(1, count + 1, dtype=np.uint64) * _ODD
    bits = _mix(image_keys[:, None] + places[None, :])
    return (bits >> np.uint64(40)).astype(np.float32) / np.float32(1 << 24)


def _mix(value: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """SplitMix64 (Steele et al., 2014): neighbours in, strangers out. It wraps around, as meant."""
    mixed = value + _ODD
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
