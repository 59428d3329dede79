"""Copies are found however they were turned, mirrored or re-compressed; others are left alone."""

import time

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from mammo_core.datasets.duplicates import (
    MOST_BITS_APART,
    Fingerprints,
    find_candidates,
    find_copies,
    fingerprint,
    group_copies,
    join_fingerprints,
)
from mammo_core.types import Pixels


def texture(seed: int, size: int = 256) -> Pixels:
    """A half disc filled with random clouds: like a breast, it has an outline all others share."""
    rng = np.random.default_rng(seed)
    clouds = sum(
        cv2.resize(rng.random((n, n), dtype=np.float32), (size, size)) / 2**k
        for k, n in enumerate((4, 8, 16, 32, 64))
    )
    y, x = np.mgrid[:size, :size] / size
    inside = (y - 0.5) ** 2 + x**2 < 0.2
    return np.where(inside, clouds / np.max(clouds), 0).astype(np.float32)


def as_jpeg(pixels: Pixels, quality: int) -> Pixels:
    levels = np.rint(pixels * 255).astype(np.uint8)
    _, data = cv2.imencode(".jpg", levels, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return cv2.imdecode(data, cv2.IMREAD_GRAYSCALE).astype(np.float32) / 255


def equalised(pixels: Pixels) -> Pixels:
    levels = np.rint(pixels * 255).astype(np.uint8)
    return cv2.createCLAHE(2.0, (8, 8)).apply(levels).astype(np.float32) / 255


ALTERED = {
    "as it is": lambda image: image,
    "turned by 90 degrees": lambda image: np.rot90(image),
    "turned by 180 degrees": lambda image: np.rot90(image, 2),
    "turned by 270 degrees": lambda image: np.rot90(image, 3),
    "mirrored": lambda image: image[:, ::-1],
    "upside down": lambda image: image[::-1],
    "transposed": lambda image: image.T,
    "transposed and turned": lambda image: np.rot90(image.T, 2),
    "brighter": lambda image: np.minimum(1, image * 1.3 + 0.05),
    "equalised": equalised,
    "equalised and turned": lambda image: np.rot90(equalised(image)),
    "as a poor JPEG": lambda image: as_jpeg(image, 30),
    "at half the size": lambda image: cv2.resize(image, (128, 128), interpolation=cv2.INTER_AREA),
}


def prints_of(*images: Pixels) -> Fingerprints:
    return join_fingerprints([fingerprint(np.ascontiguousarray(image)) for image in images])


@pytest.mark.parametrize("alteration", ALTERED)
def test_an_altered_copy_is_found(alteration: str) -> None:
    image = texture(1)
    pairs = find_copies(prints_of(image, texture(2), ALTERED[alteration](image)))
    assert pairs[["first", "second"]].to_numpy().tolist() == [[0, 2]]
    assert pairs["correlation"].iloc[0] > 0.8


def test_fifty_different_images_share_no_pair() -> None:
    assert find_copies(prints_of(*(texture(seed) for seed in range(50)))).empty


def test_no_images_have_no_copies() -> None:
    assert find_copies(join_fingerprints([])).empty


def test_two_blank_images_are_no_copies_of_each_other() -> None:
    blank = np.zeros((64, 64), dtype=np.float32)
    assert find_copies(prints_of(blank, blank)).empty


def test_copies_of_copies_form_one_group() -> None:
    first, second = texture(1), texture(2)
    prints = prints_of(first, np.rot90(first), second, first[:, ::-1], second.T, texture(3))
    groups = group_copies(find_copies(prints), len(prints))
    assert groups[0] == groups[1] == groups[3]
    assert groups[2] == groups[4]
    assert len(set(groups.tolist())) == 3


def hashes(count: int, seed: int) -> NDArray[np.uint64]:
    rng = np.random.default_rng(seed)
    return rng.integers(0, 2**63, size=(count, 8), dtype=np.int64).astype(np.uint64)


@pytest.mark.slow
def test_candidates_are_the_same_as_by_comparing_every_pair_in_turn() -> None:
    words = hashes(700, seed=0)
    words[600:650, :4] = words[:50, :4]
    words[600:650, 0] ^= np.uint64(2**40 - 1)  # 40 bits apart
    words[650:, 4:] = words[50:100, :4]
    expected = [
        [i, j]
        for i in range(700)
        for j in range(i + 1, 700)
        if bits_apart(words[i], words[j]) <= MOST_BITS_APART
    ]
    found = find_candidates(words)
    assert sorted(found.tolist()) == expected
    assert len(expected) >= 100


def bits_apart(one: NDArray[np.uint64], other: NDArray[np.uint64]) -> int:
    distances = []
    for half in (other[:4], other[4:]):
        even, left_right, up_down, both = np.bitwise_count(one[:4] ^ half).astype(int)
        distances += [
            even + left_right + up_down + both,
            even + 64 - left_right + up_down + 64 - both,
            even + left_right + 64 - up_down + 64 - both,
            even + 64 - left_right + 64 - up_down + both,
        ]
    return min(distances)


def test_the_search_tells_how_far_it_is() -> None:
    heard: list[float] = []
    find_candidates(hashes(600, seed=1), report=heard.append)
    assert heard == sorted(heard)
    assert heard[-1] == 1.0


def test_five_thousand_hashes_take_under_a_second_or_so() -> None:
    """50,000 are a hundred times as many pairs; measured in full they take 11 s on two cores."""
    words = hashes(5000, seed=2)
    start = time.perf_counter()
    find_candidates(words)
    assert time.perf_counter() - start < 3
