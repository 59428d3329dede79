"""Find images that are copies of one another, also turned, mirrored, re-compressed or equalised.

Two stages, because a hash alone drowns the user in pairs of different women. A 256-bit perceptual
hash (the signs of the 16 x 16 lowest DCT frequencies) names the candidates in all 8 orientations;
the correlation of locally normalised 64 x 64 thumbnails decides. On screening mammograms of 640
pixels the best pair of different women correlates at 0.63, copies at 0.89 and more.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import product
from typing import Final

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from mammo_core.types import Pixels

SIDE: Final = 64  # of a thumbnail, in pixels
MOST_BITS_APART: Final = 60  # of 256: what equalising and turning may change
LEAST_CORRELATION: Final = 0.8

_FREQUENCIES: Final = 16
_LOCAL_SIGMA: Final = (
    2.0  # pixels of the thumbnail: finer than the outline, which all breasts share
)
_FLAT: Final = 0.08  # of the image's spread; keeps the noise of empty background small
_STEPS: Final = 32.0  # of int8 per local standard deviation
_ROWS, _COLUMNS = 256, 4096  # hashes compared at once: a block fits the processor's cache
_PAIRS_AT_ONCE: Final = 2048

#: Transposed first, then mirrored top to bottom, then left to right: the 8 ways to lay an image.
ORIENTATIONS: Final = tuple(product((False, True), repeat=3))

Words = NDArray[np.uint64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fingerprints:
    """Of n images: `words` (n, 8) the hash upright and transposed, `details` (n, 64, 64)."""

    words: Words
    details: NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.words)


def fingerprint(pixels: Pixels) -> Fingerprints:
    """The fingerprint of one image."""
    small = np.asarray(
        cv2.resize(pixels, (SIDE, SIDE), interpolation=cv2.INTER_AREA), dtype=np.float32
    )
    spread = float(small.std())
    small = small / np.float32(spread) if spread > 0 else small
    waves = np.asarray(cv2.dct(small), dtype=np.float32)[:_FREQUENCIES, :_FREQUENCIES]
    words = np.concatenate([_words_of(waves), _words_of(waves.T)])
    return Fingerprints(words=words[None], details=_detail_of(small)[None])


def join_fingerprints(parts: list[Fingerprints]) -> Fingerprints:
    """Many fingerprints as one."""
    if not parts:
        return Fingerprints(
            words=np.zeros((0, 8), dtype=np.uint64), details=np.zeros((0, SIDE, SIDE), np.int8)
        )
    return Fingerprints(
        words=np.concatenate([part.words for part in parts]),
        details=np.concatenate([part.details for part in parts]),
    )


def find_copies(
    prints: Fingerprints,
    *,
    threads: int = 2,
    report: Callable[[float], None] = lambda share: None,
) -> pd.DataFrame:
    """Every pair of copies: `first`, `second` (numbers), `bits` apart, `correlation`.

    `report` hears the share of the search that is done.
    """
    pairs = find_candidates(prints.words, threads=threads, report=report)
    found = [
        _decided(prints, pairs[start : start + _PAIRS_AT_ONCE])
        for start in range(0, len(pairs), _PAIRS_AT_ONCE)
    ]
    empty = pd.DataFrame({"first": [], "second": [], "bits": [], "correlation": []})
    table = pd.concat(found, ignore_index=True) if found else empty.astype({"first": int})
    return table[table["correlation"] >= LEAST_CORRELATION].reset_index(drop=True)


def find_candidates(
    words: Words, *, threads: int = 2, report: Callable[[float], None] = lambda share: None
) -> NDArray[np.intp]:
    """Pairs (k, 2) at most MOST_BITS_APART in their best orientation, the smaller number first."""
    by_word = np.ascontiguousarray(words.T)
    blocks = list(_blocks(len(words)))
    found = []
    with ThreadPoolExecutor(threads) as pool:
        searched = pool.map(lambda block: _close_pairs(by_word, *block), blocks)
        for number, pairs in enumerate(searched, start=1):
            found.append(pairs)
            report(number / len(blocks))
    return np.concatenate(found) if found else np.zeros((0, 2), dtype=np.intp)


def group_copies(pairs: pd.DataFrame, count: int) -> NDArray[np.int32]:
    """For each of `count` images the number of its group; copies of copies share one."""
    first, second = pairs["first"].to_numpy(), pairs["second"].to_numpy()
    links = coo_array((np.ones(len(pairs)), (first, second)), shape=(count, count))
    return np.asarray(connected_components(links, directed=False)[1], dtype=np.int32)


def _words_of(waves: NDArray[np.float32]) -> Words:
    """Four words of signs, by the parity of row and column frequency.

    Mirroring an image changes the sign of its odd frequencies and nothing else, so with the bits
    sorted like this four popcounts give the distances to all four mirrored forms.
    """
    return np.concatenate(
        [
            np.packbits(waves[row::2, column::2] > 0).view(np.uint64)
            for row in (0, 1)
            for column in (0, 1)
        ]
    )


def _detail_of(small: NDArray[np.float32]) -> NDArray[np.int8]:
    """Each pixel against its surroundings, so that contrast and brightness drop out."""
    mean = cv2.GaussianBlur(small, (0, 0), _LOCAL_SIGMA)
    variance = cv2.GaussianBlur(small * small, (0, 0), _LOCAL_SIGMA) - mean * mean
    local = (small - mean) / (np.sqrt(np.maximum(variance, 0)) + _FLAT)
    return np.clip(np.rint(local * _STEPS), -127, 127).astype(np.int8)


def _blocks(count: int) -> Iterator[tuple[int, int]]:
    """Corners of blocks that cover every pair above the diagonal."""
    for row in range(0, count, _ROWS):
        for column in range(row // _COLUMNS * _COLUMNS, count, _COLUMNS):
            yield row, column


def _close_pairs(by_word: Words, row: int, column: int) -> NDArray[np.intp]:
    left, right = by_word[:4, row : row + _ROWS], by_word[:, column : column + _COLUMNS]
    upright = _nearest_mirrored(left, right[:4])
    turned = _nearest_mirrored(left, right[4:])
    near = np.minimum(upright, turned) <= MOST_BITS_APART
    rows, columns = np.nonzero(near)
    rows, columns = rows + row, columns + column
    above = rows < columns
    return np.stack([rows[above], columns[above]], axis=1)


def _nearest_mirrored(left: Words, right: Words) -> NDArray[np.uint8]:
    """The smallest of the four distances between (4, a) and (4, b) words. 255 at most: the sign of
    the mean is the same in every image, so one bit never differs."""
    even, columns, rows, both = (
        np.bitwise_count(one[:, None] ^ other) for one, other in zip(left, right, strict=True)
    )
    nearest = even + columns
    nearest += np.minimum(rows + both, 128 - rows - both)
    other = even + (64 - columns)
    other += np.minimum(rows + (64 - both), (64 - rows) + both)
    return np.asarray(np.minimum(nearest, other), dtype=np.uint8)


def _decided(prints: Fingerprints, pairs: NDArray[np.intp]) -> pd.DataFrame:
    """The best correlation of each pair over the orientations in which the hashes are close."""
    first, second = pairs[:, 0], pairs[:, 1]
    bits = _distances(prints.words[first], prints.words[second])
    best = np.full(len(pairs), -1.0)
    for number, (is_transposed, is_upside_down, is_mirrored) in enumerate(ORIENTATIONS):
        close = np.flatnonzero(bits[:, number] <= MOST_BITS_APART)
        other = prints.details[second[close]]
        other = other.transpose(0, 2, 1) if is_transposed else other
        other = other[:, ::-1] if is_upside_down else other
        other = other[:, :, ::-1] if is_mirrored else other
        agreed = _correlation(prints.details[first[close]], other)
        best[close] = np.maximum(best[close], agreed)
    return pd.DataFrame(
        {"first": first, "second": second, "bits": bits.min(axis=1), "correlation": best}
    )


def _distances(left: Words, right: Words) -> NDArray[np.int16]:
    """(k, 8) bits apart, in the order of ORIENTATIONS."""
    columns = []
    for is_transposed, is_upside_down, is_mirrored in ORIENTATIONS:
        other = right[:, 4:] if is_transposed else right[:, :4]
        apart = np.bitwise_count(left[:, :4] ^ other).astype(np.int16)
        odd = np.array([False, is_mirrored, is_upside_down, is_mirrored ^ is_upside_down])
        columns.append(np.where(odd, 64 - apart, apart).sum(axis=1))
    return np.stack(columns, axis=1).astype(np.int16)


def _correlation(one: NDArray[np.int8], other: NDArray[np.int8]) -> NDArray[np.float64]:
    a = one.reshape(len(one), SIDE * SIDE).astype(np.float32)
    b = other.reshape(len(other), SIDE * SIDE).astype(np.float32)
    a -= a.mean(axis=1, keepdims=True)
    b -= b.mean(axis=1, keepdims=True)
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    products = np.einsum("ij,ij->i", a, b)
    return np.asarray(products / np.where(lengths > 0, lengths, 1), dtype=np.float64)
