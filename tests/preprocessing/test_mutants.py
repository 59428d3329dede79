"""Files spoiled at random, and frames cut at every percent: read or refused in words, always.

Some of each; `python -m benchmarks.reliability mutants` tries thousands, and --all cuts at every
single percent.
"""

import struct
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

import imagecodecs
import numpy as np
import pytest
from pydicom.encaps import encapsulate

from mammo_core.errors import ReadError
from mammo_core.preprocessing.dicom.parse import SYNTAXES, Family, TransferSyntax
from mammo_core.preprocessing.reading.isolation import ReadingProcess
from tests.preprocessing.dicom_files import (
    KEY,
    compressed,
    encoded_file,
    file_of,
    header_of,
)
from tests.preprocessing.test_raster import saved

NATIVE = (Family.NATIVE, Family.DEFLATED)


@pytest.fixture(scope="module")
def process() -> Iterator[ReadingProcess]:
    process = ReadingProcess()
    yield process
    process.close()


def bits_of(syntax: TransferSyntax) -> int:
    return 8 if syntax.uid.endswith(".50") else 12


def picture(bits: int) -> np.ndarray:
    """Smooth and a little noisy, so that every codec has something to do."""
    y, x = np.mgrid[:48, :40]
    noise = np.random.default_rng(0).integers(0, 2 ** (bits - 4), (48, 40))
    return ((x + y) * 2 ** (bits - 8) + noise).astype(np.uint8 if bits == 8 else np.uint16)


def spoiled(content: bytes, draws: np.random.Generator) -> bytes:
    """One to eight accidents: a byte changed, a length blown up, a piece lost, doubled or blank."""
    file = bytearray(content)
    for _ in range(int(draws.integers(1, 9))):
        place = int(draws.integers(0, len(file) - 8))
        size = int(draws.integers(1, 32))
        match int(draws.integers(0, 6)):
            case 0 | 1:
                file[place] ^= 1 << int(draws.integers(0, 8))
            case 2:
                file[place : place + 4] = struct.pack("<I", int(draws.integers(0, 2**32)))
            case 3:
                del file[place : place + size]
            case 4:
                file[place:place] = file[place : place + size]
            case 5:
                file[place : place + size] = bytes([int(draws.choice([0, 255]))]) * size
        if len(file) < 16:
            break
    return bytes(file)


def outcome_of(process: ReadingProcess, content: bytes) -> str:
    """ "read", or the code of a refusal that is a sentence."""
    try:
        mammogram = process.read(content, key=KEY)
    except ReadError as error:
        return error.code if error.sentence.endswith(".") else f"no sentence: {error.sentence}"
    return "read" if np.isfinite(mammogram.pixels).all() else "not finite"


def assert_all_are_read_or_refused(
    process: ReadingProcess, sound: Sequence[bytes], count: int
) -> None:
    """`count` files, each made of one of the `sound` ones in turn."""
    draws = np.random.default_rng(2024)
    outcomes = Counter(
        outcome_of(process, spoiled(sound[number % len(sound)], draws)) for number in range(count)
    )
    print(dict(outcomes))  # noqa: T201 - the figures of a long run, seen with pytest -s
    assert outcomes.total() == count
    assert outcomes["read"] > count // 20
    assert not [code for code in outcomes if code.startswith(("no sentence", "not finite"))]
    assert outcomes["no_reader"] == 0


def sound_dicom_files() -> list[bytes]:
    return [
        encoded_file(picture(bits_of(syntax)), syntax.uid, bits_stored=bits_of(syntax))
        for syntax in SYNTAXES
    ]


def sound_pictures() -> list[bytes]:
    grey, deep = picture(8), picture(12)
    return [
        saved(grey, "PNG"),
        saved(deep, "PNG"),
        bytes(imagecodecs.png_encode(np.stack([deep] * 3, axis=-1))),
        saved(grey, "JPEG"),
        saved(grey, "JPEG", progressive=True),
        saved(deep, "TIFF"),
        saved(deep, "TIFF", compression="tiff_lzw"),
        saved(grey, "TIFF", compression="jpeg"),
        bytes(imagecodecs.tiff_encode(np.stack([deep] * 3, axis=-1))),
        saved(grey, "BMP"),
        b"P5 40 48 4095\n" + deep.astype(">u2").tobytes(),
    ]


@pytest.mark.parametrize("sound", [sound_dicom_files, sound_pictures])
def test_spoiled_files_are_read_or_refused_in_words(
    process: ReadingProcess, sound: Callable[[], list[bytes]]
) -> None:
    assert_all_are_read_or_refused(process, sound(), 240)


@pytest.mark.parametrize("step", [9, pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda syntax: syntax.name)
def test_no_cut_frame_is_taken_for_a_whole_one(
    syntax: TransferSyntax, step: int, process: ReadingProcess
) -> None:
    for share in range(1, 100, step):
        with pytest.raises(ReadError) as refused:
            process.read(cut_file(syntax, share), key=KEY)
        assert refused.value.code in ("truncated", "damaged", "codestream_disagrees", "no_pixels")


def cut_file(syntax: TransferSyntax, share: int) -> bytes:
    """A sound file whose frame ends after `share` percent."""
    bits = bits_of(syntax)
    pixels = picture(bits)
    header = header_of(pixels, bits_stored=bits)
    if syntax.family in NATIVE:
        size = pixels.nbytes * share // 200 * 2
        header.PixelData = pixels.tobytes()[:size]
        header["PixelData"].VR = "OW"
        return file_of(header, syntax.uid)
    frame = compressed(pixels, syntax.uid, bits=bits)
    header.PixelData = encapsulate([frame[: max(1, len(frame) * share // 100)]])
    header["PixelData"].VR = "OB"
    header["PixelData"].is_undefined_length = True
    return file_of(header, syntax.uid)


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda syntax: syntax.name)
def test_the_whole_frame_of_these_files_is_read(
    syntax: TransferSyntax, process: ReadingProcess
) -> None:
    """Without this, the test above would pass where nothing is ever read."""
    assert process.read(cut_file(syntax, 100), key=KEY).size == (48, 40)
