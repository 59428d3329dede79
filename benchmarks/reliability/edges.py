"""Files at the edge and beyond it, each with what must be said of it, how long that may take, and
how much memory.
"""

import io
import re
import struct
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import imagecodecs
import numpy as np
import psutil
from PIL import Image

from benchmarks.reliability.campaign import CannotRunError, Counted
from mammo_core.errors import ReadError
from mammo_core.preprocessing.reading import limits
from mammo_core.preprocessing.reading.isolation import ReadingProcess
from tests.preprocessing.dicom_files import (
    DEFLATED,
    JPEG,
    JPEG_2000,
    KEY,
    RLE,
    SECONDARY_CAPTURE,
    TOMOSYNTHESIS,
    UNDEFINED,
    compressed,
    compressed_file,
    element,
    encoded_file,
    file_of,
    header_of,
    items,
    mammogram_file,
    ramp,
    rle_frame,
    with_elements,
)
from tests.preprocessing.test_broken_headers import PLAIN, nested
from tests.preprocessing.test_objects import meta_file
from tests.preprocessing.test_raster import BREAST, DEEP, saved
from tests.preprocessing.test_windows import table_of, with_table

MOST_SECONDS: Final = 3.0
MOST_MEGABYTES: Final = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """`said` is a piece of the sentence; "" where the file must be read."""

    name: str
    said: str
    content: Callable[[], bytes]


def _with(said: str, **changes: Any) -> tuple[str, Callable[[], bytes]]:
    return said, lambda: mammogram_file(ramp(), **changes)


def _frame(frame: bytes, syntax: str, **changes: Any) -> bytes:
    header = header_of(ramp(32, 40))
    for keyword, value in changes.items():
        setattr(header, keyword, value)
    return compressed_file(header, items(b"", [frame]), syntax)


def _j2k() -> bytes:
    return compressed(ramp(32, 40), JPEG_2000, bits=12)


def _j2k_size(**changes: int) -> bytes:
    """A codestream that says another size; the header agrees with it."""
    frame = bytearray(_j2k())
    place = frame.index(b"\xff\x51") + 6  # Xsiz, after marker, length and capabilities
    rows, columns = changes.get("rows", 32), changes.get("columns", 40)
    struct.pack_into(">II", frame, place, columns, rows)
    if "tile" in changes:
        struct.pack_into(">II", frame, place + 16, changes["tile"], changes["tile"])
    if "components" in changes:
        struct.pack_into(">H", frame, place + 32, changes["components"])
    return _frame(bytes(frame), JPEG_2000, Rows=min(rows, 65535), Columns=min(columns, 65535))


def _deflated_bomb(megabytes: int) -> bytes:
    content = encoded_file(ramp(), DEFLATED, bits_stored=12)
    place = content.index(DEFLATED.encode()) + len(DEFLATED)
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    block = packer.compress(b"\0" * limits.MEGABYTE) + packer.flush(zlib.Z_FULL_FLUSH)
    return content[:place] + block * megabytes


def _png(width: int, height: int, *, body: bytes = b"", depth: int = 8) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, depth, 0, 0, 0, 0)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    data = chunk(b"IDAT", body) if body else b""
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + data + chunk(b"IEND", b"")


def _tiff(entries: dict[int, int], data: bytes = b"") -> bytes:
    directory = struct.pack("<H", len(entries)) + b"".join(
        struct.pack("<HHII", tag, 4, 1, value) for tag, value in entries.items()
    )
    return b"II*\0\x08\0\0\0" + directory + b"\0" * 4 + data


def _pages() -> bytes:
    stream = io.BytesIO()
    page = Image.fromarray(BREAST)
    page.save(stream, "TIFF", save_all=True, append_images=[page, page])
    return stream.getvalue()


def _filled(jpeg: bytes, fill: bytes) -> bytes:
    scan = jpeg.index(b"\xff\xda") + 14
    return jpeg[:scan] + fill + jpeg[scan:]


def _rle(change: Callable[[bytes], bytes]) -> bytes:
    return _frame(change(rle_frame(ramp(32, 40))), RLE)


def _zip() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(100 * limits.MEGABYTE))
    return stream.getvalue()


def _icon() -> bytes:
    """A valid file with a long icon in a sequence before its pixels."""
    item = struct.pack("<HHI", 0xFFFE, 0xE000, UNDEFINED)
    icon = element(0x7FE00010, "OW", bytes(20 * limits.MEGABYTE))
    end = struct.pack("<HHIHHI", 0xFFFE, 0xE00D, 0, 0xFFFE, 0xE0DD, 0)
    sequence = element(0x00880200, "SQ", b"", length=UNDEFINED) + item + icon + end
    return with_elements(PLAIN, sequence, before=0x7FE00010)


def _vendor() -> bytes:
    header = header_of(ramp())
    header.SOPClassUID = SECONDARY_CAPTURE
    header.add_new(0x7E010010, "LO", "HOLOGIC, Inc.")
    header.PixelData = ramp().tobytes()
    return file_of(header)


def _many(count: int) -> bytes:
    group = b"".join(
        struct.pack("<HH2sH", 0x0019, number, b"LO", 0) for number in range(0x1000, 0x1000 + 50_000)
    )
    return with_elements(PLAIN, group * (count // 50_000))


#: Attributes changed in a plain file.
_CHANGED: Final = {
    "no Rows": _with(r"Rows \(0028,0010\)", Rows=None),
    "no Columns": _with(r"Columns \(0028,0011\)", Columns=None),
    "no BitsAllocated": _with(r"BitsAllocated", BitsAllocated=None),
    "no BitsStored": _with(r"BitsStored", BitsStored=None),
    "no PixelRepresentation": _with(r"PixelRepresentation", PixelRepresentation=None),
    "no photometric": _with(r"PhotometricInterpretation", PhotometricInterpretation=None),
    "rows 0": _with("0 rows and 16 columns; 1 to 16384", Rows=0),
    "rows 20,000": _with("20000 rows and 16 columns", Rows=20_000),
    "rows 65,535": _with("65535 rows and 16 columns", Rows=65_535),
    "columns 65,535": _with("8 rows and 65535 columns", Columns=65_535),
    "144 million pixels": _with("120 million", Rows=12_000, Columns=12_000),
    "three frames promised": _with("3 frames", NumberOfFrames=3),
    "two frames, none promised": _with("2 frames", PixelData=ramp().tobytes() * 2),
    "tomosynthesis": _with("tomosynthesis of 60", SOPClassUID=TOMOSYNTHESIS, NumberOfFrames=60),
    "directory of a disc": _with("DICOMDIR", SOPClassUID="1.2.840.10008.1.3.10"),
    "CT": _with("'CT'", SOPClassUID=SECONDARY_CAPTURE, Modality="CT"),
    "ultrasound": _with("'US'", SOPClassUID=SECONDARY_CAPTURE, Modality="US"),
    "0 bits stored": _with("0 bits are stored", BitsStored=0),
    "17 bits stored": _with("17 bits are stored", BitsStored=17, HighBit=16),
    "32 bits allocated": _with("32 bits allocated", BitsAllocated=32),
    "high bit below": _with("up to bit 5", HighBit=5),
    "window width 0": _with("", WindowWidth=0),
    "window width below 0": _with("", WindowWidth=b"-5"),
    "decimal comma": _with("", WindowCenter=b"5,5", WindowWidth=b"11,0"),
    "unknown window function": _with("", VOILUTFunction="GAMMA"),
    "slope 0": _with("", RescaleSlope=b"0"),
    "slope no number": _with("", RescaleSlope=b"one"),
    "slope infinite": _with("", RescaleSlope=b"1e308", RescaleIntercept=b"1e308"),
    "window of infinity": _with("", WindowCenter=b"inf", WindowWidth=b"nan"),
    "ten bits said, twelve used": _with("", BitsStored=10, HighBit=9),
    "spacing 0": _with("", PixelSpacing=b"0\\0"),
    "spacing no number": _with("", ImagerPixelSpacing=b"wide\\1"),
    "empty patient": _with("", PatientID=""),
    "no study": _with("", StudyInstanceUID=None),
    "view of another language": _with("", ViewPosition=b"\xff\xfe\xfd"),
}  # fmt: skip

_MADE: Final[dict[str, tuple[str, Callable[[], bytes]]]] = {
    "no bytes": ("empty", lambda: b""),
    "zeros": ("no image", lambda: bytes(200)),
    "a preamble alone": ("7FE0,0010 is missing", lambda: bytes(128) + b"DICM"),
    "four letters": ("no image", lambda: b"DICM"),
    "a text": ("no image", lambda: b"hello, world, this is text"),
    "a ZIP bomb": ("ZIP", _zip),
    "a PDF": ("PDF", lambda: b"%PDF-1.7" + bytes(40)),
    "a GIF": ("GIF", lambda: b"GIF89a" + bytes(40)),
    "a vendor's own tomosynthesis": (r"vendor's own format \(SCO\)", _vendor),
    "a header without pixels": ("7FE0,0010 is missing", lambda: file_of(header_of(ramp()))),
    "a long icon": ("", _icon),
    "sequences 100 deep": ("", lambda: with_elements(PLAIN, nested(100))),
    "sequences 50,000 deep": (
        "broken in a way no decoder foresaw", lambda: with_elements(PLAIN, nested(50_000)),
    ),
    "sequences 50,000 deep, open": (
        "broken in a way no decoder foresaw",
        lambda: with_elements(PLAIN, nested(50_000, is_closed=False)),
    ),
    "a hundred thousand empty elements": ("", lambda: _many(100_000)),
    "three million empty elements": ("more than 200,000 elements", lambda: _many(3_000_000)),
    "an element of 4 GB": (
        "7FE0,0010 is missing",
        lambda: with_elements(PLAIN, element(0x00191001, "UN", b"abcd", length=0xFFFFFFF0)),
    ),
    "an unknown VR": ("", lambda: with_elements(PLAIN, element(0x00191001, "XX", b"abcd"))),
    "Rows twice": (
        "",
        lambda: with_elements(
            PLAIN, element(0x00280010, "US", struct.pack("<H", 4)), before=0x00280010
        ),
    ),
    "deflated, 600 MB": ("inflate to more than 512 MB", lambda: _deflated_bomb(600)),
    "deflated, 5 GB": ("inflate to more than 512 MB", lambda: _deflated_bomb(5000)),
    "deflated, cut": (
        "its stream ends early", lambda: encoded_file(ramp(64, 64), DEFLATED, bits_stored=12)[:-20],
    ),
    "MPEG2": ("MPEG2", lambda: meta_file("1.2.840.10008.1.2.4.100")),
    "MPEG-4": ("MPEG-4", lambda: meta_file("1.2.840.10008.1.2.4.102")),
    "JPEG XL": ("JPEG XL", lambda: meta_file("1.2.840.10008.1.2.4.110")),
    "JPIP": ("JPIP", lambda: meta_file("1.2.840.10008.1.2.4.94")),
    "an unknown syntax": (re.escape("1.2.3.4.5"), lambda: meta_file("1.2.3.4.5")),
    "a syntax that is no UID": ("no valid UID", lambda: meta_file("nonsense")),
    "J2K, 4 billion rows": (
        "65535 rows and 65535 columns; 1 to 16384",
        lambda: _j2k_size(rows=2**32 - 1, columns=2**32 - 1),
    ),
    "J2K, 16,000 x 16,000": (
        "more than 120 million", lambda: _j2k_size(rows=16_000, columns=16_000),
    ),
    "J2K, 10,000 x 10,000, little in it": (
        "cut into 78,250 tiles", lambda: _j2k_size(rows=10_000, columns=10_000),
    ),
    "J2K, tiles of one pixel": ("compressed data was never read", lambda: _j2k_size(tile=1)),
    "J2K, 16,384 components": (
        "samples per pixel 1, its compressed image 16384", lambda: _j2k_size(components=16_384),
    ),
    "J2K cut": ("end marker is missing", lambda: _frame(_j2k()[:-40], JPEG_2000)),
    "J2K with a hole": (
        "shorter than its tile-parts say", lambda: _frame(_j2k()[:-40] + b"\xff\xd9", JPEG_2000),
    ),
    "J2K under a JPEG header": ("format", lambda: _frame(_j2k(), JPEG + "70")),
    "J2K of 8 bits under 12": (
        "8 bits",
        lambda: _frame(
            compressed((ramp(32, 40) % 256).astype(np.uint8), JPEG_2000, bits=8), JPEG_2000
        ),
    ),
    "two J2K frames": (
        "2 frames",
        lambda: compressed_file(header_of(ramp(32, 40)), items(b"", [_j2k()] * 2), JPEG_2000),
    ),
    "no fragment": (
        "no fragment of an image",
        lambda: compressed_file(header_of(ramp(32, 40)), items(b"", []), JPEG_2000),
    ),
    "an item of 4 GB": (
        "217 of 4,294,967,280 bytes",
        lambda: compressed_file(
            header_of(ramp(32, 40)),
            items(b"", [])[:8] + struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFF0) + _j2k(),
            JPEG_2000,
        ),
    ),
    "no items at all": (
        "not laid out in items",
        lambda: compressed_file(
            header_of(ramp(32, 40)), items(b"", [_j2k()])[:8] + b"\x10" * 64, JPEG_2000
        ),
    ),
    "JPEG-LS of another size": (
        "rows 32",
        lambda: _frame(compressed(ramp(40, 32), JPEG + "80", bits=12), JPEG + "80"),
    ),
    "JPEG lossless of another size": (
        "rows 32",
        lambda: _frame(compressed(ramp(40, 32), JPEG + "70", bits=12), JPEG + "70"),
    ),
    "JPEG of three channels": (
        "samples per pixel 1, its compressed image 3",
        lambda: compressed_file(
            header_of(np.zeros((32, 40), np.uint8), bits_stored=8),
            items(b"", [bytes(imagecodecs.jpeg8_encode(np.zeros((32, 40, 3), dtype=np.uint8)))]),
            JPEG + "50",
        ),
    ),
    "RLE, three segments": (
        "RLE image is broken", lambda: _rle(lambda f: struct.pack("<I", 3) + f[4:]),
    ),
    "RLE, two billion segments": (
        "RLE image is broken", lambda: _rle(lambda f: b"\xff\xff\xff\x7f" + f[4:]),
    ),
    "RLE, segments in no order": (
        "RLE image is broken", lambda: _rle(lambda f: f[:8] + struct.pack("<I", 10) + f[12:]),
    ),
    "RLE cut": ("RLE image is broken", lambda: _rle(lambda f: f[:-40])),
    "HTJ2K noise": (
        "end marker is missing", lambda: _frame(b"\xff\x4f" + bytes(range(256)) * 8, JPEG + "201"),
    ),
    "not compressed, said to be": (
        r"compressed \(RLE\), but they are not",
        lambda: PLAIN.replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.5\0"),
    ),
    "one byte too many": (
        "266 bytes of pixels; its header promises 256",
        lambda: mammogram_file(ramp(), PixelData=ramp().tobytes() + b"\1" * 10),
    ),
    "half of the pixels": (
        "128 of 256 bytes",
        lambda: mammogram_file(ramp(), PixelData=ramp().tobytes()[: ramp().nbytes // 2]),
    ),
    "a short look-up table": (
        "", lambda: with_table(ramp(), "VOILUTSequence", [table_of([0, 9], count=4096)]),
    ),
    "an empty look-up table": (
        "", lambda: with_table(ramp(), "VOILUTSequence", [table_of([], count=0)]),
    ),
    "PNG of 20,000 x 20,000": ("20000 x 20000 pixels", lambda: _png(20_000, 20_000, body=b"x")),
    "PNG of 4 billion": (
        "2147483647 x 2147483647 pixels", lambda: _png(2**31 - 1, 2**31 - 1, body=b"x"),
    ),
    "PNG of nothing": ("no image of a kind", lambda: _png(0, 0, body=b"x")),
    "PNG bomb": (
        "more pixels than the 10000 x 10000",
        lambda: _png(10_000, 10_000, body=zlib.compress(bytes(400 * 2**20), 1)),
    ),
    "PNG without data": ("picture is broken", lambda: _png(40, 48)),
    "PNG of too few pixels": (
        "820 of the 1,968 bytes", lambda: _png(40, 48, body=zlib.compress(bytes(41 * 20))),
    ),
    "PNG of 3 bits": (
        "no image of a kind", lambda: _png(40, 48, depth=3, body=zlib.compress(bytes(41 * 48))),
    ),
    "TIFF that points to itself": (
        "no image of a kind",
        lambda: b"II*\0\x08\0\0\0" + struct.pack("<H", 0) + struct.pack("<I", 8),
    ),
    "TIFF of 4 billion rows": (
        "4294967295 x 40 pixels",
        lambda: _tiff({256: 40, 257: 2**32 - 1, 258: 8, 259: 1, 262: 1, 273: 200, 277: 1, 279: 9}),
    ),
    "TIFF of no strips": (
        "no image of a kind", lambda: _tiff({256: 40, 257: 48, 258: 8, 259: 1, 262: 1}),
    ),
    "TIFF, strips outside": (
        "picture ends early",
        lambda: _tiff(
            {256: 40, 257: 48, 258: 8, 259: 1, 262: 1, 273: 2**31, 277: 1, 278: 48, 279: 1920}
        ),
    ),
    "TIFF of three pages": ("3 pictures", _pages),
    "TIFF of fractions": ("floating-point", lambda: saved(BREAST.astype(np.float32), "TIFF")),
    "a coloured PNG": (
        "coloured", lambda: saved(np.stack([BREAST, BREAST // 2, BREAST // 3], axis=-1), "PNG"),
    ),
    "JPEG cut, with an end": (
        "premature end of data segment", lambda: saved(BREAST, "JPEG")[:-60] + b"\xff\xd9",
    ),
    "JPEG of 65,535 x 65,535": (
        "65535 x 65535 pixels",
        lambda: re.sub(
            rb"(?<=\xff\xc0\0\x0b\x08)....", b"\xff" * 4, saved(BREAST, "JPEG"), flags=re.DOTALL
        ),
    ),
    "JPEG with 200,000 fill bytes and no marker": (
        "premature end of data segment",
        lambda: _filled(saved(BREAST, "JPEG"), b"\xff" * 200_000 + b"\0"),
    ),
    "BMP cut": ("picture ends early", lambda: saved(BREAST, "BMP")[:-90]),
    "WebP": ("WebP", lambda: saved(BREAST, "WEBP")),
    "PGM of 16,000 x 16,000": (
        "16000 x 16000 pixels", lambda: b"P5 16000 16000 255\n" + bytes(100),
    ),
    "PGM of 4 billion": (
        "its header is broken", lambda: b"P5 4294967295 4294967295 65535\n" + bytes(100),
    ),
    "PGM, maxval 0": ("4 x 4 pixels up to 0", lambda: b"P5 4 4 0\n" + bytes(16)),
    "PGM, maxval 70,000": ("4 x 4 pixels up to 70000", lambda: b"P5 4 4 70000\n" + bytes(64)),
    "PGM below 0": ("its header is broken", lambda: b"P5 -4 4 255\n" + bytes(16)),
    "PGM in words, endless": (
        "not as many whole numbers", lambda: b"P2 4 4 255\n" + b"1 " * 2_000_000,
    ),
    "PGM, a comment of 20 MB": ("its header is broken", lambda: b"P5 #" + b"x" * 20_000_000),
    "PGM cut": ("1,599 of 1,600 values", lambda: b"P5 40 40 255\n" + bytes(1599)),
    "16 bits, read": ("", lambda: saved(DEEP, "PNG")),
}  # fmt: skip


def edges() -> Iterator[Edge]:
    for name, (said, content) in {**_CHANGED, **_MADE}.items():
        yield Edge(name=name, said=said, content=content)


def edge_files(size: int, scratch: Path) -> Counted:
    if sys.platform != "linux":
        raise CannotRunError("only Linux tells how much memory a process ever held.")
    process = ReadingProcess()
    process.read(PLAIN, key=KEY)
    chosen = list(edges())
    step = max(1, len(chosen) // size)
    chosen = chosen[::step]
    failures, slowest, largest = [], (0.0, ""), (0.0, "")
    for edge in chosen:
        content = edge.content()
        if process.process_id is None:
            process.read(PLAIN, key=KEY)
        _forget_peak(process.process_id)
        worker, start = process.process_id, _used_seconds(process.process_id)
        said = _said(process, content)
        is_alive = process.process_id == worker
        seconds = _used_seconds(worker) - start if is_alive else limits.WORKER_SECONDS
        peak = _peak_megabytes(worker)
        slowest, largest = max(slowest, (seconds, edge.name)), max(largest, (peak, edge.name))
        if not _is_right(said, edge.said):
            failures.append(f"{edge.name}: said {said!r}, expected {edge.said or 'to be read'!r}")
        if seconds >= MOST_SECONDS:
            failures.append(f"{edge.name}: took {seconds:.1f} s")
        if peak >= MOST_MEGABYTES:
            failures.append(f"{edge.name}: took {peak:.0f} MB")
    process.close()
    return Counted(
        size=len(chosen),
        figures=(
            f"{len(chosen)} files: {sum(not one.said for one in chosen)} to be read, the others "
            f"to be refused in words. The slowest took {slowest[0]:.2f} s of a core "
            f"({slowest[1]}), the one that needed most {largest[0]:.0f} MB ({largest[1]}).",
        ),
        failures=tuple(failures),
    )


def _said(process: ReadingProcess, content: bytes) -> str:
    try:
        process.read(content, key=KEY)
    except ReadError as error:
        return str(error)
    return ""


def _is_right(said: str, expected: str) -> bool:
    return (
        not said if not expected else bool(said.endswith((".", "?")) and re.search(expected, said))
    )


def _used_seconds(process_id: int | None) -> float:
    """Of a core: what the clock on the wall says is as much about the others on the machine."""
    used = psutil.Process(process_id).cpu_times()
    return float(used.user + used.system)


def _forget_peak(process_id: int | None) -> None:
    Path(f"/proc/{process_id}/clear_refs").write_text("5")


def _peak_megabytes(process_id: int | None) -> float:
    """0 where the process is gone: it was ended for its time or its memory, and that is told."""
    try:
        status = Path(f"/proc/{process_id}/status").read_text()
    except FileNotFoundError:
        return 0.0
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found[1]) / 1024 if found else 0.0
