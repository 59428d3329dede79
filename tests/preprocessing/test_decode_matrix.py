"""Every transfer syntax x bits x sign x MONOCHROME1/2: what was written is what is read."""

import hashlib
from itertools import product

import numpy as np
import pytest
from numpy.typing import NDArray

from mammo_core.preprocessing.dicom.parse import SYNTAXES, TransferSyntax
from tests.preprocessing.dicom_files import encoded_file, read

LOSSLESS = [syntax for syntax in SYNTAXES if not syntax.is_lossy]
BITS = (8, 10, 12, 14, 16)
PHOTOMETRIC = ("MONOCHROME1", "MONOCHROME2")

#: (transfer syntax, bits it can hold, the largest error in grey levels of a smooth picture)
LOSSY = (
    ("1.2.840.10008.1.2.4.50", (8,), 1),
    ("1.2.840.10008.1.2.4.51", (8, 12), 1),
    ("1.2.840.10008.1.2.4.81", BITS, 2),  # near-lossless by 2 levels
    ("1.2.840.10008.1.2.4.91", BITS, 1),
    ("1.2.840.10008.1.2.4.203", BITS, 1),
)


def noise(bits: int, *, is_signed: bool, seed: int) -> NDArray[np.int32]:
    """Every value equally likely, the ends of the range among them."""
    lowest = -(2 ** (bits - 1)) if is_signed else 0
    values = np.random.default_rng(seed).integers(0, 2**bits, (33, 41)) + lowest
    values[0, 0], values[0, 1] = lowest, lowest + 2**bits - 1
    return values.astype(np.int32)


def digest(values: NDArray[np.generic]) -> str:
    return hashlib.sha256(values.astype("<u2").tobytes()).hexdigest()


@pytest.mark.parametrize("syntax", LOSSLESS, ids=lambda syntax: syntax.name)
@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize("is_signed", [False, True])
@pytest.mark.parametrize("photometric", PHOTOMETRIC)
def test_lossless_files_come_back_equal_by_hash(
    syntax: TransferSyntax, bits: int, is_signed: bool, photometric: str
) -> None:
    values = noise(bits, is_signed=is_signed, seed=bits)
    content = encoded_file(
        values, syntax.uid, bits_stored=bits, is_signed=is_signed, photometric=photometric
    )
    mammogram = read(content)
    levels = values - values.min()
    expected = levels if photometric == "MONOCHROME2" else 2**bits - 1 - levels
    assert mammogram.wide is not None
    assert digest(mammogram.wide) == digest(expected)
    assert mammogram.info.kind == f"DICOM, {syntax.name}"
    assert mammogram.info.bits == bits
    assert np.abs(mammogram.pixels - expected / (2**bits - 1)).max() < 1e-6


@pytest.mark.parametrize(
    ("uid", "bits", "error"),
    [(uid, bits, error) for uid, depths, error in LOSSY for bits in depths],
)
@pytest.mark.parametrize("photometric", PHOTOMETRIC)
def test_lossy_files_come_back_within_the_error_of_their_codec(
    uid: str, bits: int, error: int, photometric: str
) -> None:
    row = np.linspace(0, 2**bits - 1, 64)
    values = np.rint(np.add.outer(row, row) / 2).astype(np.int32)
    mammogram = read(encoded_file(values, uid, bits_stored=bits, photometric=photometric))
    expected = values if photometric == "MONOCHROME2" else 2**bits - 1 - values
    assert mammogram.wide is not None
    worst = np.abs(mammogram.wide.astype(np.int32) - expected).max()
    assert worst <= error


def test_the_matrix_has_at_least_two_hundred_files_in_sixteen_syntaxes() -> None:
    lossless = len(list(product(LOSSLESS, BITS, (False, True), PHOTOMETRIC)))
    lossy = sum(len(depths) for _, depths, _ in LOSSY) * len(PHOTOMETRIC)
    assert len(LOSSLESS) + len(LOSSY) == len(SYNTAXES) == 16
    assert lossless + lossy >= 200
